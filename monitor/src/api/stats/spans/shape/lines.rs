//! Figures over time: one array per figure, one entry per slot.

use glassway_shared::store::stats::{self, Latencies, Ranking, Series, Sums};
use poem_openapi::Object;

use super::{Slots, Total};
use crate::api::{shape::Time, stats::shape::Losses};

/// One name over time; each array has one entry per slot.
#[derive(Object)]
pub(in crate::api::stats::spans) struct Line {
    /// As it was; "" = none, `null` = all the other names together.
    pub(in crate::api::stats::spans) name: Option<String>,
    /// The key's provider, where keys are told apart.
    pub(in crate::api::stats::spans) provider: Option<String>,
    /// How many names it stands for.
    pub(in crate::api::stats::spans) names: u64,
    pub(in crate::api::stats::spans) total: Total,
    pub(in crate::api::stats::spans) calls: Vec<i64>,
    /// Neither well nor left by the client.
    pub(in crate::api::stats::spans) failed: Vec<i64>,
    pub(in crate::api::stats::spans) prompt_tokens: Vec<i64>,
    pub(in crate::api::stats::spans) completion_tokens: Vec<i64>,
    pub(in crate::api::stats::spans) cached_tokens: Vec<i64>,
    pub(in crate::api::stats::spans) cost_usd: Vec<f64>,
}

/// Sums over time.
#[derive(Object)]
pub(in crate::api::stats::spans) struct SeriesReport {
    pub(in crate::api::stats::spans) span: Slots,
    /// Of all lines together.
    pub(in crate::api::stats::spans) total: Total,
    /// The largest first; the other names, if there are any, last.
    pub(in crate::api::stats::spans) items: Vec<Line>,
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
    pub(in crate::api::stats::spans) fn of(
        span: stats::Span,
        ranking: &Ranking,
        series: &Series,
    ) -> Self {
        let lines = ranking.top.iter().zip(&series.top);
        let mut items: Vec<_> =
            lines.map(|((name, sums), (_, slots))| Line::of(Some(name), 1, sums, slots)).collect();
        if ranking.others > 0 {
            items.push(Line::of(None, ranking.others, &ranking.rest, &series.rest));
        }
        Self { span: span.into(), total: Total::from(&ranking.whole), items }
    }
}

/// A latency's percentiles in milliseconds; `null` where nothing ended.
#[derive(Object)]
pub(in crate::api::stats::spans) struct Percentiles {
    /// Exchanges they are of.
    pub(in crate::api::stats::spans) calls: i64,
    pub(in crate::api::stats::spans) p50: Option<f64>,
    pub(in crate::api::stats::spans) p95: Option<f64>,
    pub(in crate::api::stats::spans) p99: Option<f64>,
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
pub(in crate::api::stats::spans) struct LatencyLine {
    pub(in crate::api::stats::spans) whole: Percentiles,
    pub(in crate::api::stats::spans) calls: Vec<i64>,
    pub(in crate::api::stats::spans) p50: Vec<Option<f64>>,
    pub(in crate::api::stats::spans) p95: Vec<Option<f64>>,
    pub(in crate::api::stats::spans) p99: Vec<Option<f64>>,
}

impl LatencyLine {
    pub(in crate::api::stats::spans) fn of(spread: &stats::Spread) -> Self {
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
pub(in crate::api::stats::spans) struct LatencyReport {
    pub(in crate::api::stats::spans) span: Slots,
    pub(in crate::api::stats::spans) duration_ms: LatencyLine,
    pub(in crate::api::stats::spans) ttfb_ms: LatencyLine,
    pub(in crate::api::stats::spans) first_token_ms: LatencyLine,
}

/// What could not be kept; each array has one entry per slot.
#[derive(Object)]
pub(in crate::api::stats::spans) struct LossReport {
    pub(in crate::api::stats::spans) span: Slots,
    pub(in crate::api::stats::spans) total: Losses,
    pub(in crate::api::stats::spans) bodies_shed: Vec<u64>,
    pub(in crate::api::stats::spans) records_lost: Vec<u64>,
}

/// The last hour, minute by minute, oldest first; the last minute still grows.
#[derive(Object)]
pub(in crate::api::stats::spans) struct Hour {
    pub(in crate::api::stats::spans) since: Time,
    pub(in crate::api::stats::spans) calls: Vec<i64>,
    pub(in crate::api::stats::spans) failed: Vec<i64>,
    /// In and out together.
    pub(in crate::api::stats::spans) tokens: Vec<i64>,
    pub(in crate::api::stats::spans) cost_usd: Vec<f64>,
    pub(in crate::api::stats::spans) duration_p95_ms: Vec<Option<f64>>,
    pub(in crate::api::stats::spans) first_token_p95_ms: Vec<Option<f64>>,
}

/// How it goes now.
#[derive(Object)]
pub(in crate::api::stats::spans) struct Now {
    pub(in crate::api::stats::spans) at: Time,
    pub(in crate::api::stats::spans) in_flight: u64,
    /// Since when the rates count: the minute before this one.
    pub(in crate::api::stats::spans) rates_since: Time,
    pub(in crate::api::stats::spans) requests_per_second: f64,
    /// In and out together.
    pub(in crate::api::stats::spans) tokens_per_second: f64,
    /// Since when the error rate and the latencies count.
    pub(in crate::api::stats::spans) recent_since: Time,
    pub(in crate::api::stats::spans) recent: Total,
    /// failed ÷ (calls − left by the client); `null` where there is nothing to judge.
    pub(in crate::api::stats::spans) error_rate: Option<f64>,
    pub(in crate::api::stats::spans) duration_ms: Percentiles,
    pub(in crate::api::stats::spans) first_token_ms: Percentiles,
    /// Spent in the last sixty minutes.
    pub(in crate::api::stats::spans) usd_per_hour: f64,
    pub(in crate::api::stats::spans) hour: Hour,
}
