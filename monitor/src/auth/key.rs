//! The admin key itself: where a configured one comes from, making one, hashing it.

use std::path::Path;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use glassway_shared::{config::Config, store::StoreError};
use rand::{TryRngCore, rngs::OsRng};

/// Characters of a key: at the rate that guesses are looked at, fewer could be found.
const SHORTEST: usize = 12;
/// What a sign-in takes.
const LONGEST: usize = 1024;

/// The key somebody set: environment, systemd credential, configuration, in that order.
pub fn configured(config: &Config) -> Result<Option<String>, String> {
    let Some((key, place)) = found(config)? else { return Ok(None) };
    match fit(&key) {
        Err(reason) => Err(format!("{place}: the admin key {reason}")),
        Ok(()) => Ok(Some(key)),
    }
}

/// Whether it is long enough, can be sent as a bearer, and is told from a token.
pub fn fit(key: &str) -> Result<(), &'static str> {
    if !(SHORTEST..=LONGEST).contains(&key.chars().count()) {
        return Err("must have 12 to 1,024 characters");
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("must be of ASCII letters, digits and signs, without spaces");
    }
    if ["gws-", "gw-"].iter().any(|taken| key.starts_with(taken)) {
        return Err("must not begin with `gws-` or `gw-`, which begin tokens");
    }
    Ok(())
}

/// And where it stands.
fn found(config: &Config) -> Result<Option<(String, String)>, String> {
    if let Ok(key) = std::env::var("GLASSWAY_ADMIN_KEY") {
        return Ok(some(&key, "GLASSWAY_ADMIN_KEY"));
    }
    if let Some(dir) = std::env::var_os("CREDENTIALS_DIRECTORY") {
        let file = Path::new(&dir).join("admin_key");
        match std::fs::read_to_string(&file) {
            Ok(key) => return Ok(some(&key, &file.display().to_string())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(format!("{}: {e}", file.display())),
        }
    }
    Ok(some(&config.monitor.admin_key, "monitor.admin_key"))
}

fn some(key: &str, place: &str) -> Option<(String, String)> {
    let key = key.trim();
    (!key.is_empty()).then(|| (key.to_owned(), place.to_owned()))
}

/// `gwadmin-` and 256 random bits.
pub fn generate() -> String {
    format!("gwadmin-{}", random_text())
}

/// 256 random bits as URL-safe text.
pub fn random_text() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes())
}

/// 256 random bits.
pub fn random_bytes() -> [u8; 32] {
    let mut bytes = [0u8; 32];
    OsRng.try_fill_bytes(&mut bytes).expect("the system gives random bytes");
    bytes
}

/// For the settings table.
pub fn hash(key: &str) -> Result<String, StoreError> {
    match Argon2::default().hash_password(key.as_bytes()) {
        Ok(hash) => Ok(hash.to_string()),
        Err(e) => Err(StoreError::Io {
            path: "the admin key's hash".into(),
            source: std::io::Error::other(e.to_string()),
        }),
    }
}

/// Whether this key has this hash.
pub fn verify(key: &str, stored: &str) -> bool {
    PasswordHash::new(stored)
        .is_ok_and(|hash| Argon2::default().verify_password(key.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("correct-horse-battery", true)]
    #[case("gwadmin-xxxx", true)]
    #[case("gwadmin-xxx", false)]
    #[case("with a space in it", false)]
    #[case("schlüssel-schlüssel", false)]
    #[case("gws-taken-0123456789", false)]
    #[case("gw-taken-0123456789", false)]
    fn keys_that_are_short_or_no_bearer_are_refused(#[case] key: &str, #[case] good: bool) {
        assert_eq!(fit(key).is_ok(), good);
    }

    #[test]
    fn a_configured_key_that_is_short_is_refused_by_its_place() {
        let mut config = Config::default();
        config.monitor.admin_key = "short".into();
        let why = configured(&config).unwrap_err();
        assert!(why.starts_with("monitor.admin_key: ") && why.contains("12 to 1,024"), "{why}");
        config.monitor.admin_key = "long-enough-for-us".into();
        assert_eq!(configured(&config).unwrap().as_deref(), Some("long-enough-for-us"));
    }

    #[test]
    fn a_made_key_is_long_and_verifies_against_its_hash_only() {
        let key = generate();
        assert!(fit(&key).is_ok());
        assert!(key.len() >= 40 && key.starts_with("gwadmin-"));
        assert_ne!(key, generate());
        let stored = hash(&key).unwrap();
        assert!(!stored.contains(&key));
        assert!(verify(&key, &stored));
        assert!(!verify("gwadmin-other", &stored));
        assert!(!verify(&key, "not a hash"));
    }
}
