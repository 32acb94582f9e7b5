//! Why an answer ended, in its own words: `finish_reason`, `stop_reason`, or the status of
//! a response. Looked for in the text rather than parsed, since an answer may be megabytes
//! of events and the words are few. Pure.

const NAMES: [&str; 2] = ["\"finish_reason\":", "\"stop_reason\":"];
/// No vendor's word is longer.
const LONGEST: usize = 40;
/// Of several choices.
const MOST: usize = 8;

/// Each reason once, in the order they were given.
pub fn reasons(body: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in NAMES {
        for (at, _) in body.match_indices(name) {
            // Inside a text its quotes would be escaped, and the name not be found.
            if let Some(word) = word(&body[at + name.len()..])
                && !found.iter().any(|known| known == word)
                && found.len() < MOST
            {
                found.push(word.to_owned());
            }
        }
    }
    match found.is_empty() && body.contains("\"object\":\"response\"") {
        true if body.contains("\"status\":\"completed\"") => vec!["completed".to_owned()],
        true if body.contains("\"status\":\"incomplete\"") => vec!["incomplete".to_owned()],
        _ => found,
    }
}

/// The text after a name, where it is a plain word.
fn word(after: &str) -> Option<&str> {
    let text = after.trim_start_matches([' ', '\n', '\t']).strip_prefix('"')?;
    let word = text.split('"').next()?;
    let plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    (plain && (1..=LONGEST).contains(&word.len())).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(r#"{"choices":[{"finish_reason":"stop"}]}"#, "stop")]
    #[case(r#"{"choices":[{"finish_reason":"stop"},{"finish_reason": "length"}]}"#, "stop length")]
    #[case(
        "data: {\"finish_reason\":null}\n\ndata: {\"finish_reason\":\"tool_calls\"}\n",
        "tool_calls"
    )]
    #[case(r#"{"stop_reason":"end_turn","stop_sequence":null}"#, "end_turn")]
    #[case(r#"{"object":"response","status":"completed"}"#, "completed")]
    #[case(r#"{"content":"say \"finish_reason\":\"no\" please"}"#, "")]
    #[case(r#"{"finish_reason":"what a long sentence"}"#, "")]
    #[case(r#"{"finish_reason""#, "")]
    #[case("", "")]
    fn reasons_are_found(#[case] body: &str, #[case] expected: &str) {
        assert_eq!(reasons(body).join(" "), expected);
    }
}
