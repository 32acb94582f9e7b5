//! Who may come in: the admin key, and sessions made with it. Of both only hashes
//! are stored. A session's token is 256 random bits, so a plain hash of it is safe;
//! the admin key may be a person's choice, so its hash is Argon2, and a key that was
//! found right is remembered in memory, so that scripts are not slowed by that.

pub mod key;
mod limit;
mod scrape;

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use glassway_shared::store::{StoreError, read::Reader, settings};
use jiff::Timestamp;
use poem::{Request, http::header};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::{app::blocking, error::Problem};
use limit::Limiter;
pub use scrape::Scraper;

/// The session cookie's name.
pub const COOKIE: &str = "glassway_session";
/// How long a session lasts.
pub const SESSION_SECONDS: i64 = 30 * 86_400;
/// What a wrong bearer costs an address that sent too many.
const SLOWED: Duration = Duration::from_millis(500);
/// Tells session tokens from admin keys without looking either up.
const TOKEN_PREFIX: &str = "gws-";

/// The credential a request came with, found good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The admin key as bearer.
    AdminKey {
        /// BLAKE3 of its stored hash: another one's once it is changed.
        stored: [u8; 32],
    },
    /// A session.
    Session {
        /// BLAKE3 of its token.
        hash: [u8; 32],
        /// Unix seconds.
        expires_at: i64,
        /// Sent by a browser of itself, so that Origin must be checked.
        by_cookie: bool,
    },
}

/// The address that sign-ins are counted by.
#[derive(Clone, Copy, Debug)]
pub struct Client(pub IpAddr);

/// Decides.
pub struct Auth {
    /// Whether the admin key is set from outside, which would undo a change made here.
    pub configured: bool,
    reader: Reader,
    right: Arc<Mutex<Option<Right>>>,
    /// Argon2 takes memory and time by design: one at a time.
    hashing: Arc<Semaphore>,
    limiter: Mutex<Limiter>,
    /// Wrong keys since the start.
    failures: AtomicU64,
}

/// A key that was verified against this stored hash.
#[derive(Clone)]
struct Right {
    stored: String,
    key: blake3::Hash,
}

impl Auth {
    /// Over the stored hashes.
    pub fn new(reader: Reader, configured: bool) -> Self {
        Self {
            configured,
            reader,
            right: Arc::default(),
            hashing: Arc::new(Semaphore::new(1)),
            limiter: Mutex::default(),
            failures: AtomicU64::default(),
        }
    }

    /// The request's credential, or why it is refused.
    pub async fn check(&self, request: &Request, client: Client) -> Result<Who, Problem> {
        if request.headers().contains_key(header::AUTHORIZATION) {
            let Some(token) = bearer(request) else {
                return Err(Problem::unauthorized("the Authorization header must be `Bearer …`"));
            };
            if token.starts_with(TOKEN_PREFIX) {
                return self
                    .session(&token, false)
                    .await?
                    .ok_or_else(|| Problem::unauthorized("this session has ended; sign in again"));
            }
            return match self.attempt(token, client).await? {
                Attempt::Right(stored) => Ok(Who::AdminKey { stored }),
                Attempt::Wrong(wait) => {
                    // A bearer is never refused for its address, so a guesser is only slowed.
                    if wait.is_some() {
                        tokio::time::sleep(SLOWED).await;
                    }
                    Err(wrong_key())
                }
            };
        }
        let cookies = request.headers().get_all(header::COOKIE).into_iter();
        let token = cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='));
        match token {
            Some(token) => self
                .session(token, true)
                .await?
                .ok_or_else(|| Problem::unauthorized("this session has ended; sign in again")),
            None => Err(Problem::unauthorized(
                "sign in: POST /token, or send `Authorization: Bearer <admin key>`",
            )),
        }
    }

    /// Signs in with the admin key; too many wrong ones from an address must wait.
    pub async fn sign_in(&self, key: String, client: Client) -> Result<(), Problem> {
        match self.attempt(key, client).await? {
            Attempt::Right(_) => Ok(()),
            Attempt::Wrong(None) => Err(wrong_key()),
            Attempt::Wrong(Some(wait)) => {
                Err(Problem::too_many("too many wrong keys from this address; wait", wait))
            }
        }
    }

    async fn attempt(&self, key: String, client: Client) -> Result<Attempt, Problem> {
        if let Some(stored) = self.is_right(key).await? {
            return Ok(Attempt::Right(stored));
        }
        self.failures.fetch_add(1, Relaxed);
        let mut limiter = self.limiter.lock().unwrap_or_else(|e| e.into_inner());
        Ok(Attempt::Wrong(limiter.failed(client.0, Instant::now())))
    }

    /// Wrong keys since the start.
    pub fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
    }

    /// Which stored hash it is the key of.
    async fn is_right(&self, key: String) -> Result<Option<[u8; 32]>, Problem> {
        let reader = self.reader.clone();
        let Some(stored) = blocking(move || settings::admin_key_hash(&reader)).await?? else {
            return Ok(None);
        };
        let generation = *blake3::hash(stored.as_bytes()).as_bytes();
        let hash = blake3::hash(key.as_bytes());
        if let Some(right) = self.right(&stored) {
            return Ok(same(&right, &hash).then_some(generation));
        }
        let _turn = self.hashing.acquire().await.map_err(|_| Problem::internal())?;
        // Somebody before us in the queue may have found it.
        if let Some(right) = self.right(&stored) {
            return Ok(same(&right, &hash).then_some(generation));
        }
        let against = stored.clone();
        let good = blocking(move || key::verify(&key, &against)).await?;
        if good {
            self.remember(stored, hash);
        }
        Ok(good.then_some(generation))
    }

    /// The right key's hash, if it was seen since the stored one last changed.
    fn right(&self, stored: &str) -> Option<blake3::Hash> {
        let right = self.right.lock().unwrap_or_else(|e| e.into_inner());
        right.as_ref().filter(|right| right.stored == stored).map(|right| right.key)
    }

    fn remember(&self, stored: String, key: blake3::Hash) {
        *self.right.lock().unwrap_or_else(|e| e.into_inner()) = Some(Right { stored, key });
    }

    /// Whether a credential found good earlier still is.
    pub async fn still(&self, who: Who) -> bool {
        let reader = self.reader.clone();
        let now = Timestamp::now().as_second();
        let still = move || match who {
            Who::Session { hash, .. } => {
                settings::session(&reader, &hash, now).map(|found| found.is_some())
            }
            Who::AdminKey { stored } => settings::admin_key_hash(&reader).map(|now| {
                now.is_some_and(|now| *blake3::hash(now.as_bytes()).as_bytes() == stored)
            }),
        };
        // Where the database does not answer, nobody is sent away.
        !matches!(blocking(still).await, Ok(Ok(false)))
    }

    async fn session(&self, token: &str, by_cookie: bool) -> Result<Option<Who>, Problem> {
        let hash = token_hash(token);
        let reader = self.reader.clone();
        let now = Timestamp::now().as_second();
        let found = blocking(move || settings::session(&reader, &hash, now)).await??;
        Ok(found.map(|s| Who::Session { hash, expires_at: s.expires_at, by_cookie }))
    }
}

/// The bearer a request came with.
fn bearer(request: &Request) -> Option<String> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// What came of a key; a wrong one counts against its sender.
enum Attempt {
    /// Of which stored hash.
    Right([u8; 32]),
    /// How long to wait, where there were too many.
    Wrong(Option<Duration>),
}

const WRONG_KEY: &str = "this is not the admin key";

fn wrong_key() -> Problem {
    Problem::unauthorized(WRONG_KEY)
}

/// Whether it was refused for a key that was no key of ours.
pub fn is_guess(problem: &Problem) -> bool {
    problem.detail() == WRONG_KEY
}

fn same(a: &blake3::Hash, b: &blake3::Hash) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

/// What is stored of a session's token.
pub fn token_hash(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}

/// A new session token.
pub fn new_token() -> String {
    format!("{TOKEN_PREFIX}{}", key::random_text())
}

/// Makes the key from the configuration the stored one, or makes one where there is
/// none; returns the new key where one was made.
pub fn establish(
    reader: &Reader,
    settings: &mut settings::Settings,
    configured: Option<&str>,
) -> Result<Option<String>, StoreError> {
    let stored = settings::admin_key_hash(reader)?;
    match (configured, stored) {
        (Some(key), Some(stored)) if key::verify(key, &stored) => Ok(None),
        (Some(key), _) => settings.put_admin_key_hash(&key::hash(key)?, None).map(|_| None),
        (None, Some(_)) => Ok(None),
        (None, None) => replace(settings).map(Some),
    }
}

/// Makes a new admin key, stores its hash and ends every session.
pub fn replace(settings: &mut settings::Settings) -> Result<String, StoreError> {
    let key = key::generate();
    settings.put_admin_key_hash(&key::hash(&key)?, None)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_came_with_a_key_ends_with_that_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("glassway.db");
        let mut settings = settings::Settings::open(&path).unwrap();
        let key = replace(&mut settings).unwrap();
        let auth = Auth::new(Reader::open(&path).unwrap(), false);
        let stored = auth.is_right(key).await.unwrap().unwrap();
        assert!(auth.still(Who::AdminKey { stored }).await);
        let next = replace(&mut settings).unwrap();
        assert!(!auth.still(Who::AdminKey { stored }).await);
        let stored = auth.is_right(next).await.unwrap().unwrap();
        assert!(auth.still(Who::AdminKey { stored }).await);
    }
}
