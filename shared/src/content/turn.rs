//! Which request of a conversation came before another: agents send their whole history
//! on every turn, so what one request says is found again at the beginning of the next.

use serde_json::Value;

/// A request's place in its conversation, as hashes of what its messages say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Of all its messages.
    pub whole: i64,
    /// Of those before the last answer: the `whole` of the turn before. `None` on a first
    /// turn.
    pub before: Option<i64>,
    /// The id of the first call in the last answer before: vendors never give one twice.
    pub continues: Option<String>,
}

/// The id of the first tool call in an answer, or in an event of one, of any dialect.
pub fn call_id(answer: &Value) -> Option<String> {
    let id = |call: &Value, name: &str| call[name].as_str().map(str::to_owned);
    match answer {
        Value::Array(items) => items.iter().find_map(call_id),
        Value::Object(fields) => match answer["type"].as_str() {
            Some("tool_use") => id(answer, "id"),
            Some("function_call") => id(answer, "call_id"),
            _ => fields.iter().find_map(|(name, value)| match (&name[..], value) {
                ("tool_calls", Value::Array(calls)) => id(calls.first()?, "id"),
                (
                    "content" | "message" | "delta" | "choices" | "output" | "item"
                    | "content_block",
                    _,
                ) => call_id(value),
                _ => None,
            }),
        },
        _ => None,
    }
}

/// Reads a request's body: `messages` of the chat and messages APIs, `input` of responses.
/// `client` is whose conversation it is. `None` where nothing is a conversation.
pub fn turn(client: &str, request: &Value) -> Option<Turn> {
    let messages = request["messages"].as_array().or_else(|| request["input"].as_array());
    let input = request["input"].as_str();
    let said: Vec<&Value> = messages.into_iter().flatten().filter(|m| !is_instruction(m)).collect();
    if said.is_empty() && input.is_none() {
        return None;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(client.as_bytes());
    // The last answer may be several items in a row: thoughts, calls, text.
    let last = said.iter().rposition(|message| is_answer(message));
    let first_of_last = last.map(|last| {
        let others = said[..last].iter().rposition(|message| !is_answer(message));
        others.map_or(0, |n| n + 1)
    });
    let mut before = None;
    for (n, message) in said.iter().enumerate() {
        if first_of_last == Some(n) && n > 0 {
            before = Some(short(&hasher));
        }
        hear(&mut hasher, message, "");
        hasher.update(b"\0");
    }
    if let Some(text) = input {
        // As the one message that it stands for.
        hasher.update(text.as_bytes()).update(b"\n").update(b"\0");
    }
    let last_answer = first_of_last.zip(last).map(|(from, to)| &said[from..=to]);
    let continues = last_answer.and_then(|items| items.iter().find_map(|item| call_id(item)));
    Some(Turn { whole: short(&hasher), before, continues })
}

fn is_instruction(message: &Value) -> bool {
    matches!(message["role"].as_str(), Some("system" | "developer"))
}

fn is_answer(message: &Value) -> bool {
    let kind = message["type"].as_str().unwrap_or_default();
    message["role"] == "assistant" || kind == "reasoning" || kind.ends_with("_call")
}

/// What was said, without what clients change from turn to turn: marks for caches, ids,
/// signatures.
fn hear(hasher: &mut blake3::Hasher, value: &Value, key: &str) {
    const NOT_SAID: &[&str] =
        &["type", "role", "cache_control", "id", "status", "signature", "encrypted_content"];
    if NOT_SAID.contains(&key) {
        return;
    }
    match value {
        Value::String(text) => {
            hasher.update(text.as_bytes()).update(b"\n");
        }
        Value::Array(items) => items.iter().for_each(|item| hear(hasher, item, key)),
        Value::Object(fields) => fields.iter().for_each(|(key, value)| hear(hasher, value, key)),
        _ => {}
    }
}

fn short(hasher: &blake3::Hasher) -> i64 {
    let hash = hasher.finalize();
    i64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(request: &Value) -> Turn {
        turn("app", request).unwrap()
    }

    #[test]
    fn each_turn_begins_with_the_one_before() {
        let first = json!({"messages": [{"role": "system", "content": "now it is 9"}, {"role": "user", "content": "weather?"}]});
        let second = json!({"messages": [
            {"role": "system", "content": "now it is 10"}, {"role": "user", "content": [{"type": "text", "text": "weather?", "cache_control": {"ttl": "5m"}}]},
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "look", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "a", "content": "sun"}]});
        let mut third = second.clone();
        let more = [
            json!({"role": "assistant", "content": "Sun."}),
            json!({"role": "user", "content": "thanks"}),
        ];
        third["messages"].as_array_mut().unwrap().extend(more);
        let [first, second, third] = [first, second, third].map(|request| of(&request));
        assert_eq!(first.before, None);
        assert_eq!(second.before, Some(first.whole));
        assert_eq!(second.continues.as_deref(), Some("a"));
        assert_eq!(third.before, Some(second.whole));
    }

    #[test]
    fn items_of_the_responses_api_are_turns_too() {
        let first = of(&json!({"input": "weather?"}));
        let second = of(
            &json!({"input": [{"role": "user", "content": "weather?"}, {"type": "reasoning", "summary": []},
            {"type": "function_call", "name": "look"}, {"type": "function_call_output", "output": "sun"}]}),
        );
        assert_eq!((first.before, second.before), (None, Some(first.whole)));
    }

    #[rstest::rstest]
    #[case(json!({"choices": [{"message": {"content": null, "tool_calls": [{"id": "x"}]}}]}))]
    #[case(json!({"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "x"}]}}]}))]
    #[case(json!({"content": [{"type": "text", "text": "t"}, {"type": "tool_use", "id": "x"}]}))]
    #[case(json!({"type": "content_block_start", "content_block": {"type": "tool_use", "id": "x"}}))]
    #[case(json!({"output": [{"type": "reasoning", "id": "r"}, {"type": "function_call", "call_id": "x"}]}))]
    #[case(json!({"type": "response.output_item.added", "item": {"type": "function_call", "call_id": "x"}}))]
    fn a_call_is_found_in_every_dialect(#[case] answer: Value) {
        assert_eq!(call_id(&answer).as_deref(), Some("x"));
    }

    #[test]
    fn others_are_others() {
        let request = json!({"messages": [{"role": "user", "content": "hi"}]});
        assert_ne!(turn("app", &request), turn("other", &request));
        assert_eq!(turn("app", &json!({"input": ["a", "b"]})).and_then(|t| t.before), None);
        assert_eq!(turn("app", &json!({"model": "m"})), None);
        assert_eq!(turn("app", &json!([1])), None);
        // An answer at the very beginning continues nothing.
        assert_eq!(of(&json!({"messages": [{"role": "assistant", "content": "hi"}]})).before, None);
    }
}
