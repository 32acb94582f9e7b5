//! Statistics: success, latencies, tokens and money, from the minute totals. Minutes
//! and days are UTC's.

pub(super) mod hour;
mod shape;
pub(super) mod spans;

use std::{collections::BTreeMap, sync::Arc};

use glassway_shared::{
    feed::Losses as FeedLosses,
    store::{
        StoreError, keys,
        read::Reader,
        stats::{self, Sums},
        totals::Metric,
    },
};
use jiff::Timestamp;
use poem::Result;
use poem_openapi::{OpenApi, param::Query, payload::Json};

use self::shape::{
    Costs, Counts, KeyItem, KeyReport, Latency, Losses, Minute, ModelItem, ModelReport, Overview,
    Period, Stats, UsageItem, UsageReport,
};
use super::{
    Tag,
    pool::{Pool, by_status},
    shape::Time,
};
use crate::app::App;

pub(super) struct Operations(pub(super) Arc<App>);

const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

#[OpenApi(tag = "Tag::Statistics")]
impl Operations {
    /// The state of things
    #[oai(path = "/api/stats", method = "get", operation_id = "readStats")]
    async fn stats(&self) -> Result<Json<Stats>> {
        let now = this_minute();
        let status = self.0.live.status();
        let app = self.0.clone();
        let read = move |reader: &Reader| {
            let keys = reader.with(|connection| by_status(&app, connection))?;
            overall(reader, now, (status.in_flight, status.gauges.lost), keys)
        };
        Ok(Json(self.0.read(read).await?))
    }

    /// Sums of all time
    #[oai(path = "/api/stats/overview", method = "get", operation_id = "readStatsOverview")]
    async fn overview(&self) -> Result<Json<Overview>> {
        let read = |reader: &Reader| {
            let sums = stats::ever(reader)?;
            let models = stats::by_model(reader, None)?;
            Ok(Overview {
                total_calls: sums.calls,
                success_rate: sums.success_rate(),
                avg_duration_ms: sums.avg_duration_ms(),
                total_tokens: sums.tokens(),
                total_cost_usd: sums.cost_usd(),
                models: models.iter().filter(|(name, _)| !name.is_empty()).count() as u64,
                since: stats::first_minute(reader)?.map(at),
            })
        };
        Ok(Json(self.0.read(read).await?))
    }

    /// Usage over time
    #[oai(path = "/api/stats/usage", method = "get", operation_id = "readStatsUsage")]
    async fn usage(
        &self,
        /// How far to look back.
        #[oai(default = "day")]
        period: Query<Period>,
    ) -> Result<Json<UsageReport>> {
        let period = period.0;
        let now = this_minute();
        let read = move |reader: &Reader| {
            let (first, width) = match period {
                Period::Hour => (now - 59, 1),
                Period::Day => (slot(now, HOUR) - 23 * HOUR, HOUR),
                Period::Week => (slot(now, DAY) - 6 * DAY, DAY),
                Period::Month => (slot(now, DAY) - 29 * DAY, DAY),
                Period::All => (slot(stats::first_minute(reader)?.unwrap_or(now), DAY), DAY),
            };
            Ok(UsageReport { period, items: usage(reader, first, now, width)? })
        };
        Ok(Json(self.0.read(read).await?))
    }

    /// Usage by hour
    #[oai(path = "/api/stats/hourly", method = "get", operation_id = "readStatsHourly")]
    async fn hourly(
        &self,
        /// How many hours to look back.
        #[oai(default = "day_hours", validator(minimum(value = "1"), maximum(value = "744")))]
        hours: Query<i64>,
    ) -> Result<Json<UsageReport>> {
        let now = this_minute();
        let first = slot(now, HOUR) - (hours.0 - 1) * HOUR;
        let read = move |reader: &Reader| usage(reader, first, now, HOUR);
        Ok(Json(UsageReport { period: Period::Hour, items: self.0.read(read).await? }))
    }

    /// Statistics by model
    #[oai(path = "/api/stats/models", method = "get", operation_id = "readStatsModels")]
    async fn models(
        &self,
        /// Only this one.
        model_name: Query<Option<String>>,
    ) -> Result<Json<ModelReport>> {
        let read = move |reader: &Reader| {
            let names = stats::by_model(reader, model_name.0.as_deref())?;
            let items = names.into_iter().map(|(model, sums)| model_item(reader, model, &sums));
            Ok(ModelReport { items: items.collect::<Result<_, StoreError>>()? })
        };
        Ok(Json(self.0.read(read).await?))
    }

    /// Statistics by key
    #[oai(path = "/api/stats/keys", method = "get", operation_id = "readStatsKeys")]
    async fn keys(
        &self,
        /// Only this one.
        key_id: Query<Option<i64>>,
    ) -> Result<Json<KeyReport>> {
        let app = self.0.clone();
        let read = move |reader: &Reader| {
            let only = match key_id.0 {
                None => None,
                Some(id) => match reader.with(|c| keys::find(c, id))? {
                    Some(key) => Some(key),
                    None => return Ok(None),
                },
            };
            let sums = stats::by_key(reader, only.as_ref().map(|key| &key.name[..]))?;
            let known = reader.with(|c| Ok((keys::all(c)?, Pool::read(&app, c)?)))?;
            Ok(Some((only, sums, known)))
        };
        let Some((only, sums, (all, pool))) = self.0.read(read).await? else {
            return Ok(Json(KeyReport { items: vec![] }));
        };
        let items = sums.into_iter().filter_map(|stats::KeySums { provider, key, sums }| {
            let key_id = id_of(&all, &pool, &provider, &key);
            // Another provider may have a key of the same name.
            (only.is_none() || key_id == only.as_ref().map(|key| key.id)).then(|| KeyItem {
                key_id,
                provider,
                key,
                calls: sums.calls,
                ok: sums.ok,
                success_rate: sums.success_rate(),
                prompt_tokens: sums.prompt_tokens,
                completion_tokens: sums.completion_tokens,
                cost_usd: sums.cost_usd(),
                avg_duration_ms: sums.avg_duration_ms(),
            })
        });
        Ok(Json(KeyReport { items: items.collect() }))
    }
}

/// Totals know keys by the names they had.
fn id_of(all: &[keys::Key], pool: &Pool, provider: &str, name: &str) -> Option<i64> {
    let named = |key: &&keys::Key| {
        let owner = pool.provider(key.provider_id);
        key.name == name && owner.is_some_and(|owner| owner.name == provider)
    };
    all.iter().find(named).map(|key| key.id)
}

fn overall(
    reader: &Reader,
    now: i64,
    (in_flight, told): (u64, FeedLosses),
    keys: BTreeMap<String, u64>,
) -> Result<Stats, StoreError> {
    // Totals know whole minutes: the last sixty seconds lie in this one and the one
    // before, and saying a little too much is better than showing 0 at each full minute.
    let minute = stats::since(reader, now - 1)?;
    let hour = stats::since(reader, now - 59)?;
    let day = stats::since(reader, now - DAY + 1)?;
    let all = stats::ever(reader)?;
    let latency = |metric, avg| -> Result<Latency, StoreError> {
        let spread = stats::latencies(reader, metric, None)?;
        Ok(Latency { avg, p50: spread.percentile(0.5), p95: spread.percentile(0.95) })
    };
    let lost = stats::lost(reader)?;
    let minutes = stats::by_time(reader, now - 59, 1, None)?;
    Ok(Stats {
        success_rate: all.success_rate(),
        duration_ms: latency(Metric::Duration, all.avg_duration_ms())?,
        ttfb_ms: latency(Metric::FirstByte, all.avg_ttfb_ms())?,
        first_token_ms: latency(Metric::FirstToken, None)?,
        calls: Counts { minute: minute.calls, hour: hour.calls, day: day.calls, all: all.calls },
        tokens: Counts {
            minute: minute.tokens(),
            hour: hour.tokens(),
            day: day.tokens(),
            all: all.tokens(),
        },
        cost_usd: Costs {
            minute: minute.cost_usd(),
            hour: hour.cost_usd(),
            day: day.cost_usd(),
            all: all.cost_usd(),
        },
        keys,
        lost: Losses {
            // While nothing can be written the proxy knows more than the database.
            bodies_shed: lost.bodies_shed.unsigned_abs().max(told.bodies_shed),
            records_lost: lost.records_lost.unsigned_abs().max(told.records_lost),
        },
        in_flight,
        per_minute: (now - 59..=now).map(|m| minute_of(m, minutes.get(&m))).collect(),
    })
}

fn minute_of(minute: i64, sums: Option<&Sums>) -> Minute {
    let sums = sums.copied().unwrap_or_default();
    Minute {
        at: at(minute),
        ok: sums.ok,
        client_error: sums.client_error,
        upstream_error: sums.upstream_error,
        other: sums.calls - sums.ok - sums.client_error - sums.upstream_error,
    }
}

fn usage(reader: &Reader, first: i64, now: i64, width: i64) -> Result<Vec<UsageItem>, StoreError> {
    let slots = stats::by_time(reader, first, width, None)?;
    let all = (0..).map(|n| first + n * width).take_while(|start| *start <= now);
    let item = |start: i64| {
        let sums = slots.get(&start).copied().unwrap_or_default();
        UsageItem {
            at: at(start),
            calls: sums.calls,
            ok: sums.ok,
            prompt_tokens: sums.prompt_tokens,
            completion_tokens: sums.completion_tokens,
            cost_usd: sums.cost_usd(),
        }
    };
    Ok(all.map(item).collect())
}

fn model_item(reader: &Reader, model: String, sums: &Sums) -> Result<ModelItem, StoreError> {
    let spread = stats::latencies(reader, Metric::Duration, Some(&model))?;
    Ok(ModelItem {
        model,
        calls: sums.calls,
        ok: sums.ok,
        success_rate: sums.success_rate(),
        prompt_tokens: sums.prompt_tokens,
        completion_tokens: sums.completion_tokens,
        cost_usd: sums.cost_usd(),
        avg_duration_ms: sums.avg_duration_ms(),
        p50_ms: spread.percentile(0.5),
        p95_ms: spread.percentile(0.95),
    })
}

fn day() -> Period {
    Period::Day
}

fn day_hours() -> i64 {
    24
}

fn this_minute() -> i64 {
    Timestamp::now().as_second().div_euclid(60)
}

fn slot(minute: i64, width: i64) -> i64 {
    minute - minute.rem_euclid(width)
}

fn at(minute: i64) -> Time {
    Time(Timestamp::from_second(minute.saturating_mul(60)).unwrap_or_default())
}
