//! What a chat's answer says, gathered while it passes: an event stream piece by piece, or
//! JSON at its end. Bounded: of a longer one the rest is passed on and not kept. Pure.

use glassway_shared::{sse::Parser, store::chats::Answer};
use serde_json::{Map, Value, json};

/// Bytes of words and arguments that are kept of an answer.
const MOST: usize = 8 << 20;
/// Tool calls that are kept.
const MOST_CALLS: usize = 256;

/// Listens to an answer.
pub struct Listener {
    form: Form,
    status: u16,
    left: usize,
    content: String,
    reasoning: String,
    refusal: String,
    calls: Vec<Call>,
    finish: Option<String>,
    error: Option<String>,
    ended: bool,
}

enum Form {
    Events(Parser),
    Whole(Vec<u8>),
}

#[derive(Default)]
struct Call {
    index: i64,
    id: String,
    name: String,
    arguments: String,
}

impl Listener {
    /// To an answer with this status and content type.
    pub fn new(status: u16, content_type: &str) -> Self {
        let stream = content_type.trim_start().starts_with("text/event-stream");
        Self {
            form: if stream { Form::Events(Parser::default()) } else { Form::Whole(vec![]) },
            status,
            left: MOST,
            content: String::new(),
            reasoning: String::new(),
            refusal: String::new(),
            calls: vec![],
            finish: None,
            error: None,
            ended: false,
        }
    }

    /// Hears the next bytes.
    pub fn hear(&mut self, piece: &[u8]) {
        let mut events = Vec::new();
        match &mut self.form {
            Form::Events(parser) => parser.push(piece, |event| events.push(event.data)),
            Form::Whole(bytes) => {
                let kept = piece.len().min(self.left);
                bytes.extend_from_slice(&piece[..kept]);
                self.left -= kept;
            }
        }
        for data in events {
            self.event(&data);
        }
    }

    /// Whether the answer said that it is over.
    pub fn is_over(&self) -> bool {
        self.ended || self.finish.is_some()
    }

    /// What was heard; `whole` where the answer's bytes came to their end.
    pub fn answer(mut self, whole: bool) -> Answer {
        if let Form::Whole(bytes) = std::mem::replace(&mut self.form, Form::Whole(vec![]))
            && whole
        {
            self.body(&bytes);
        }
        let message = self.message();
        let words = if self.content.is_empty() { self.refusal } else { self.content };
        Answer {
            message,
            words,
            reasoning: (!self.reasoning.is_empty()).then_some(self.reasoning),
            finish: self.finish,
            status: Some(self.status),
            error: self.error,
            exchange: None,
        }
    }

    fn event(&mut self, data: &str) {
        if data.trim() == "[DONE]" {
            self.ended = true;
            return;
        }
        let Ok(event) = serde_json::from_str::<Value>(data) else { return };
        if let Some(said) = refusal(&event) {
            self.error = Some(said);
        }
        let first = event["choices"].as_array().into_iter().flatten();
        // Of several answers the first is the conversation's.
        for choice in first.filter(|choice| choice["index"].as_i64().unwrap_or(0) == 0) {
            self.said(&choice["delta"]);
            if let Some(finish) = choice["finish_reason"].as_str() {
                self.finish = Some(finish.to_owned());
            }
        }
    }

    fn body(&mut self, bytes: &[u8]) {
        let Ok(body) = serde_json::from_slice::<Value>(bytes) else {
            if self.status >= 400 {
                self.error = Some(format!("the answer was {} and no JSON", self.status));
            }
            return;
        };
        self.error = refusal(&body);
        let choice = &body["choices"][0];
        self.left = MOST;
        self.said(&choice["message"]);
        self.finish = choice["finish_reason"].as_str().map(str::to_owned);
    }

    /// A message, or what is new of one.
    fn said(&mut self, delta: &Value) {
        let mut left = self.left;
        let mut take = |to: &mut String, from: &Value| {
            let text = from.as_str().unwrap_or_default();
            match left.checked_sub(text.len()) {
                Some(rest) => {
                    left = rest;
                    to.push_str(text);
                }
                // What follows a gap would read as if nothing were missing.
                None => left = 0,
            }
        };
        take(&mut self.content, &delta["content"]);
        let thought = delta.get("reasoning_content").filter(|thought| thought.is_string());
        take(&mut self.reasoning, thought.unwrap_or(&delta["reasoning"]));
        take(&mut self.refusal, &delta["refusal"]);
        let calls = delta["tool_calls"].as_array().into_iter().flatten().enumerate();
        for (n, piece) in calls {
            let index = piece["index"].as_i64().unwrap_or(n as i64);
            if !self.calls.iter().any(|call| call.index == index) {
                if self.calls.len() == MOST_CALLS {
                    continue;
                }
                self.calls.push(Call { index, ..Call::default() });
            }
            let call = self.calls.iter_mut().find(|call| call.index == index);
            let call = call.expect("it was put there if it was not");
            if call.id.is_empty() {
                take(&mut call.id, &piece["id"]);
            }
            take(&mut call.name, &piece["function"]["name"]);
            take(&mut call.arguments, &piece["function"]["arguments"]);
        }
        self.left = left;
    }

    /// In the form it is sent back in: without the reasoning, which some refuse.
    fn message(&self) -> Option<Value> {
        if self.content.is_empty() && self.refusal.is_empty() && self.calls.is_empty() {
            return None;
        }
        let mut message = Map::new();
        message.insert("role".into(), "assistant".into());
        let content = (!self.content.is_empty()).then(|| self.content.clone());
        message.insert("content".into(), json!(content));
        if !self.refusal.is_empty() {
            message.insert("refusal".into(), self.refusal.clone().into());
        }
        if !self.calls.is_empty() {
            let shown = |call: &Call| {
                json!({"id": call.id, "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments}})
            };
            message.insert("tool_calls".into(), self.calls.iter().map(shown).collect());
        }
        Some(message.into())
    }
}

/// What an error says, in whichever dialect.
fn refusal(body: &Value) -> Option<String> {
    let error = body.get("error").filter(|error| !error.is_null())?;
    let said = error["message"].as_str().or(error.as_str());
    Some(said.map_or_else(|| error.to_string(), str::to_owned).chars().take(4_000).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(status: u16, kind: &str, pieces: &[&str], whole: bool) -> (bool, Answer) {
        let mut listener = Listener::new(status, kind);
        pieces.iter().for_each(|piece| listener.hear(piece.as_bytes()));
        (listener.is_over(), listener.answer(whole))
    }

    fn delta(delta: Value, finish: Option<&str>) -> String {
        format!(
            "data: {}\n\n",
            json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
        )
    }

    #[test]
    fn a_stream_in_pieces_becomes_one_message_without_its_reasoning() {
        let text = delta(json!({"role": "assistant", "reasoning_content": "hm "}), None)
            + &delta(json!({"content": "你"}), None)
            + &delta(json!({"content": "好"}), Some("stop"))
            + "data: [DONE]\n\n";
        for cut in 1..text.len() {
            if !text.is_char_boundary(cut) {
                continue;
            }
            let (over, answer) =
                heard(200, "text/event-stream", &[&text[..cut], &text[cut..]], true);
            assert!(over);
            assert_eq!(answer.message, Some(json!({"role": "assistant", "content": "你好"})));
            assert_eq!(answer.reasoning.as_deref(), Some("hm "));
            assert_eq!(answer.finish.as_deref(), Some("stop"));
        }
    }

    #[test]
    fn tool_calls_are_put_together_by_their_index() {
        let call = |index: i64, more: Value| {
            let mut call = json!({"index": index});
            call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            delta(json!({"tool_calls": [call]}), None)
        };
        let text = call(
            0,
            json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}),
        ) + &call(1, json!({"id": "b", "function": {"name": "g", "arguments": "{}"}}))
            + &call(0, json!({"function": {"arguments": "{\"x\":"}}))
            + &call(0, json!({"function": {"arguments": "1}"}}));
        let (over, answer) = heard(200, "text/event-stream; charset=utf-8", &[&text], false);
        assert!(!over);
        let message = answer.message.unwrap();
        assert_eq!(message["content"], Value::Null);
        assert_eq!(
            message["tool_calls"][0]["function"],
            json!({"name": "f", "arguments": "{\"x\":1}"})
        );
        assert_eq!(message["tool_calls"][1]["id"], "b");
    }

    #[test]
    fn errors_are_told_whole_or_in_the_middle_of_a_stream() {
        let body = r#"{"error":{"message":"no such model","code":"x"}}"#;
        let (_, answer) = heard(404, "application/json", &[body], true);
        assert_eq!((answer.error.as_deref(), answer.status), (Some("no such model"), Some(404)));
        let (_, answer) = heard(502, "text/html", &["<h1>oh</h1>"], true);
        assert_eq!(answer.error.as_deref(), Some("the answer was 502 and no JSON"));
        let text = delta(json!({"content": "half"}), None) + "data: {\"error\":\"gone\"}\n\n";
        let (_, answer) = heard(200, "text/event-stream", &[&text], true);
        assert_eq!((answer.words.as_str(), answer.error.as_deref()), ("half", Some("gone")));
    }

    #[test]
    fn nonsense_is_nothing_and_too_much_is_cut() {
        let (_, answer) = heard(200, "application/json", &[r#"{"choices":7}"#], true);
        assert_eq!((answer.message, answer.error), (None, None));
        let (_, answer) = heard(
            200,
            "text/event-stream",
            &["data: {\"choices\":[{\"delta\":3}]}\n\ndata: x\n\n"],
            true,
        );
        assert_eq!(answer.message, None);
        let piece = delta(json!({"content": "x".repeat(1 << 20)}), None);
        let (_, answer) = heard(200, "text/event-stream", &[&piece[..]; 12], true);
        assert_eq!(answer.words.len(), MOST);
        let long = delta(json!({"content": "x".repeat(MOST)}), None);
        let pieces =
            [delta(json!({"content": "a"}), None), long, delta(json!({"content": "b"}), None)];
        let pieces: Vec<&str> = pieces.iter().map(|piece| &piece[..]).collect();
        let (_, answer) = heard(200, "text/event-stream", &pieces, true);
        assert_eq!(answer.words, "a", "nothing follows the gap");
    }
}
