//! What a string literal says.

use std::borrow::Cow;

/// The content of a string literal that was read. Half of a surrogate pair, which some
/// clients leave when they cut text, becomes U+FFFD.
pub(crate) fn decoded(literal: &str) -> Cow<'_, str> {
    let inner = &literal[1..literal.len() - 1];
    let Some(first) = memchr::memchr(b'\\', inner.as_bytes()) else { return inner.into() };
    let mut out = String::with_capacity(inner.len());
    out.push_str(&inner[..first]);
    let mut rest = &inner[first..];
    while let Some(escape) = rest.strip_prefix('\\') {
        let (char, used) = match escape.as_bytes()[0] {
            b'b' => ('\u{8}', 1),
            b'f' => ('\u{c}', 1),
            b'n' => ('\n', 1),
            b'r' => ('\r', 1),
            b't' => ('\t', 1),
            b'u' => unicode(escape),
            _ => (char::from(escape.as_bytes()[0]), 1),
        };
        out.push(char);
        rest = &escape[used..];
        let plain = memchr::memchr(b'\\', rest.as_bytes()).unwrap_or(rest.len());
        out.push_str(&rest[..plain]);
        rest = &rest[plain..];
    }
    out.into()
}

/// A `uXXXX`, with the low half of its pair if one follows; how many bytes it took.
fn unicode(escape: &str) -> (char, usize) {
    let half = |at: usize| escape.get(at..at + 4).and_then(|h| u32::from_str_radix(h, 16).ok());
    let high = half(1).unwrap_or(0xfffd);
    if (0xd800..0xdc00).contains(&high)
        && escape.get(5..7) == Some("\\u")
        && let Some(low) = half(7).filter(|low| (0xdc00..0xe000).contains(low))
    {
        let both = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        return (char::from_u32(both).unwrap_or('\u{fffd}'), 11);
    }
    (char::from_u32(high).unwrap_or('\u{fffd}'), 5)
}
