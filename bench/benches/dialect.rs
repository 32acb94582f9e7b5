//! What conversion between dialects costs: CPU time per 2 KB request and per chunk of a
//! stream, beside what any reading of the same JSON costs in the same run.
//!
//! `cargo bench -p glassway-bench --bench dialect`

#![expect(missing_docs, reason = "criterion's macros make items without any")]

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use glassway_proxy::dialect::{
    self, Capabilities, Context, Conversion, Fresh, Options, in_place, stream::Stream,
    strip::UsageStrip,
};
use serde_json::{Value, json};

/// Chunks of one stream.
const CHUNKS: u64 = 1000;

fn chat_request() -> Vec<u8> {
    let text = "Tell me what the weather will be like, and what to wear. ".repeat(17);
    let tool = |name: &str| {
        json!({"type": "function", "function": {"name": name, "description": "Looks it up.", "parameters": {
            "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}}})
    };
    let body = json!({
        "model": "claude-sonnet-4-6", "stream": true, "temperature": 0.7, "max_tokens": 1024,
        "messages": [
            {"role": "system", "content": "You are a careful assistant. Answer in one sentence."},
            {"role": "user", "content": text},
            {"role": "assistant", "content": "Let me see.", "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\":\"Paris\",\"days\":2}"}},
                {"id": "call_2", "type": "function", "function": {"name": "get_time", "arguments": "{\"city\":\"Paris\"}"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny, 21 degrees, light wind"},
            {"role": "tool", "tool_call_id": "call_2", "content": "12:00"},
            {"role": "user", "content": [{"type": "text", "text": "And tomorrow?"}]}],
        "tools": [tool("get_weather"), tool("get_time")],
    });
    body.to_string().into_bytes()
}

fn converted(conversion: Conversion, body: &[u8]) -> dialect::Converted {
    dialect::request(conversion, body, Capabilities::builtin(), &Options::default())
        .expect("the request is valid")
}

fn responses_request() -> Vec<u8> {
    let text = "Tell me what the weather will be like, and what to wear. ".repeat(28);
    let body = json!({
        "model": "gpt-4o", "stream": true, "instructions": "You are a careful assistant.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": text}]},
            {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{\"city\":\"Paris\"}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "sunny"}],
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}],
    });
    body.to_string().into_bytes()
}

fn requests(c: &mut Criterion) {
    let chat = chat_request();
    let messages = converted(Conversion::ChatOverMessages, &chat).body;
    let responses = responses_request();
    let mut group = c.benchmark_group("request");
    for (name, conversion, body) in [
        ("chat over messages", Conversion::ChatOverMessages, &chat[..]),
        ("messages over chat", Conversion::MessagesOverChat, &messages[..]),
        ("responses over chat", Conversion::ResponsesOverChat, &responses[..]),
    ] {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |b| b.iter(|| converted(conversion, black_box(body))));
        // What a gateway that only reads and writes the JSON would spend.
        group.bench_function(format!("{name}: serde_json there and back"), |b| {
            b.iter(|| {
                let value: Value = serde_json::from_slice(black_box(body)).expect("it is JSON");
                serde_json::to_vec(&value)
            });
        });
    }
    let body = bytes::Bytes::from(chat);
    group.bench_function("edited in place", |b| {
        b.iter(|| in_place::edit(black_box(&body), Some("gpt-4o"), true));
    });
    group.finish();
}

fn claude_chunks() -> Vec<String> {
    let event = |value: Value| {
        let kind = value["type"].as_str().expect("it has a type").to_owned();
        format!("event: {kind}\ndata: {value}\n\n")
    };
    let mut chunks = vec![
        event(
            json!({"type": "message_start", "message": {"id": "msg_1", "model": "claude", "usage": {"input_tokens": 9, "output_tokens": 1}}}),
        ),
        event(
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        ),
    ];
    let delta = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " and then \"some\" more"}});
    chunks.resize(chunks.len() + CHUNKS as usize, event(delta));
    chunks
}

fn gpt_chunks() -> Vec<String> {
    let chunk = json!({"id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT", "object": "chat.completion.chunk", "created": 1741569952,
        "model": "gpt-4.1-2025-04-14", "service_tier": "default", "system_fingerprint": "fp_b376dfbbd5",
        "choices": [{"index": 0, "delta": {"content": " and then \"some\" more"}, "logprobs": null, "finish_reason": null}], "usage": null});
    vec![format!("data: {chunk}\n\n"); CHUNKS as usize]
}

fn streams(c: &mut Criterion) {
    let fresh = Fresh { id: "0199".to_owned(), created: 1 };
    let context = |conversion, body: &[u8]| -> Context { converted(conversion, body).context };
    let chat = chat_request();
    let messages = converted(Conversion::ChatOverMessages, &chat).body;
    let mut group = c.benchmark_group("stream, per chunk");
    group.throughput(Throughput::Elements(CHUNKS));
    for (name, context, chunks) in [
        ("chat over messages", context(Conversion::ChatOverMessages, &chat), claude_chunks()),
        ("messages over chat", context(Conversion::MessagesOverChat, &messages), gpt_chunks()),
        (
            "responses over chat",
            context(Conversion::ResponsesOverChat, &responses_request()),
            gpt_chunks(),
        ),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut out = BytesMut::new();
                let mut stream = Stream::new(context.clone(), &fresh);
                for chunk in &chunks {
                    stream.push(black_box(chunk.as_bytes()), &mut out);
                    out.clear();
                }
            });
        });
        group.bench_function(format!("{name}: serde_json there and back"), |b| {
            b.iter(|| {
                for chunk in &chunks {
                    let at = chunk.find("data: ").expect("it has data") + 6;
                    let value: Value = serde_json::from_str(black_box(&chunk[at..])).expect("JSON");
                    black_box(serde_json::to_vec(&value)).expect("it is written");
                }
            });
        });
    }
    let chunks = gpt_chunks();
    group.bench_function("unconverted, usage chunk stripped", |b| {
        b.iter(|| {
            let (mut strip, mut out) = (UsageStrip::default(), BytesMut::new());
            for chunk in &chunks {
                strip.push(black_box(chunk.as_bytes()), &mut out);
                out.clear();
            }
        });
    });
    group.finish();
}

criterion_group!(benches, requests, streams);
criterion_main!(benches);
