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

/// How much of a code an answer holds: [`LENGTH`] is all of it.
///
/// Models write `KXMT AHLV` or `K-X-M-T…`: only letters and digits count. Fewer than the
/// most may be chance, which is why only all of it is proof.
pub fn read_of(code: &str, answer: &str) -> usize {
    let said: Vec<u8> = answer
        .bytes()
        .filter(u8::is_ascii_alphanumeric)
        .map(|byte| byte.to_ascii_uppercase())
        .collect();
    let same = |window: &[u8]| window.iter().zip(code.bytes()).filter(|(a, b)| **a == *b).count();
    said.windows(code.len()).map(same).max().unwrap_or(0)
}

/// Whether an answer holds the code.
pub fn is_in(code: &str, answer: &str) -> bool {
    !code.is_empty() && read_of(code, answer) == code.len()
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
        assert_eq!(is_in("KXMTAHLV", answer), found);
    }

    #[test]
    fn a_misread_letter_is_told_from_none_of_it() {
        assert_eq!(read_of("KXMTAHLV", "I read KXMTAHLY"), 7);
        assert!(read_of("KXMTAHLV", "I cannot open links, sorry.") < 4);
        assert!(!is_in("", "anything"));
    }

    #[test]
    fn codes_differ() {
        let codes: std::collections::HashSet<_> = (0..1000).map(|_| random()).collect();
        assert_eq!(codes.len(), 1000);
        assert!(codes.iter().all(|code| code.len() == LENGTH));
    }
}
