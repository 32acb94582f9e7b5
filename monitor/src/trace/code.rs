//! The code in an image: random, drawn into one copy of it, and looked for in the
//! answer. Pure, save that the randomness is the system's.
//!
//! Every fetch on record gets a code of its own. So a code in the answer says not only that
//! a model saw the image, but whose copy of it. Fetches beyond the record of a trace share
//! one, made of the trace's name and a secret of this installation: it says that the image
//! was seen, and no more.

use glassway_shared::store::{
    StoreError,
    read::Reader,
    settings::{self, Settings},
};
use rand::Rng;

/// Letters of straight lines that are not taken for one another.
pub const LETTERS: &[u8] = b"AEFHKLMNTVXYZ";
/// Letters in a code.
pub const LENGTH: usize = 8;

/// A new one.
pub fn random() -> String {
    let mut random = rand::rng();
    let letter = |_| char::from(LETTERS[random.random_range(0..LETTERS.len())]);
    (0..LENGTH).map(letter).collect()
}

/// Where the secret is kept.
const SECRET: &str = "trace_code_secret";

/// Makes the codes of fetches beyond the record.
#[derive(Clone, Copy)]
pub struct Beyond(pub(super) [u8; 32]);

impl Beyond {
    /// With the secret that is kept, or a new one.
    pub fn kept(reader: &Reader, settings: &mut Settings) -> Result<Self, StoreError> {
        let found = settings::setting(reader, SECRET)?;
        if let Some(bytes) = found.and_then(|json| serde_json::from_str(&json).ok()) {
            return Ok(Self(bytes));
        }
        let made = Self(crate::auth::key::random_bytes());
        let json = serde_json::json!(made.0).to_string();
        settings.keep(|connection| settings::put_setting(connection, SECRET, &json))?;
        Ok(made)
    }

    /// The code of a trace's image.
    pub fn code(&self, trace: &str, image: u32) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(trace.as_bytes()).update(&image.to_le_bytes());
        let hash = hasher.finalize();
        let letter = |byte: &u8| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]);
        hash.as_bytes()[..LENGTH].iter().map(letter).collect()
    }
}

/// An answer as codes are looked for in it. Models write `KXMT AHLV` or `K-X-M-T…`: only
/// letters and digits count.
pub struct Answer {
    text: Vec<u8>,
    /// Whether it holds the code of a fetch beyond the record.
    pub beyond: bool,
}

impl Answer {
    /// Its letters and digits.
    pub fn of(text: &str) -> Self {
        let letters = text.bytes().filter(u8::is_ascii_alphanumeric);
        let text = letters.map(|byte| byte.to_ascii_uppercase()).collect();
        Self { text, beyond: false }
    }

    /// The same, looked through for these codes of fetches beyond the record.
    pub fn beyond(self, mut codes: impl Iterator<Item = String>) -> Self {
        let beyond = codes.any(|code| self.holds(&code));
        Self { beyond, ..self }
    }

    /// Whether it holds the code.
    pub fn holds(&self, code: &str) -> bool {
        !code.is_empty() && self.text.windows(code.len()).any(|window| window == code.as_bytes())
    }

    /// How many letters of the code it holds at their places, at best. Fewer than all of
    /// them may be chance, which is why only all is proof.
    pub fn letters_of(&self, code: &str) -> usize {
        let same =
            |window: &[u8]| window.iter().zip(code.bytes()).filter(|(a, b)| **a == *b).count();
        self.text.windows(code.len().max(1)).map(same).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("It says KXMTAHLV.", true)]
    #[case("**kxmt ahlv**", true)]
    #[case("K-X-M-T-A-H-L-V", true)]
    #[case("K X M T\nA H L V", true)]
    #[case("KXMTAHLX", false)]
    #[case("我看到的是 KXMTAHLV", true)]
    #[case("", false)]
    fn a_code_is_found_however_it_is_spaced(#[case] answer: &str, #[case] found: bool) {
        assert_eq!(Answer::of(answer).holds("KXMTAHLV"), found);
    }

    #[test]
    fn a_misread_letter_is_told_from_none_of_it() {
        assert_eq!(Answer::of("I read KXMTAHLY").letters_of("KXMTAHLV"), 7);
        assert!(Answer::of("I cannot open links, sorry.").letters_of("KXMTAHLV") < 5);
        assert!(!Answer::of("anything").holds(""));
    }

    #[test]
    fn codes_beyond_the_record_are_nobody_s_to_guess_and_always_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("glassway.db");
        let mut settings = Settings::open(&path).unwrap();
        let reader = Reader::open(&path).unwrap();
        let first = Beyond::kept(&reader, &mut settings).unwrap();
        let again = Beyond::kept(&reader, &mut settings).unwrap();
        let code = first.code("aa", 1);
        assert_eq!(code, again.code("aa", 1));
        assert!(code.len() == LENGTH && code.bytes().all(|letter| LETTERS.contains(&letter)));
        assert_ne!(code, first.code("aa", 2));
        assert_ne!(code, Beyond([7; 32]).code("aa", 1));
        let codes = || (1..=2).map(|n| first.code("aa", n));
        assert!(Answer::of(&format!("It says {code}")).beyond(codes()).beyond);
        assert!(!Answer::of("It says nothing").beyond(codes()).beyond);
    }

    #[test]
    fn codes_differ() {
        let codes: std::collections::HashSet<_> = (0..1000).map(|_| random()).collect();
        assert_eq!(codes.len(), 1000);
        assert!(codes.iter().all(|code| code.len() == LENGTH));
    }
}
