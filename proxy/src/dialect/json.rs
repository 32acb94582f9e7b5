//! JSON as it stands in the text: a tree that borrows the body, keeps the order of
//! keys, and knows the exact bytes of each value, so that what is not to be changed
//! (schemas, arguments, text) goes across verbatim, with its number formats.
//!
//! `serde_json::Value` was rejected: it sorts keys, rewrites numbers, and copies every
//! string; `RawValue` reads each level again. What this accepts is what `serde_json`
//! accepts (a property test compares them), up to a cap on the number of values.

mod literal;
mod reader;

use std::borrow::Cow;

pub(crate) use literal::decoded;
use reader::Reader;

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
    /// As it is written.
    Number,
    /// As a literal, with its quotes.
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
    Reader::new(text, VALUES).whole(DEPTH)
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
