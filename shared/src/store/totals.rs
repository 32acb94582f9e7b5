//! Sums by minute and by quarter of an hour, kept in the transaction of the exchanges
//! they count, the logarithmic buckets that percentiles are read from, and failures by
//! kind.

mod names;

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::{StoreError, record::Record};
use crate::{id::ExchangeId, model::Outcome};

pub(super) use names::Names;

/// Which latency a bucket counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i64)]
pub enum Metric {
    /// To the last byte.
    Duration = 0,
    /// To the answer's head.
    FirstByte = 1,
    /// To the first piece of content.
    FirstToken = 2,
}

/// The bucket of a latency in microseconds: eight to each doubling, so that a
/// percentile read from it is at most 9 % off.
pub fn bucket(us: u64) -> i64 {
    let us = us.max(1) as f64;
    (us.log2() * 8.0).floor() as i64
}

/// A bucket's middle in microseconds.
pub fn bucket_middle(bucket: i64) -> f64 {
    ((bucket as f64 + 0.5) / 8.0).exp2()
}

/// The first minute of the quarter of an hour that this one lies in.
pub fn quarter(minute: i64) -> i64 {
    minute - minute.rem_euclid(QUARTER)
}

/// Minutes that one row of the coarser sums is over.
pub const QUARTER: i64 = 15;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Group {
    minute: i64,
    outcome: &'static str,
    model: String,
    provider: String,
    key: String,
    client_token: String,
}

#[derive(Clone, Copy, Default)]
struct Sums {
    calls: i64,
    duration_us: i64,
    ttfb_us: i64,
    ttfb_calls: i64,
    prompt_tokens: i64,
    completion_tokens: i64,
    cached_tokens: i64,
    reasoning_tokens: i64,
    cost_nano: i64,
    request_bytes: i64,
    response_bytes: i64,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.duration_us += other.duration_us;
        self.ttfb_us += other.ttfb_us;
        self.ttfb_calls += other.ttfb_calls;
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
        self.cached_tokens += other.cached_tokens;
        self.reasoning_tokens += other.reasoning_tokens;
        self.cost_nano = self.cost_nano.saturating_add(other.cost_nano);
        self.request_bytes += other.request_bytes;
        self.response_bytes += other.response_bytes;
    }
}

/// What went wrong: minute, outcome, status (0 = none), code ("" = none).
type Kind = (i64, &'static str, u16, String);

/// One batch's sums, added up in memory and written once.
#[derive(Default)]
pub(super) struct Totals {
    groups: HashMap<Group, Sums>,
    latencies: HashMap<(i64, i64, String, i64), i64>,
    failures: HashMap<Kind, (i64, ExchangeId)>,
}

impl Totals {
    pub(super) fn add(&mut self, record: &Record) {
        if !record.origin.counts() {
            return;
        }
        let duration = record.times.duration_us.unwrap_or(0);
        let minute = (record.started_at_us + duration as i64).div_euclid(60_000_000);
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let sums = self
            .groups
            .entry(Group {
                minute,
                outcome: record.outcome.as_str(),
                model: text(&record.model),
                provider: text(&record.provider),
                key: text(&record.key),
                client_token: text(&record.client_token),
            })
            .or_default();
        let tokens = |count: Option<u64>| count.unwrap_or(0).min(1 << 50) as i64;
        sums.calls += 1;
        sums.duration_us += duration as i64;
        if let Some(ttfb) = record.times.ttfb_us {
            sums.ttfb_us += ttfb as i64;
            sums.ttfb_calls += 1;
        }
        sums.prompt_tokens += tokens(record.usage.prompt_tokens);
        sums.completion_tokens += tokens(record.usage.completion_tokens);
        sums.cached_tokens += tokens(record.usage.cached_tokens);
        sums.reasoning_tokens += tokens(record.usage.reasoning_tokens);
        sums.cost_nano = sums.cost_nano.saturating_add(record.cost_nano.unwrap_or(0));
        sums.request_bytes += tokens(Some(record.request.body_bytes));
        sums.response_bytes += tokens(record.response.as_ref().map(|r| r.body_bytes));

        if record.outcome != Outcome::Ok {
            let code = record.error.as_ref().map(|error| error.code.clone()).unwrap_or_default();
            let kind = (minute, record.outcome.as_str(), record.status.unwrap_or(0), code);
            let (calls, newest) = self.failures.entry(kind).or_insert((0, record.id));
            *calls += 1;
            *newest = (*newest).max(record.id);
        }

        for (metric, us) in [
            (Metric::Duration, record.times.duration_us),
            (Metric::FirstByte, record.times.ttfb_us),
            (Metric::FirstToken, record.times.first_token_us),
        ] {
            if let Some(us) = us {
                let slot = (minute, metric as i64, text(&record.model), bucket(us));
                *self.latencies.entry(slot).or_default() += 1;
            }
        }
    }

    /// Names past those that a quarter tells apart become one.
    fn gather(&mut self, connection: &Connection, names: &mut Names) -> Result<(), StoreError> {
        for (mut group, sums) in std::mem::take(&mut self.groups) {
            group.model = names.of(connection, group.minute, group.model)?;
            self.groups.entry(group).or_default().add(&sums);
        }
        for ((minute, metric, model, bucket), calls) in std::mem::take(&mut self.latencies) {
            let slot = (minute, metric, names.of(connection, minute, model)?, bucket);
            *self.latencies.entry(slot).or_default() += calls;
        }
        Ok(())
    }

    pub(super) fn write(
        mut self,
        connection: &Connection,
        names: &mut Names,
    ) -> Result<(), StoreError> {
        self.gather(connection, names)?;
        let mut quarters = HashMap::<Group, Sums>::new();
        for (group, sums) in &self.groups {
            let coarse = Group { minute: quarter(group.minute), ..group.clone() };
            quarters.entry(coarse).or_default().add(sums);
        }
        write_sums(connection, "minute_totals", &self.groups)?;
        write_sums(connection, "quarter_totals", &quarters)?;

        let mut coarse = HashMap::new();
        for ((minute, metric, model, bucket), calls) in &self.latencies {
            *coarse.entry((quarter(*minute), *metric, model.clone(), *bucket)).or_default() +=
                calls;
        }
        write_latencies(connection, "minute_latency", &self.latencies)?;
        write_latencies(connection, "quarter_latency", &coarse)?;

        let mut upsert = connection.prepare_cached(
            "INSERT INTO minute_failures (minute, outcome, status, code, calls, newest)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET
                 calls = calls + excluded.calls, newest = max(newest, excluded.newest)",
        )?;
        for ((minute, outcome, status, code), (calls, newest)) in &self.failures {
            upsert.execute(params![minute, outcome, status, code, calls, newest.as_bytes()])?;
        }
        Ok(())
    }
}

fn write_sums(
    connection: &Connection,
    table: &str,
    groups: &HashMap<Group, Sums>,
) -> Result<(), StoreError> {
    let mut upsert = connection.prepare_cached(&format!(
        "INSERT INTO {table} (minute, outcome, model, provider, key, client_token, calls,
             duration_us, ttfb_us, ttfb_calls, prompt_tokens, completion_tokens, cached_tokens,
             reasoning_tokens, cost_nano, request_bytes, response_bytes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
         ON CONFLICT DO UPDATE SET
             calls = calls + excluded.calls,
             duration_us = duration_us + excluded.duration_us,
             ttfb_us = ttfb_us + excluded.ttfb_us,
             ttfb_calls = ttfb_calls + excluded.ttfb_calls,
             prompt_tokens = prompt_tokens + excluded.prompt_tokens,
             completion_tokens = completion_tokens + excluded.completion_tokens,
             cached_tokens = cached_tokens + excluded.cached_tokens,
             reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens,
             cost_nano = cost_nano + excluded.cost_nano,
             request_bytes = request_bytes + excluded.request_bytes,
             response_bytes = response_bytes + excluded.response_bytes",
    ))?;
    for (group, sums) in groups {
        upsert.execute(params![
            group.minute,
            group.outcome,
            group.model,
            group.provider,
            group.key,
            group.client_token,
            sums.calls,
            sums.duration_us,
            sums.ttfb_us,
            sums.ttfb_calls,
            sums.prompt_tokens,
            sums.completion_tokens,
            sums.cached_tokens,
            sums.reasoning_tokens,
            sums.cost_nano,
            sums.request_bytes,
            sums.response_bytes,
        ])?;
    }
    Ok(())
}

fn write_latencies(
    connection: &Connection,
    table: &str,
    latencies: &HashMap<(i64, i64, String, i64), i64>,
) -> Result<(), StoreError> {
    let mut upsert = connection.prepare_cached(&format!(
        "INSERT INTO {table} (minute, metric, model, bucket, calls)
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET calls = calls + excluded.calls",
    ))?;
    for ((minute, metric, model, bucket), calls) in latencies {
        upsert.execute(params![minute, metric, model, bucket, calls])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_within_nine_percent() {
        for us in [1u64, 2, 37, 999, 1_000_000, 3_600_000_000] {
            let middle = bucket_middle(bucket(us));
            assert!((middle / us as f64 - 1.0).abs() < 0.09, "{us} {middle}");
        }
    }
}
