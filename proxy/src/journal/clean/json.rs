//! Values at the places that rules name, and text that hides behind JSON's escapes, taken
//! out of a text whose every other byte stays as it was. Pure.

use std::ops::Range;

use glassway_shared::redaction::{At, Edge};

use super::{Cleaned, Cleaner, REDACTED};
use crate::dialect::json::{self, Kind, Malformed, Node};

/// `None` where nothing was to be taken out; an error where the text is no JSON.
pub(super) fn clean(text: &[u8], rules: &Cleaner) -> Result<Cleaned, Malformed> {
    let root = json::parse(text)?;
    let mut found = Found { base: text.as_ptr() as usize, rules, edits: Vec::new() };
    found.walk(&root, &rules.paths.root());
    if found.edits.is_empty() {
        return Ok(None);
    }
    let count = found.edits.len();
    Ok(Some((edited(text, &found.edits), count)))
}

/// Another text in the place of every string that says just this.
pub(super) fn replace(text: &str, says: &str, instead: &str) -> Option<String> {
    let root = json::parse(text.as_bytes()).ok()?;
    let mut places = Vec::new();
    strings(&root, &mut |literal| {
        if json::decoded(literal) == says {
            let at = literal.as_ptr() as usize - text.as_ptr() as usize;
            places.push((at..at + literal.len(), quoted(instead)));
        }
    });
    String::from_utf8(edited(text.as_bytes(), &places)).ok()
}

fn strings<'a>(node: &Node<'a>, each: &mut impl FnMut(&'a str)) {
    match &node.kind {
        Kind::String => each(node.raw),
        Kind::Array(items) => items.iter().for_each(|item| strings(item, each)),
        Kind::Object(fields) => fields.iter().for_each(|(_, value)| strings(value, each)),
        Kind::Null | Kind::Bool(_) | Kind::Number => {}
    }
}

struct Found<'a> {
    base: usize,
    rules: &'a Cleaner,
    edits: Vec<(Range<usize>, String)>,
}

impl Found<'_> {
    fn walk(&mut self, node: &Node<'_>, at: &At) {
        match &node.kind {
            Kind::String => self.string(node),
            Kind::Array(items) => items.iter().for_each(|item| self.step(item, at, Edge::Item)),
            Kind::Object(fields) => {
                fields.iter().for_each(|(name, value)| self.step(value, at, Edge::Key(name)));
            }
            Kind::Null | Kind::Bool(_) | Kind::Number => {}
        }
    }

    fn step(&mut self, node: &Node<'_>, at: &At, edge: Edge<'_>) {
        match self.rules.paths.down(at, edge) {
            Some(below) => self.walk(node, &below),
            None => self.edit(node, quoted(REDACTED)),
        }
    }

    /// Patterns are looked for in what the string says; plain ones are found in the raw text.
    fn string(&mut self, node: &Node<'_>) {
        if self.rules.patterns.is_empty() || !node.raw.contains('\\') {
            return;
        }
        let says = json::decoded(node.raw);
        if let Some((clean, _)) = self.rules.by_patterns(says.as_bytes()) {
            self.edit(node, quoted(&String::from_utf8_lossy(&clean)));
        }
    }

    fn edit(&mut self, node: &Node<'_>, instead: String) {
        let at = node.raw.as_ptr() as usize - self.base;
        self.edits.push((at..at + node.raw.len(), instead));
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is always JSON")
}

/// `edits` in the order of the text.
fn edited(text: &[u8], edits: &[(Range<usize>, String)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut from = 0;
    for (place, instead) in edits {
        out.extend_from_slice(&text[from..place.start]);
        out.extend_from_slice(instead.as_bytes());
        from = place.end;
    }
    out.extend_from_slice(&text[from..]);
    out
}
