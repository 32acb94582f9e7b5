//! OpenAI's images, moderations, and what is uploaded as a form: audio and files.

use serde_json::{Value, json};

use super::{openai::CREATED, vendor::Call};
use crate::wire::Head;

pub fn image(body: &Value) -> Value {
    let one = json!({"b64_json": "iVBORw0KGgo=", "revised_prompt": body["prompt"]});
    let n = body["n"].as_u64().unwrap_or(1);
    let data: Vec<&Value> = (0..n).map(|_| &one).collect();
    json!({"created": CREATED, "data": data,
           "usage": {"input_tokens": 12, "output_tokens": 272, "total_tokens": 284,
                     "input_tokens_details": {"text_tokens": 12, "image_tokens": 0}}})
}

pub fn moderation(body: &Value) -> Value {
    json!({"id": "modr-demo", "model": body["model"], "results": [
        {"flagged": false, "categories": {}, "category_scores": {},
         "category_applied_input_types": {}}]})
}

/// The answer to a form, if the call is one: it names the model and the file it found.
pub fn upload(call: &Call, head: &Head, body: &[u8]) -> Option<Value> {
    let kind = head.header("content-type")?;
    let boundary = kind.strip_prefix("multipart/form-data")?.split("boundary=").nth(1)?;
    let boundary = format!("--{}", boundary.trim_matches('"'));
    // One character for each byte, so that what is no text keeps its length.
    let text: String = body.iter().copied().map(char::from).collect();
    let parts: Vec<&str> = text.split(&boundary).collect();
    let field = |name: &str| {
        let part = parts.iter().find(|part| part.contains(&format!("name=\"{name}\"")))?;
        let content = part.split_once("\r\n\r\n")?.1;
        Some(content.strip_suffix("\r\n").unwrap_or(content).to_owned())
    };
    let (model, file) = (field("model"), field("file")?);
    match &*call.operation {
        "/files" => {
            Some(json!({"id": "file-demo", "object": "file", "bytes": file.chars().count(),
            "created_at": CREATED, "filename": "f", "purpose": field("purpose"), "status": "processed"}))
        }
        operation if operation.starts_with("/audio/") => {
            let text =
                format!("{} heard {} bytes", model.unwrap_or_default(), file.chars().count());
            Some(json!({"text": text, "usage": {"type": "tokens", "input_tokens": 14,
                "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
                "output_tokens": 5, "total_tokens": 19}}))
        }
        _ => None,
    }
}
