//! What answers about a span look like: one array per figure, one entry per slot.

use glassway_shared::store::stats::{self, Latencies, Ranking, Series, Sums, Weight};
use poem_openapi::{Enum, Object};

use crate::api::{
    shape::{Id, Time},
    stats::{at, shape::Losses},
};

/// What sums are told apart by.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum By {
    /// How exchanges ended.
    Outcome,
    /// As clients named it.
    Model,
    /// By name.
    Provider,
    /// By name, with its provider's.
    Key,
    /// By name.
    ClientToken,
}

impl From<By> for stats::By {
    fn from(by: By) -> Self {
        match by {
            By::Outcome => Self::Outcome,
            By::Model => Self::Model,
            By::Provider => Self::Provider,
            By::Key => Self::Key,
            By::ClientToken => Self::ClientToken,
        }
    }
}

/// What comes first.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum Order {
    /// Exchanges.
    Calls,
    /// Money.
    Cost,
    /// Tokens in and out.
    Tokens,
    /// Failures.
    Failed,
}

impl From<Order> for Weight {
    fn from(order: Order) -> Self {
        match order {
            Order::Calls => Self::Calls,
            Order::Cost => Self::Cost,
            Order::Tokens => Self::Tokens,
            Order::Failed => Self::Failed,
        }
    }
}

/// The stretch of time an answer is about, cut into equal slots.
#[derive(Object)]
pub(super) struct Slots {
    /// When the first begins.
    pub(super) since: Time,
    /// When the last ends; it may not have yet.
    pub(super) until: Time,
    /// How long each lasts.
    pub(super) width_minutes: i64,
    /// How many there are.
    pub(super) count: i64,
}

impl From<stats::Span> for Slots {
    fn from(span: stats::Span) -> Self {
        Self {
            since: at(span.first),
            until: at(span.end()),
            width_minutes: span.width,
            count: span.slots,
        }
    }
}

/// Sums.
#[derive(Object)]
pub(super) struct Total {
    /// Exchanges that ended.
    pub(super) calls: i64,
    pub(super) ok: i64,
    /// Left by their client.
    pub(super) client_closed: i64,
    /// The others.
    pub(super) failed: i64,
    /// Of them, 4xx and what Glassway refused.
    pub(super) client_error: i64,
    /// Of them, 5xx, timeouts and broken answers.
    pub(super) upstream_error: i64,
    /// ok ÷ (calls − left by the client); `null` where there is nothing to judge.
    pub(super) success_rate: Option<f64>,
    pub(super) prompt_tokens: i64,
    pub(super) completion_tokens: i64,
    /// Of the tokens in, from a cache.
    pub(super) cached_tokens: i64,
    /// Of the tokens out.
    pub(super) reasoning_tokens: i64,
    pub(super) cost_usd: f64,
    pub(super) avg_duration_ms: Option<f64>,
    pub(super) avg_ttfb_ms: Option<f64>,
}

impl From<&Sums> for Total {
    fn from(sums: &Sums) -> Self {
        Self {
            calls: sums.calls,
            ok: sums.ok,
            client_closed: sums.client_closed,
            failed: sums.failed(),
            client_error: sums.client_error,
            upstream_error: sums.upstream_error,
            success_rate: sums.success_rate(),
            prompt_tokens: sums.prompt_tokens,
            completion_tokens: sums.completion_tokens,
            cached_tokens: sums.cached_tokens,
            reasoning_tokens: sums.reasoning_tokens,
            cost_usd: sums.cost_usd(),
            avg_duration_ms: sums.avg_duration_ms(),
            avg_ttfb_ms: sums.avg_ttfb_ms(),
        }
    }
}

/// One name over time; each array has one entry per slot.
#[derive(Object)]
pub(super) struct Line {
    /// As it was; "" = none, `null` = all the other names together.
    pub(super) name: Option<String>,
    /// The key's provider, where keys are told apart.
    pub(super) provider: Option<String>,
    /// How many names it stands for.
    pub(super) names: u64,
    pub(super) total: Total,
    pub(super) calls: Vec<i64>,
    /// Neither well nor left by the client.
    pub(super) failed: Vec<i64>,
    pub(super) prompt_tokens: Vec<i64>,
    pub(super) completion_tokens: Vec<i64>,
    pub(super) cached_tokens: Vec<i64>,
    pub(super) cost_usd: Vec<f64>,
}

/// Sums over time.
#[derive(Object)]
pub(super) struct SeriesReport {
    pub(super) span: Slots,
    /// Of all lines together.
    pub(super) total: Total,
    /// The largest first; the other names, if there are any, last.
    pub(super) items: Vec<Line>,
}

impl Line {
    fn of(name: Option<&stats::Name>, names: u64, total: &Sums, slots: &[Sums]) -> Self {
        let each = |figure: fn(&Sums) -> i64| slots.iter().map(figure).collect();
        Self {
            name: name.map(|of| of.name.clone()),
            provider: name.and_then(|of| of.provider.clone()),
            names,
            total: total.into(),
            calls: each(|sums| sums.calls),
            failed: each(Sums::failed),
            prompt_tokens: each(|sums| sums.prompt_tokens),
            completion_tokens: each(|sums| sums.completion_tokens),
            cached_tokens: each(|sums| sums.cached_tokens),
            cost_usd: slots.iter().map(Sums::cost_usd).collect(),
        }
    }
}

impl SeriesReport {
    pub(super) fn of(span: stats::Span, ranking: &Ranking, series: &Series) -> Self {
        let lines = ranking.top.iter().zip(&series.top);
        let mut items: Vec<_> =
            lines.map(|((name, sums), (_, slots))| Line::of(Some(name), 1, sums, slots)).collect();
        if ranking.others > 0 {
            items.push(Line::of(None, ranking.others, &ranking.rest, &series.rest));
        }
        Self { span: span.into(), total: Total::from(&ranking.whole), items }
    }
}

/// What one name came to.
#[derive(Object)]
pub(super) struct TopItem {
    /// As it was; "" = none.
    pub(super) name: String,
    /// The key's provider, where keys are listed.
    pub(super) provider: Option<String>,
    /// `null` where the key is gone, and where no keys are listed.
    pub(super) key_id: Option<i64>,
    pub(super) total: Total,
    /// Of the duration; models only, as the other three.
    pub(super) p50_ms: Option<f64>,
    pub(super) p95_ms: Option<f64>,
    pub(super) first_token_p50_ms: Option<f64>,
    pub(super) first_token_p95_ms: Option<f64>,
}

/// Sums by name, largest first.
#[derive(Object)]
pub(super) struct TopReport {
    pub(super) span: Slots,
    /// Of all names.
    pub(super) total: Total,
    pub(super) items: Vec<TopItem>,
    /// How many names are not listed.
    pub(super) others: u64,
    /// What they come to.
    pub(super) rest: Total,
}

/// A latency's percentiles in milliseconds; `null` where nothing ended.
#[derive(Object)]
pub(super) struct Percentiles {
    /// Exchanges they are of.
    pub(super) calls: i64,
    pub(super) p50: Option<f64>,
    pub(super) p95: Option<f64>,
    pub(super) p99: Option<f64>,
}

impl From<&Latencies> for Percentiles {
    fn from(of: &Latencies) -> Self {
        Self {
            calls: of.calls(),
            p50: of.percentile(0.5),
            p95: of.percentile(0.95),
            p99: of.percentile(0.99),
        }
    }
}

/// A latency over time, in milliseconds; each array has one entry per slot.
#[derive(Object)]
pub(super) struct LatencyLine {
    pub(super) whole: Percentiles,
    pub(super) calls: Vec<i64>,
    pub(super) p50: Vec<Option<f64>>,
    pub(super) p95: Vec<Option<f64>>,
    pub(super) p99: Vec<Option<f64>>,
}

impl LatencyLine {
    pub(super) fn of(spread: &stats::Spread) -> Self {
        let share = |share| spread.slots.iter().map(|slot| slot.percentile(share)).collect();
        Self {
            whole: Percentiles::from(&spread.whole),
            calls: spread.slots.iter().map(Latencies::calls).collect(),
            p50: share(0.5),
            p95: share(0.95),
            p99: share(0.99),
        }
    }
}

/// Latencies over time.
#[derive(Object)]
pub(super) struct LatencyReport {
    pub(super) span: Slots,
    pub(super) duration_ms: LatencyLine,
    pub(super) ttfb_ms: LatencyLine,
    pub(super) first_token_ms: LatencyLine,
}

/// The newest example of a failure.
#[derive(Object)]
pub(super) struct Newest {
    pub(super) id: Id,
    pub(super) started_at: Time,
    pub(super) message: Option<String>,
    pub(super) model: Option<String>,
    pub(super) provider: Option<String>,
    pub(super) key: Option<String>,
    pub(super) client_token: Option<String>,
}

/// Exchanges that ended badly in the same way.
#[derive(Object)]
pub(super) struct FailureKind {
    /// Never `ok`.
    pub(super) outcome: String,
    /// What the client got; `null` where nothing came.
    pub(super) status: Option<u16>,
    /// The error's code; `null` where it has none.
    pub(super) code: Option<String>,
    pub(super) calls: i64,
    /// `null` where its record has expired.
    pub(super) newest: Option<Newest>,
}

/// Failures by kind, most frequent first.
#[derive(Object)]
pub(super) struct FailureReport {
    pub(super) span: Slots,
    /// Of all kinds.
    pub(super) calls: i64,
    pub(super) items: Vec<FailureKind>,
}

/// What could not be kept; each array has one entry per slot.
#[derive(Object)]
pub(super) struct LossReport {
    pub(super) span: Slots,
    pub(super) total: Losses,
    pub(super) bodies_shed: Vec<u64>,
    pub(super) records_lost: Vec<u64>,
}

/// The last hour, minute by minute, oldest first; the last minute still grows.
#[derive(Object)]
pub(super) struct Hour {
    pub(super) since: Time,
    pub(super) calls: Vec<i64>,
    pub(super) failed: Vec<i64>,
    /// In and out together.
    pub(super) tokens: Vec<i64>,
    pub(super) cost_usd: Vec<f64>,
    pub(super) duration_p95_ms: Vec<Option<f64>>,
    pub(super) first_token_p95_ms: Vec<Option<f64>>,
}

/// How it goes now.
#[derive(Object)]
pub(super) struct Now {
    pub(super) at: Time,
    pub(super) in_flight: u64,
    /// Since when the rates count: the minute before this one.
    pub(super) rates_since: Time,
    pub(super) requests_per_second: f64,
    /// In and out together.
    pub(super) tokens_per_second: f64,
    /// Since when the error rate and the latencies count.
    pub(super) recent_since: Time,
    pub(super) recent: Total,
    /// failed ÷ (calls − left by the client); `null` where there is nothing to judge.
    pub(super) error_rate: Option<f64>,
    pub(super) duration_ms: Percentiles,
    pub(super) first_token_ms: Percentiles,
    /// Spent in the last sixty minutes.
    pub(super) usd_per_hour: f64,
    pub(super) hour: Hour,
}

/// A table to export.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum Table {
    /// One line per slot.
    Time,
    /// One line per model.
    Models,
    /// One line per provider.
    Providers,
    /// One line per key.
    Keys,
    /// One line per client token.
    ClientTokens,
    /// One line per kind of failure.
    Errors,
}

impl Table {
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Time => "usage",
            Self::Models => "models",
            Self::Providers => "providers",
            Self::Keys => "keys",
            Self::ClientTokens => "client-tokens",
            Self::Errors => "errors",
        }
    }
}
