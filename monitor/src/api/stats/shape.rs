//! What statistics look like.

use std::collections::BTreeMap;

use poem_openapi::{Enum, Object};

use crate::api::shape::Time;

/// A latency's distribution, in milliseconds.
#[derive(Object)]
pub(super) struct Latency {
    pub(super) avg: Option<f64>,
    pub(super) p50: Option<f64>,
    pub(super) p95: Option<f64>,
}

/// A count over the last minute, hour, day and of all time.
#[derive(Object)]
pub(super) struct Counts {
    #[oai(rename = "1m")]
    pub(super) minute: i64,
    #[oai(rename = "1h")]
    pub(super) hour: i64,
    #[oai(rename = "24h")]
    pub(super) day: i64,
    pub(super) all: i64,
}

/// Dollars over the last minute, hour, day and of all time.
#[derive(Object)]
pub(super) struct Costs {
    #[oai(rename = "1m")]
    pub(super) minute: f64,
    #[oai(rename = "1h")]
    pub(super) hour: f64,
    #[oai(rename = "24h")]
    pub(super) day: f64,
    pub(super) all: f64,
}

/// What could not be kept.
#[derive(Object)]
pub(super) struct Losses {
    /// Bodies whose contents were dropped.
    pub(super) bodies_shed: u64,
    /// Exchanges without a record.
    pub(super) records_lost: u64,
}

/// What ended in one minute.
#[derive(Object)]
pub(super) struct Minute {
    pub(super) at: Time,
    pub(super) ok: i64,
    pub(super) client_error: i64,
    pub(super) upstream_error: i64,
    pub(super) other: i64,
}

/// The state of things.
#[derive(Object)]
pub(super) struct Stats {
    /// ok ÷ (finished − left by the client); `null` before there is anything to judge.
    pub(super) success_rate: Option<f64>,
    pub(super) duration_ms: Latency,
    pub(super) ttfb_ms: Latency,
    pub(super) first_token_ms: Latency,
    /// Exchanges that ended.
    pub(super) calls: Counts,
    /// In and out together.
    pub(super) tokens: Counts,
    pub(super) cost_usd: Costs,
    /// Keys by status.
    pub(super) keys: BTreeMap<String, u64>,
    pub(super) lost: Losses,
    /// Running now.
    pub(super) in_flight: u64,
    /// The last hour, oldest first.
    pub(super) per_minute: Vec<Minute>,
}

/// Sums of all time.
#[derive(Object)]
pub(super) struct Overview {
    pub(super) total_calls: i64,
    pub(super) success_rate: Option<f64>,
    pub(super) avg_duration_ms: Option<f64>,
    pub(super) total_tokens: i64,
    pub(super) total_cost_usd: f64,
    /// How many models were called.
    pub(super) models: u64,
    /// When the first of it ended.
    pub(super) since: Option<Time>,
}

/// How far usage looks back.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum Period {
    /// 60 minutes, by minute.
    Hour,
    /// 24 hours, by hour.
    Day,
    /// 7 days, by day.
    Week,
    /// 30 days, by day.
    Month,
    /// Everything, by day.
    All,
}

/// What ended in one stretch of time.
#[derive(Object)]
pub(super) struct UsageItem {
    /// When the stretch begins.
    pub(super) at: Time,
    pub(super) calls: i64,
    pub(super) ok: i64,
    pub(super) prompt_tokens: i64,
    pub(super) completion_tokens: i64,
    pub(super) cost_usd: f64,
}

/// Usage over time, oldest first; stretches in which nothing ended are there too.
#[derive(Object)]
pub(super) struct UsageReport {
    pub(super) period: Period,
    pub(super) items: Vec<UsageItem>,
}

/// What one model did.
#[derive(Object)]
pub(super) struct ModelItem {
    /// As clients named it; "" where they did not.
    pub(super) model: String,
    pub(super) calls: i64,
    pub(super) ok: i64,
    pub(super) success_rate: Option<f64>,
    pub(super) prompt_tokens: i64,
    pub(super) completion_tokens: i64,
    pub(super) cost_usd: f64,
    pub(super) avg_duration_ms: Option<f64>,
    pub(super) p50_ms: Option<f64>,
    pub(super) p95_ms: Option<f64>,
}

/// Statistics by model, busiest first.
#[derive(Object)]
pub(super) struct ModelReport {
    pub(super) items: Vec<ModelItem>,
}

/// What one key did.
#[derive(Object)]
pub(super) struct KeyItem {
    /// `null` where the key is gone.
    pub(super) key_id: Option<i64>,
    /// Its provider's name, as it was.
    pub(super) provider: String,
    /// Its name, as it was.
    pub(super) key: String,
    pub(super) calls: i64,
    pub(super) ok: i64,
    pub(super) success_rate: Option<f64>,
    pub(super) prompt_tokens: i64,
    pub(super) completion_tokens: i64,
    pub(super) cost_usd: f64,
    pub(super) avg_duration_ms: Option<f64>,
}

/// Statistics by key, busiest first.
#[derive(Object)]
pub(super) struct KeyReport {
    pub(super) items: Vec<KeyItem>,
}
