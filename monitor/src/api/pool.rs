//! What lists of providers and keys both need: every provider with its origin, and how
//! each key stands by that.

use std::collections::BTreeMap;

use glassway_shared::store::{
    StoreError,
    keys::{self, Key, Standing, Status},
    providers::{self, Provider},
};
use jiff::Timestamp;
use rusqlite::Connection;

use crate::app::App;

/// Providers with their origins, at one moment.
pub(super) struct Pool {
    providers: BTreeMap<i64, (Provider, String)>,
    now_ms: i64,
}

impl Pool {
    /// As the database has them now.
    pub(super) fn read(app: &App, connection: &Connection) -> Result<Self, StoreError> {
        let all = providers::all(connection)?.into_iter();
        let providers = all.map(|provider| {
            let origin = app.origin(&provider);
            (provider.id, (provider, origin))
        });
        Ok(Self { providers: providers.collect(), now_ms: Timestamp::now().as_millisecond() })
    }

    pub(super) fn provider(&self, id: i64) -> Option<&Provider> {
        self.providers.get(&id).map(|(provider, _)| provider)
    }

    pub(super) fn providers(&self) -> impl Iterator<Item = &Provider> {
        self.providers.values().map(|(provider, _)| provider)
    }

    /// How a key stands.
    pub(super) fn standing(&self, key: &Key) -> Standing {
        let (kind, origin) = match self.providers.get(&key.provider_id) {
            Some((provider, origin)) => (&provider.kind[..], &origin[..]),
            None => ("", ""),
        };
        key.standing(kind, origin, self.now_ms)
    }

    /// How many keys of each provider stand how.
    pub(super) fn counts(
        &self,
        connection: &Connection,
    ) -> Result<BTreeMap<i64, BTreeMap<String, u64>>, StoreError> {
        let mut counts = BTreeMap::<i64, BTreeMap<String, u64>>::new();
        for key in keys::all(connection)? {
            let status = self.standing(&key).status.as_str().to_owned();
            *counts.entry(key.provider_id).or_default().entry(status).or_default() += 1;
        }
        Ok(counts)
    }
}

/// All keys by status, each status present.
pub(super) fn by_status(
    app: &App,
    connection: &Connection,
) -> Result<BTreeMap<String, u64>, StoreError> {
    let counts = Pool::read(app, connection)?.counts(connection)?;
    let mut all: BTreeMap<String, u64> =
        Status::ALL.iter().map(|status| (status.as_str().to_owned(), 0)).collect();
    for (status, n) in counts.into_values().flatten() {
        *all.entry(status).or_default() += n;
    }
    Ok(all)
}
