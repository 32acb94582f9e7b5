//! Looks whether a database is sound and what retention will do to it; changes nothing.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::store::{StoreError, bodies::Form, record::take_varint, tend::Limits};

/// How closely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thorough {
    /// Every page, but no index against its table.
    Quick,
    /// Indexes against tables, bodies against their pieces; minutes for a large file.
    Full,
}

/// What retention takes, by the limits that count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Rows past their age or number by now.
    pub rows_now: u64,
    /// Rows that will be within a day, if as many come as came in the last one.
    pub rows_in_a_day: u64,
    /// Rows whose bodies are past their age by now.
    pub bodies_now: u64,
    /// Bytes over the disk budget.
    pub bytes_over: u64,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// What is wrong, as SQLite says it and as we do; empty where it is sound.
    pub wrong: Vec<String>,
    /// Rows.
    pub exchanges: u64,
    /// Of them, pinned.
    pub pinned: u64,
    /// Unix microseconds: oldest and newest start.
    pub span: Option<(i64, i64)>,
    /// What retention takes.
    pub fate: Fate,
    /// Bodies dropped and exchanges without a record, ever.
    pub lost: (u64, u64),
}

/// Findings named one by one.
const NAMED: usize = 20;
const DAY_US: i64 = 86_400_000_000;

/// Looks at everything; takes as long as reading the file takes.
pub fn examine(
    database: &Path,
    limits: Limits,
    now_us: i64,
    thorough: Thorough,
) -> Result<Examined, StoreError> {
    let connection = Connection::open_with_flags(
        database,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    let mut found = Examined { wrong: integrity(&connection, thorough), ..Examined::default() };
    if !found.wrong.is_empty() {
        // Counting on damaged pages would only say the same again.
        return Ok(found);
    }
    let one = |sql: &str| -> Result<u64, StoreError> {
        Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))?.unsigned_abs())
    };
    found.exchanges = one("SELECT count(*) FROM exchanges")?;
    found.pinned = one("SELECT count(*) FROM annotations WHERE pinned")?;
    found.span = connection.query_row(
        "SELECT min(started_at), max(started_at) FROM exchanges",
        [],
        |row| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get(1)?)),
    )?;
    found.lost = (
        one("SELECT coalesce(sum(bodies_shed), 0) FROM minute_losses")?,
        one("SELECT coalesce(sum(records_lost), 0) FROM minute_losses")?,
    );
    for (what, sql) in [
        (
            "exchanges have no contents",
            "SELECT count(*) FROM exchanges WHERE seq NOT IN (SELECT seq FROM contents)",
        ),
        (
            "contents have no exchange",
            "SELECT count(*) FROM contents WHERE seq NOT IN (SELECT seq FROM exchanges)",
        ),
    ] {
        match one(sql)? {
            0 => {}
            many => found.wrong.push(format!("{many} {what}")),
        }
    }
    if thorough == Thorough::Full {
        found.wrong.extend(pieces(&connection)?);
    }
    found.fate = fate(&connection, limits, now_us)?;
    Ok(found)
}

fn integrity(connection: &Connection, thorough: Thorough) -> Vec<String> {
    let pragma = match thorough {
        Thorough::Quick => format!("PRAGMA quick_check({NAMED})"),
        Thorough::Full => format!("PRAGMA integrity_check({NAMED})"),
    };
    let said = connection.prepare(&pragma).and_then(|mut check| {
        let said = check.query_map([], |row| row.get::<_, String>(0))?;
        said.collect::<Result<Vec<_>, _>>()
    });
    match said {
        Ok(said) => said.into_iter().filter(|line| line != "ok").collect(),
        Err(e) => vec![e.to_string()],
    }
}

/// Request bodies that name a piece which is not there.
fn pieces(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut bodies = connection.prepare(
        "SELECT seq, request_body, request_form FROM contents WHERE request_form & 3 = 2",
    )?;
    let mut find = connection.prepare("SELECT 1 FROM chunk_data WHERE id = ?1")?;
    let mut rows = bodies.query([])?;
    let mut broken = 0;
    while let Some(row) = rows.next()? {
        let list: Option<Vec<u8>> = row.get(1)?;
        let list = list.unwrap_or_default();
        let mut rest = &list[..];
        debug_assert!(!Form::from_column(row.get(2)?).expired());
        while let Some(id) = take_varint(&mut rest) {
            if find.query_row([id as i64], |_| Ok(())).optional()?.is_none() {
                broken += 1;
                break;
            }
        }
    }
    Ok(match broken {
        0 => vec![],
        many => vec![format!("{many} request bodies miss a piece of theirs")],
    })
}

fn fate(connection: &Connection, limits: Limits, now_us: i64) -> Result<Fate, StoreError> {
    let free = "id NOT IN (SELECT id FROM annotations WHERE pinned)";
    let older = |before_us: i64| -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) FROM exchanges WHERE started_at < ?1 AND {free}");
        Ok(connection.query_row(&sql, [before_us], |row| row.get::<_, i64>(0))?.unsigned_abs())
    };
    let micros = |age: std::time::Duration| i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
    let newest: i64 =
        connection
            .query_row("SELECT coalesce(max(seq), 0) FROM exchanges", [], |row| row.get(0))?;
    let beyond = |newest: i64| -> Result<u64, StoreError> {
        let cap = i64::try_from(limits.max_exchanges).unwrap_or(i64::MAX);
        if cap == 0 {
            return Ok(0);
        }
        let sql = format!("SELECT count(*) FROM exchanges WHERE seq <= ?1 AND {free}");
        let to = newest.saturating_sub(cap);
        Ok(connection.query_row(&sql, [to], |row| row.get::<_, i64>(0))?.unsigned_abs())
    };
    let came: i64 = connection.query_row(
        "SELECT count(*) FROM exchanges WHERE started_at >= ?1",
        [now_us - DAY_US],
        |row| row.get(0),
    )?;
    let by_age = |ahead_us: i64| match limits.max_age {
        Some(age) => older(now_us.saturating_add(ahead_us).saturating_sub(micros(age))),
        None => Ok(0),
    };
    let pages = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let used = (pages("PRAGMA page_count")? - pages("PRAGMA freelist_count")?)
        * pages("PRAGMA page_size")?;
    let stripped: Option<i64> = connection
        .query_row("SELECT at FROM progress WHERE name = 'bodies'", [], |row| row.get(0))
        .optional()?;
    let bodies_now = match limits.max_body_age {
        None => 0,
        Some(age) => {
            let sql = format!(
                "SELECT count(*) FROM exchanges WHERE started_at < ?1 AND seq > ?2 AND {free}"
            );
            let cut = now_us.saturating_sub(micros(age));
            let count = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
            connection.query_row(&sql, [cut, stripped.unwrap_or(0)], count)?.unsigned_abs()
        }
    };
    Ok(Fate {
        rows_now: by_age(0)?.max(beyond(newest)?),
        rows_in_a_day: by_age(DAY_US)?.max(beyond(newest + came)?),
        bodies_now,
        bytes_over: match limits.max_disk_bytes {
            0 => 0,
            most => used.unsigned_abs().saturating_sub(most),
        },
    })
}
