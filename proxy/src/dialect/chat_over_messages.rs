//! A chat completions client over an Anthropic upstream.
//!
//! `request` reads the parameters; `turns`, `history` and `content` the messages; `tools`
//! tools and functions; `schema` their schemas; `thinking` what depends on the model; `response`, and `stream`
//! with its `chunks`, are the way back.

pub(super) mod request;
pub(super) mod response;
pub(super) mod stream;

mod chunks;
mod content;
mod history;
mod schema;
mod thinking;
mod tools;
mod turns;

use std::borrow::Cow;

/// Anthropic's reason as OpenAI's; `None` for one that is not known, which counts as
/// `stop`. <https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons>
fn finish_reason(stop: &str, legacy: bool, answer_tool: bool) -> Option<&'static str> {
    Some(match stop {
        "end_turn" | "stop_sequence" | "pause_turn" => "stop",
        "max_tokens" | "model_context_window_exceeded" => "length",
        // The tool was ours, to carry the answer.
        "tool_use" if answer_tool => "stop",
        "tool_use" if legacy => "function_call",
        "tool_use" => "tool_calls",
        "refusal" => "content_filter",
        _ => return None,
    })
}

/// `msg_01…` as `chatcmpl-01…`.
fn completion_id(id: &str, fresh: &str) -> String {
    match id.strip_prefix("msg_").unwrap_or(id) {
        "" => format!("chatcmpl-{fresh}"),
        id => format!("chatcmpl-{id}"),
    }
}

/// What a refusal says for itself.
fn refusal(explanation: Option<Cow<'_, str>>, text: &str) -> String {
    match explanation {
        Some(explanation) if !explanation.is_empty() => explanation.into_owned(),
        _ if !text.is_empty() => text.to_owned(),
        _ => "The model declined to answer.".to_owned(),
    }
}
