//! What an answer says beside its text: the model that served, ids, counts, headers. Kept
//! as it was said; what it means is [`super::verdict`]'s. Pure.

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Characters kept of an answer's text.
const MOST_TEXT: usize = 20_000;
/// Characters kept of a header's value.
const MOST_VALUE: usize = 300;
/// Header fields kept.
const MOST_FIELDS: usize = 80;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Said {
    /// The answer's status.
    pub http_status: Option<u16>,
    /// The model it says served.
    pub model: Option<String>,
    /// Its own id.
    pub id: Option<String>,
    /// `object` or `type`.
    pub object: Option<String>,
    /// OpenAI's.
    pub system_fingerprint: Option<String>,
    /// A service tier or provider that the answer names.
    pub served_by: Option<String>,
    /// As it was counted there.
    pub prompt_tokens: Option<u64>,
    /// As it was counted there.
    pub completion_tokens: Option<u64>,
    /// Whether it came as a stream that nobody asked for.
    pub streamed: bool,
    /// From sending to the end of the answer.
    pub latency_ms: f64,
    /// Without those of the connection and Glassway's own.
    pub headers: Vec<[String; 2]>,
}

/// The answer's text, and the rest of what it says.
pub fn read(
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    latency_ms: f64,
) -> (Option<String>, Said) {
    let text = String::from_utf8_lossy(body);
    let streamed =
        text.trim_start().starts_with("data:") || text.trim_start().starts_with("event:");
    let parts: Vec<Value> = match streamed {
        true => text
            .lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?.trim()).ok())
            .collect(),
        false => serde_json::from_slice(body).into_iter().collect(),
    };
    let first = |pick: &dyn Fn(&Value) -> Option<String>| parts.iter().find_map(pick);
    let string = |name: &'static str| {
        first(&move |part: &Value| {
            let at = part[name].as_str().or(part["message"][name].as_str())?;
            Some(at.chars().take(MOST_VALUE).collect())
        })
    };
    let count = |names: [&'static str; 2]| {
        let of = |part: &Value| {
            let usage = [&part["usage"], &part["message"]["usage"]];
            usage.iter().find_map(|usage| names.iter().find_map(|name| usage[*name].as_u64()))
        };
        parts.iter().rev().find_map(of)
    };
    let answer: String = parts.iter().map(words).collect();
    let said = Said {
        http_status: Some(status),
        model: string("model"),
        id: string("id"),
        object: string("object").or_else(|| string("type")),
        system_fingerprint: string("system_fingerprint"),
        served_by: string("provider").or_else(|| string("service_tier")),
        prompt_tokens: count(["prompt_tokens", "input_tokens"]),
        completion_tokens: count(["completion_tokens", "output_tokens"]),
        streamed,
        latency_ms,
        headers: kept(headers),
    };
    let answer: String = answer.chars().take(MOST_TEXT).collect();
    ((!answer.is_empty()).then_some(answer), said)
}

/// The text in an answer or a piece of one, in either dialect.
fn words(part: &Value) -> String {
    let mut all = String::new();
    let mut add = |value: &Value| match value {
        Value::String(text) => all.push_str(text),
        Value::Array(blocks) => {
            for block in blocks {
                all.push_str(block["text"].as_str().unwrap_or_default());
            }
        }
        _ => {}
    };
    for choice in part["choices"].as_array().into_iter().flatten() {
        add(&choice["message"]["content"]);
        add(&choice["message"]["refusal"]);
        add(&choice["delta"]["content"]);
    }
    add(&part["content"]);
    add(&part["delta"]["text"]);
    all
}

fn kept(headers: &HeaderMap) -> Vec<[String; 2]> {
    const OURS: &[&str] = &[
        "connection",
        "content-length",
        "transfer-encoding",
        "x-glassway-id",
        "x-glassway-warnings",
        "set-cookie",
    ];
    let fields = headers.iter().filter(|(name, _)| !OURS.contains(&name.as_str()));
    fields
        .take(MOST_FIELDS)
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            [name.as_str().to_owned(), value.chars().take(MOST_VALUE).collect()]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(body: &str) -> (Option<String>, Said) {
        let mut headers = HeaderMap::new();
        headers.insert("x-oneapi-request-id", "1".parse().unwrap());
        headers.insert("x-glassway-id", "ours".parse().unwrap());
        read(200, &headers, body.as_bytes(), 12.5)
    }

    #[test]
    fn both_dialects_are_read_whole_or_streamed() {
        let chat = json!({"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o",
            "system_fingerprint": "fp_1", "choices": [{"message": {"content": "KXMT"}}],
            "usage": {"prompt_tokens": 300, "completion_tokens": 4}});
        let (answer, said) = of(&chat.to_string());
        assert_eq!(answer.unwrap(), "KXMT");
        assert_eq!((said.prompt_tokens, said.completion_tokens), (Some(300), Some(4)));
        assert_eq!(said.headers, [["x-oneapi-request-id".to_owned(), "1".to_owned()]]);
        assert_eq!(said.system_fingerprint.unwrap(), "fp_1");

        let stream = "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"KX\"}}]}\n\n\
             data: {\"choices\":[{\"delta\":{\"content\":\"MT\"}}]}\n\n\
             data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7}}\n\ndata: [DONE]\n\n";
        let (answer, said) = of(stream);
        assert_eq!(answer.unwrap(), "KXMT");
        assert!(said.streamed && said.prompt_tokens == Some(7) && said.model.unwrap() == "m");

        let messages = json!({"id": "msg_1", "type": "message", "model": "claude",
            "content": [{"type": "text", "text": "KX"}, {"type": "text", "text": "MT"}],
            "usage": {"input_tokens": 400, "output_tokens": 3}});
        let (answer, said) = of(&messages.to_string());
        assert_eq!((answer.unwrap().as_str(), said.prompt_tokens), ("KXMT", Some(400)));

        let stream = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_2\",\
             \"model\":\"claude\",\"usage\":{\"input_tokens\":9}}}\n\n\
             data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"KXMT\"}}\n\n";
        let (answer, said) = of(stream);
        assert_eq!((answer.unwrap().as_str(), said.id.unwrap().as_str()), ("KXMT", "msg_2"));
    }

    #[test]
    fn nonsense_says_nothing() {
        let (answer, said) = of("<html>");
        assert_eq!((answer, said.model, said.http_status), (None, None, Some(200)));
    }
}
