//! An exchange as a row of a table, for spreadsheets.

use glassway_shared::model::Exchange;

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
    line(COLUMNS.map(str::to_owned))
}

/// The same, for one exchange; what is not known is empty.
pub(super) fn row(x: &Exchange) -> String {
    fn text<T: ToString>(value: Option<T>) -> String {
        value.map(|value| value.to_string()).unwrap_or_default()
    }
    line([
        x.id.to_string(),
        x.started_at.to_string(),
        x.method.clone(),
        x.path.clone(),
        x.origin.as_str().to_owned(),
        x.mode.as_str().to_owned(),
        x.client_ip.clone(),
        text(x.client_token.as_ref()),
        text(x.provider.as_ref()),
        text(x.key.as_ref()),
        text(x.model.as_ref()),
        text(x.upstream_model.as_ref()),
        text(x.status),
        x.outcome.as_str().to_owned(),
        text(x.error.as_ref().map(|error| &error.code)),
        text(x.error.as_ref().map(|error| &error.message)),
        x.stream.to_string(),
        text(x.duration_ms),
        text(x.ttfb_ms),
        text(x.first_token_ms),
        x.request_bytes.to_string(),
        x.response_bytes.to_string(),
        text(x.usage.prompt_tokens),
        text(x.usage.completion_tokens),
        text(x.usage.cached_tokens),
        text(x.usage.reasoning_tokens),
        x.usage.source.as_str().to_owned(),
        text(x.cost_usd),
        x.attempts.to_string(),
        x.warnings.join("; "),
        x.pinned.to_string(),
        text(x.note.as_ref()),
    ])
}

fn line<const N: usize>(cells: [String; N]) -> String {
    let mut line = cells.map(|cell| quoted(&cell)).join(",");
    line.push_str("\r\n");
    line
}

/// RFC 4180; and a cell that a spreadsheet would run as a formula stays text.
fn quoted(cell: &str) -> String {
    let formula =
        cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
    let cell = if formula { format!("'{cell}") } else { cell.to_owned() };
    match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("plain", "plain")]
    #[case("a,b", "\"a,b\"")]
    #[case("say \"hi\"\n", "\"say \"\"hi\"\"\n\"")]
    #[case("=cmd()", "'=cmd()")]
    #[case("@x,y", "\"'@x,y\"")]
    #[case("-1.5", "-1.5")]
    fn cells_are_quoted_and_run_nothing(#[case] cell: &str, #[case] is: &str) {
        assert_eq!(quoted(cell), is);
    }
}
