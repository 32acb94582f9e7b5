//! The last hour, minute by minute, by who carried it: what the small curves of the managed
//! lists are drawn from.

use std::sync::Arc;

use glassway_shared::store::{keys, read::Reader, stats};
use poem::Result;
use poem_openapi::{Enum, Object, OpenApi, param::Query, payload::Json};

use super::{at, id_of, this_minute};
use crate::{
    api::{Tag, pool::Pool, shape::Time},
    app::App,
};

pub(in crate::api) struct Operations(pub(in crate::api) Arc<App>);

/// Minutes that are told.
const MINUTES: i64 = 60;

/// Who carries.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "Carrier", rename_all = "snake_case")]
enum Carrier {
    /// As clients named it.
    Model,
    /// By name.
    Provider,
    /// By name, with its provider's.
    Key,
    /// By name.
    ClientToken,
}

impl From<Carrier> for stats::By {
    fn from(by: Carrier) -> Self {
        match by {
            Carrier::Model => Self::Model,
            Carrier::Provider => Self::Provider,
            Carrier::Key => Self::Key,
            Carrier::ClientToken => Self::ClientToken,
        }
    }
}

/// What one name carried of the last hour.
#[derive(Object)]
struct Carried {
    /// As it was.
    name: String,
    /// The key's provider as it was, where keys are listed.
    provider: Option<String>,
    /// `null` where the key is gone, and where no keys are listed.
    key_id: Option<i64>,
    /// Exchanges that ended.
    calls: i64,
    /// The same by minute, oldest first: sixty numbers, the last of which still grows.
    per_minute: Vec<i64>,
}

/// The last hour, busiest first.
#[derive(Object)]
struct Traffic {
    /// The first of the sixty minutes.
    since: Time,
    /// Exchanges that ended, of all names together: what a share is of.
    calls: i64,
    items: Vec<Carried>,
}

#[OpenApi(tag = "Tag::Statistics")]
impl Operations {
    /// The last hour
    ///
    /// Exchanges that ended, by name and minute; those without a name are left out.
    #[oai(path = "/api/stats/hour", method = "get", operation_id = "readStatsHour")]
    async fn hour(
        &self,
        /// Who carried them.
        by: Query<Carrier>,
    ) -> Result<Json<Traffic>> {
        let first = this_minute() - MINUTES + 1;
        let app = self.0.clone();
        let by = by.0;
        let read = move |reader: &Reader| {
            let carried = stats::traffic(reader, by.into(), first)?;
            if by != Carrier::Key {
                return Ok(traffic(carried, first, |_| None));
            }
            let (all, pool) = reader.with(|c| Ok((keys::all(c)?, Pool::read(&app, c)?)))?;
            let id = |name: &stats::Name| {
                id_of(&all, &pool, name.provider.as_deref().unwrap_or_default(), &name.name)
            };
            Ok(traffic(carried, first, id))
        };
        Ok(Json(self.0.read(read).await?))
    }
}

fn traffic(
    carried: Vec<stats::Traffic>,
    first: i64,
    id_of: impl Fn(&stats::Name) -> Option<i64>,
) -> Traffic {
    let mut items: Vec<_> = carried
        .into_iter()
        .map(|stats::Traffic { name, minutes }| Carried {
            key_id: id_of(&name),
            name: name.name,
            provider: name.provider,
            calls: minutes.values().sum(),
            per_minute: (first..first + MINUTES)
                .map(|minute| minutes.get(&minute).copied().unwrap_or(0))
                .collect(),
        })
        .collect();
    items.sort_by_key(|item| -item.calls);
    Traffic { since: at(first), calls: items.iter().map(|item| item.calls).sum(), items }
}
