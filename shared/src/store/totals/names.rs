//! How many model names a quarter of an hour tells apart. Clients can name any model: one
//! that makes names up must not grow the sums, which stay when the record is long gone.

use std::collections::HashSet;

use rusqlite::Connection;

use super::quarter;
use crate::store::StoreError;

/// Names told apart in a quarter of an hour.
const MOST: usize = 200;

/// What the names past that are counted under, together. In filters a star stands for
/// any name.
const OTHER_MODELS: &str = "*";

/// The names of the quarter that was written to last.
#[derive(Default)]
pub(in crate::store) struct Names {
    quarter: Option<i64>,
    known: HashSet<String>,
}

impl Names {
    /// The name that something of this minute is counted under.
    pub(super) fn of(
        &mut self,
        connection: &Connection,
        minute: i64,
        model: String,
    ) -> Result<String, StoreError> {
        let quarter = quarter(minute);
        if self.quarter != Some(quarter) {
            let mut known = connection
                .prepare_cached("SELECT DISTINCT model FROM quarter_totals WHERE minute = ?1")?;
            self.known = known.query_map([quarter], |row| row.get(0))?.collect::<Result<_, _>>()?;
            self.quarter = Some(quarter);
        }
        if self.known.contains(&model) {
            return Ok(model);
        }
        if self.known.len() >= MOST {
            return Ok(OTHER_MODELS.to_owned());
        }
        self.known.insert(model.clone());
        Ok(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        feed::Losses,
        id::ExchangeId,
        store::{record::Record, write::Writer},
    };

    const QUARTER_US: i64 = 15 * 60_000_000;

    fn end(writer: &mut Writer, at_us: i64, model: &str) {
        let mut record = Record::begun(ExchangeId::new(), at_us, "POST", "/v1/messages", "::1");
        record.model = Some(model.to_owned());
        record.times.duration_us = Some(1000);
        writer.append(&[record], Losses::default()).unwrap();
    }

    fn calls(writer: &Writer, table: &str, quarter: i64) -> Vec<(String, i64)> {
        let mut query = writer
            .connection
            .prepare(&format!(
                "SELECT model, sum(calls) FROM {table}
                 WHERE minute BETWEEN ?1 AND ?1 + 14 GROUP BY model ORDER BY 2 DESC, 1"
            ))
            .unwrap();
        let rows = query.query_map([quarter * 15], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn names_made_up_are_counted_together_and_known_ones_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("glassway.db");
        let mut writer = Writer::open(&path).unwrap();
        for n in 0..MOST + 20 {
            end(&mut writer, QUARTER_US + n as i64 * 1_000_000, &format!("m{n}"));
        }
        // Another writer goes by what the one before counted.
        drop(writer);
        let mut writer = Writer::open(&path).unwrap();
        end(&mut writer, QUARTER_US, "m0");
        end(&mut writer, QUARTER_US, "one more");
        end(&mut writer, 2 * QUARTER_US, "one more");
        for table in ["minute_totals", "quarter_totals", "minute_latency", "quarter_latency"] {
            let first = calls(&writer, table, 1);
            assert_eq!(first.len(), MOST + 1, "{table}");
            assert_eq!(first[..2], [(OTHER_MODELS.to_owned(), 21), ("m0".to_owned(), 2)]);
            assert_eq!(calls(&writer, table, 2), [("one more".to_owned(), 1)]);
        }
    }
}
