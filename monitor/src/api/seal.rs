//! A pasted key on its way into a row: judged, masked, fingerprinted, sealed. The
//! monitor has the public half only, and forgets the text right here.

use std::time::Duration;

use glassway_shared::{
    secret::{self, Binding, PublicKey, Secret},
    store::{
        StoreError,
        keys::{self, Sealed},
        settings::{put_setting, setting_within},
    },
};
use rusqlite::Connection;

use crate::{
    app::App,
    auth,
    error::Problem,
    link::{Answer, Ask},
};

/// A setting's name for the random value that fingerprints are keyed with.
const PEPPER: &str = "fingerprint_pepper";
const ASK_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes of the longest credential (Entra tokens are long).
const LONGEST: usize = 8192;

/// A key in the clear, judged; neither printable nor kept.
pub(super) struct Credential {
    secret: Secret,
    masked: String,
}

impl Credential {
    /// Judges a pasted text; the refusal never repeats it.
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Err("must not be empty");
        }
        if text.len() > LONGEST {
            return Err("is longer than any key (8,192 characters)");
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("must be one word of ASCII characters, as a header takes it");
        }
        if ["gw-", "gws-", "gwadmin-"].iter().any(|prefix| text.starts_with(prefix)) {
            return Err("is one of Glassway's own tokens, not a provider's key");
        }
        Ok(Self { masked: mask(text), secret: Secret::new(text.to_owned()) })
    }
}

/// `sk-…wxyz`; of short keys less.
pub(super) fn mask(text: &str) -> String {
    let end = |n: usize| &text[text.len() - n..];
    match text.len() {
        16.. => format!("{}…{}", &text[..3], end(4)),
        10.. => format!("…{}", end(2)),
        _ => "…".to_owned(),
    }
}

/// Where a key may be sent.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) provider_id: i64,
    pub(super) kind: String,
    pub(super) origin: String,
}

/// Seals for one database and one key pair.
pub(super) struct Sealer {
    public: PublicKey,
    pepper: [u8; 32],
}

impl Sealer {
    /// Inside a change, with what [`public_key`] found. The key pair may have been changed
    /// since: what the database says now goes first.
    pub(super) fn new(connection: &Connection, public: PublicKey) -> Result<Self, StoreError> {
        let stored = keys::public_key(connection)?;
        let public = stored.and_then(|bytes| PublicKey::from_bytes(&bytes).ok()).unwrap_or(public);
        Ok(Self { public, pepper: pepper(connection)? })
    }

    /// What tells this credential again.
    pub(super) fn fingerprint(&self, credential: &Credential) -> [u8; 32] {
        secret::fingerprint(&self.pepper, &credential.secret)
    }

    /// For one key's row and one address, and no other.
    pub(super) fn seal(&self, credential: &Credential, key_id: i64, target: &Target) -> Sealed {
        let Target { provider_id, kind, origin } = target;
        let binding = Binding { key_id, provider_id: *provider_id, kind, origin };
        Sealed {
            bytes: self.public.seal(binding, &credential.secret),
            origin: origin.clone(),
            kind: kind.clone(),
            fingerprint: self.fingerprint(credential),
            masked: credential.masked.clone(),
        }
    }
}

/// The half that seals: from the proxy, else as it last published it.
pub(super) async fn public_key(app: &App) -> Result<PublicKey, Problem> {
    let ask = Ask { path: "/public-key", timeout: ASK_TIMEOUT, ..Ask::default() };
    if let Ok(Answer { status, body, .. }) = app.link.ask(ask).await
        && status.is_success()
        && let Some(key) = parse(&body)
    {
        return Ok(key);
    }
    let stored = app.read(|reader| reader.with(keys::public_key)).await?;
    stored.and_then(|bytes| PublicKey::from_bytes(&bytes).ok()).ok_or_else(|| {
        Problem::unavailable(
            "no key can be sealed yet: glassway-proxy must run once on this database, which makes the key pair",
        )
    })
}

fn parse(body: &[u8]) -> Option<PublicKey> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    PublicKey::from_bytes(&unhex(answer["public_key"].as_str()?)?).ok()
}

fn pepper(connection: &Connection) -> Result<[u8; 32], StoreError> {
    let stored = setting_within(connection, PEPPER)?;
    let stored = stored.and_then(|json| unhex(&serde_json::from_str::<String>(&json).ok()?));
    if let Some(pepper) = stored.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) {
        return Ok(pepper);
    }
    let pepper = auth::key::random_bytes();
    let hex: String = pepper.iter().map(|byte| format!("{byte:02x}")).collect();
    put_setting(connection, PEPPER, &serde_json::Value::from(hex).to_string())?;
    Ok(pepper)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| char::from(c).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some((digit(*high)? << 4 | digit(*low)?) as u8),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_show_less_of_shorter_keys() {
        assert_eq!(mask("sk-abcdefghijklmnopwxyz"), "sk-…wxyz");
        assert_eq!(mask("0123456789"), "…89");
        assert_eq!(mask("short"), "…");
    }

    #[test]
    fn what_is_no_key_is_refused_without_repeating_it() {
        for (text, part) in [
            ("", "empty"),
            ("  ", "empty"),
            ("two words", "one word"),
            ("schlüssel", "ASCII"),
            ("gw-abcdefghijk", "Glassway's own"),
        ] {
            let Err(reason) = Credential::read(text) else { panic!("{text}") };
            assert!(reason.contains(part), "{reason}");
        }
        assert!(Credential::read(" sk-abc \n").is_ok());
    }
}
