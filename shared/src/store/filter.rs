//! What a list, the feed and an export can be narrowed to: one set of names, read
//! from text once, asked of the database as SQL and of a running exchange in memory.
//! Both answers live here so that they cannot drift apart.
//!
//! Names (`model`, `path`, …) match exactly; a `*` stands for anything. `status` and
//! `outcome` may be lists, any of which may match.

use std::borrow::Cow;

use jiff::Timestamp;
use rusqlite::types::Value;

use super::search;
use crate::{
    id::ExchangeId,
    model::{Exchange, Mode, Origin, Outcome},
};

/// `200`, or `4xx` for a whole class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRange {
    /// The lowest that matches.
    pub from: u16,
    /// The highest that matches.
    pub to: u16,
}

impl std::str::FromStr for StatusRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a status: write 200, or 4xx for all of them");
        if let Some(class) = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
            let class: u16 = class.parse().map_err(|_| bad())?;
            return match class {
                1..=5 => Ok(Self { from: class * 100, to: class * 100 + 99 }),
                _ => Err(bad()),
            };
        }
        match text.parse() {
            Ok(status @ 100..=599) => Ok(Self { from: status, to: status }),
            _ => Err(bad()),
        }
    }
}

/// Every condition must hold; the default has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Words anywhere in what was said, in the path or in the model.
    pub q: Option<String>,
    /// The path, without its query.
    pub path: Option<String>,
    /// In any case.
    pub method: Option<String>,
    /// What the client got: any of these; empty = anything.
    pub status: Vec<StatusRange>,
    /// How it ended: any of these; empty = anyhow.
    pub outcome: Vec<Outcome>,
    /// Who caused it: any of these; empty = anyone.
    pub origin: Vec<Origin>,
    /// The error's code; `none` where it has none.
    pub error: Option<String>,
    /// As the client named it, or as the upstream knows it.
    pub model: Option<String>,
    /// The provider's name.
    pub provider: Option<String>,
    /// The key's name.
    pub key: Option<String>,
    /// The client token's name.
    pub client_token: Option<String>,
    /// Whose credential travelled.
    pub mode: Option<Mode>,
    /// Whether the answer is a stream.
    pub stream: Option<bool>,
    /// Started at this moment or later.
    pub since: Option<Timestamp>,
    /// Started before this moment.
    pub until: Option<Timestamp>,
    /// A turn of the conversation that this exchange belongs to.
    pub conversation: Option<ExchangeId>,
    /// Took at least this long, or has been running for as long.
    pub min_duration_ms: Option<f64>,
    /// Kept from retention.
    pub pinned: Option<bool>,
}

impl Filter {
    /// The names other programs use, in the order people think of them.
    pub const NAMES: &[&str] = &[
        "q",
        "path",
        "method",
        "status",
        "outcome",
        "origin",
        "error",
        "model",
        "provider",
        "key",
        "client_token",
        "mode",
        "stream",
        "since",
        "until",
        "min_duration_ms",
        "conversation",
        "pinned",
    ];

    /// Adds the condition called `name`; the error is a sentence for a person.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), String> {
        let word = || Some(text.to_owned());
        match name {
            "q" => self.q = word(),
            "path" => self.path = word(),
            "method" => self.method = word(),
            "status" => self.status = list(text)?,
            "outcome" => self.outcome = list(text)?,
            "origin" => self.origin = list(text)?,
            "error" => self.error = word(),
            "model" => self.model = word(),
            "provider" => self.provider = word(),
            "key" => self.key = word(),
            "client_token" => self.client_token = word(),
            "mode" => self.mode = Some(text.parse()?),
            "stream" => self.stream = Some(yes_or_no(text)?),
            "pinned" => self.pinned = Some(yes_or_no(text)?),
            "since" => self.since = Some(moment(text)?),
            "until" => self.until = Some(moment(text)?),
            "min_duration_ms" => {
                self.min_duration_ms = Some(
                    text.parse::<f64>()
                        .ok()
                        .filter(|ms| ms.is_finite() && *ms >= 0.0)
                        .ok_or_else(|| format!("`{text}` is not a number of milliseconds"))?,
                );
            }
            "conversation" => {
                let bad = |_| format!("`{text}` is not the id of an exchange");
                self.conversation = Some(text.parse().map_err(bad)?);
            }
            _ => {
                return Err(format!(
                    "unknown filter `{name}`; known are {}",
                    Self::NAMES.join(", ")
                ));
            }
        }
        Ok(())
    }

    /// Whether an exchange that is not (or not only) in the database matches. `q`
    /// looks at the model, the path and the last words of the answer.
    pub fn matches(&self, exchange: &Exchange, now: Timestamp) -> bool {
        let name = |wanted: &Option<String>, found: Option<&str>| match wanted {
            Some(pattern) => found.is_some_and(|found| wild(pattern, found)),
            None => true,
        };
        let equals = |same: Option<bool>| same.unwrap_or(true);
        let running_ms = || now.duration_since(exchange.started_at).as_millis_f64();
        name(&self.path, Some(&exchange.path))
            && equals(self.method.as_ref().map(|m| m.eq_ignore_ascii_case(&exchange.method)))
            && (self.status.is_empty()
                || exchange
                    .status
                    .is_some_and(|is| self.status.iter().any(|s| (s.from..=s.to).contains(&is))))
            && (self.outcome.is_empty() || self.outcome.contains(&exchange.outcome))
            && (self.origin.is_empty() || self.origin.contains(&exchange.origin))
            && match self.error.as_deref() {
                Some(NO_CODE) => exchange.error.is_none(),
                _ => name(&self.error, exchange.error.as_ref().map(|error| &error.code[..])),
            }
            && (name(&self.model, exchange.model.as_deref())
                || name(&self.model, exchange.upstream_model.as_deref()))
            && name(&self.provider, exchange.provider.as_deref())
            && name(&self.key, exchange.key.as_deref())
            && name(&self.client_token, exchange.client_token.as_deref())
            && equals(self.mode.map(|mode| mode == exchange.mode))
            && equals(self.stream.map(|stream| stream == exchange.stream))
            && equals(self.pinned.map(|pinned| pinned == exchange.pinned))
            && equals(self.since.map(|since| exchange.started_at >= since))
            && equals(self.until.map(|until| exchange.started_at < until))
            && equals(
                self.min_duration_ms
                    .map(|ms| exchange.duration_ms.unwrap_or_else(running_ms) >= ms),
            )
            // What runs belongs to none yet: that is read off what was recorded.
            && self.conversation.is_none_or(|id| id == exchange.id)
            && self.q.as_ref().is_none_or(|q| mentions(exchange, q))
    }

    /// The condition in SQL over `exchanges`, with its values; empty = none.
    pub(super) fn sql(&self) -> (Vec<Cow<'static, str>>, Vec<Value>) {
        let mut all = Conditions::default();
        if let Some(q) = self.q.as_deref().map(str::trim).filter(|q| !q.is_empty()) {
            match search::phrase(q) {
                Some(phrase) => all.add(Self::FOUND, [Value::Text(phrase)]),
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

    /// The newest matches of a search; a word that is everywhere would otherwise
    /// cost as much as the whole history.
    const FOUND: &str = "seq IN (SELECT rowid FROM search WHERE search MATCH ? \
                         ORDER BY rowid DESC LIMIT 20000)";
}

/// The `LIMIT` of [`Filter::FOUND`].
pub(super) const FOUND_AT_MOST: i64 = 20_000;

/// What `error` says of exchanges whose error has no code, or that have none.
const NO_CODE: &str = "none";

const SLACK_MS: i64 = 2_000;

fn id_at(moment: Timestamp, slack_ms: i64) -> Value {
    let ms = moment.as_millisecond().saturating_add(slack_ms).max(0);
    Value::Blob(ExchangeId::lowest_at(ms as u64).to_vec())
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

fn yes_or_no(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("`{text}` is neither true nor false"))
}

/// `a,b,c`: any of them.
fn list<T: std::str::FromStr<Err = String>>(text: &str) -> Result<Vec<T>, String> {
    text.split(',').map(|one| one.trim().parse()).collect()
}

fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| format!("`{text}` is not a time such as 2026-01-31T12:00:00Z"))
}

/// Our `*` pattern as SQLite's GLOB, whose other special characters mean themselves.
pub(super) fn glob(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    for c in pattern.chars() {
        match c {
            '?' => out.push_str("[?]"),
            '[' => out.push_str("[[]"),
            c => out.push(c),
        }
    }
    out
}

fn like_literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// Whether `text` fits a pattern in which `*` stands for anything.
fn wild(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn mentions(exchange: &Exchange, q: &str) -> bool {
    let tail = exchange.live.as_ref().map(|live| &live.text_tail[..]);
    let fields = [exchange.model.as_deref(), Some(&exchange.path[..]), tail];
    let fields: Vec<String> = fields.into_iter().flatten().map(str::to_lowercase).collect();
    let q = q.to_lowercase();
    q.split_whitespace().all(|word| fields.iter().any(|field| field.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("gpt-4o", "gpt-4o", true)]
    #[case("gpt-4o", "gpt-4o-mini", false)]
    #[case("gpt-4o*", "gpt-4o-mini", true)]
    #[case("*mini", "gpt-4o-mini", true)]
    #[case("*4*mini", "gpt-4o-mini", true)]
    #[case("*4*maxi", "gpt-4o-mini", false)]
    #[case("a*a", "a", false)]
    #[case("*", "", true)]
    #[case("[a-z]?", "[a-z]?", true)]
    #[case("[a-z]?", "bc", false)]
    fn a_star_stands_for_anything_in_memory_and_in_sql(
        #[case] pattern: &str,
        #[case] text: &str,
        #[case] fits: bool,
    ) {
        assert_eq!(wild(pattern, text), fits);
        let db = rusqlite::Connection::open_in_memory().unwrap();
        let sql: bool =
            db.query_row("SELECT ?1 GLOB ?2", [text, &glob(pattern)], |row| row.get(0)).unwrap();
        assert_eq!(sql, fits);
    }

    #[rstest::rstest]
    #[case("status", "4xx", true)]
    #[case("status", "200", true)]
    #[case("status", "4xx,503", true)]
    #[case("status", "4xx,", false)]
    #[case("outcome", "timeout,client_closed", true)]
    #[case("status", "6xx", false)]
    #[case("status", "99", false)]
    #[case("outcome", "ok", true)]
    #[case("origin", "client,chat,replay", true)]
    #[case("origin", "client,cat", false)]
    #[case("error", "upstream_*", true)]
    #[case("outcome", "fine", false)]
    #[case("stream", "true", true)]
    #[case("stream", "yes", false)]
    #[case("since", "2026-01-31T12:00:00Z", true)]
    #[case("since", "yesterday", false)]
    #[case("min_duration_ms", "12.5", true)]
    #[case("min_duration_ms", "-1", false)]
    #[case("min_duration_ms", "inf", false)]
    #[case("colour", "red", false)]
    fn reads_what_people_write(#[case] name: &str, #[case] text: &str, #[case] good: bool) {
        assert_eq!(Filter::default().set(name, text).is_ok(), good);
    }
}
