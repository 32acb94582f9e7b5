//! Refusals in Chinese for whoever asks in Chinese. English is what is written where a
//! refusal is made, and what programs go by; here it is matched against a table of
//! sentences, so that names and values stay what they are and a sentence without an
//! entry stays English rather than being lost. Rejected: codes with parameters at each
//! of the two hundred places that refuse, and the sentences far from them.

use std::sync::OnceLock;

use poem::{
    Body, Request, Response,
    http::{HeaderValue, header},
};
use serde_json::Value;

const TABLE: &str = include_str!("zh-CN.txt");
/// Recursion of sentences within sentences.
const DEEP: usize = 4;

struct Entry {
    /// What stands between the holes.
    literals: Vec<&'static str>,
    chinese: Vec<Piece>,
    /// Letters that are fixed: of two entries that fit, the one that says more.
    weight: usize,
}

enum Piece {
    Text(&'static str),
    Hole { at: usize, sentence: bool },
}

fn table() -> &'static [Entry] {
    static READ: OnceLock<Vec<Entry>> = OnceLock::new();
    READ.get_or_init(|| {
        let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let lines: Vec<&'static str> = lines.collect();
        let mut entries: Vec<Entry> = lines
            .chunks_exact(2)
            .map(|pair| {
                let literals = split(pair[0]).0;
                let weight = literals.iter().map(|literal| literal.len()).sum();
                Entry { literals, chinese: pieces(pair[1]), weight }
            })
            .collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.weight));
        entries
    })
}

/// A pattern's literals, one more than its holes: which each is, and whether a sentence.
fn split(pattern: &'static str) -> (Vec<&'static str>, Vec<(usize, bool)>) {
    let (mut literals, mut holes) = (Vec::new(), Vec::new());
    let (mut from, mut at) = (0, 0);
    while let Some(open) = pattern[at..].find('{').map(|n| n + at) {
        let close = pattern[open..].find('}').map_or(pattern.len(), |n| n + open + 1);
        let inside = pattern[open..close].trim_matches(['{', '}']);
        let number = inside.trim_end_matches('!');
        at = close;
        if number.bytes().all(|b| b.is_ascii_digit()) {
            let which = number.parse::<usize>().map_or(holes.len(), |n| n - 1);
            literals.push(&pattern[from..open]);
            holes.push((which, inside.ends_with('!')));
            from = close;
        }
    }
    literals.push(&pattern[from..]);
    (literals, holes)
}

fn pieces(pattern: &'static str) -> Vec<Piece> {
    let (literals, holes) = split(pattern);
    let mut pieces = vec![Piece::Text(literals[0])];
    for ((at, sentence), text) in holes.into_iter().zip(&literals[1..]) {
        pieces.extend([Piece::Hole { at, sentence }, Piece::Text(text)]);
    }
    pieces
}

impl Entry {
    /// What is in the holes, where the text fits.
    fn fits<'t>(&self, text: &'t str) -> Option<Vec<&'t str>> {
        let (first, rest) = self.literals.split_first()?;
        let mut text = text.strip_prefix(first)?;
        let Some((last, middle)) = rest.split_last() else {
            return text.is_empty().then(Vec::new);
        };
        let mut found = Vec::new();
        for literal in middle {
            let at = text.find(literal)?;
            found.push(&text[..at]);
            text = &text[at + literal.len()..];
        }
        found.push(text.strip_suffix(last)?);
        found.iter().all(|hole| !hole.is_empty()).then_some(found)
    }
}

/// The sentence in Chinese, where there is an entry for it.
pub fn chinese(sentence: &str) -> Option<String> {
    within(sentence, 0)
}

fn within(sentence: &str, depth: usize) -> Option<String> {
    if depth > DEEP {
        return None;
    }
    let (entry, found) = table().iter().find_map(|entry| Some((entry, entry.fits(sentence)?)))?;
    let mut out = String::new();
    for piece in &entry.chinese {
        match *piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Hole { at, sentence } => {
                let hole = found.get(at).copied().unwrap_or_default();
                let said = if sentence { within(hole, depth + 1) } else { None };
                out.push_str(said.as_deref().unwrap_or(hole));
            }
        }
    }
    Some(out)
}

/// Whether the answer should be in Chinese: the first language that is asked for.
pub fn asked(request: &Request) -> bool {
    request.header("accept-language").is_some_and(|languages| {
        languages.trim_start().get(..2).is_some_and(|first| first.eq_ignore_ascii_case("zh"))
    })
}

/// A refusal's sentences in Chinese, and those that good answers carry; anything else
/// goes on as it is.
pub async fn speak(path: &str, response: Response) -> Response {
    let kind = response.content_type().unwrap_or_default();
    let refusal = kind == "application/problem+json";
    let file = response.headers().contains_key(header::CONTENT_DISPOSITION);
    if !refusal && (file || !kind.starts_with("application/json") || !carries_reasons(path)) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = body.into_bytes().await else {
        return Response::from_parts(parts, Body::empty());
    };
    let Ok(mut value) = serde_json::from_slice::<Value>(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    match refusal {
        true => problem(&mut value),
        false => reasons(&mut value),
    }
    parts.headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static("zh-CN"));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(value.to_string()))
}

/// Answers that say why something was not done in part.
fn carries_reasons(path: &str) -> bool {
    path == "/api/keys/bulk"
        || path == "/api/validate_keys"
        || path == "/api/test/model"
        || (path.starts_with("/api/keys/") && path.ends_with("/test"))
        || path.starts_with("/api/traces")
}

fn problem(document: &mut Value) {
    let fields = document["errors"].as_array_mut().map(Vec::as_mut_slice).unwrap_or_default();
    let mut said = Vec::new();
    for field in fields {
        translate(&mut field["message"]);
        let text = |part: &Value| part.as_str().unwrap_or_default().to_owned();
        said.push(format!("{}：{}", text(&field["field"]), text(&field["message"])));
    }
    // The sentence of one with fields is its fields.
    match said.is_empty() {
        true => translate(&mut document["detail"]),
        false => document["detail"] = Value::String(said.join("\n")),
    }
}

fn reasons(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(reasons),
        Value::Object(members) => {
            for (name, member) in members {
                match name.as_str() {
                    "error" | "reason" => translate(member),
                    _ => reasons(member),
                }
            }
        }
        _ => {}
    }
}

fn translate(text: &mut Value) {
    if let Some(chinese) = text.as_str().and_then(chinese) {
        *text = Value::String(chinese);
    }
}

#[cfg(test)]
mod tests;
