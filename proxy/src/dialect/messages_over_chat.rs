//! An Anthropic messages client over an OpenAI-compatible upstream.
//!
//! `request` reads the parameters; `messages` and `content` the conversation; `tools`
//! the tools; `response`, and `stream` with its `blocks`, are the way back.

pub(super) mod request;
pub(super) mod response;
pub(super) mod stream;

mod blocks;
mod content;
mod messages;
mod schema;
mod tools;

/// OpenAI's reason as Anthropic's; `None` for one that is not known, which counts as
/// `end_turn`. A tool that was called counts more than a reason that does not say so.
fn stop_reason(finish: &str, called: bool) -> Option<&'static str> {
    Some(match finish {
        "length" => "max_tokens",
        "content_filter" => "refusal",
        "tool_calls" | "function_call" => "tool_use",
        "stop" | "" if called => "tool_use",
        "stop" | "" => "end_turn",
        _ => return None,
    })
}

/// `chatcmpl-…` as `msg_…`.
fn message_id(id: &str, fresh: &str) -> String {
    match id.strip_prefix("chatcmpl-").unwrap_or(id) {
        "" => format!("msg_{fresh}"),
        id => format!("msg_{id}"),
    }
}
