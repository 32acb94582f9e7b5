//! Questions to the totals, never to the exchanges themselves, so that an
//! answer costs the same however much history there is behind a minute.

mod failures;
mod series;
mod span;
mod spread;
mod traffic;

use std::collections::BTreeMap;

use rusqlite::{Row, params};

use super::{
    StoreError,
    read::Reader,
    totals::{Metric, QUARTER, bucket_middle},
};
use crate::model::Outcome;

pub use self::{
    failures::{Kind, kinds, losses},
    series::{By, Name, Narrow, Ranking, Series, Weight, ranking, series},
    span::{Span, WIDTHS},
    spread::{Spread, by_model as spread_by_model, spread},
    traffic::{Traffic, traffic},
};

/// Sums over some minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Exchanges that ended.
    pub calls: i64,
    /// Of them, answered below 400 and whole.
    pub ok: i64,
    /// Of them, left by their client.
    pub client_closed: i64,
    /// 4xx and what Glassway refused.
    pub client_error: i64,
    /// 5xx, timeouts and broken answers.
    pub upstream_error: i64,
    /// Sum of durations.
    pub duration_us: i64,
    /// Sum of times to the first byte.
    pub ttfb_us: i64,
    /// Exchanges that sum is over.
    pub ttfb_calls: i64,
    /// Tokens in.
    pub prompt_tokens: i64,
    /// Tokens out.
    pub completion_tokens: i64,
    /// Of the tokens in, from a cache.
    pub cached_tokens: i64,
    /// Of the tokens out, reasoning.
    pub reasoning_tokens: i64,
    /// Nano-dollars.
    pub cost_nano: i64,
}

const SUMS: &str = "outcome, sum(calls) AS calls, sum(duration_us) AS duration_us,
    sum(ttfb_us) AS ttfb_us, sum(ttfb_calls) AS ttfb_calls, sum(prompt_tokens) AS prompt_tokens,
    sum(completion_tokens) AS completion_tokens, sum(cached_tokens) AS cached_tokens,
    sum(reasoning_tokens) AS reasoning_tokens, sum(cost_nano) AS cost_nano";

impl Sums {
    /// ok ÷ (finished − left by the client); `None` before there is anything to judge.
    pub fn success_rate(&self) -> Option<f64> {
        let judged = self.calls - self.client_closed;
        (judged > 0).then(|| self.ok as f64 / judged as f64)
    }

    /// Mean duration in milliseconds.
    pub fn avg_duration_ms(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.duration_us as f64 / self.calls as f64 / 1000.0)
    }

    /// Mean time to the first byte in milliseconds.
    pub fn avg_ttfb_ms(&self) -> Option<f64> {
        (self.ttfb_calls > 0).then(|| self.ttfb_us as f64 / self.ttfb_calls as f64 / 1000.0)
    }

    /// Tokens in and out.
    pub fn tokens(&self) -> i64 {
        self.prompt_tokens + self.completion_tokens
    }

    /// Dollars.
    pub fn cost_usd(&self) -> f64 {
        self.cost_nano as f64 / 1e9
    }

    /// Neither well nor left by the client: what [`Self::success_rate`] holds against us.
    pub fn failed(&self) -> i64 {
        self.calls - self.ok - self.client_closed
    }

    /// Puts another's sums to these.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.ok += other.ok;
        self.client_closed += other.client_closed;
        self.client_error += other.client_error;
        self.upstream_error += other.upstream_error;
        self.duration_us += other.duration_us;
        self.ttfb_us += other.ttfb_us;
        self.ttfb_calls += other.ttfb_calls;
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
        self.cached_tokens += other.cached_tokens;
        self.reasoning_tokens += other.reasoning_tokens;
        self.cost_nano += other.cost_nano;
    }

    fn add_row(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let outcome: String = row.get("outcome")?;
        let calls: i64 = row.get("calls")?;
        self.calls += calls;
        match outcome.parse() {
            Ok(Outcome::Ok) => self.ok += calls,
            Ok(Outcome::ClientClosed) => self.client_closed += calls,
            Ok(Outcome::ClientError | Outcome::Rejected) => self.client_error += calls,
            Ok(Outcome::UpstreamError | Outcome::UpstreamClosed | Outcome::Timeout) => {
                self.upstream_error += calls;
            }
            Ok(Outcome::Interrupted | Outcome::InFlight) | Err(_) => {}
        }
        self.duration_us += row.get::<_, i64>("duration_us")?;
        self.ttfb_us += row.get::<_, i64>("ttfb_us")?;
        self.ttfb_calls += row.get::<_, i64>("ttfb_calls")?;
        self.prompt_tokens += row.get::<_, i64>("prompt_tokens")?;
        self.completion_tokens += row.get::<_, i64>("completion_tokens")?;
        self.cached_tokens += row.get::<_, i64>("cached_tokens")?;
        self.reasoning_tokens += row.get::<_, i64>("reasoning_tokens")?;
        self.cost_nano += row.get::<_, i64>("cost_nano")?;
        Ok(())
    }
}

/// Sums of every minute from this one on, which lies in the last days (unix minutes).
pub fn since(reader: &Reader, minute: i64) -> Result<Sums, StoreError> {
    sums(reader, "minute_totals", minute)
}

/// Sums of all time.
pub fn ever(reader: &Reader) -> Result<Sums, StoreError> {
    sums(reader, "quarter_totals", i64::MIN)
}

fn sums(reader: &Reader, table: &str, minute: i64) -> Result<Sums, StoreError> {
    reader.with(|connection| {
        let mut query = connection.prepare_cached(&format!(
            "SELECT {SUMS} FROM {table} WHERE minute >= ?1 GROUP BY outcome"
        ))?;
        let mut sums = Sums::default();
        let mut rows = query.query([minute])?;
        while let Some(row) = rows.next()? {
            sums.add_row(row)?;
        }
        Ok(sums)
    })
}

/// Sums by bucket of `width` minutes, from this minute on, on which a bucket begins; the
/// key is the bucket's first minute. Buckets in which nothing ended are absent.
pub fn by_time(
    reader: &Reader,
    minute: i64,
    width: i64,
    key: Option<&str>,
) -> Result<BTreeMap<i64, Sums>, StoreError> {
    let table = if width % QUARTER == 0 { "quarter_totals" } else { "minute_totals" };
    reader.with(|connection| {
        let mut query = connection.prepare_cached(&format!(
            "SELECT minute - minute % ?2 AS slot, {SUMS} FROM {table}
             WHERE minute >= ?1 AND (?3 IS NULL OR key = ?3) GROUP BY slot, outcome"
        ))?;
        let mut slots = BTreeMap::<i64, Sums>::new();
        let mut rows = query.query(params![minute, width, key])?;
        while let Some(row) = rows.next()? {
            slots.entry(row.get("slot")?).or_default().add_row(row)?;
        }
        Ok(slots)
    })
}

/// Sums by model as the client named it ("" = none), busiest first; all or the one
/// given.
pub fn by_model(reader: &Reader, only: Option<&str>) -> Result<Vec<(String, Sums)>, StoreError> {
    reader.with(|connection| {
        let mut query = connection.prepare_cached(&format!(
            "SELECT model AS name, {SUMS} FROM quarter_totals
             WHERE ?1 IS NULL OR model = ?1 GROUP BY name, outcome"
        ))?;
        let mut names = BTreeMap::<String, Sums>::new();
        let mut rows = query.query([only])?;
        while let Some(row) = rows.next()? {
            names.entry(row.get("name")?).or_default().add_row(row)?;
        }
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort_by_key(|(_, sums)| -sums.calls);
        Ok(names)
    })
}

/// Sums of one key, by names as they were.
#[derive(Clone, Debug)]
pub struct KeySums {
    /// Its provider's name.
    pub provider: String,
    /// Its name.
    pub key: String,
    /// What it did.
    pub sums: Sums,
}

/// Sums by key, busiest first; all keys or those with the name given. Exchanges
/// without a key are left out.
pub fn by_key(reader: &Reader, only: Option<&str>) -> Result<Vec<KeySums>, StoreError> {
    reader.with(|connection| {
        let mut query = connection.prepare_cached(&format!(
            "SELECT provider, key, {SUMS} FROM quarter_totals
             WHERE key <> '' AND (?1 IS NULL OR key = ?1) GROUP BY provider, key, outcome"
        ))?;
        let mut keys = BTreeMap::<(String, String), Sums>::new();
        let mut rows = query.query([only])?;
        while let Some(row) = rows.next()? {
            let key = (row.get("provider")?, row.get("key")?);
            keys.entry(key).or_default().add_row(row)?;
        }
        let keys = keys.into_iter();
        let mut keys: Vec<_> =
            keys.map(|((provider, key), sums)| KeySums { provider, key, sums }).collect();
        keys.sort_by_key(|key| -key.sums.calls);
        Ok(keys)
    })
}

/// The quarter of an hour in which anything ended first.
pub fn first_minute(reader: &Reader) -> Result<Option<i64>, StoreError> {
    reader.with(|connection| {
        Ok(connection.query_row("SELECT min(minute) FROM quarter_totals", [], |row| row.get(0))?)
    })
}

/// How many exchanges took how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies(BTreeMap<i64, i64>);

impl Latencies {
    /// How many there are.
    pub fn calls(&self) -> i64 {
        self.0.values().sum()
    }

    /// Puts another's exchanges to these.
    pub fn merge(&mut self, other: &Self) {
        for (&bucket, &calls) in &other.0 {
            self.add(bucket, calls);
        }
    }

    fn add(&mut self, bucket: i64, calls: i64) {
        *self.0.entry(bucket).or_default() += calls;
    }

    /// The latency in milliseconds that this share (0 to 1) of exchanges stayed below.
    pub fn percentile(&self, share: f64) -> Option<f64> {
        let all: i64 = self.0.values().sum();
        let wanted = (all as f64 * share).ceil().max(1.0) as i64;
        let mut seen = 0;
        self.0.iter().find_map(|(&bucket, &calls)| {
            seen += calls;
            (seen >= wanted).then(|| bucket_middle(bucket) / 1000.0)
        })
    }
}

/// The distribution of a latency over all time, over all models or one.
pub fn latencies(
    reader: &Reader,
    metric: Metric,
    model: Option<&str>,
) -> Result<Latencies, StoreError> {
    reader.with(|connection| {
        let mut query = connection.prepare_cached(
            "SELECT bucket, sum(calls) FROM quarter_latency
             WHERE metric = ?1 AND (?2 IS NULL OR model = ?2) GROUP BY bucket",
        )?;
        let rows =
            query.query_map(params![metric as i64, model], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Latencies(rows.collect::<Result<_, _>>()?))
    })
}

/// What could not be kept, ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Bodies whose contents were dropped.
    pub bodies_shed: i64,
    /// Exchanges without a record.
    pub records_lost: i64,
}

/// Losses of all time, as far as they could be written down.
pub fn lost(reader: &Reader) -> Result<Lost, StoreError> {
    reader.with(|connection| {
        Ok(connection.query_row(
            "SELECT coalesce(sum(bodies_shed), 0), coalesce(sum(records_lost), 0) FROM minute_losses",
            [],
            |row| Ok(Lost { bodies_shed: row.get(0)?, records_lost: row.get(1)? }),
        )?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_read_off_the_buckets() {
        use crate::store::totals::bucket;
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile(0.5), None);
        for (us, calls) in [(1_000, 50), (10_000, 45), (1_000_000, 5)] {
            latencies.0.insert(bucket(us), calls);
        }
        let near = |share: f64, ms: f64| {
            let found = latencies.percentile(share).unwrap();
            assert!((found / ms - 1.0).abs() < 0.1, "{share}: {found}");
        };
        near(0.5, 1.0);
        near(0.95, 10.0);
        near(0.99, 1000.0);
    }

    #[test]
    fn those_who_left_do_not_count_against_us() {
        let sums = Sums { calls: 10, ok: 6, client_closed: 2, ..Sums::default() };
        assert_eq!(sums.success_rate(), Some(0.75));
        let left = Sums { calls: 1, client_closed: 1, ..Sums::default() };
        assert_eq!(left.success_rate(), None);
    }
}
