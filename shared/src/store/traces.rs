//! Traces as they are stored; `hits` are the fetches of their images. All of these functions
//! work inside a change of the monitor's ([`super::settings::Settings`]) or a read.

mod hits;

use rusqlite::{Connection, OptionalExtension, Row, params};

pub use self::hits::{Hit, add_hit, add_overflow, hit_counts, hits};
use super::StoreError;

/// How a trace stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Waits for its turn.
    Pending,
    /// Its request is under way.
    Running,
    /// It was answered.
    Done,
    /// It was not, or with an error.
    Failed,
}

impl Status {
    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    fn named(word: &str) -> Self {
        match word {
            "pending" => Self::Pending,
            "running" => Self::Running,
            "done" => Self::Done,
            _ => Self::Failed,
        }
    }
}

/// A key typed in for one trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Sealed {
    /// HPKE, bound to the trace's id.
    pub bytes: Vec<u8>,
    /// What it is bound to.
    pub origin: String,
}

/// One trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Its row.
    pub id: i64,
    /// Random; what image addresses carry.
    pub trace_id: String,
    /// The first trace that was begun together with it.
    pub series: i64,
    /// `None`: typed in.
    pub key_id: Option<i64>,
    /// `None`: typed in.
    pub provider_id: Option<i64>,
    /// Its name, else the host.
    pub provider: String,
    /// Its name; empty where typed in.
    pub key: String,
    /// Where it asked.
    pub base_url: String,
    /// The dialect it asked in.
    pub kind: String,
    /// A key typed in.
    pub sealed: Option<Sealed>,
    /// As asked for.
    pub model: String,
    /// As asked.
    pub prompt: String,
    /// How many the request carries.
    pub images: u32,
    /// Their address up to the query.
    pub image_base: String,
    /// How it stands.
    pub status: Status,
    /// Why it failed.
    pub error: Option<String>,
    /// Unix microseconds.
    pub created_at: i64,
    /// Unix microseconds.
    pub started_at: Option<i64>,
    /// Unix microseconds.
    pub ended_at: Option<i64>,
    /// The exchange it was recorded as.
    pub request_id: Option<String>,
    /// The answer's text.
    pub answer: Option<String>,
    /// JSON: what else the answer says.
    pub said: Option<String>,
}

/// Which traces a list holds.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Text in model, target, answer, addresses or user agents.
    pub q: Option<String>,
    /// Exactly this one.
    pub model: Option<String>,
    /// Begun together.
    pub series: Option<i64>,
    /// This provider's.
    pub provider_id: Option<i64>,
    /// This key's.
    pub key_id: Option<i64>,
    /// That stand so.
    pub status: Option<Status>,
}

const COLUMNS: &str = "id, trace_id, series, key_id, provider_id, provider, key, base_url, kind, \
     sealed, sealed_origin, model, prompt, images, image_base, status, error, created_at, \
     started_at, ended_at, request_id, answer, said";

fn read(row: &Row<'_>) -> rusqlite::Result<Trace> {
    let sealed: Option<Vec<u8>> = row.get(9)?;
    let origin: Option<String> = row.get(10)?;
    let status: String = row.get(15)?;
    Ok(Trace {
        id: row.get(0)?,
        trace_id: row.get(1)?,
        series: row.get(2)?,
        key_id: row.get(3)?,
        provider_id: row.get(4)?,
        provider: row.get(5)?,
        key: row.get(6)?,
        base_url: row.get(7)?,
        kind: row.get(8)?,
        sealed: sealed.zip(origin).map(|(bytes, origin)| Sealed { bytes, origin }),
        model: row.get(11)?,
        prompt: row.get(12)?,
        images: row.get(13)?,
        image_base: row.get(14)?,
        status: Status::named(&status),
        error: row.get(16)?,
        created_at: row.get(17)?,
        started_at: row.get(18)?,
        ended_at: row.get(19)?,
        request_id: row.get(20)?,
        answer: row.get(21)?,
        said: row.get(22)?,
    })
}

/// One of them.
pub fn find(connection: &Connection, id: i64) -> Result<Option<Trace>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM traces WHERE id = ?1");
    Ok(connection.prepare_cached(&sql)?.query_row([id], read).optional()?)
}

/// Name, row and number of images of every one, for telling image addresses.
pub fn names(connection: &Connection) -> Result<Vec<(String, i64, u32, u32)>, StoreError> {
    let mut query = connection.prepare(
        "SELECT trace_id, id, images, (SELECT count(*) FROM trace_hits WHERE trace = traces.id)
         FROM traces",
    )?;
    let rows =
        query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Adds one; gives its id. `series` of `None` begins a series; `seal` makes a typed-in
/// key's bytes, which are bound to the id.
pub fn insert(
    connection: &Connection,
    trace: &Trace,
    series: Option<i64>,
    seal: impl FnOnce(i64) -> Option<Sealed>,
) -> Result<i64, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO traces (trace_id, series, key_id, provider_id, provider, key, base_url,
                 kind, model, prompt, images, image_base, status, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            trace.trace_id,
            series.unwrap_or(0),
            trace.key_id,
            trace.provider_id,
            trace.provider,
            trace.key,
            trace.base_url,
            trace.kind,
            trace.model,
            trace.prompt,
            trace.images,
            trace.image_base,
            trace.status.as_str(),
            trace.created_at,
        ])?;
    let id = connection.last_insert_rowid();
    let sealed = seal(id);
    connection
        .prepare_cached(
            "UPDATE traces SET series = ?2, sealed = ?3, sealed_origin = ?4 WHERE id = ?1",
        )?
        .execute(params![
            id,
            series.unwrap_or(id),
            sealed.as_ref().map(|sealed| &sealed.bytes),
            sealed.as_ref().map(|sealed| &sealed.origin),
        ])?;
    Ok(id)
}

/// It is under way, and will be recorded as this exchange.
pub fn begin(connection: &Connection, id: i64, now: i64, exchange: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE traces SET status = 'running', started_at = ?2, request_id = ?3 WHERE id = ?1",
        )?
        .execute(params![id, now, exchange])?;
    Ok(())
}

/// How many wait for their turn.
pub fn pending(connection: &Connection) -> Result<usize, StoreError> {
    let count = "SELECT count(*) FROM traces WHERE status = 'pending'";
    let pending: i64 = connection.prepare_cached(count)?.query_row([], |row| row.get(0))?;
    Ok(usize::try_from(pending).unwrap_or(0))
}

/// How it ended.
pub fn end(connection: &Connection, trace: &Trace) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE traces SET status = ?2, error = ?3, ended_at = ?4, request_id = ?5,
                 answer = ?6, said = ?7 WHERE id = ?1",
        )?
        .execute(params![
            trace.id,
            trace.status.as_str(),
            trace.error,
            trace.ended_at,
            trace.request_id,
            trace.answer,
            trace.said,
        ])?;
    Ok(())
}

/// Those that were under way when the monitor ended can never be answered.
pub fn give_up(connection: &Connection, reason: &str, now: i64) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE traces SET status = 'failed', error = ?1, ended_at = ?2
         WHERE status IN ('pending', 'running')",
        params![reason, now],
    )?;
    Ok(())
}

/// Deletes these with their hits and keys; gives how many there were.
pub fn delete(connection: &Connection, ids: &[i64]) -> Result<usize, StoreError> {
    let mut delete = connection.prepare_cached("DELETE FROM traces WHERE id = ?1")?;
    let mut deleted = 0;
    for id in ids {
        deleted += delete.execute([id])?;
    }
    Ok(deleted)
}

/// The ended ones beyond the newest `most`: the oldest go first.
pub fn surplus(connection: &Connection, most: usize) -> Result<Vec<(i64, String)>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT id, trace_id FROM traces WHERE status IN ('done', 'failed')
         AND id <= (SELECT id FROM traces ORDER BY id DESC LIMIT 1 OFFSET ?1)",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = query.query_map([most], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Those that match, newest first, below `before`; and how many match in all.
pub fn list(
    connection: &Connection,
    filter: &Filter,
    before: Option<i64>,
    limit: usize,
) -> Result<(Vec<Trace>, u64), StoreError> {
    const MATCHES: &str = "(?1 IS NULL OR model = ?1) AND (?2 IS NULL OR series = ?2)
         AND (?3 IS NULL OR provider_id = ?3) AND (?4 IS NULL OR key_id = ?4)
         AND (?5 IS NULL OR status = ?5)
         AND (?6 IS NULL OR model LIKE ?6 ESCAPE '\\' OR provider LIKE ?6 ESCAPE '\\'
              OR key LIKE ?6 ESCAPE '\\' OR answer LIKE ?6 ESCAPE '\\' OR trace_id LIKE ?6 ESCAPE '\\'
              OR EXISTS (SELECT 1 FROM trace_hits WHERE trace = traces.id
                  AND (ip LIKE ?6 ESCAPE '\\' OR user_agent LIKE ?6 ESCAPE '\\')))";
    let q = filter.q.as_deref().map(str::trim).filter(|q| !q.is_empty());
    let q = q.map(|q| {
        let plain = q.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        format!("%{plain}%")
    });
    let status = filter.status.map(Status::as_str);
    let Filter { model, series, provider_id, key_id, .. } = filter;
    let total: i64 = connection
        .prepare_cached(&format!("SELECT count(*) FROM traces WHERE {MATCHES}"))?
        .query_row(params![model, series, provider_id, key_id, status, q], |row| row.get(0))?;
    let sql = format!(
        "SELECT {COLUMNS} FROM traces WHERE {MATCHES} AND (?7 IS NULL OR id < ?7)
         ORDER BY id DESC LIMIT ?8"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut query = connection.prepare_cached(&sql)?;
    let rows = query
        .query_map(params![model, series, provider_id, key_id, status, q, before, limit], read)?;
    Ok((rows.collect::<Result<_, _>>()?, u64::try_from(total).unwrap_or(0)))
}
