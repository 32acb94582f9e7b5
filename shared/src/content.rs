//! What a body says, whatever its dialect: the text of one streamed frame, and the
//! text of a whole exchange for full-text search. Lenient on purpose: an unknown
//! shape says nothing and is no error.

mod turn;

use serde_json::Value;

use crate::{sse, store::search};
pub use turn::Turn;

/// A piece of an answer, as one frame carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Said to the user.
    Text(String),
    /// Thought.
    Reasoning(String),
    /// Arguments of a tool call.
    Tool(String),
}

impl Piece {
    /// The text, whatever it is for.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Reasoning(text) | Self::Tool(text) => text,
        }
    }
}

/// The content in one SSE frame's data: OpenAI chat and completions chunks, OpenAI
/// responses events, Anthropic messages events. `None` where it carries none.
pub fn piece(data: &str) -> Option<Piece> {
    if !data.starts_with('{') {
        return None;
    }
    let frame: Value = serde_json::from_str(data).ok()?;
    let some = |value: &Value| value.as_str().filter(|s| !s.is_empty()).map(str::to_owned);
    if let Some(choice) = frame["choices"].get(0) {
        let delta = &choice["delta"];
        let text = || some(&delta["content"]).or_else(|| some(&choice["text"]));
        let refusal = || some(&delta["refusal"]);
        let thought = || some(&delta["reasoning_content"]).or_else(|| some(&delta["reasoning"]));
        let tool = || {
            let function = &delta["tool_calls"].get(0)?["function"];
            some(&function["arguments"]).or_else(|| some(&function["name"]))
        };
        return (text().or_else(refusal).map(Piece::Text))
            .or_else(|| thought().map(Piece::Reasoning))
            .or_else(|| tool().map(Piece::Tool));
    }
    let kind = frame["type"].as_str()?;
    let delta = &frame["delta"];
    match delta {
        Value::String(_) => {
            let text = some(delta)?;
            match kind {
                _ if kind.contains("reasoning") => Some(Piece::Reasoning(text)),
                _ if kind.contains("arguments") || kind.contains("_call") => {
                    Some(Piece::Tool(text))
                }
                _ if kind.contains("audio") && !kind.contains("transcript") => None,
                _ => Some(Piece::Text(text)),
            }
        }
        Value::Object(_) => (some(&delta["text"]).map(Piece::Text))
            .or_else(|| some(&delta["thinking"]).map(Piece::Reasoning))
            .or_else(|| some(&delta["partial_json"]).map(Piece::Tool)),
        _ => None,
    }
}

/// Remembers what was indexed lately, so that a history sent again on every turn
/// is indexed once. Holds hashes only, at most `CAP` of them.
#[derive(Debug, Default)]
pub struct Indexed {
    young: std::collections::HashSet<u64>,
    old: std::collections::HashSet<u64>,
}

impl Indexed {
    const CAP: usize = 100_000;

    /// True the first time.
    fn first_time(&mut self, text: &str) -> bool {
        let hash = blake3::hash(text.as_bytes());
        let hash = u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("eight bytes"));
        let known = self.old.contains(&hash);
        if self.young.len() >= Self::CAP / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash) && !known
    }
}

/// Most text indexed of one exchange.
const MAX_TEXT: usize = 512 * 1024;
/// Of a question, and of an answer on top, so many different words are indexed: as many as
/// half a megabyte of prose has. Of what is all numbers and names, the rest is not found;
/// what the index has to write at once goes by them.
const MOST_WORDS: usize = 16 * 1024;
const MOST_WORDS_ANSWERED: usize = 4 * 1024;
/// Up to this much, a request is indexed whole whatever was indexed before.
const SMALL_REQUEST: usize = 16 * 1024;

/// What the idle work reads out of an exchange.
pub struct Read {
    /// Its text, as the search index wants it.
    pub text: String,
    /// Its place in a conversation.
    pub turn: Option<Turn>,
    /// The id of the first tool call of its answer.
    pub call: Option<String>,
}

/// Reads an exchange: whose it is, its names, its bodies. Bodies are decoded; of a
/// long conversation, messages before the last answer are left out when they were
/// indexed with an earlier turn.
pub fn read(
    client: &str,
    heads: &[&str],
    request: &[u8],
    response: &[u8],
    seen: &mut Indexed,
) -> Read {
    let mut out = Collector::default();
    let mut turn = None;
    let mut call = None;
    heads.iter().for_each(|head| out.add(head));
    match serde_json::from_slice::<Value>(request) {
        Ok(body) => {
            turn = turn::turn(client, &body);
            let messages = body["messages"].as_array().or_else(|| body["input"].as_array());
            match messages.filter(|_| request.len() > SMALL_REQUEST) {
                None => out.walk(&body, ""),
                Some(messages) => {
                    for (key, value) in body.as_object().into_iter().flatten() {
                        if key != "messages" && key != "input" {
                            let mut part = Collector::default();
                            part.walk(value, key);
                            if seen.first_time(&part.text) {
                                out.add(&part.text);
                            }
                        }
                    }
                    let last = messages.iter().rposition(|m| m["role"] == "assistant").unwrap_or(0);
                    for (n, message) in messages.iter().enumerate() {
                        let mut part = Collector::default();
                        part.walk(message, "");
                        if seen.first_time(&part.text) || n >= last {
                            out.add(&part.text);
                        }
                    }
                }
            }
        }
        Err(_) => out.plain(request),
    }
    let asked = out.text.len();
    match serde_json::from_slice::<Value>(response) {
        Ok(body) => {
            call = turn::call_id(&body);
            out.walk(&body, "");
        }
        Err(_) => {
            let events = sse::events(response);
            if events.is_empty() {
                out.plain(response);
            }
            // Words are split over frames: pieces are joined as they are.
            let mut said = String::new();
            for event in &events {
                let data = event.data.as_str();
                let may_call = call.is_none()
                    && ["\"tool_calls\"", "\"tool_use\"", "\"function_call\""]
                        .iter()
                        .any(|w| data.contains(w));
                if may_call && let Ok(data) = serde_json::from_str(data) {
                    call = turn::call_id(&data);
                }
                match piece(&event.data) {
                    Some(piece) => said.push_str(piece.text()),
                    None if event.data.contains("error") => out.add(&event.data),
                    None => {}
                }
            }
            out.add(&said);
        }
    }
    let mut words = search::Words::default();
    let (asked, answered) = out.text.split_at(asked);
    words.add(asked, MOST_WORDS);
    words.add(answered, MOST_WORDS + MOST_WORDS_ANSWERED);
    Read { text: words.prepared, turn, call }
}

#[derive(Default)]
struct Collector {
    text: String,
}

impl Collector {
    fn add(&mut self, text: &str) {
        let room = MAX_TEXT.saturating_sub(self.text.len());
        let end = (0..=text.len().min(room)).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
        self.text.push_str(&text[..end]);
        self.text.push('\n');
    }

    /// A body that is no JSON: text is indexed, bytes are not.
    fn plain(&mut self, bytes: &[u8]) {
        let head = &bytes[..bytes.len().min(64 * 1024)];
        if let Ok(text) = std::str::from_utf8(head) {
            self.add(text);
        }
    }

    fn walk(&mut self, value: &Value, key: &str) {
        match value {
            Value::String(text) if is_prose(key, text) => self.add(text),
            Value::Array(items) => items.iter().for_each(|item| self.walk(item, key)),
            Value::Object(fields) => fields.iter().for_each(|(key, value)| self.walk(value, key)),
            _ => {}
        }
    }
}

fn is_prose(key: &str, text: &str) -> bool {
    const NOT_SAID: &[&str] = &[
        "type",
        "role",
        "object",
        "data",
        "signature",
        "encrypted_content",
        "b64_json",
        "media_type",
    ];
    !NOT_SAID.contains(&key)
        && !text.starts_with("data:")
        && (text.len() <= 512 || text.bytes().take(512).any(|b| b == b' ' || b >= 0x80))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(r#"{"choices":[{"delta":{"content":"hi"}}]}"#, Some(Piece::Text("hi".into())))]
    #[case(r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#, None)]
    #[case(r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#, Some(Piece::Reasoning("hm".into())))]
    #[case(r#"{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{\"a"}}]}}]}"#, Some(Piece::Tool("{\"a".into())))]
    #[case(r#"{"choices":[{"text":"old"}]}"#, Some(Piece::Text("old".into())))]
    #[case(r#"{"choices":[]}"#, None)]
    #[case(r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}"#, Some(Piece::Text("a".into())))]
    #[case(r#"{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"t"}}"#, Some(Piece::Reasoning("t".into())))]
    #[case(r#"{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{"}}"#, Some(Piece::Tool("{".into())))]
    #[case(r#"{"type":"response.output_text.delta","delta":"r"}"#, Some(Piece::Text("r".into())))]
    #[case(r#"{"type":"response.function_call_arguments.delta","delta":"{"}"#, Some(Piece::Tool("{".into())))]
    #[case(r#"{"type":"message_start","message":{}}"#, None)]
    #[case("[DONE]", None)]
    #[case("{broken", None)]
    #[case(r#"{"choices":"odd","type":7}"#, None)]
    fn a_frame_says(#[case] data: &str, #[case] expected: Option<Piece>) {
        assert_eq!(piece(data), expected);
    }

    #[test]
    fn a_long_history_is_indexed_once_and_the_new_turn_always() {
        let filler = "word ".repeat(4000);
        let turn = |new: &str| {
            serde_json::json!({"model": "m", "messages": [
                {"role": "user", "content": format!("fox {filler}")},
                {"role": "assistant", "content": "ok"},
                {"role": "user", "content": new},
            ]})
            .to_string()
        };
        let mut seen = Indexed::default();
        let first = read("", &[], turn("hare").as_bytes(), b"", &mut seen).text;
        assert!(first.contains("fox") && first.contains("hare"));
        let second = read("", &[], turn("hare").as_bytes(), b"", &mut seen).text;
        assert!(!second.contains("fox") && second.contains("hare"));
    }

    #[test]
    fn words_split_over_frames_are_whole() {
        let body = "data: {\"choices\":[{\"delta\":{\"content\":\"hed\"}}]}\n\n\
                    data: {\"choices\":[{\"delta\":{\"content\":\"gehog\"}}]}\n\ndata: [DONE]\n\n";
        let text = read("", &["gpt-4o"], b"{}", body.as_bytes(), &mut Indexed::default()).text;
        assert!(text.contains("hedgehog") && text.contains("gpt-4o"), "{text}");
    }

    #[test]
    fn images_are_not_text() {
        let body = format!(
            r#"{{"url":"data:image/png;base64,{0}","data":"{0}","text":"seen"}}"#,
            "A".repeat(600)
        );
        let text = read("", &[], body.as_bytes(), b"", &mut Indexed::default()).text;
        assert!(text.contains("seen") && !text.contains("AAAA"));
    }
}
