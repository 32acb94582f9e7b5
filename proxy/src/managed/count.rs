//! `POST /v1/messages/count_tokens` where only providers without such a call serve the
//! model: an estimate from the text's length, said to be one. Agents ask before they send,
//! to know when to compact; each tokenizer would be megabytes for a rough answer. Pure.

use serde_json::Value;

/// The operation's path.
pub(super) const OPERATION: &str = "/messages/count_tokens";
/// As the answer's warning header says it.
pub(super) const HEADER: &str = "estimated=input_tokens";
/// As the record says it.
pub(super) const WARNING: &str = "estimated input_tokens";

/// What an image counts at most, scaled down as the vendors do.
const IMAGE: usize = 1600;
/// What frames a message, a block or a tool.
const FRAME: usize = 3;

/// How many tokens a request has, roughly; what does not parse has none.
pub(super) fn estimate(body: &[u8]) -> u64 {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return 0 };
    let counted = ["system", "messages", "tools"].map(|name| of(&body[name]));
    u64::try_from(counted.iter().sum::<usize>()).unwrap_or(u64::MAX)
}

fn of(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => text_tokens(text),
        Value::Array(items) => items.iter().map(of).sum(),
        Value::Object(fields) => {
            let source = fields.get("source").and_then(|source| source["type"].as_str());
            if matches!(source, Some("base64" | "url" | "file")) {
                return IMAGE;
            }
            let fields = fields.iter().filter(|(name, _)| *name != "cache_control");
            FRAME + fields.map(|(_, value)| of(value)).sum::<usize>()
        }
    }
}

/// Four characters of Latin text to a token, and one of most others.
fn text_tokens(text: &str) -> usize {
    let (plain, other) = text.chars().fold((0, 0), |(plain, other), c| match c.is_ascii() {
        true => (plain + 1, other),
        false => (plain, other + 1),
    });
    usize::div_ceil(plain, 4) + other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(r#"{"messages":[]}"#, 0, 0)]
    #[case("no json", 0, 0)]
    #[case(
        r#"{"messages":[{"role":"user","content":"Explain backpressure to a newcomer."}]}"#,
        9,
        16
    )]
    #[case(r#"{"messages":[{"role":"user","content":"讲一个关于狐狸的小故事。"}]}"#, 12, 18)]
    #[case(
        r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","data":"AAAA"}}]}]}"#,
        1600,
        1610
    )]
    fn an_estimate_is_near(#[case] body: &str, #[case] least: u64, #[case] most: u64) {
        let counted = estimate(body.as_bytes());
        assert!((least..=most).contains(&counted), "{counted}");
    }

    #[test]
    fn tools_and_the_system_text_count() {
        let bare = estimate(br#"{"messages":[{"role":"user","content":"hi"}]}"#);
        let more = estimate(
            br#"{"system":"Be very brief.","tools":[{"name":"get_weather","input_schema":{}}],
                "messages":[{"role":"user","content":"hi"}]}"#,
        );
        assert!(more > bare + 6, "{bare} {more}");
    }
}
