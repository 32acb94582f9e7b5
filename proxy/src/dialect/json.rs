//! JSON as it stands in the text: a tree that borrows the body, keeps the order of
//! keys, and knows the exact bytes of each value, so that what is not to be changed
//! (schemas, arguments, text) goes across verbatim, with its number formats.
//!
//! `serde_json::Value` was rejected: it sorts keys, rewrites numbers, and copies every
//! string; `RawValue` reads each level again. What this accepts is what `serde_json`
//! accepts (a property test compares them), up to a cap on the number of values.

use std::borrow::Cow;

/// One value.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// Its bytes, without white space around.
    pub raw: &'a str,
    /// What it is.
    pub kind: Kind<'a>,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Kind<'a> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// Read by [`Node::u64`] and [`Node::f64`].
    Number,
    /// Read by [`Node::text`].
    String,
    /// In order.
    Array(Vec<Node<'a>>),
    /// In order, repeats included.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

/// Why a text is not JSON, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Offset of the byte that cannot stand there.
    pub at: usize,
    /// What was expected.
    pub why: &'static str,
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {}", self.why, self.at)
    }
}

/// Deepest nesting, as in `serde_json`.
const DEPTH: usize = 127;
/// A hostile body of small values must not take a hundred times its size in memory.
const VALUES: usize = 2_000_000;

/// Reads one whole text.
pub fn parse(body: &[u8]) -> Result<Node<'_>, Malformed> {
    let text = std::str::from_utf8(body)
        .map_err(|e| Malformed { at: e.valid_up_to(), why: "the text is not UTF-8" })?;
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, left: VALUES };
    reader.space();
    let node = reader.value(DEPTH)?;
    reader.space();
    match reader.at == text.len() {
        true => Ok(node),
        false => reader.fail("expected the end"),
    }
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    left: usize,
}

impl<'a> Reader<'a> {
    fn fail<T>(&self, why: &'static str) -> Result<T, Malformed> {
        Err(Malformed { at: self.at, why })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node<'a>, Malformed> {
        if self.left == 0 {
            return self.fail("there are too many values");
        }
        self.left -= 1;
        let from = self.at;
        let kind = match self.peek() {
            Some(b'"') => {
                self.string()?;
                Kind::String
            }
            Some(b'{' | b'[') if depth == 0 => return self.fail("it is nested too deeply"),
            Some(b'{') => self.object(depth - 1)?,
            Some(b'[') => self.array(depth - 1)?,
            Some(b't') => self.word("true", Kind::Bool(true))?,
            Some(b'f') => self.word("false", Kind::Bool(false))?,
            Some(b'n') => self.word("null", Kind::Null)?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(_) => return self.fail("expected a value"),
            None => return self.fail("the text ends where a value should be"),
        };
        Ok(Node { raw: &self.text[from..self.at], kind })
    }

    fn word(&mut self, word: &str, kind: Kind<'a>) -> Result<Kind<'a>, Malformed> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return self.fail("expected a value");
        }
        self.at += word.len();
        Ok(kind)
    }

    fn number(&mut self) -> Result<Kind<'a>, Malformed> {
        self.at += usize::from(self.peek() == Some(b'-'));
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return self.fail("expected a digit"),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(Kind::Number)
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let from = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == from { self.fail("expected a digit") } else { Ok(()) }
    }

    /// Past the closing quote; the content is checked, not decoded.
    fn string(&mut self) -> Result<&'a str, Malformed> {
        let from = self.at;
        self.at += 1;
        loop {
            let rest = &self.bytes[self.at..];
            let Some(step) = memchr::memchr2(b'"', b'\\', rest) else {
                self.at = self.bytes.len();
                return self.fail("a string is not closed");
            };
            if let Some(control) = rest[..step].iter().position(|b| *b < 0x20) {
                self.at += control;
                return self.fail("a control character stands in a string");
            }
            self.at += step + 1;
            if rest[step] == b'"' {
                return Ok(&self.text[from..self.at]);
            }
            match self.peek() {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
                Some(b'u') => {
                    let hex = self.bytes.get(self.at + 1..self.at + 5);
                    if !hex.is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) {
                        return self.fail("expected four hexadecimal digits");
                    }
                    self.at += 5;
                }
                _ => return self.fail("there is no such escape"),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Kind<'a>, Malformed> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Kind::Array(items));
        }
        loop {
            self.space();
            items.push(self.value(depth)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Kind::Array(items));
                }
                _ => return self.fail("expected `,` or `]`"),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Kind<'a>, Malformed> {
        self.at += 1;
        let mut fields = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Kind::Object(fields));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return self.fail("expected a key");
            }
            let key = decoded(self.string()?);
            self.space();
            if self.peek() != Some(b':') {
                return self.fail("expected `:`");
            }
            self.at += 1;
            self.space();
            fields.push((key, self.value(depth)?));
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Kind::Object(fields));
                }
                _ => return self.fail("expected `,` or `}`"),
            }
        }
    }
}

/// The content of a string literal that was read. Half of a surrogate pair, which some
/// clients leave when they cut text, becomes U+FFFD.
pub(super) fn decoded(literal: &str) -> Cow<'_, str> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn value(node: &Node<'_>) -> Value {
        match &node.kind {
            Kind::Array(items) => items.iter().map(value).collect(),
            Kind::Object(fields) => {
                let pairs = fields.iter().map(|(k, v)| (k.clone().into_owned(), value(v)));
                Value::Object(pairs.collect())
            }
            Kind::String => decoded(node.raw).into(),
            _ => serde_json::from_str(node.raw).unwrap(),
        }
    }

    fn same(text: &[u8]) {
        let theirs = serde_json::from_slice::<Value>(text);
        match (parse(text), theirs) {
            (Ok(ours), Ok(theirs)) => assert_eq!(value(&ours), theirs),
            (Err(_), Err(_)) => {}
            // A lone surrogate and a number beyond f64 are JSON, but not to serde_json.
            (Ok(_), Err(e)) => {
                let said = e.to_string();
                assert!(
                    said.contains("hex escape")
                        || said.contains("surrogate")
                        || said.contains("number out of range"),
                    "{said}: {}",
                    String::from_utf8_lossy(text)
                );
            }
            (Err(e), Ok(_)) => panic!("{e}: {}", String::from_utf8_lossy(text)),
        }
    }

    #[test]
    fn reads_what_serde_json_reads() {
        for text in [
            "null",
            " [ ] ",
            "{ }",
            "[1,2.50,-0,1e9,1E-2,0.1]",
            "{\"a\":{\"b\":[true,false]}}",
            "\"\\u00e9\\ud83d\\ude00\\n\\/\"",
            "{\"a\\u0062\":1}",
            "\"狐\"",
            "",
            "01",
            "1.",
            "-",
            "[1,]",
            "{\"a\"}",
            "{\"a\":1,}",
            "\"\u{1}\"",
            "\"\\x\"",
            "tru",
            "[1]]",
            "\"open",
            "{1:2}",
            "+1",
            ".5",
            "1e",
            "[,1]",
            "nul",
            "\"\\u12\"",
            "\u{feff}{}",
        ] {
            same(text.as_bytes());
        }
        assert_eq!(decoded(parse(b"\"a\\ud800b\"").unwrap().raw), "a\u{fffd}b");
    }

    #[test]
    fn depth_and_number_of_values_are_capped() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(deep(DEPTH).as_bytes()).is_ok());
        assert!(parse(deep(DEPTH + 1).as_bytes()).is_err());
        assert!(parse("[".repeat(10_000_000).as_bytes()).is_err());
        let many = format!("[{}0]", "0,".repeat(VALUES));
        assert_eq!(parse(many.as_bytes()).unwrap_err().why, "there are too many values");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_read_as_serde_json_reads_them(bytes: Vec<u8>) {
            same(&bytes);
        }

        #[test]
        fn nearly_json_is_read_as_serde_json_reads_it(
            text in r#"([\[\]{},:" ]|"[a\\nu0-9é]{0,6}"|-?[0-9.eE+]{1,5}|true|null){0,24}"#
        ) {
            same(text.as_bytes());
        }
    }
}
