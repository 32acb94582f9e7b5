//! Anthropic's answers: messages, whole and streamed.

use serde_json::{Value, json};

use super::{Frame, Question, Reply, openai::arguments};

pub fn messages(question: &Question) -> Reply {
    let tokens = question.tokens();
    let output = question.tool.as_ref().map_or(tokens.len(), |_| 24);
    let usage = |output: usize| {
        json!({"input_tokens": question.prompt_tokens, "output_tokens": output,
               "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0})
    };
    let stop = if question.tool.is_some() { "tool_use" } else { "end_turn" };
    let block = match &question.tool {
        Some(tool) => {
            let input: Value = serde_json::from_str(&arguments(tool)).unwrap_or_default();
            json!({"type": "tool_use", "id": "toolu_demo1", "name": tool, "input": input})
        }
        None => json!({"type": "text", "text": question.answer()}),
    };
    let message = |content: Value, stop: Value, output: usize| {
        json!({"id": "msg_demo", "type": "message", "role": "assistant", "model": question.model,
               "content": content, "stop_reason": stop, "stop_sequence": null, "usage": usage(output)})
    };
    if !question.stream {
        return Reply::Whole(message(json!([block]), json!(stop), output));
    }
    let start = message(json!([]), Value::Null, 1);
    let mut empty = block;
    let mut pieces: Vec<Value> = Vec::new();
    if let Some(tool) = &question.tool {
        empty["input"] = json!({});
        for piece in arguments(tool).as_bytes().chunks(6) {
            let piece = String::from_utf8_lossy(piece);
            pieces.push(json!({"type": "input_json_delta", "partial_json": piece}));
        }
    } else {
        empty["text"] = json!("");
        pieces.extend(tokens.into_iter().map(|t| json!({"type": "text_delta", "text": t})));
    }
    let mut frames = vec![
        Frame::event(&json!({"type": "message_start", "message": start}), false),
        Frame::event(
            &json!({"type": "content_block_start", "index": 0, "content_block": empty}),
            false,
        ),
        Frame::event(&json!({"type": "ping"}), false),
    ];
    for delta in pieces {
        let event = json!({"type": "content_block_delta", "index": 0, "delta": delta});
        frames.push(Frame::event(&event, true));
    }
    frames.push(Frame::event(&json!({"type": "content_block_stop", "index": 0}), false));
    frames.push(Frame::event(
        &json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null},
                "usage": {"output_tokens": output}}),
        false,
    ));
    frames.push(Frame::event(&json!({"type": "message_stop"}), false));
    Reply::Stream(frames)
}
