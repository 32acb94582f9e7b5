//! What answers about a span look like. Here are the parts all have, and lists by name and
//! by kind; `lines` has figures over time, `asked` what can be asked for.

mod asked;
mod lines;

use glassway_shared::store::stats::{self, Sums};
use poem_openapi::Object;

pub(super) use self::{
    asked::{By, Order, Table},
    lines::{Hour, LatencyLine, LatencyReport, LossReport, Now, Percentiles, SeriesReport},
};
use crate::api::{
    shape::{Id, Time},
    stats::at,
};

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

/// What one name came to.
#[derive(Object)]
pub(super) struct TopItem {
    /// As it was; "" = none; "*" = models past the 200 that a quarter of an hour tells apart.
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
