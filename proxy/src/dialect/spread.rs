//! A whole answer as the events of a stream: for an upstream that was asked for a stream
//! and answered at once, as some relays do. The client asked for a stream and gets one.

use super::{
    Dialect, Invalid,
    error::unreadable,
    json::{self, Kind, Node},
    write::{self, Writer},
};

/// An event's name, as the stream machines know it, and its data.
pub(super) type Event = (&'static str, String);

/// The events that the upstream would have sent.
pub(super) fn events(upstream: Dialect, body: &[u8]) -> Result<Vec<Event>, Invalid> {
    let root = json::parse(body).map_err(|e| unreadable(body, &e.to_string()))?;
    match upstream {
        Dialect::Messages => message(body, &root),
        Dialect::Chat | Dialect::Responses => completion(body, &root),
    }
}

/// The fields of a chat completion, but for its choices.
fn completion(body: &[u8], root: &Node<'_>) -> Result<Vec<Event>, Invalid> {
    let Some(choice) = root.get("choices").and_then(|choices| choices.items().first()) else {
        return Err(unreadable(body, "it has no choices"));
    };
    let Some(said) = choice.get("message").filter(|m| matches!(m.kind, Kind::Object(_))) else {
        return Err(unreadable(body, "its choice has no message"));
    };
    let head = |to: &mut Writer<'_>| copy(root, &["choices", "usage"], to.open());
    let chunk = write::json(|to| {
        head(to);
        to.key("choices").list().open().key("index").number(0).key("delta").open();
        copy(said, &["tool_calls"], to);
        if let Some(calls) = said.get("tool_calls").filter(|calls| !calls.items().is_empty()) {
            to.key("tool_calls").list();
            for (n, call) in calls.items().iter().enumerate() {
                copy(call, &["index"], to.open().key("index").number(n as u64));
                to.close();
            }
            to.end();
        }
        to.close();
        if let Some(finish) = choice.get("finish_reason") {
            to.key("finish_reason").raw(finish.raw);
        }
        to.close().end().close();
    });
    let mut events = vec![("", chunk)];
    if let Some(usage) = root.get("usage") {
        events.push((
            "",
            write::json(|to| {
                head(to);
                to.key("choices").list().end().key("usage").raw(usage.raw).close();
            }),
        ));
    }
    events.push(("", "[DONE]".to_owned()));
    Ok(events)
}

fn message(body: &[u8], root: &Node<'_>) -> Result<Vec<Event>, Invalid> {
    if root.text_of("type").is_none_or(|kind| kind != "message") {
        return Err(unreadable(body, "it is no message"));
    }
    let Some(content) = root.get("content").filter(|c| matches!(c.kind, Kind::Array(_))) else {
        return Err(unreadable(body, "the message has no content"));
    };
    let mut events = vec![event("message_start", |to| {
        to.key("message").open();
        copy(root, &["content", "stop_reason", "stop_sequence"], to);
        to.key("content").list().end().close();
    })];
    for (n, one) in content.items().iter().enumerate() {
        block(n as u64, one, &mut events);
    }
    events.push(event("message_delta", |to| {
        to.key("delta").open();
        for name in ["stop_reason", "stop_sequence", "stop_details"] {
            if let Some(value) = root.get(name) {
                to.key(name).raw(value.raw);
            }
        }
        to.close();
        if let Some(usage) = root.get("usage") {
            to.key("usage").raw(usage.raw);
        }
    }));
    events.push(event("message_stop", |_| {}));
    Ok(events)
}

/// A block begins empty where its content comes by deltas, and as it is where it does not.
fn block(n: u64, block: &Node<'_>, events: &mut Vec<Event>) {
    const DELTAS: [(&str, &str, &str); 3] = [
        ("text", "text_delta", "text"),
        ("thinking", "thinking_delta", "thinking"),
        ("signature", "signature_delta", "signature"),
    ];
    let kind = block.text_of("type").unwrap_or_default();
    let call = kind == "tool_use";
    let parts: &[_] = match &*kind {
        "text" => &DELTAS[..1],
        "thinking" => &DELTAS[1..],
        _ => &[],
    };
    events.push(event("content_block_start", |to| {
        to.key("index").number(n).key("content_block").open();
        let left: Vec<&str> = parts.iter().map(|(field, ..)| *field).collect();
        copy(block, if call { &["input"] } else { &left }, to);
        left.iter().for_each(|field| {
            to.key(field).text("");
        });
        if call {
            to.key("input").open().close();
        }
        to.close();
    }));
    let mut delta = |kind: &str, field: &str, text: &str| {
        events.push(event("content_block_delta", |to| {
            to.key("index").number(n).key("delta").open().key("type").text(kind);
            to.key(field).text(text).close();
        }));
    };
    for (field, kind, name) in parts {
        if let Some(text) = block.text_of(field).filter(|text| !text.is_empty()) {
            delta(kind, name, &text);
        }
    }
    if let Some(input) = block.get("input").filter(|_| call) {
        delta("input_json_delta", "partial_json", input.raw);
    }
    events.push(event("content_block_stop", |to| {
        to.key("index").number(n);
    }));
}

fn event(name: &'static str, fields: impl FnOnce(&mut Writer<'_>)) -> Event {
    let data = write::json(|to| {
        to.open().key("type").text(name);
        fields(to);
        to.close();
    });
    (name, data)
}

/// An object's fields but for some.
fn copy(from: &Node<'_>, without: &[&str], to: &mut Writer<'_>) {
    for (name, value) in from.fields() {
        if !without.contains(&&**name) {
            to.name(name).raw(value.raw);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn data(upstream: Dialect, body: &Value) -> Vec<Value> {
        let body = serde_json::to_string_pretty(body).unwrap();
        let events = events(upstream, body.as_bytes()).unwrap();
        events.iter().map(|(_, data)| serde_json::from_str(data).unwrap_or(json!(data))).collect()
    }

    #[test]
    fn a_completion_becomes_a_chunk_its_usage_and_an_end() {
        let calls = json!([{"id": "a", "function": {"name": "f", "arguments": "{}"}}, {"id": "b"}]);
        let body = json!({"id": "c", "model": "m", "usage": {"prompt_tokens": 1}, "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "hi\n", "tool_calls": calls},
             "finish_reason": "tool_calls"}]});
        let got = data(Dialect::Chat, &body);
        let delta = &got[0]["choices"][0]["delta"];
        assert_eq!((&delta["content"], &got[0]["id"]), (&json!("hi\n"), &json!("c")));
        assert_eq!(
            (&delta["tool_calls"][1]["index"], &delta["tool_calls"][1]["id"]),
            (&json!(1), &json!("b"))
        );
        assert_eq!(got[0]["choices"][0]["finish_reason"], "tool_calls");
        assert_eq!(
            (&got[1]["choices"], &got[1]["usage"]["prompt_tokens"]),
            (&json!([]), &json!(1))
        );
        assert_eq!(got[2], "[DONE]");
    }

    #[test]
    fn a_message_becomes_blocks_that_begin_empty() {
        let body = json!({"type": "message", "id": "m", "stop_reason": "tool_use", "usage": {"output_tokens": 9},
            "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "hi"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}, {"type": "redacted_thinking", "data": "x"}]});
        let got = data(Dialect::Messages, &body);
        let kinds: Vec<&str> = got.iter().map(|event| event["type"].as_str().unwrap()).collect();
        let (start, delta, stop) =
            ("content_block_start", "content_block_delta", "content_block_stop");
        let want = [
            "message_start",
            start,
            delta,
            delta,
            stop,
            start,
            delta,
            stop,
            start,
            delta,
            stop,
            start,
            stop,
            "message_delta",
            "message_stop",
        ];
        assert_eq!(kinds, want);
        assert_eq!(got[0]["message"]["stop_reason"], Value::Null);
        assert_eq!(
            got[1]["content_block"],
            json!({"type": "thinking", "thinking": "", "signature": ""})
        );
        assert_eq!(got[3]["delta"], json!({"type": "signature_delta", "signature": "s"}));
        assert_eq!(got[8]["content_block"]["input"], json!({}));
        let input: Value =
            serde_json::from_str(got[9]["delta"]["partial_json"].as_str().unwrap()).unwrap();
        assert_eq!(input, json!({"a": 1}));
        assert_eq!(got[11]["content_block"]["data"], "x");
        assert_eq!(
            (&got[13]["delta"]["stop_reason"], &got[13]["usage"]["output_tokens"]),
            (&json!("tool_use"), &json!(9))
        );
    }

    #[rstest::rstest]
    #[case(Dialect::Chat, "<html>")]
    #[case(Dialect::Chat, "")]
    #[case(Dialect::Chat, r#"{"choices":[]}"#)]
    #[case(Dialect::Chat, r#"{"choices":[{"message":null}]}"#)]
    #[case(Dialect::Messages, r#"{"type":"message"}"#)]
    #[case(Dialect::Messages, r#"{"type":"error","content":[]}"#)]
    fn what_is_no_answer_is_said_to_be_none(#[case] upstream: Dialect, #[case] body: &str) {
        assert!(events(upstream, body.as_bytes()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn hostile_bytes_never_panic(body: Vec<u8>) {
            let _ = (events(Dialect::Chat, &body), events(Dialect::Messages, &body));
        }
    }
}
