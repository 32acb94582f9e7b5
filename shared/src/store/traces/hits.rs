//! The fetches of traces' images as they are stored: so many whole, the rest as a count.

use rusqlite::{Connection, Row, params};

use crate::store::StoreError;

/// One fetch of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Its row.
    pub id: i64,
    /// Whose image.
    pub trace: i64,
    /// Which of its images, from 1.
    pub image: u32,
    /// Unix microseconds.
    pub at: i64,
    /// `GET` or `HEAD`.
    pub method: String,
    /// The peer, or whom trusted proxies speak for.
    pub ip: String,
    /// The connection's other end.
    pub peer: String,
    /// The peer's.
    pub port: u16,
    /// Addresses that trusted proxies named, the farthest first.
    pub forwarded: Vec<String>,
    /// Such as `HTTP/1.1`.
    pub version: String,
    /// As it calls itself.
    pub user_agent: Option<String>,
    /// In the order of arrival.
    pub headers: Vec<[String; 2]>,
    /// Drawn into what it got.
    pub code: Option<String>,
}

/// Adds a fetch; `None` where its trace is gone.
pub fn add_hit(connection: &Connection, hit: &Hit) -> Result<Option<i64>, StoreError> {
    let json = |value: serde_json::Result<String>| value.expect("strings are always JSON");
    let added = connection
        .prepare_cached(
            "INSERT INTO trace_hits (trace, image, at, method, ip, peer, port, forwarded, version,
                 user_agent, headers, code)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12
             WHERE EXISTS (SELECT 1 FROM traces WHERE id = ?1)",
        )?
        .execute(params![
            hit.trace,
            hit.image,
            hit.at,
            hit.method,
            hit.ip,
            hit.peer,
            hit.port,
            json(serde_json::to_string(&hit.forwarded)),
            hit.version,
            hit.user_agent,
            json(serde_json::to_string(&hit.headers)),
            hit.code,
        ])?;
    Ok((added == 1).then(|| connection.last_insert_rowid()))
}

/// Fetches of a trace's images, in the order of arrival, up to `limit`.
pub fn hits(connection: &Connection, trace: i64, limit: usize) -> Result<Vec<Hit>, StoreError> {
    let json = |row: &Row<'_>, column| -> rusqlite::Result<String> { row.get(column) };
    let mut query = connection.prepare_cached(
        "SELECT id, trace, image, at, method, ip, peer, port, forwarded, version, user_agent,
                headers, code
         FROM trace_hits WHERE trace = ?1 ORDER BY at, id LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = query.query_map([trace, limit], |row| {
        Ok(Hit {
            id: row.get(0)?,
            trace: row.get(1)?,
            image: row.get(2)?,
            at: row.get(3)?,
            method: row.get(4)?,
            ip: row.get(5)?,
            peer: row.get(6)?,
            port: row.get(7)?,
            forwarded: serde_json::from_str(&json(row, 8)?).unwrap_or_default(),
            version: row.get(9)?,
            user_agent: row.get(10)?,
            headers: serde_json::from_str(&json(row, 11)?).unwrap_or_default(),
            code: row.get(12)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many fetches a trace has on record, and how many beyond that were counted alone.
pub fn hit_counts(connection: &Connection, trace: i64) -> Result<(u64, u64), StoreError> {
    let counts = connection
        .prepare_cached(
            "SELECT (SELECT count(*) FROM trace_hits WHERE trace = ?1),
                    coalesce((SELECT hits FROM trace_overflow WHERE trace = ?1), 0)",
        )?
        .query_row([trace], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
    Ok((u64::try_from(counts.0).unwrap_or(0), u64::try_from(counts.1).unwrap_or(0)))
}

/// Counts fetches that are not kept.
pub fn add_overflow(connection: &Connection, trace: i64, hits: u64) -> Result<(), StoreError> {
    let hits = i64::try_from(hits).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "INSERT INTO trace_overflow (trace, hits)
             SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM traces WHERE id = ?1)
             ON CONFLICT (trace) DO UPDATE SET hits = hits + excluded.hits",
        )?
        .execute(params![trace, hits])?;
    Ok(())
}
