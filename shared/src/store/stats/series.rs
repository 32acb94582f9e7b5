//! Sums over a span, by slot and by name: what charts and top lists are made of. The
//! names that matter most stand alone, the others are added up.

use std::{cmp::Reverse, collections::HashMap};

use rusqlite::{Connection, params};

use super::{SUMS, Sums, span::Span};
use crate::store::{StoreError, filter::glob, read::Reader};

/// What sums are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// How exchanges ended.
    Outcome,
    /// The model, as the client named it.
    Model,
    /// The provider's name.
    Provider,
    /// The key's name and its provider's.
    Key,
    /// The client token's name.
    ClientToken,
}

/// What makes a name matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Exchanges.
    Calls,
    /// Money.
    Cost,
    /// Tokens in and out.
    Tokens,
    /// Exchanges that did not end well, those left by their client aside.
    Failed,
}

/// Only exchanges with these names; `*` stands for anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrow {
    /// As the client named it.
    pub model: Option<String>,
    /// Its name.
    pub provider: Option<String>,
    /// Its name.
    pub key: Option<String>,
    /// Its name.
    pub client_token: Option<String>,
}

/// Whose sums they are. Names are as they were; "" = none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// The key's provider, where keys are told apart.
    pub provider: Option<String>,
    /// The name itself.
    pub name: String,
}

/// The names of a span, weightiest first.
#[derive(Clone, Debug, Default)]
pub struct Ranking {
    /// At most as many as were asked for.
    pub top: Vec<(Name, Sums)>,
    /// The others together.
    pub rest: Sums,
    /// How many others there are.
    pub others: u64,
    /// Everything.
    pub whole: Sums,
}

/// Sums by slot; one entry per slot of the span.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// The names of the ranking, in its order.
    pub top: Vec<(Name, Vec<Sums>)>,
    /// The others together; empty where there are none.
    pub rest: Vec<Sums>,
}

impl By {
    /// Provider and name in SQL.
    pub(super) fn columns(self) -> (&'static str, &'static str) {
        match self {
            Self::Outcome => ("NULL", "outcome"),
            Self::Model => ("NULL", "model"),
            Self::Provider => ("NULL", "provider"),
            Self::Key => ("provider", "key"),
            Self::ClientToken => ("NULL", "client_token"),
        }
    }
}

impl Weight {
    fn of(self, sums: &Sums) -> i64 {
        match self {
            Self::Calls => sums.calls,
            Self::Cost => sums.cost_nano,
            Self::Tokens => sums.tokens(),
            Self::Failed => sums.failed(),
        }
    }
}

impl Narrow {
    /// In SQL, with the places of its values.
    const SQL: &str = "(?4 IS NULL OR model GLOB ?4) AND (?5 IS NULL OR provider GLOB ?5)
        AND (?6 IS NULL OR key GLOB ?6) AND (?7 IS NULL OR client_token GLOB ?7)";
}

/// Who did how much of a span.
pub fn ranking(
    reader: &Reader,
    span: Span,
    by: By,
    weight: Weight,
    limit: usize,
    narrow: &Narrow,
) -> Result<Ranking, StoreError> {
    let mut names = HashMap::<Name, Sums>::new();
    // One slot as long as the span.
    let whole = Span { first: span.first, width: span.slots * span.width, slots: 1 };
    reader.with(|connection| {
        each(connection, span.totals(), whole, by, narrow, |_, name, row| {
            names.entry(name).or_default().add_row(row)
        })
    })?;
    let mut top: Vec<_> = names.into_iter().collect();
    top.sort_by(|(a, x), (b, y)| {
        let order = |sums: &Sums| (Reverse(weight.of(sums)), Reverse(sums.calls));
        order(x).cmp(&order(y)).then_with(|| a.cmp(b))
    });
    let add = |mut sum: Sums, (_, sums): &(Name, Sums)| {
        sum.add(sums);
        sum
    };
    let whole = top.iter().fold(Sums::default(), add);
    let others = top.split_off(limit.min(top.len()));
    let rest = others.iter().fold(Sums::default(), add);
    Ok(Ranking { top, rest, others: others.len() as u64, whole })
}

/// How it went for the names of a ranking, slot by slot.
pub fn series(
    reader: &Reader,
    span: Span,
    by: By,
    ranking: &Ranking,
    narrow: &Narrow,
) -> Result<Series, StoreError> {
    let empty = vec![Sums::default(); span.slots as usize];
    let mut top: Vec<_> =
        ranking.top.iter().map(|(name, _)| (name.clone(), empty.clone())).collect();
    let mut rest = if ranking.others > 0 { empty } else { vec![] };
    let places: HashMap<_, _> =
        ranking.top.iter().enumerate().map(|(n, (name, _))| (name, n)).collect();
    reader.with(|connection| {
        each(connection, span.totals(), span, by, narrow, |slot, name, row| {
            let line = match places.get(&name) {
                Some(&place) => &mut top[place].1,
                None => &mut rest,
            };
            // A name that came up since the ranking was made has no line yet.
            line.get_mut(slot).map_or(Ok(()), |sums| sums.add_row(row))
        })
    })?;
    Ok(Series { top, rest })
}

fn each(
    connection: &Connection,
    table: &str,
    span: Span,
    by: By,
    narrow: &Narrow,
    mut take: impl FnMut(usize, Name, &rusqlite::Row<'_>) -> rusqlite::Result<()>,
) -> Result<(), StoreError> {
    let mut query = connection.prepare_cached(&sql(table, by))?;
    let pattern = |name: &Option<String>| name.as_deref().map(glob);
    let mut rows = query.query(params![
        span.first,
        span.end(),
        span.width,
        pattern(&narrow.model),
        pattern(&narrow.provider),
        pattern(&narrow.key),
        pattern(&narrow.client_token),
    ])?;
    while let Some(row) = rows.next()? {
        let name = Name { provider: row.get("of")?, name: row.get("name")? };
        take(row.get::<_, i64>("slot")? as usize, name, row)?;
    }
    Ok(())
}

fn sql(table: &str, by: By) -> String {
    let (provider, name) = by.columns();
    format!(
        "SELECT (minute - ?1) / ?3 AS slot, {provider} AS of, {name} AS name, {SUMS} FROM {table}
         WHERE minute >= ?1 AND minute < ?2 AND {} GROUP BY slot, of, name, outcome",
        Narrow::SQL
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::open_writer;

    #[test]
    fn only_the_minutes_of_the_span_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let connection = open_writer(&dir.path().join("glassway.db")).unwrap();
        for table in ["minute_totals", "quarter_totals"] {
            for by in [By::Outcome, By::Model, By::Provider, By::Key, By::ClientToken] {
                let plan = format!("EXPLAIN QUERY PLAN {}", sql(table, by));
                let mut plan = connection.prepare(&plan).unwrap();
                let values = params![0, 9, 1, None::<String>, None::<String>, None::<String>, "x"];
                let rows = plan.query_map(values, |row| row.get::<_, String>("detail")).unwrap();
                let plan: Vec<_> = rows.map(Result::unwrap).collect();
                let range = format!("SEARCH {table} USING PRIMARY KEY (minute>? AND minute<?)");
                assert!(plan.contains(&range), "{plan:?}");
            }
        }
    }
}
