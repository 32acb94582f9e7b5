//! A filter asked of the database: the condition of a query over `exchanges`.

use std::borrow::Cow;

use jiff::Timestamp;
use rusqlite::types::Value;

use super::{Filter, NO_CODE, pattern::glob};
use crate::{
    id::ExchangeId,
    model::Outcome,
    store::{
        search,
        shards::{self, Shard},
    },
};

/// Of the newest matches of a search so many are looked at; a word that is everywhere would
/// otherwise cost as much as the whole history.
pub(in crate::store) const FOUND_AT_MOST: i64 = 20_000;

const SLACK_MS: i64 = 2_000;

fn id_at(moment: Timestamp, slack_ms: i64) -> Value {
    let ms = moment.as_millisecond().saturating_add(slack_ms).max(0);
    Value::Blob(ExchangeId::lowest_at(ms as u64).to_vec())
}

impl Filter {
    /// The condition in SQL over `exchanges`, with its values; empty = none. `newest` is about
    /// the newest row's number.
    pub(in crate::store) fn sql(&self, newest: i64) -> (Vec<Cow<'static, str>>, Vec<Value>) {
        let mut all = Conditions::default();
        if let Some(q) = self.q.as_deref().map(str::trim).filter(|q| !q.is_empty()) {
            match search::phrase(q) {
                Some(phrase) => {
                    let phrases = std::iter::repeat_n(Value::Text(phrase), shards::COUNT);
                    all.add(found(newest), phrases);
                }
                // Nothing but punctuation: look at the names.
                None => {
                    let like = Value::Text(format!("%{}%", like_literal(q)));
                    all.add(
                        "(path LIKE ? ESCAPE '\\' OR model LIKE ? ESCAPE '\\')",
                        [like.clone(), like],
                    );
                }
            }
        }
        all.named("path = ?", "path GLOB ?", &self.path);
        if let Some(method) = &self.method {
            all.add("method = ?", [Value::Text(method.to_ascii_uppercase())]);
        }
        if !self.status.is_empty() {
            let any = vec!["status BETWEEN ? AND ?"; self.status.len()].join(" OR ");
            let bounds = self.status.iter().flat_map(|range| [range.from, range.to]);
            all.add(format!("({any})"), bounds.map(|n| Value::Integer(n.into())));
        }
        if let [outcome] = self.outcome[..] {
            all.add("outcome = ?", [Value::Text(outcome.as_str().to_owned())]);
        } else if !self.outcome.is_empty() {
            let any = vec!["?"; self.outcome.len()].join(", ");
            let names = self.outcome.iter().map(|o| Value::Text(o.as_str().to_owned()));
            all.add(format!("outcome IN ({any})"), names);
        }
        // True of every such row, and lets the index of rare rows serve.
        let failed = !self.status.is_empty() && self.status.iter().all(|s| s.from >= 400);
        let rare = !self.outcome.is_empty() && !self.outcome.contains(&Outcome::Ok);
        if failed || rare {
            all.add("outcome <> 'ok'", []);
        }
        if !self.origin.is_empty() {
            let any = vec!["?"; self.origin.len()].join(", ");
            let names = self.origin.iter().map(|o| Value::Text(o.as_str().to_owned()));
            all.add(format!("origin IN ({any})"), names);
        }
        match self.error.as_deref() {
            Some(NO_CODE) => all.add("error_code IS NULL", []),
            _ => all.named("error_code = ?", "error_code GLOB ?", &self.error),
        }
        if let Some(model) = &self.model {
            let pattern = Value::Text(glob(model));
            all.add("(model GLOB ? OR upstream_model GLOB ?)", [pattern.clone(), pattern]);
        }
        all.named("provider = ?", "provider GLOB ?", &self.provider);
        all.named("key = ?", "key GLOB ?", &self.key);
        all.named("client_token = ?", "client_token GLOB ?", &self.client_token);
        if let Some(mode) = self.mode {
            all.add("mode = ?", [Value::Text(mode.as_str().to_owned())]);
        }
        if let Some(stream) = self.stream {
            all.add("stream = ?", [Value::Integer(stream.into())]);
        }
        // Ids sort by the time they were made, which is within moments of
        // started_at: they bound the walk, started_at decides.
        if let Some(since) = self.since {
            all.add("id >= ?", [id_at(since, -SLACK_MS)]);
            all.add("started_at >= ?", [Value::Integer(since.as_microsecond())]);
        }
        if let Some(until) = self.until {
            all.add("id < ?", [id_at(until, SLACK_MS)]);
            all.add("started_at < ?", [Value::Integer(until.as_microsecond())]);
        }
        if let Some(ms) = self.min_duration_ms {
            all.add("duration_us >= ?", [Value::Integer((ms * 1000.0).min(9e18) as i64)]);
        }
        if let Some(id) = self.conversation {
            let id = || Value::Blob(id.as_bytes().to_vec());
            all.add(Self::TURNS, [id(), id()]);
        }
        match self.pinned {
            Some(true) => all.add(Self::PINNED, []),
            Some(false) => all.add(format!("NOT ({})", Self::PINNED), []),
            None => {}
        }
        (all.parts, all.values)
    }

    /// The exchange itself, and the turns it belongs with.
    const TURNS: &str = "seq IN (SELECT seq FROM exchanges WHERE id = ? UNION \
                         SELECT t.seq FROM turns t JOIN turns own ON own.root = t.root \
                         WHERE own.seq = (SELECT seq FROM exchanges WHERE id = ?))";

    /// Few are: they are looked up one by one, and sorted.
    const PINNED: &str = "id IN (SELECT id FROM annotations WHERE pinned)";
}

/// What is found, table by table, until there is enough of it.
fn found(newest: i64) -> String {
    let tables: Vec<_> = Shard::by_age(newest)
        .map(|shard| {
            let table = shard.table();
            format!(
                "SELECT seq FROM (SELECT rowid AS seq FROM {table} WHERE {table} MATCH ?
                     ORDER BY rowid DESC LIMIT {FOUND_AT_MOST})"
            )
        })
        .collect();
    format!("seq IN ({} LIMIT {FOUND_AT_MOST})", tables.join(" UNION ALL "))
}

#[derive(Default)]
struct Conditions {
    parts: Vec<Cow<'static, str>>,
    values: Vec<Value>,
}

impl Conditions {
    fn add(&mut self, part: impl Into<Cow<'static, str>>, values: impl IntoIterator<Item = Value>) {
        self.parts.push(part.into());
        self.values.extend(values);
    }

    fn named(&mut self, exact: &'static str, pattern: &'static str, name: &Option<String>) {
        match name {
            Some(name) if name.contains('*') => self.add(pattern, [Value::Text(glob(name))]),
            Some(name) => self.add(exact, [Value::Text(name.clone())]),
            None => {}
        }
    }
}

fn like_literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

#[cfg(test)]
mod tests {
    use rusqlite::params_from_iter;

    use super::*;
    use crate::store::write::Writer;

    #[test]
    fn the_newest_matches_are_found_over_all_tables() {
        let dir = tempfile::tempdir().unwrap();
        let writer = Writer::open(&dir.path().join("glassway.db")).unwrap();
        let db = &writer.connection;
        // The end of the last table, and of the first one, where the newest are.
        let (older, newer) = (15 * (1 << 16), 16 * (1 << 16));
        let transaction = db.unchecked_transaction().unwrap();
        for n in 0..12_000 {
            for seq in [older + n, newer + n] {
                Shard::of(seq).put(db, seq, "word").unwrap();
            }
        }
        transaction.commit().unwrap();
        let found = found(newer + 12_000).replacen("seq IN", "FROM", 1);
        let sql = format!("SELECT count(*), min(seq), max(seq) {found}");
        let phrases = vec!["\"word\" *"; shards::COUNT];
        let (count, first, last): (i64, i64, i64) = db
            .query_row(&sql, params_from_iter(phrases), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .unwrap();
        assert_eq!(count, FOUND_AT_MOST);
        assert_eq!((first, last), (older + 4_000, newer + 11_999));
    }
}
