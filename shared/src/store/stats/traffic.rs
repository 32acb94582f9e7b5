//! Who carried the traffic of the last minutes: exchanges that ended, by key and
//! minute. Counts only, so that it costs one range of the minute totals, however
//! much history there is.

use std::collections::BTreeMap;

use crate::store::{StoreError, read::Reader};

/// What one key carried, by names as they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTraffic {
    /// Its provider's name.
    pub provider: String,
    /// Its name.
    pub key: String,
    /// Exchanges that ended, by unix minute; minutes without any are absent.
    pub minutes: BTreeMap<i64, i64>,
}

/// Traffic by key from this minute on. Exchanges without a key are left out.
pub fn traffic(reader: &Reader, minute: i64) -> Result<Vec<KeyTraffic>, StoreError> {
    reader.with(|connection| {
        let mut query = connection.prepare_cached(
            "SELECT provider, key, minute, sum(calls) AS calls FROM minute_totals
             WHERE minute >= ?1 AND key <> '' GROUP BY provider, key, minute
             ORDER BY provider, key",
        )?;
        let mut keys: Vec<KeyTraffic> = Vec::new();
        let mut rows = query.query([minute])?;
        while let Some(row) = rows.next()? {
            let (provider, key): (String, String) = (row.get("provider")?, row.get("key")?);
            let same = keys.last().is_some_and(|last| last.provider == provider && last.key == key);
            if !same {
                keys.push(KeyTraffic { provider, key, minutes: BTreeMap::new() });
            }
            let last = keys.last_mut().expect("one was pushed");
            last.minutes.insert(row.get("minute")?, row.get("calls")?);
        }
        Ok(keys)
    })
}
