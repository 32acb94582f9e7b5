//! Latencies over a span, slot by slot, read off the logarithmic buckets.

use std::collections::BTreeMap;

use rusqlite::params;

use super::{Latencies, span::Span};
use crate::store::{StoreError, filter::glob, read::Reader, totals::Metric};

/// How long exchanges took.
#[derive(Clone, Debug, Default)]
pub struct Spread {
    /// One entry per slot of the span.
    pub slots: Vec<Latencies>,
    /// All of them together.
    pub whole: Latencies,
}

/// The distribution of a latency over a span; all models, or those that fit the
/// pattern.
pub fn spread(
    reader: &Reader,
    span: Span,
    metric: Metric,
    model: Option<&str>,
) -> Result<Spread, StoreError> {
    let mut found =
        Spread { slots: vec![Latencies::default(); span.slots as usize], ..Spread::default() };
    reader.with(|connection| {
        let mut query = connection.prepare_cached(&format!(
            "SELECT (minute - ?1) / ?3 AS slot, bucket, sum(calls) FROM {}
             WHERE minute >= ?1 AND minute < ?2 AND metric = ?4 AND (?5 IS NULL OR model GLOB ?5)
             GROUP BY slot, bucket",
            span.latency()
        ))?;
        let mut rows = query.query(params![
            span.first,
            span.end(),
            span.width,
            metric as i64,
            model.map(glob)
        ])?;
        while let Some(row) = rows.next()? {
            let (slot, bucket, calls) = (row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?);
            found.slots[slot as usize].add(bucket, calls);
            found.whole.add(bucket, calls);
        }
        Ok(found)
    })
}

/// The same of each model as the client named it, the whole span in one.
pub fn by_model(
    reader: &Reader,
    span: Span,
    metric: Metric,
) -> Result<BTreeMap<String, Latencies>, StoreError> {
    reader.with(|connection| {
        let mut query = connection.prepare_cached(&format!(
            "SELECT model, bucket, sum(calls) FROM {}
             WHERE minute >= ?1 AND minute < ?2 AND metric = ?3 GROUP BY model, bucket",
            span.latency()
        ))?;
        let mut models = BTreeMap::<String, Latencies>::new();
        let mut rows = query.query(params![span.first, span.end(), metric as i64])?;
        while let Some(row) = rows.next()? {
            models.entry(row.get(0)?).or_default().add(row.get(1)?, row.get(2)?);
        }
        Ok(models)
    })
}
