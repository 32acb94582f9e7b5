//! Conversations, streams and JSON made up by proptest, and what they mean.

use proptest::prelude::*;
use serde_json::{Value, json};

/// JSON with the words that the converters look for, in wrong places too.
pub fn json() -> impl Strategy<Value = Value> {
    let word = "(model|messages|input|role|user|assistant|system|tool|content|text|type|image_url|url|tool_calls|id|function|name|arguments|tools|thinking|signature|choices|delta|message|index|usage|finish_reason|stop|error|tool_use|tool_result|message_start|content_block_start|content_block_delta|content_block|input_json_delta|text_delta|data:image/png;base64,AA|https://x|\\{\\}|)";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((word, inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    // Often enough something that gets past the first checks.
    (tree, proptest::option::of(Just("m"))).prop_map(|(mut value, model)| {
        if let (Some(model), Some(fields)) = (model, value.as_object_mut()) {
            fields.insert("model".to_owned(), json!(model));
            fields.insert("max_tokens".to_owned(), json!(9));
        }
        value
    })
}

/// A JSON Schema, more or less: its words, in wrong places too.
pub fn schema() -> impl Strategy<Value = Value> {
    let word = "(type|properties|items|anyOf|oneOf|allOf|enum|const|description|additionalProperties|required|format|minItems|minimum|pattern|title|\\$defs|\\$ref|\\$schema|a\"b)";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0u8..4).prop_map(Value::from),
        "(object|array|string|date|a\"\\\\b)".prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(5, 48, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((word, inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    tree.prop_map(|value| match value.is_object() {
        true => value,
        false => json!({"type": "object", "properties": {"x": value}}),
    })
}

/// What a side says.
#[derive(Clone, Debug)]
pub enum Said {
    User(String),
    Assistant(String),
    /// Calls with their results.
    Called(Vec<(Value, String)>),
}

pub fn conversation() -> impl Strategy<Value = Vec<Said>> {
    let text = || "[a-z狐\"\\\\\n]{1,12}x";
    let arguments = "[a-z\"]{0,5}".prop_map(|text| json!({"z": text, "a": [1, {"b": null}]}));
    let said = prop_oneof![
        text().prop_map(Said::User),
        text().prop_map(Said::Assistant),
        proptest::collection::vec((arguments, text()), 1..4).prop_map(Said::Called),
    ];
    (text(), proptest::collection::vec(said, 0..8)).prop_map(|(first, mut rest)| {
        rest.insert(0, Said::User(first));
        rest
    })
}

pub fn chat_request(said: &[Said]) -> Value {
    let mut messages = vec![json!({"role": "system", "content": "be terse"})];
    for (n, said) in said.iter().enumerate() {
        match said {
            Said::User(text) => messages.push(json!({"role": "user", "content": text})),
            Said::Assistant(text) => messages.push(json!({"role": "assistant", "content": text})),
            Said::Called(calls) => {
                let id = |k: usize| format!("call_{n}_{k}");
                let made: Vec<Value> = calls.iter().enumerate().map(|(k, (arguments, _))| {
                    json!({"id": id(k), "type": "function", "function": {"name": "f.g", "arguments": arguments.to_string()}})
                }).collect();
                messages.push(json!({"role": "assistant", "content": null, "tool_calls": made}));
                for (k, (_, result)) in calls.iter().enumerate() {
                    messages
                        .push(json!({"role": "tool", "tool_call_id": id(k), "content": result}));
                }
            }
        }
    }
    json!({
        "model": "claude-3-5-sonnet-20241022", "max_tokens": 77, "temperature": 0.5, "stop": ["END"],
        "messages": messages, "tool_choice": "auto",
        "tools": [{"type": "function", "function": {"name": "f.g", "parameters": {"type": "object"}}}],
    })
}

/// Who said what, however it is cut into messages; calls and results by their ids.
pub fn meaning(request: &Value) -> Vec<(String, String)> {
    let mut meaning: Vec<(String, String)> = Vec::new();
    for message in request["messages"].as_array().unwrap() {
        let role = message["role"].as_str().unwrap();
        let content = &message["content"];
        let text = match content.as_array() {
            Some(parts) => parts.iter().filter_map(|p| p["text"].as_str()).collect(),
            None => content.as_str().unwrap_or_default().to_owned(),
        };
        // Blank lines come where messages were joined.
        let text = text.replace('\n', "");
        let who = match message["tool_call_id"].as_str() {
            Some(id) => format!("{role} {id}"),
            None => role.to_owned(),
        };
        match meaning.last_mut().filter(|(last, _)| *last == who && role != "tool") {
            Some((_, said)) => said.push_str(&text),
            None if !text.is_empty() => meaning.push((who, text)),
            None => {}
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let arguments: Value =
                serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
            meaning.push((format!("call {}", call["id"]), arguments.to_string()));
        }
    }
    meaning
}

/// A piece of a chat stream.
#[derive(Clone, Debug)]
pub enum Fragment {
    Text(String),
    Tool(usize, String),
}

/// Text, then tools whose arguments come in interleaved pieces.
pub fn chat_stream() -> impl Strategy<Value = Vec<Fragment>> {
    let arguments = "[a-z\\\\\"{}\\[\\]狐]{0,12}".prop_map(|text| match text.is_empty() {
        true => "{}".to_owned(),
        false => json!({"k": text, "n": {"m": [1, 2]}}).to_string(),
    });
    let texts = proptest::collection::vec("[a-z狐\"]{1,5}", 0..4);
    let tools = proptest::collection::vec(arguments, 0..4);
    (texts, tools, proptest::collection::vec((0usize..4, 1usize..9), 0..60)).prop_map(
        |(texts, tools, order)| {
            let mut fragments: Vec<Fragment> = texts.into_iter().map(Fragment::Text).collect();
            let mut left: Vec<Vec<char>> =
                tools.iter().map(|t| t.chars().rev().collect()).collect();
            fragments.extend((0..tools.len()).map(|n| Fragment::Tool(n, String::new())));
            let rest = (0..tools.len()).map(|n| (n, usize::MAX));
            for (n, size) in order.into_iter().chain(rest) {
                let Some(left) = left.get_mut(n) else { continue };
                let at = left.len().saturating_sub(size);
                let piece: String = left.split_off(at).into_iter().rev().collect();
                if !piece.is_empty() {
                    fragments.push(Fragment::Tool(n, piece));
                }
            }
            fragments
        },
    )
}

/// As a chat upstream sends it.
pub fn sse(fragments: &[Fragment]) -> String {
    let mut out = String::new();
    let mut known = Vec::new();
    let mut chunk = |delta: Value, finish: Value| {
        let chunk = json!({"id": "chatcmpl-1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
        out += &format!("data: {chunk}\n\n");
    };
    for fragment in fragments {
        match fragment {
            Fragment::Text(text) => chunk(json!({"content": text}), Value::Null),
            Fragment::Tool(n, arguments) => {
                let mut call = json!({"index": n, "function": {"arguments": arguments}});
                if !known.contains(n) {
                    known.push(*n);
                    call["id"] = json!(format!("call_{n}"));
                    call["function"]["name"] = json!("f");
                }
                chunk(json!({"tool_calls": [call]}), Value::Null);
            }
        }
    }
    chunk(json!({}), json!("stop"));
    out + "data: [DONE]\n\n"
}

/// Text and arguments of a stream.
pub fn expected(fragments: &[Fragment]) -> (String, Vec<Value>) {
    let mut text = String::new();
    let mut calls: Vec<String> = Vec::new();
    for fragment in fragments {
        match fragment {
            Fragment::Text(more) => text += more,
            Fragment::Tool(n, more) => {
                calls.resize(calls.len().max(n + 1), String::new());
                calls[*n] += more;
            }
        }
    }
    (text, calls.iter().map(|call| serde_json::from_str(call).unwrap()).collect())
}
