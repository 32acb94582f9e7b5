//! OpenAI's answers: chat completions, responses, embeddings, models.

use serde_json::{Value, json};

use super::{Frame, Question, Reply};

const CREATED: u64 = 1_760_000_000;
const MODELS: [&str; 5] =
    ["gpt-4o", "gpt-4o-mini", "gpt-5.2", "text-embedding-3-small", "deepseek-chat"];

pub fn models() -> Value {
    let data: Vec<Value> = MODELS
        .iter()
        .map(|id| json!({"id": id, "object": "model", "created": CREATED, "owned_by": "demo"}))
        .collect();
    json!({"object": "list", "data": data})
}

pub fn embeddings(body: &Value) -> Value {
    let inputs = match &body["input"] {
        Value::Array(inputs) => inputs.len(),
        _ => 1,
    };
    let data: Vec<Value> = (0..inputs)
        .map(|index| {
            let vector: Vec<f64> = (0..16).map(|i| f64::from(i) / 16.0 - 0.5).collect();
            json!({"object": "embedding", "index": index, "embedding": vector})
        })
        .collect();
    let tokens = body["input"].to_string().len() / 4;
    json!({"object": "list", "model": body["model"], "data": data,
           "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})
}

pub fn chat(question: &Question) -> Reply {
    let tokens = question.tokens();
    let completion = question.tool.as_ref().map_or(tokens.len(), |_| 24);
    let usage = json!({
        "prompt_tokens": question.prompt_tokens, "completion_tokens": completion,
        "total_tokens": question.prompt_tokens + completion,
        "prompt_tokens_details": {"cached_tokens": question.prompt_tokens / 2},
        "completion_tokens_details": {"reasoning_tokens": 0}
    });
    if !question.stream {
        return Reply::Whole(chat_whole(question, &usage));
    }
    let chunk = |delta: Value, finish: Value| {
        json!({"id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": CREATED,
               "model": question.model, "system_fingerprint": "fp_demo",
               "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]})
    };
    let mut frames =
        vec![Frame::data(&chunk(json!({"role": "assistant", "content": ""}), Value::Null), false)];
    if let Some(tool) = &question.tool {
        let call = json!({"index": 0, "id": "call_demo1", "type": "function",
                          "function": {"name": tool, "arguments": ""}});
        frames.push(Frame::data(&chunk(json!({"tool_calls": [call]}), Value::Null), true));
        for piece in arguments(tool).as_bytes().chunks(6) {
            let piece = String::from_utf8_lossy(piece);
            let call = json!({"index": 0, "function": {"arguments": piece}});
            frames.push(Frame::data(&chunk(json!({"tool_calls": [call]}), Value::Null), true));
        }
        frames.push(Frame::data(&chunk(json!({}), json!("tool_calls")), false));
    } else {
        for token in tokens {
            frames.push(Frame::data(&chunk(json!({"content": token}), Value::Null), true));
        }
        frames.push(Frame::data(&chunk(json!({}), json!("stop")), false));
    }
    if question.body["stream_options"]["include_usage"] == true {
        let mut last = chunk(json!({}), Value::Null);
        last["choices"] = json!([]);
        last["usage"] = usage;
        frames.push(Frame::data(&last, false));
    }
    frames.push(Frame { text: "data: [DONE]\n\n".to_owned(), content: false });
    Reply::Stream(frames)
}

fn chat_whole(question: &Question, usage: &Value) -> Value {
    let (message, finish) = match &question.tool {
        Some(tool) => (
            json!({"role": "assistant", "content": null, "tool_calls": [{"id": "call_demo1",
                   "type": "function", "function": {"name": tool, "arguments": arguments(tool)}}]}),
            "tool_calls",
        ),
        None => {
            (json!({"role": "assistant", "content": question.answer(), "refusal": null}), "stop")
        }
    };
    json!({"id": "chatcmpl-demo", "object": "chat.completion", "created": CREATED,
           "model": question.model, "usage": usage,
           "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish}]})
}

pub fn responses(question: &Question) -> Reply {
    let text = question.answer();
    let part = json!({"type": "output_text", "text": text, "annotations": []});
    let item = json!({"id": "msg_demo", "type": "message", "role": "assistant",
                      "status": "completed", "content": [part]});
    let tokens = question.tokens();
    let whole = json!({
        "id": "resp_demo", "object": "response", "created_at": CREATED, "status": "completed",
        "model": question.model, "output": [item], "parallel_tool_calls": true, "tools": [],
        "usage": {"input_tokens": question.prompt_tokens, "output_tokens": tokens.len(),
                  "total_tokens": question.prompt_tokens + tokens.len(),
                  "input_tokens_details": {"cached_tokens": 0},
                  "output_tokens_details": {"reasoning_tokens": 0}}});
    if !question.stream {
        return Reply::Whole(whole);
    }
    let mut started = whole.clone();
    started["status"] = json!("in_progress");
    started["output"] = json!([]);
    started["usage"] = Value::Null;
    let mut events = vec![
        (json!({"type": "response.created", "response": started}), false),
        (
            json!({"type": "response.output_item.added", "output_index": 0,
                   "item": {"id": "msg_demo", "type": "message", "role": "assistant",
                            "status": "in_progress", "content": []}}),
            false,
        ),
        (
            json!({"type": "response.content_part.added", "item_id": "msg_demo", "output_index": 0,
                   "content_index": 0, "part": {"type": "output_text", "text": "", "annotations": []}}),
            false,
        ),
    ];
    for token in tokens {
        events.push((
            json!({"type": "response.output_text.delta", "item_id": "msg_demo", "output_index": 0,
                   "content_index": 0, "delta": token, "logprobs": []}),
            true,
        ));
    }
    events.push((
        json!({"type": "response.output_text.done", "item_id": "msg_demo", "output_index": 0,
               "content_index": 0, "text": text, "logprobs": []}),
        false,
    ));
    events.push((
        json!({"type": "response.content_part.done", "item_id": "msg_demo", "output_index": 0,
               "content_index": 0, "part": part}),
        false,
    ));
    events.push((
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        false,
    ));
    events.push((json!({"type": "response.completed", "response": whole}), false));
    Reply::Stream(
        events
            .into_iter()
            .enumerate()
            .map(|(n, (mut event, content))| {
                event["sequence_number"] = json!(n);
                Frame::event(&event, content)
            })
            .collect(),
    )
}

/// Arguments a model would give a tool of that name.
pub fn arguments(tool: &str) -> String {
    match tool {
        "get_weather" => json!({"city": "Lisbon", "unit": "celsius"}),
        "read_file" => json!({"path": "tests/server.rs", "from": 1, "to": 120}),
        "run_command" => json!({"command": "cargo test --package server", "timeout_s": 120}),
        _ => json!({"query": "glassway"}),
    }
    .to_string()
}
