//! Who carried the traffic of the last minutes: exchanges that ended, by name and minute.
//! Counts only, so that it costs one range of the minute totals, however much history
//! there is.

use std::collections::BTreeMap;

use super::series::{By, Name};
use crate::store::{StoreError, read::Reader};

/// What one name carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// As it was.
    pub name: Name,
    /// Exchanges that ended, by unix minute; minutes without any are absent.
    pub minutes: BTreeMap<i64, i64>,
}

/// Traffic by name from this minute on. Exchanges without such a name are left out.
pub fn traffic(reader: &Reader, by: By, minute: i64) -> Result<Vec<Traffic>, StoreError> {
    let (provider, name) = by.columns();
    reader.with(|connection| {
        let mut query = connection.prepare_cached(&format!(
            "SELECT {provider} AS owner, {name} AS name, minute, sum(calls) AS calls
             FROM minute_totals WHERE minute >= ?1 AND {name} <> '' GROUP BY 1, 2, 3 ORDER BY 1, 2",
        ))?;
        let mut all: Vec<Traffic> = Vec::new();
        let mut rows = query.query([minute])?;
        while let Some(row) = rows.next()? {
            let name = Name { provider: row.get("owner")?, name: row.get("name")? };
            if all.last().is_none_or(|last| last.name != name) {
                all.push(Traffic { name, minutes: BTreeMap::new() });
            }
            let last = all.last_mut().expect("one was pushed");
            last.minutes.insert(row.get("minute")?, row.get("calls")?);
        }
        Ok(all)
    })
}
