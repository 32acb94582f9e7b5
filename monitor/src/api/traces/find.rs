//! Traces out of the database with their hits, by the page or by name; and out of it for
//! good.

use glassway_shared::store::{StoreError, traces};
use rusqlite::Connection;

use super::{Operations, TracePage, missing, shape::Trace};
use crate::{app::blocking, error::Problem, trace::asn::Networks};

/// Hits shown of each trace in a list; one trace shows all of them.
const LISTED_HITS: usize = 20;

impl Operations {
    pub(super) async fn page(
        &self,
        filter: traces::Filter,
        limit: u64,
        cursor: Option<String>,
    ) -> Result<TracePage, Problem> {
        let before = match cursor.as_deref().map(str::parse) {
            None => None,
            Some(Ok(id)) => Some(id),
            Some(Err(_)) => return Err(Problem::field("cursor", "is of no page of this list")),
        };
        let limit = limit as usize;
        let read = move |connection: &Connection| -> Result<_, StoreError> {
            let (mut found, total) = traces::list(connection, &filter, before, limit + 1)?;
            let more = found.len() > limit;
            found.truncate(limit);
            Ok((whole(connection, found, LISTED_HITS)?, total, more))
        };
        let (found, total, more) = self.0.read(move |reader| reader.with(read)).await?;
        let next = found.last().filter(|_| more).map(|one| one.trace.id.to_string());
        Ok(TracePage { items: self.shown(found).await?, next, total })
    }

    pub(super) async fn one(&self, id: i64) -> Result<Trace, Problem> {
        let one = self.several(Some(vec![id]), traces::Filter::default(), 1).await?;
        one.into_iter().next().ok_or_else(|| missing(id))
    }

    /// These, else those that match; whole.
    pub(super) async fn several(
        &self,
        ids: Option<Vec<i64>>,
        filter: traces::Filter,
        limit: usize,
    ) -> Result<Vec<Trace>, Problem> {
        let read = move |connection: &Connection| -> Result<_, StoreError> {
            let found = match ids {
                Some(ids) => {
                    let found = ids.into_iter().map(|id| traces::find(connection, id));
                    found.filter_map(Result::transpose).collect::<Result<_, _>>()?
                }
                None => traces::list(connection, &filter, None, limit)?.0,
            };
            whole(connection, found, crate::trace::known::MOST_HITS as usize)
        };
        let found = self.0.read(move |reader| reader.with(read)).await?;
        self.shown(found).await
    }

    async fn shown(&self, found: Vec<Whole>) -> Result<Vec<Trace>, Problem> {
        let app = self.0.clone();
        let show = move || {
            let mut networks = Networks::open(&app.config.monitor.trace_data);
            found.into_iter().map(|one| Trace::of(one, &app, &mut networks)).collect()
        };
        blocking(show).await
    }

    pub(super) async fn remove(&self, ids: &[i64]) -> Result<usize, Problem> {
        let all = ids.to_vec();
        let delete = move |connection: &Connection| traces::delete(connection, &all);
        let deleted = self.0.write(move |settings| settings.keep(delete)).await?;
        // Not before they are gone for good: a trace that stays keeps its fetches.
        self.0.traces.known.forget(ids);
        self.0.traces.stop(ids);
        Ok(deleted)
    }
}

/// A trace with its hits and how many there are.
pub(super) struct Whole {
    pub(super) trace: traces::Trace,
    pub(super) hits: Vec<traces::Hit>,
    pub(super) recorded: u64,
    pub(super) beyond: u64,
}

fn whole(
    connection: &Connection,
    found: Vec<traces::Trace>,
    hits: usize,
) -> Result<Vec<Whole>, StoreError> {
    let all = found.into_iter().map(|trace| {
        let shown = traces::hits(connection, trace.id, hits)?;
        let (recorded, beyond) = traces::hit_counts(connection, trace.id)?;
        Ok(Whole { trace, hits: shown, recorded, beyond })
    });
    all.collect()
}
