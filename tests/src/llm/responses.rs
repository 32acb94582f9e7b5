//! OpenAI's responses, whole and streamed.

use serde_json::{Value, json};

use super::{Frame, Reply, openai::CREATED, pieces, question::Question};

pub fn responses(question: &Question) -> Reply {
    let completion = question.completion_tokens() + question.reasoning_tokens();
    let items = items(question);
    let output: Vec<&Value> = items.iter().map(|(item, _)| item).collect();
    let whole = json!({
        "id": "resp_demo", "object": "response", "created_at": CREATED, "status": "completed",
        "error": null, "incomplete_details": null, "instructions": question.body["instructions"],
        "model": question.model, "output": output, "parallel_tool_calls": true, "tool_choice": "auto",
        "tools": [], "metadata": {}, "temperature": 1.0, "top_p": 1.0,
        "usage": {"input_tokens": question.prompt_tokens, "output_tokens": completion,
                  "total_tokens": question.prompt_tokens + completion,
                  "input_tokens_details": {"cached_tokens": 0},
                  "output_tokens_details": {"reasoning_tokens": question.reasoning_tokens()}}});
    if !question.stream {
        return Reply::Whole(whole);
    }
    let mut started = whole.clone();
    started["status"] = json!("in_progress");
    started["output"] = json!([]);
    started["usage"] = Value::Null;
    let mut events = vec![
        (json!({"type": "response.created", "response": started}), false),
        (json!({"type": "response.in_progress", "response": started}), false),
    ];
    for (index, (item, pieces)) in items.iter().enumerate() {
        let about = |kind: &str, more: Value| {
            let mut event = json!({"type": format!("response.{kind}"), "item_id": item["id"],
                                   "output_index": index});
            for (name, value) in more.as_object().into_iter().flatten() {
                event[name] = value.clone();
            }
            event
        };
        let mut begun = item.clone();
        begun["status"] = json!("in_progress");
        let text = item["type"] == "message";
        begun[if text { "content" } else { "arguments" }] =
            if text { json!([]) } else { json!("") };
        let added =
            json!({"type": "response.output_item.added", "output_index": index, "item": begun});
        events.push((added, false));
        if text {
            let part =
                json!({"type": "output_text", "text": "", "annotations": [], "logprobs": []});
            events.push((
                about("content_part.added", json!({"content_index": 0, "part": part})),
                false,
            ));
            for piece in pieces {
                let more = json!({"content_index": 0, "delta": piece, "logprobs": []});
                events.push((about("output_text.delta", more), true));
            }
            let part = &item["content"][0];
            let more = json!({"content_index": 0, "text": part["text"], "logprobs": []});
            events.push((about("output_text.done", more), false));
            events.push((
                about("content_part.done", json!({"content_index": 0, "part": part})),
                false,
            ));
        } else {
            for piece in pieces {
                events
                    .push((about("function_call_arguments.delta", json!({"delta": piece})), true));
            }
            let more = json!({"arguments": item["arguments"], "name": item["name"]});
            events.push((about("function_call_arguments.done", more), false));
        }
        let done =
            json!({"type": "response.output_item.done", "output_index": index, "item": item});
        events.push((done, false));
    }
    events.push((json!({"type": "response.completed", "response": whole}), false));
    let number = |(n, (mut event, content)): (usize, (Value, bool))| {
        event["sequence_number"] = json!(n);
        Frame::event(&event, content)
    };
    Reply::Stream(events.into_iter().enumerate().map(number).collect())
}

/// Each item, and the pieces that its text or its arguments come in.
fn items(question: &Question) -> Vec<(Value, Vec<String>)> {
    if question.calls.is_empty() {
        let part = json!({"type": "output_text", "text": question.answer(), "annotations": [],
                          "logprobs": []});
        let item = json!({"id": "msg_demo", "type": "message", "role": "assistant",
                          "status": "completed", "content": [part]});
        return vec![(item, question.tokens())];
    }
    let call = |(n, (name, arguments)): (usize, &(String, String))| {
        let item = json!({"id": format!("fc_demo{}", n + 1), "type": "function_call",
            "status": "completed", "call_id": format!("call_demo{}", n + 1), "name": name,
            "arguments": arguments});
        (item, pieces(arguments).collect())
    };
    question.calls.iter().enumerate().map(call).collect()
}
