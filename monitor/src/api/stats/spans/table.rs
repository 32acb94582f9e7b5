//! The tables of a span, row by row, for export: every name, not only those that matter
//! most.

use glassway_shared::store::{
    StoreError,
    read::Reader,
    stats::{self, Narrow, Ranking, Span, Sums, Weight},
};

use super::{
    lists::{failures, top_list},
    shape::{By, Table, TopItem},
};
use crate::{
    api::{
        csv::{Cell, Sheet},
        stats::at,
    },
    app::App,
};

const SUMS: &[&str] = &[
    "calls",
    "ok",
    "client_closed",
    "client_error",
    "upstream_error",
    "success_rate",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "cost_usd",
    "avg_duration_ms",
    "avg_ttfb_ms",
];
const LATENCIES: &[&str] = &["p50_ms", "p95_ms", "first_token_p50_ms", "first_token_p95_ms"];

pub(super) fn table(
    app: &App,
    reader: &Reader,
    span: Span,
    table: Table,
) -> Result<Sheet, StoreError> {
    match table {
        Table::Time => by_time(reader, span),
        Table::Models => by_name(app, reader, span, By::Model, "model"),
        Table::Providers => by_name(app, reader, span, By::Provider, "provider"),
        Table::Keys => by_name(app, reader, span, By::Key, "key"),
        Table::ClientTokens => by_name(app, reader, span, By::ClientToken, "client_token"),
        Table::Errors => by_kind(reader, span),
    }
}

fn sums(sums: &Sums) -> [Cell; 13] {
    [
        Cell::Count(sums.calls),
        Cell::Count(sums.ok),
        Cell::Count(sums.client_closed),
        Cell::Count(sums.client_error),
        Cell::Count(sums.upstream_error),
        Cell::Number(sums.success_rate()),
        Cell::Count(sums.prompt_tokens),
        Cell::Count(sums.completion_tokens),
        Cell::Count(sums.cached_tokens),
        Cell::Count(sums.reasoning_tokens),
        Cell::Number(Some(sums.cost_usd())),
        millis(sums.avg_duration_ms()),
        millis(sums.avg_ttfb_ms()),
    ]
}

/// To the microsecond; what lies below says nothing.
fn millis(ms: Option<f64>) -> Cell {
    Cell::Number(ms.map(|ms| (ms * 1000.0).round() / 1000.0))
}

fn by_time(reader: &Reader, span: Span) -> Result<Sheet, StoreError> {
    let all = Ranking { others: 1, ..Ranking::default() };
    let series = stats::series(reader, span, stats::By::Outcome, &all, &Narrow::default())?;
    let row = |(n, slot): (i64, &Sums)| {
        let mut row = vec![Cell::Text(at(span.first + n * span.width).0.to_string())];
        row.extend(sums(slot));
        row
    };
    let head = ["from"].iter().chain(SUMS).copied().collect();
    Ok(Sheet { head, rows: (0..).zip(&series.rest).map(row).collect() })
}

fn by_name(
    app: &App,
    reader: &Reader,
    span: Span,
    by: By,
    title: &'static str,
) -> Result<Sheet, StoreError> {
    let order = (by, Weight::Calls);
    let list = top_list(app, reader, span, order, usize::MAX, &Narrow::default())?;
    let mut head: Vec<_> = [title].iter().chain(SUMS).copied().collect();
    match by {
        By::Key => head.insert(0, "provider"),
        By::Model => head.extend(LATENCIES),
        By::Outcome | By::Provider | By::ClientToken => {}
    }
    let row = |item: TopItem| {
        let t = item.total;
        let mut row = vec![Cell::Text(item.name)];
        if by == By::Key {
            row.insert(0, Cell::Text(item.provider.unwrap_or_default()));
        }
        row.extend(
            [t.calls, t.ok, t.client_closed, t.client_error, t.upstream_error].map(Cell::Count),
        );
        row.push(Cell::Number(t.success_rate));
        row.extend(
            [t.prompt_tokens, t.completion_tokens, t.cached_tokens, t.reasoning_tokens]
                .map(Cell::Count),
        );
        row.push(Cell::Number(Some(t.cost_usd)));
        row.extend([t.avg_duration_ms, t.avg_ttfb_ms].map(millis));
        if by == By::Model {
            let latencies =
                [item.p50_ms, item.p95_ms, item.first_token_p50_ms, item.first_token_p95_ms];
            row.extend(latencies.map(millis));
        }
        row
    };
    Ok(Sheet { head, rows: list.items.into_iter().map(row).collect() })
}

fn by_kind(reader: &Reader, span: Span) -> Result<Sheet, StoreError> {
    let head = vec!["outcome", "status", "code", "calls", "newest", "newest_at", "message"];
    let rows = failures(reader, span)?.items.into_iter().map(|kind| {
        let (id, at, message) = match kind.newest {
            Some(newest) => (
                newest.id.0.to_string(),
                newest.started_at.0.to_string(),
                newest.message.unwrap_or_default(),
            ),
            None => Default::default(),
        };
        vec![
            Cell::Text(kind.outcome),
            Cell::Number(kind.status.map(f64::from)),
            Cell::Text(kind.code.unwrap_or_default()),
            Cell::Count(kind.calls),
            Cell::Text(id),
            Cell::Text(at),
            Cell::Text(message),
        ]
    });
    Ok(Sheet { head, rows: rows.collect() })
}
