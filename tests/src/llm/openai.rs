//! OpenAI's answers: chat completions, embeddings, models.

use serde_json::{Value, json};

use super::{
    Frame, Reply, pieces,
    question::{Question, THOUGHT},
};

pub const CREATED: u64 = 1_760_000_000;
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
            // 16 floats of zero: nobody here looks at the numbers.
            let vector = match body["encoding_format"] == "base64" {
                true => json!("A".repeat(86) + "=="),
                false => json!(vector),
            };
            json!({"object": "embedding", "index": index, "embedding": vector})
        })
        .collect();
    let tokens = body["input"].to_string().len() / 4;
    json!({"object": "list", "model": body["model"], "data": data,
           "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})
}

pub fn chat(question: &Question) -> Reply {
    let mut completion = question.completion_tokens();
    // Thoughts count as completion.
    completion += question.reasoning_tokens();
    let usage = json!({
        "prompt_tokens": question.prompt_tokens, "completion_tokens": completion,
        "total_tokens": question.prompt_tokens + completion,
        "prompt_tokens_details": {"cached_tokens": question.prompt_tokens / 2, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": question.reasoning_tokens(),
            "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}
    });
    if !question.stream {
        return Reply::Whole(chat_whole(question, &usage));
    }
    let wants_usage = question.body["stream_options"]["include_usage"] == true;
    let chunk = |delta: Value, finish: Value| {
        let mut chunk = json!({"id": "chatcmpl-demo", "object": "chat.completion.chunk",
            "created": CREATED, "model": question.model, "service_tier": "default",
            "system_fingerprint": "fp_demo",
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]});
        if wants_usage {
            chunk["usage"] = Value::Null;
        }
        chunk
    };
    let delta = |delta: Value| Frame::data(&chunk(delta, Value::Null), true);
    let first = json!({"role": "assistant", "content": "", "refusal": null});
    let mut frames = vec![Frame::data(&chunk(first, Value::Null), false)];
    if thinks_aloud(question) {
        frames.extend(THOUGHT.iter().map(|t| delta(json!({"reasoning_content": t}))));
    }
    if question.calls.is_empty() {
        frames.extend(question.tokens().iter().map(|token| delta(json!({"content": token}))));
        frames.push(Frame::data(&chunk(json!({}), json!("stop")), false));
    } else {
        for (index, (tool, arguments)) in question.calls.iter().enumerate() {
            let call = json!({"index": index, "id": call_id(index), "type": "function",
                              "function": {"name": tool, "arguments": ""}});
            frames.push(delta(json!({"tool_calls": [call]})));
            for piece in pieces(arguments) {
                let call = json!({"index": index, "function": {"arguments": piece}});
                frames.push(delta(json!({"tool_calls": [call]})));
            }
        }
        frames.push(Frame::data(&chunk(json!({}), json!("tool_calls")), false));
    }
    if wants_usage {
        let mut last = chunk(json!({}), Value::Null);
        last["choices"] = json!([]);
        last["usage"] = usage;
        frames.push(Frame::data(&last, false));
    }
    frames.push(Frame { text: "data: [DONE]\n\n".to_owned(), content: false });
    Reply::Stream(frames)
}

fn chat_whole(question: &Question, usage: &Value) -> Value {
    let mut message = json!({"role": "assistant", "content": question.answer(), "refusal": null,
                             "annotations": []});
    let mut finish = "stop";
    if !question.calls.is_empty() {
        let call = |(n, (tool, arguments)): (usize, &(String, String))| {
            json!({"id": call_id(n), "type": "function",
                   "function": {"name": tool, "arguments": arguments}})
        };
        message["content"] = Value::Null;
        message["tool_calls"] = question.calls.iter().enumerate().map(call).collect();
        finish = "tool_calls";
    }
    if thinks_aloud(question) {
        message["reasoning_content"] = json!(THOUGHT.concat());
    }
    json!({"id": "chatcmpl-demo", "object": "chat.completion", "created": CREATED,
           "model": question.model, "service_tier": "default", "system_fingerprint": "fp_demo",
           "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish}],
           "usage": usage})
}

/// OpenAI's own models keep their thoughts to themselves.
fn thinks_aloud(question: &Question) -> bool {
    question.model.starts_with("deepseek-reasoner")
}

fn call_id(n: usize) -> String {
    format!("call_demo{}", n + 1)
}
