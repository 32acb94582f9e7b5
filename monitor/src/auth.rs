//! Who may come in: the admin key, and sessions made with it. Of both only hashes
//! are stored. A session's token is 256 random bits, so a plain hash of it is safe;
//! the admin key may be a person's choice, so its hash is Argon2, and a key that was
//! found right is remembered in memory, so that scripts are not slowed by that. How often
//! one may guess is bounded, and beyond the bound no guess is looked at.

pub mod key;
mod limit;
pub mod link;
mod scrape;

use std::{
    net::IpAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use glassway_shared::store::{StoreError, read::Reader, settings};
use jiff::Timestamp;
use poem::{Request, http::header};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::{app::blocking, error::Problem};
use limit::{Guess, Limiter, Verdict};
pub use scrape::Scraper;

/// The session cookie's name.
pub const COOKIE: &str = "glassway_session";
/// How long a session lasts.
pub const SESSION_SECONDS: i64 = 30 * 86_400;
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
    /// The file with the sign-in link.
    link: PathBuf,
    right: Arc<Mutex<Option<Right>>>,
    /// Argon2 takes memory and time by design: one at a time.
    hashing: Arc<Semaphore>,
    limits: Mutex<Limits>,
    /// Keys that were wrong, or not looked at, since the start.
    failures: AtomicU64,
}

/// Apart, so that no failed sign-in stops a program beside it.
struct Limits {
    sign_ins: Limiter,
    bearers: Limiter,
}

/// How a key came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    SignIn,
    Bearer,
}

impl Limits {
    fn of(&mut self, way: Way) -> &mut Limiter {
        match way {
            Way::SignIn => &mut self.sign_ins,
            Way::Bearer => &mut self.bearers,
        }
    }

    fn right(&mut self, client: Client) {
        let now = Instant::now();
        self.sign_ins.right(client.0, now);
        self.bearers.right(client.0, now);
    }
}

/// A key that was verified against this stored hash.
#[derive(Clone)]
struct Right {
    stored: String,
    key: blake3::Hash,
}

impl Auth {
    /// Over the stored hashes.
    pub fn new(reader: Reader, configured: bool, link: PathBuf) -> Self {
        Self {
            configured,
            reader,
            link,
            right: Arc::default(),
            hashing: Arc::new(Semaphore::new(1)),
            limits: Mutex::new(Limits {
                sign_ins: Limiter::of_sign_ins(),
                bearers: Limiter::of_bearers(),
            }),
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
                return self.session(&token, false, client).await;
            }
            let stored = self.attempt(token, client, Way::Bearer).await?;
            return Ok(Who::AdminKey { stored });
        }
        let cookies = request.headers().get_all(header::COOKIE).into_iter();
        let token = cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='));
        match token {
            Some(token) => self.session(token, true, client).await,
            None => Err(Problem::unauthorized(
                "sign in: POST /token, or send `Authorization: Bearer <admin key>`",
            )),
        }
    }

    /// Signs in with the admin key. An address that sent too many wrong ones must wait, and
    /// until then none of it is looked at. The sign-in link is of no use any more.
    pub async fn sign_in(&self, key: String, client: Client) -> Result<(), Problem> {
        self.attempt(key, client, Way::SignIn).await?;
        let link = self.link.clone();
        blocking(move || link::forget(&link)).await
    }

    /// Which stored hash it is the key of.
    async fn attempt(&self, key: String, client: Client, way: Way) -> Result<[u8; 32], Problem> {
        let found = self.look(key, client, way).await;
        match &found {
            Ok(_) => self.limits().right(client),
            Err(problem) if is_guess(problem) => _ = self.failures.fetch_add(1, Relaxed),
            Err(_) => {}
        }
        found
    }

    async fn look(&self, key: String, client: Client, way: Way) -> Result<[u8; 32], Problem> {
        let reader = self.reader.clone();
        let stored = blocking(move || settings::admin_key_hash(&reader)).await??;
        let stored = stored.ok_or_else(wrong_key)?;
        let generation = *blake3::hash(stored.as_bytes()).as_bytes();
        let hash = blake3::hash(key.as_bytes());
        if let Some(found) = self.quickly(&hash, &stored, client, way) {
            return found.map(|()| generation);
        }
        let _turn = self.hashing.acquire().await.map_err(|_| Problem::internal())?;
        // Somebody before us in the queue may have found it, or used up what this address has.
        if let Some(found) = self.quickly(&hash, &stored, client, way) {
            return found.map(|()| generation);
        }
        let against = stored.clone();
        if !blocking(move || key::verify(&key, &against)).await? {
            let guess = Guess::of(&hash, &stored);
            self.limits().of(way).failed(client.0, guess, Instant::now());
            return Err(wrong_key());
        }
        self.remember(stored, hash);
        Ok(generation)
    }

    /// Judges without Argon2: by the limit, then by the right key where that was seen. Looked
    /// at and counted under one lock, so that many at once are no more than one by one.
    fn quickly(
        &self,
        hash: &blake3::Hash,
        stored: &str,
        client: Client,
        way: Way,
    ) -> Option<Result<(), Problem>> {
        let (now, guess) = (Instant::now(), Guess::of(hash, stored));
        let mut limits = self.limits();
        let limiter = limits.of(way);
        match limiter.may(client.0, guess, now) {
            Verdict::Look => {}
            Verdict::Wrong => return Some(Err(wrong_key())),
            Verdict::Wait(wait) => return Some(Err(Problem::too_many(TOO_MANY, wait))),
        }
        let right = self.right(stored)?;
        if same(&right, hash) {
            return Some(Ok(()));
        }
        limiter.failed(client.0, guess, now);
        Some(Err(wrong_key()))
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keys that were wrong, or not looked at, since the start.
    pub fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
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

    async fn session(&self, token: &str, by_cookie: bool, client: Client) -> Result<Who, Problem> {
        let hash = token_hash(token);
        let reader = self.reader.clone();
        let now = Timestamp::now().as_second();
        let found = blocking(move || settings::session(&reader, &hash, now)).await??;
        let found =
            found.ok_or_else(|| Problem::unauthorized("this session has ended; sign in again"))?;
        self.limits().right(client);
        Ok(Who::Session { hash, expires_at: found.expires_at, by_cookie })
    }
}

/// The bearer a request came with.
fn bearer(request: &Request) -> Option<String> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

const WRONG_KEY: &str = "this is not the admin key";
const TOO_MANY: &str = "too many wrong keys from this address; wait";

fn wrong_key() -> Problem {
    Problem::unauthorized(WRONG_KEY)
}

/// Whether it was refused for a key that was no key of ours, or not looked at.
pub fn is_guess(problem: &Problem) -> bool {
    [WRONG_KEY, TOO_MANY].contains(&problem.detail())
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
        let auth = Auth::new(Reader::open(&path).unwrap(), false, dir.path().join("sign-in"));
        let client = Client(IpAddr::from([10, 0, 0, 1]));
        let right = |key| auth.attempt(key, client, Way::Bearer);
        let stored = right(key).await.unwrap();
        assert!(auth.still(Who::AdminKey { stored }).await);
        let next = replace(&mut settings).unwrap();
        assert!(!auth.still(Who::AdminKey { stored }).await);
        let stored = right(next).await.unwrap();
        assert!(auth.still(Who::AdminKey { stored }).await);
    }
}
