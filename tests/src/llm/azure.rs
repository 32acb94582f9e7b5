//! What Azure adds to OpenAI's answers: the content filter's findings, in a chunk of
//! their own before the first, beside each choice, and in a late one without a delta.
//! <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-streaming>

use serde_json::{Value, json};

use super::{Frame, Reply};

pub fn dressed(reply: Reply) -> Reply {
    match reply {
        Reply::Whole(mut body) => {
            body["prompt_filter_results"] = prompt();
            body["choices"][0]["content_filter_results"] = findings();
            Reply::Whole(body)
        }
        Reply::Stream(frames) => Reply::Stream(streamed(frames)),
    }
}

fn streamed(frames: Vec<Frame>) -> Vec<Frame> {
    let first = json!({"id": "", "object": "", "created": 0, "model": "", "choices": [],
                       "prompt_filter_results": prompt()});
    let mut dressed = vec![Frame::data(&first, false)];
    for frame in frames {
        let data = frame.text.trim_start_matches("data: ").trim();
        let Ok(mut chunk) = serde_json::from_str::<Value>(data) else {
            dressed.push(frame);
            continue;
        };
        let ends = chunk["choices"][0]["finish_reason"].is_string();
        if let Some(choice) = chunk["choices"].get_mut(0) {
            choice["content_filter_results"] = json!({});
        }
        if ends {
            // The asynchronous filter reports on what was already sent.
            let late = json!({"id": "", "object": "", "created": 0, "model": "", "choices": [
                {"index": 0, "finish_reason": null, "content_filter_results": findings(),
                 "content_filter_offsets": {"check_offset": 0, "start_offset": 0, "end_offset": 9}}]});
            dressed.push(Frame::data(&late, false));
        }
        dressed.push(Frame::data(&chunk, frame.content));
    }
    dressed
}

fn findings() -> Value {
    let safe = json!({"filtered": false, "severity": "safe"});
    json!({"hate": safe, "self_harm": safe, "sexual": safe, "violence": safe})
}

fn prompt() -> Value {
    json!([{"prompt_index": 0, "content_filter_results": findings()}])
}
