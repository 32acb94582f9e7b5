//! What is never to be kept of bodies, as the configuration says it: places in JSON and
//! regular expressions. Pure: it reads the rules and follows a place down a tree; what is
//! done to a body belongs to whoever keeps it.
//!
//! A place is a small part of JSONPath: `$.metadata.user_id`, `messages[*].content`,
//! `["odd.key"]`, `..email` (at any depth). Filters, slices and scripts were left out: what
//! nobody can tell by looking at it is no rule to hide something by.

use regex::bytes::{Regex, RegexBuilder};

/// Bytes that one compiled expression may take.
const SIZE: usize = 1 << 20;
/// Rules of either kind.
const MOST: usize = 100;

/// Places in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths(Vec<Vec<Step>>);

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    /// Any number of steps may come before it.
    deep: bool,
    /// `None`: `[*]`, whatever is there.
    key: Option<String>,
}

/// From a value to one inside it.
#[derive(Clone, Copy, Debug)]
pub enum Edge<'a> {
    /// Of an object.
    Key(&'a str),
    /// Of an array.
    Item,
}

/// How far down which places lead here: their number and the next step.
pub type At = Vec<(usize, usize)>;

impl Paths {
    /// Whether nothing is to be hidden by its place.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Before the first step.
    pub fn root(&self) -> At {
        (0..self.0.len()).map(|path| (path, 0)).collect()
    }

    /// One step down; `None` where that value is to be hidden.
    pub fn down(&self, at: &At, edge: Edge<'_>) -> Option<At> {
        let mut below = At::new();
        for &(path, n) in at {
            let steps = &self.0[path];
            let step = &steps[n];
            let fits = match (&step.key, edge) {
                (None, _) => true,
                (Some(key), Edge::Key(name)) => key == name,
                (Some(_), Edge::Item) => false,
            };
            if fits && n + 1 == steps.len() {
                return None;
            }
            if fits {
                below.push((path, n + 1));
            }
            if step.deep {
                below.push((path, n));
            }
        }
        below.sort_unstable();
        below.dedup();
        Some(below)
    }
}

/// Reads `record.redact_json`.
pub fn paths(rules: &[String]) -> Result<Paths, String> {
    few(rules)?;
    rules.iter().map(|rule| path(rule)).collect::<Result<_, _>>().map(Paths)
}

/// Reads `record.redact_patterns`.
pub fn patterns(rules: &[String]) -> Result<Vec<Regex>, String> {
    few(rules)?;
    let read = |rule: &String| {
        let pattern = RegexBuilder::new(rule)
            .size_limit(SIZE)
            .dfa_size_limit(SIZE)
            .build()
            .map_err(|e| format!("`{rule}` is no regular expression: {e}"))?;
        match pattern.is_match(b"") {
            true => Err(format!("`{rule}` matches nothing at all, and so everywhere: narrow it")),
            false => Ok(pattern),
        }
    };
    rules.iter().map(read).collect()
}

fn few(rules: &[String]) -> Result<(), String> {
    match rules.len() > MOST {
        true => Err(format!("{} rules are more than {MOST}", rules.len())),
        false => Ok(()),
    }
}

fn path(rule: &str) -> Result<Vec<Step>, String> {
    let bad = |why: &str| {
        format!("`{rule}` {why}; write such as $.metadata.user_id, messages[*].content or ..email")
    };
    let mut rest = rule.trim();
    rest = rest.strip_prefix('$').unwrap_or(rest);
    let mut steps = Vec::new();
    // A name may stand first without a dot.
    let mut bare = true;
    while !rest.is_empty() {
        let mut deep = false;
        if let Some(after) = rest.strip_prefix("..") {
            (deep, rest, bare) = (true, after, true);
        } else if let Some(after) = rest.strip_prefix('.') {
            (rest, bare) = (after, true);
        }
        let key = if let Some(after) = rest.strip_prefix("[*]") {
            rest = after;
            None
        } else if let Some(after) = rest.strip_prefix('[') {
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
            let quote = quote.ok_or_else(|| bad("may only have [*] or [\"key\"] in brackets"))?;
            let (name, after) =
                after[1..].split_once(quote).ok_or_else(|| bad("has an open quote"))?;
            rest = after.strip_prefix(']').ok_or_else(|| bad("has an open bracket"))?;
            Some(name.to_owned())
        } else if bare {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let name = &rest[..end];
            if name.is_empty() || name.contains([' ', '*', '?', '@', ']']) {
                return Err(bad("has no name where one should be"));
            }
            rest = &rest[end..];
            Some(name.to_owned())
        } else {
            return Err(bad("needs a dot before a name"));
        };
        bare = false;
        steps.push(Step { deep, key });
    }
    match steps.is_empty() {
        true => Err(bad("names no place")),
        false => Ok(steps),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn hide(value: &Value, paths: &Paths, at: &At) -> Value {
        let inner = |edge: Edge<'_>, value: &Value| match paths.down(at, edge) {
            None => json!("X"),
            Some(below) => hide(value, paths, &below),
        };
        match value {
            Value::Object(map) => {
                map.iter().map(|(k, v)| (k.clone(), inner(Edge::Key(k), v))).collect()
            }
            Value::Array(items) => items.iter().map(|v| inner(Edge::Item, v)).collect(),
            other => other.clone(),
        }
    }

    #[rstest::rstest]
    #[case("$.metadata.user_id", json!({"metadata": {"user_id": "X", "b": 1}, "user_id": 2, "messages": [{"content": "a", "to": {"email": 1}}], "odd.key": 3}))]
    #[case("messages[*].content", json!({"metadata": {"user_id": 1, "b": 1}, "user_id": 2, "messages": [{"content": "X", "to": {"email": 1}}], "odd.key": 3}))]
    #[case("..email", json!({"metadata": {"user_id": 1, "b": 1}, "user_id": 2, "messages": [{"content": "a", "to": {"email": "X"}}], "odd.key": 3}))]
    #[case("$..user_id", json!({"metadata": {"user_id": "X", "b": 1}, "user_id": "X", "messages": [{"content": "a", "to": {"email": 1}}], "odd.key": 3}))]
    #[case("[\"odd.key\"]", json!({"metadata": {"user_id": 1, "b": 1}, "user_id": 2, "messages": [{"content": "a", "to": {"email": 1}}], "odd.key": "X"}))]
    #[case("metadata[*]", json!({"metadata": {"user_id": "X", "b": "X"}, "user_id": 2, "messages": [{"content": "a", "to": {"email": 1}}], "odd.key": 3}))]
    #[case("..messages..email", json!({"metadata": {"user_id": 1, "b": 1}, "user_id": 2, "messages": [{"content": "a", "to": {"email": "X"}}], "odd.key": 3}))]
    fn places(#[case] rule: &str, #[case] expected: Value) {
        let value = json!({"metadata": {"user_id": 1, "b": 1}, "user_id": 2,
            "messages": [{"content": "a", "to": {"email": 1}}], "odd.key": 3});
        let paths = paths(&[rule.to_owned()]).unwrap();
        assert_eq!(hide(&value, &paths, &paths.root()), expected, "{rule}");
    }

    #[test]
    fn what_is_no_rule_is_named() {
        for bad in ["", "$", "a..", "a[0]", "a[?(@.b)]", "a[\"b", "a b", "a.", "a[*]b", "*"] {
            assert!(paths(&[bad.to_owned()]).unwrap_err().contains(&format!("`{bad}`")), "{bad}");
        }
        for bad in ["(", "a{10000}{10000}", "x*"] {
            assert!(patterns(&[bad.to_owned()]).is_err(), "{bad}");
        }
        assert!(patterns(&vec!["a".to_owned(); 101]).is_err());
        assert!(patterns(&[r"\b\d{3}-\d{2}-\d{4}\b".to_owned()]).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn no_rule_panics(rule in ".{0,40}") {
            let _ = path(&rule);
        }
    }
}
