//! What must hold for whatever comes: nothing panics, any split of a stream gives the
//! same events, a conversation there and back means the same, blocks nest.

#![expect(clippy::unwrap_used, reason = "a panic in a test is the report")]

#[path = "dialect/generated.rs"]
mod generated;

use bytes::BytesMut;
use generated::{Fragment, chat_stream, conversation, json};
use glassway_proxy::dialect::{
    self, Capabilities, Context, Conversion, Fresh, Options,
    json::parse,
    stream::{End, Stream},
};
use proptest::prelude::*;
use serde_json::{Value, json};

const CONVERSIONS: [Conversion; 4] = [
    Conversion::ChatOverMessages,
    Conversion::MessagesOverChat,
    Conversion::ResponsesOverChat,
    Conversion::ResponsesOverMessages,
];

fn fresh() -> Fresh {
    Fresh { id: "0199".to_owned(), created: 1 }
}

fn request(conversion: Conversion, body: &[u8]) -> Result<dialect::Converted, dialect::Refused> {
    dialect::request(conversion, body, Capabilities::builtin(), &Options::default())
}

fn context(conversion: Conversion) -> Context {
    let body = json!({
        "model": "m", "max_tokens": 5, "input": "x", "stream": true,
        "messages": [{"role": "user", "content": "x"}],
    });
    request(conversion, body.to_string().as_bytes()).unwrap().context
}

fn through<'p>(context: &Context, pieces: impl IntoIterator<Item = &'p [u8]>) -> (String, End) {
    let (mut stream, mut out) = (Stream::new(context.clone(), &fresh()), BytesMut::new());
    for piece in pieces {
        stream.push(piece, &mut out);
    }
    let end = stream.finish(&mut out);
    (String::from_utf8(out.to_vec()).unwrap(), end)
}

/// The data of a stream's events.
fn events(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_json_is_converted_or_refused(body in json()) {
        for conversion in CONVERSIONS {
            match request(conversion, body.to_string().as_bytes()) {
                Ok(made) => drop(serde_json::from_slice::<Value>(&made.body).unwrap()),
                Err(refused) => prop_assert!(!refused.message.is_empty()),
            }
            if let Ok((made, _)) = dialect::response(&context(conversion), &fresh(), body.to_string().as_bytes()) {
                serde_json::from_slice::<Value>(&made).unwrap();
            }
        }
    }

    #[test]
    fn any_schema_stays_json(schema in generated::schema()) {
        let body = json!({
            "model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "x"}],
            "tools": [{"type": "function", "function": {"name": "f", "strict": true, "parameters": schema}}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
        });
        let made = request(Conversion::ChatOverMessages, body.to_string().as_bytes()).unwrap();
        let made: Value = serde_json::from_slice(&made.body).unwrap();
        prop_assert_eq!(&made["output_config"]["format"]["schema"], &made["tools"][0]["input_schema"]);
        // Once is enough.
        let again = json!({
            "model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "x"}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": made["tools"][0]["input_schema"]}},
        });
        let again = request(Conversion::ChatOverMessages, again.to_string().as_bytes()).unwrap();
        let again: Value = serde_json::from_slice(&again.body).unwrap();
        prop_assert_eq!(&again["output_config"]["format"]["schema"], &made["tools"][0]["input_schema"]);
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(body: Vec<u8>) {
        for conversion in CONVERSIONS {
            prop_assert!(request(conversion, &body).is_err());
            prop_assert!(dialect::response(&context(conversion), &fresh(), &body).is_err());
            let (out, end) = through(&context(conversion), [&body[..]]);
            prop_assert!(end != End::Complete);
            events(&out);
        }
    }

    #[test]
    fn any_split_of_a_stream_gives_the_same(
        frames in proptest::collection::vec(json(), 0..8),
        name in "(message_start|content_block_start|content_block_delta|content_block_stop|message_stop)",
        cuts in proptest::collection::vec(0usize..2000, 0..12),
        done: bool,
    ) {
        let mut body = String::new();
        for frame in &frames {
            body += &format!("event: {name}\ndata: {frame}\n\n");
        }
        if done {
            body += "data: [DONE]\n\n";
        }
        let bytes = body.as_bytes();
        let mut cuts: Vec<_> = cuts.into_iter().map(|c| c.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        for conversion in CONVERSIONS {
            let context = context(conversion);
            let whole = through(&context, [bytes]);
            let pieces = through(&context, cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]));
            prop_assert_eq!(&pieces, &whole);
            events(&whole.0);
        }
    }

    #[test]
    fn a_conversation_means_the_same_there_and_back(said in conversation()) {
        let body = generated::chat_request(&said);
        let there = request(Conversion::ChatOverMessages, body.to_string().as_bytes()).unwrap();
        let back = request(Conversion::MessagesOverChat, &there.body).unwrap();
        let back: Value = serde_json::from_slice(&back.body).unwrap();
        prop_assert_eq!(generated::meaning(&back), generated::meaning(&body));
        for field in ["temperature", "stop", "tool_choice", "max_tokens"] {
            prop_assert_eq!(&back[field], &body[field]);
        }
        // A second round changes nothing more.
        let again = request(Conversion::ChatOverMessages, back.to_string().as_bytes()).unwrap();
        let again = request(Conversion::MessagesOverChat, &again.body).unwrap();
        let again: Value = serde_json::from_slice(&again.body).unwrap();
        prop_assert_eq!(&again, &back);
    }

    #[test]
    fn blocks_nest_and_hold_what_was_said(fragments in chat_stream()) {
        let (out, end) = through(&context(Conversion::MessagesOverChat), [generated::sse(&fragments).as_bytes()]);
        prop_assert_eq!(end, End::Complete);
        let (text, calls) = read_messages_stream(&out);
        let (said, called) = generated::expected(&fragments);
        prop_assert_eq!(text, said);
        prop_assert_eq!(&calls, &called);
        // The same by way of the third dialect.
        let (out, _) = through(&context(Conversion::ResponsesOverChat), [generated::sse(&fragments).as_bytes()]);
        let last = events(&out).pop().unwrap();
        let items = last["response"]["output"].as_array().unwrap();
        let mut found: Vec<Value> = items.iter().filter(|item| item["type"] == "function_call")
            .map(|item| serde_json::from_str(item["arguments"].as_str().unwrap()).unwrap()).collect();
        let mut called = called;
        found.sort_by_key(Value::to_string);
        called.sort_by_key(Value::to_string);
        prop_assert_eq!(found, called);
    }

    #[test]
    fn a_stream_there_and_back_says_the_same(fragments in chat_stream()) {
        let (messages, _) = through(&context(Conversion::MessagesOverChat), [generated::sse(&fragments).as_bytes()]);
        let (chat, end) = through(&context(Conversion::ChatOverMessages), [messages.as_bytes()]);
        prop_assert_eq!(end, End::Complete);
        let (said, called) = generated::expected(&fragments);
        let mut text = String::new();
        let mut calls: Vec<String> = Vec::new();
        for event in events(&chat) {
            let delta = &event["choices"][0]["delta"];
            text += delta["content"].as_str().unwrap_or_default();
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                let index = call["index"].as_u64().unwrap() as usize;
                calls.resize(calls.len().max(index + 1), String::new());
                calls[index] += call["function"]["arguments"].as_str().unwrap();
            }
        }
        let calls: Vec<Value> = calls.iter().map(|c| serde_json::from_str(c).unwrap()).collect();
        prop_assert_eq!((text, calls), (said, called));
    }
}

/// Text and inputs of a message put together as an SDK does, checking that blocks follow
/// one another.
fn read_messages_stream(stream: &str) -> (String, Vec<Value>) {
    let (mut text, mut calls, mut open) = (String::new(), Vec::new(), None);
    let mut next = 0;
    for event in events(stream) {
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!((open, event["index"].as_u64()), (None, Some(next)), "{stream}");
                open = Some(next);
                if event["content_block"]["type"] == "tool_use" {
                    calls.push(String::new());
                }
            }
            "content_block_delta" => {
                assert_eq!(event["index"].as_u64(), open, "{stream}");
                text += event["delta"]["text"].as_str().unwrap_or_default();
                if let Some(json) = event["delta"]["partial_json"].as_str() {
                    *calls.last_mut().unwrap() += json;
                }
            }
            "content_block_stop" => {
                assert_eq!(event["index"].as_u64(), open.take(), "{stream}");
                next += 1;
            }
            _ => {}
        }
    }
    assert_eq!(open, None);
    let input = |json: &String| match json.is_empty() {
        true => json!({}),
        false => serde_json::from_str(json).unwrap(),
    };
    (text, calls.iter().map(input).collect())
}

#[test]
fn hostile_nesting_is_refused() {
    for open in ["[", "{\"a\":", "{\"messages\":[", "{\"content\":[{\"content\":["] {
        let body = open.repeat(1_000_000);
        for conversion in CONVERSIONS {
            assert_eq!(request(conversion, body.as_bytes()).unwrap_err().code, "invalid_json");
            let frame = format!("data: {body}\n\n");
            let (_, end) = through(&context(conversion), [frame.as_bytes()]);
            assert!(matches!(end, End::Failed { .. }));
        }
    }
    assert!(parse(b"[[[]]]").is_ok());
}

#[test]
fn a_frame_without_end_does_not_fill_the_memory() {
    for conversion in CONVERSIONS {
        let (mut stream, mut out) = (Stream::new(context(conversion), &fresh()), BytesMut::new());
        let piece = vec![b'x'; 1 << 20];
        stream.push(b"data: ", &mut out);
        for _ in 0..40 {
            stream.push(&piece, &mut out);
        }
        let End::Failed { code, .. } = stream.finish(&mut out) else { panic!("it failed") };
        assert_eq!(code, "upstream_invalid_response");
        assert!(out.len() < 1 << 20);
    }
}

#[test]
fn held_fragments_do_not_fill_the_memory() {
    let tool = |index: usize, arguments: &str| Fragment::Tool(index, arguments.to_owned());
    let mut fragments = vec![tool(0, "{\"a\":\"")];
    let long = "x".repeat(1 << 20);
    fragments.extend((0..40).map(|n| tool(1, if n == 0 { "{\"b\":\"" } else { &long })));
    let sse = generated::sse(&fragments);
    let (_, end) = through(&context(Conversion::MessagesOverChat), [sse.as_bytes()]);
    assert!(matches!(end, End::Failed { code, .. } if code == "upstream_invalid_response"));
}

#[test]
fn a_ping_has_the_clients_shape_and_stops_with_the_stream() {
    for (conversion, shape) in [
        (Conversion::ChatOverMessages, ": ping\n\n"),
        (Conversion::MessagesOverChat, "event: ping\ndata: {\"type\":\"ping\"}\n\n"),
        (Conversion::ResponsesOverChat, ": ping\n\n"),
    ] {
        let (mut stream, mut out) = (Stream::new(context(conversion), &fresh()), BytesMut::new());
        stream.ping(&mut out);
        assert_eq!(&out[..], shape.as_bytes());
        stream.abort("the connection broke", &mut out);
        let length = out.len();
        stream.ping(&mut out);
        stream.push(b"data: [DONE]\n\n", &mut out);
        assert_eq!(out.len(), length);
        let End::Failed { code, message } = stream.finish(&mut out) else { panic!("it failed") };
        assert_eq!((&*code, &*message), ("upstream_closed", "the connection broke"));
    }
}
