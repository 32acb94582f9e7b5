//! How it goes now, from the totals of the last hour. Totals know whole minutes, so a
//! rate is over the minute before this one and what has passed of it: never over less
//! than a minute, which would jump, and never shown as 0 at each full minute.

use glassway_shared::store::{
    StoreError,
    read::Reader,
    stats::{self, Latencies, Narrow, Ranking, Series, Span, Spread, Sums},
    totals::Metric,
};
use jiff::Timestamp;

use super::shape::{Hour, Now, Percentiles, Total};
use crate::api::{shape::Time, stats::at};

/// Minutes that shares and latencies look back on, this one included.
const RECENT: usize = 5;

pub(super) fn now(reader: &Reader, now: Timestamp, in_flight: u64) -> Result<Now, StoreError> {
    let minute = now.as_second().div_euclid(60);
    let span = Span { first: minute - 59, width: 1, slots: 60 };
    // Nobody stands alone: the rest is the whole.
    let all = Ranking { others: 1, ..Ranking::default() };
    let narrow = Narrow::default();
    let Series { rest: minutes, .. } =
        stats::series(reader, span, stats::By::Outcome, &all, &narrow)?;
    let durations = stats::spread(reader, span, Metric::Duration, None)?;
    let first_tokens = stats::spread(reader, span, Metric::FirstToken, None)?;

    let recent = sum(last(&minutes, RECENT));
    let rated = sum(last(&minutes, 2));
    let passed = 60.0 + now.as_second().rem_euclid(60) as f64 + 1.0;
    let each = |figure: fn(&Sums) -> i64| minutes.iter().map(figure).collect();
    Ok(Now {
        at: Time(now),
        in_flight,
        rates_since: at(minute - 1),
        requests_per_second: rated.calls as f64 / passed,
        tokens_per_second: rated.tokens() as f64 / passed,
        recent_since: at(minute + 1 - RECENT as i64),
        recent: Total::from(&recent),
        error_rate: recent.success_rate().map(|rate| 1.0 - rate),
        duration_ms: Percentiles::from(&recently(&durations)),
        first_token_ms: Percentiles::from(&recently(&first_tokens)),
        usd_per_hour: sum(&minutes).cost_usd(),
        hour: Hour {
            since: at(span.first),
            calls: each(|sums| sums.calls),
            failed: each(Sums::failed),
            tokens: each(Sums::tokens),
            cost_usd: minutes.iter().map(Sums::cost_usd).collect(),
            duration_p95_ms: p95(&durations),
            first_token_p95_ms: p95(&first_tokens),
        },
    })
}

fn last<T>(of: &[T], many: usize) -> &[T] {
    &of[of.len().saturating_sub(many)..]
}

fn sum(of: &[Sums]) -> Sums {
    of.iter().fold(Sums::default(), |mut sum, sums| {
        sum.add(sums);
        sum
    })
}

fn recently(spread: &Spread) -> Latencies {
    last(&spread.slots, RECENT).iter().fold(Latencies::default(), |mut all, slot| {
        all.merge(slot);
        all
    })
}

fn p95(spread: &Spread) -> Vec<Option<f64>> {
    spread.slots.iter().map(|slot| slot.percentile(0.95)).collect()
}
