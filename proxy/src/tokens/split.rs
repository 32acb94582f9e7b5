//! A text cut into the pieces within which tokens are sought, as the vocabulary's pattern
//! says: words with what stands before them, up to three digits, runs of signs, runs of
//! space. Written out by hand since it is looked at once and never goes back.

/// The pieces, which together are the text.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at_checked(first(rest)).filter(|(p, _)| !p.is_empty())?;
        rest = after;
        Some(piece)
    })
}

fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n')
}

fn is_sign(c: char) -> bool {
    !c.is_whitespace() && !c.is_alphabetic() && !c.is_numeric()
}

/// Bytes at the beginning that are so.
fn run(text: &str, so: impl Fn(char) -> bool) -> usize {
    text.find(|c| !so(c)).unwrap_or(text.len())
}

/// Bytes of the first piece.
fn first(text: &str) -> usize {
    let Some(c) = text.chars().next() else { return 0 };
    let lead = match is_break(c) || c.is_alphabetic() || c.is_numeric() {
        true => 0,
        false => c.len_utf8(),
    };
    let word = word(&text[lead..]);
    if word > 0 {
        return lead + word;
    }
    if c.is_numeric() {
        return text.chars().take(3).take_while(|c| c.is_numeric()).map(char::len_utf8).sum();
    }
    let space = usize::from(c == ' ');
    let signs = run(&text[space..], is_sign);
    if signs > 0 {
        let end = space + signs;
        return end + run(&text[end..], |c| is_break(c) || c == '/');
    }
    let spaces = run(text, char::is_whitespace);
    if let Some(last) = text[..spaces].rfind(is_break) {
        return last + 1;
    }
    // The last space goes with the word after it.
    match text[..spaces].char_indices().next_back() {
        Some((last, _)) if last > 0 && spaces < text.len() => last,
        _ => spaces,
    }
}

/// Capitals, then small letters, then an English ending; letters that are neither count as
/// both.
fn word(text: &str) -> usize {
    let capitals = run(text, |c| c.is_alphabetic() && !c.is_lowercase());
    let letters = capitals + run(&text[capitals..], |c| c.is_alphabetic() && !c.is_uppercase());
    if letters == 0 {
        return 0;
    }
    let rest = &text.as_bytes()[letters..];
    let ends = |ending: &&&str| {
        rest.get(..ending.len()).is_some_and(|rest| rest.eq_ignore_ascii_case(ending.as_bytes()))
    };
    let endings = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];
    letters + endings.iter().find(ends).map_or(0, |ending| ending.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("Hello, world!", &["Hello", ",", " world", "!"])]
    #[case("I'll go  there", &["I'll", " go", " ", " there"])]
    #[case("camelCase HTTPServer", &["camel", "Case", " HTTPServer"])]
    #[case("12345 x", &["123", "45", " x"])]
    #[case("a  \n\n b // c\n", &["a", "  \n\n", " b", " //", " c", "\n"])]
    #[case("你好，世界", &["你好", "，世界"])]
    #[case("x   ", &["x", "   "])]
    #[case("", &[])]
    fn texts_are_cut_as_the_pattern_cuts(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(pieces(text).collect::<Vec<_>>(), expected);
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost(text: String) {
            proptest::prop_assert_eq!(pieces(&text).collect::<String>(), text);
        }
    }
}
