//! An exchange as a row of a table, for spreadsheets.

use glassway_shared::model::Exchange;

use super::super::csv::{Cell, line};

const COLUMNS: [&str; 32] = [
    "id",
    "started_at",
    "method",
    "path",
    "origin",
    "mode",
    "client_ip",
    "client_token",
    "provider",
    "key",
    "model",
    "upstream_model",
    "status",
    "outcome",
    "error_code",
    "error_message",
    "stream",
    "duration_ms",
    "ttfb_ms",
    "first_token_ms",
    "request_bytes",
    "response_bytes",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "usage_source",
    "cost_usd",
    "attempts",
    "warnings",
    "pinned",
    "note",
];

/// The names of the columns.
pub(super) fn head() -> String {
    format!("{}\r\n", COLUMNS.join(","))
}

/// The same, for one exchange; what is not known is empty.
pub(super) fn row(x: &Exchange) -> String {
    let text = |value: &dyn ToString| Cell::Text(value.to_string());
    let name = |value: &Option<String>| Cell::Text(value.clone().unwrap_or_default());
    let count = |value: Option<u64>| Cell::Number(value.map(|n| n as f64));
    let error = x.error.as_ref();
    let cells: [Cell; COLUMNS.len()] = [
        text(&x.id),
        text(&x.started_at),
        text(&x.method),
        text(&x.path),
        text(&x.origin.as_str()),
        text(&x.mode.as_str()),
        text(&x.client_ip),
        name(&x.client_token),
        name(&x.provider),
        name(&x.key),
        name(&x.model),
        name(&x.upstream_model),
        count(x.status.map(u64::from)),
        text(&x.outcome.as_str()),
        name(&error.map(|error| error.code.clone())),
        name(&error.map(|error| error.message.clone())),
        text(&x.stream),
        Cell::Number(x.duration_ms),
        Cell::Number(x.ttfb_ms),
        Cell::Number(x.first_token_ms),
        count(Some(x.request_bytes)),
        count(Some(x.response_bytes)),
        count(x.usage.prompt_tokens),
        count(x.usage.completion_tokens),
        count(x.usage.cached_tokens),
        count(x.usage.reasoning_tokens),
        text(&x.usage.source.as_str()),
        Cell::Number(x.cost_usd),
        count(Some(x.attempts.into())),
        text(&x.warnings.join("; ")),
        text(&x.pinned),
        name(&x.note),
    ];
    line(&cells)
}
