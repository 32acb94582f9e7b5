//! The code in an image: random, drawn into one copy of it, and looked for in the
//! answer. Pure, save that the randomness is the system's.
//!
//! Every fetch gets a code of its own. So a code in the answer says not only that a model
//! saw the image, but whose copy of it.

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

/// An answer as codes are looked for in it. Models write `KXMT AHLV` or `K-X-M-T…`: only
/// letters and digits count.
pub struct Answer(Vec<u8>);

impl Answer {
    /// Its letters and digits.
    pub fn of(text: &str) -> Self {
        let letters = text.bytes().filter(u8::is_ascii_alphanumeric);
        Self(letters.map(|byte| byte.to_ascii_uppercase()).collect())
    }

    /// Whether it holds the code.
    pub fn holds(&self, code: &str) -> bool {
        !code.is_empty() && self.0.windows(code.len()).any(|window| window == code.as_bytes())
    }

    /// How many letters of the code it holds at their places, at best. Fewer than all of
    /// them may be chance, which is why only all is proof.
    pub fn letters_of(&self, code: &str) -> usize {
        let same =
            |window: &[u8]| window.iter().zip(code.bytes()).filter(|(a, b)| **a == *b).count();
        self.0.windows(code.len().max(1)).map(same).max().unwrap_or(0)
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
    fn codes_differ() {
        let codes: std::collections::HashSet<_> = (0..1000).map(|_| random()).collect();
        assert_eq!(codes.len(), 1000);
        assert!(codes.iter().all(|code| code.len() == LENGTH));
    }
}
