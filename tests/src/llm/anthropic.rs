//! Anthropic's answers: messages, whole and streamed.

use serde_json::{Value, json};

use super::{
    Frame, Reply,
    question::{Question, THOUGHT},
};

/// What every thought is signed with; a thought that comes back with another is refused.
pub const SIGNATURE: &str = "ErUBCkYIBxgCIkDdemoSignature";

pub fn messages(question: &Question) -> Reply {
    let output = question.completion_tokens() + question.reasoning_tokens();
    let stop = if question.calls.is_empty() { "end_turn" } else { "tool_use" };
    let blocks = blocks(question);
    let message = |content: Value, stop: Value, output: usize| {
        json!({"id": "msg_demo", "type": "message", "role": "assistant", "model": question.model,
               "content": content, "stop_reason": stop, "stop_sequence": null,
               "usage": usage(question, output)})
    };
    if !question.stream {
        let content = blocks.into_iter().map(|(block, _)| block).collect();
        return Reply::Whole(message(content, json!(stop), output));
    }
    let start = message(json!([]), Value::Null, 1);
    let mut frames = vec![Frame::event(&json!({"type": "message_start", "message": start}), false)];
    for (index, (mut block, deltas)) in blocks.into_iter().enumerate() {
        for (field, empty) in [
            ("input", json!({})),
            ("text", json!("")),
            ("thinking", json!("")),
            ("signature", json!("")),
        ] {
            if block.get(field).is_some() {
                block[field] = empty;
            }
        }
        let event = json!({"type": "content_block_start", "index": index, "content_block": block});
        frames.push(Frame::event(&event, false));
        if index == 0 {
            frames.push(Frame::event(&json!({"type": "ping"}), false));
        }
        for delta in deltas {
            let event = json!({"type": "content_block_delta", "index": index, "delta": delta});
            frames.push(Frame::event(&event, true));
        }
        frames.push(Frame::event(&json!({"type": "content_block_stop", "index": index}), false));
    }
    // Cumulative: what the start said is said again.
    let mut last = usage(question, output);
    for own in ["cache_creation", "service_tier"] {
        last.as_object_mut().expect("usage is an object").remove(own);
    }
    frames.push(Frame::event(
        &json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null},
                "usage": last}),
        false,
    ));
    frames.push(Frame::event(&json!({"type": "message_stop"}), false));
    Reply::Stream(frames)
}

/// Marked with `cache_control`, half of the prompt comes from the cache.
fn usage(question: &Question, output: usize) -> Value {
    let cached = match question.body.to_string().contains("\"cache_control\"") {
        true => question.prompt_tokens / 2,
        false => 0,
    };
    json!({"input_tokens": question.prompt_tokens - cached, "output_tokens": output,
           "cache_creation_input_tokens": 0, "cache_read_input_tokens": cached,
           "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
           "service_tier": "standard"})
}

/// Each block, and the deltas that it comes in.
fn blocks(question: &Question) -> Vec<(Value, Vec<Value>)> {
    let mut blocks = Vec::new();
    if question.thinks {
        let block =
            json!({"type": "thinking", "thinking": THOUGHT.concat(), "signature": SIGNATURE});
        let mut deltas: Vec<Value> =
            THOUGHT.iter().map(|t| json!({"type": "thinking_delta", "thinking": t})).collect();
        deltas.push(json!({"type": "signature_delta", "signature": SIGNATURE}));
        blocks.push((block, deltas));
    }
    if question.calls.is_empty() {
        let pieces = question.tokens().into_iter();
        let deltas = pieces.map(|t| json!({"type": "text_delta", "text": t})).collect();
        blocks.push((json!({"type": "text", "text": question.answer()}), deltas));
        return blocks;
    }
    if question.calls.len() > 1 {
        let text = "I will look both up.";
        let delta = json!({"type": "text_delta", "text": text});
        blocks.push((json!({"type": "text", "text": text}), vec![delta]));
    }
    for (n, (name, arguments)) in question.calls.iter().enumerate() {
        let input: Value = serde_json::from_str(arguments).unwrap_or_default();
        let id = format!("toolu_demo{}", n + 1);
        let block = json!({"type": "tool_use", "id": id, "name": name, "input": input});
        // The first piece is empty, and the only one of a tool without arguments.
        let whole = if arguments == "{}" { "" } else { arguments };
        let pieces = std::iter::once("".into()).chain(super::pieces(whole));
        let deltas = pieces.map(|p: String| json!({"type": "input_json_delta", "partial_json": p}));
        blocks.push((block, deltas.collect()));
    }
    blocks
}
