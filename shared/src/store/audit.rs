//! What was done to Glassway through its admin API: written by the monitor, one row for
//! each deed, bounded in number and age.

use rusqlite::{Connection, Row, ToSql, params};

use super::StoreError;

/// Rows kept at most,
pub const MOST: i64 = 100_000;
/// of those by nobody who was known, so that guesses push out nothing else,
pub const MOST_BY_NOBODY: i64 = 5_000;
/// and for how long, in microseconds: 400 days.
pub const OLDEST_US: i64 = 400 * 86_400 * 1_000_000;
/// What is too many is deleted at one row in so many.
const EVERY: i64 = 64;
/// Who was not known.
pub const NOBODY: &str = "nobody";

/// One deed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its row; not looked at where one is added.
    pub id: i64,
    /// Unix microseconds.
    pub at_us: i64,
    /// `admin_key`, `session`, `command_line` or `nobody`.
    pub actor: String,
    /// The session's number.
    pub session: Option<i64>,
    /// `page`, `bearer` or `none`.
    pub via: String,
    /// Where from.
    pub address: String,
    /// The operation's id.
    pub action: String,
    /// Of the request.
    pub method: String,
    /// Of the request, without its query.
    pub path: String,
    /// What it was done to, as people call it.
    pub target: Option<String>,
    /// Of the answer; 0 where the client went away before one.
    pub status: u16,
    /// Why it was refused.
    pub detail: Option<String>,
    /// JSON: what was there.
    pub before: Option<String>,
    /// JSON: what is there now.
    pub after: Option<String>,
}

impl Entry {
    /// What somebody on this machine did with a command, now.
    pub fn of_command(action: &str) -> Self {
        Self {
            at_us: jiff::Timestamp::now().as_microsecond(),
            actor: "command_line".to_owned(),
            via: "none".to_owned(),
            action: action.to_owned(),
            ..Self::default()
        }
    }
}

/// Which deeds.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// This operation's.
    pub action: Option<String>,
    /// This actor's.
    pub actor: Option<String>,
    /// Unix microseconds.
    pub since_us: Option<i64>,
    /// Unix microseconds; before it.
    pub until_us: Option<i64>,
}

/// Adds one, and now and then deletes what is too old or too many.
pub fn append(connection: &Connection, entry: &Entry) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO audit (at_us, actor, session, via, address, action, method, path, target,
                 status, detail, before, after)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            entry.at_us,
            entry.actor,
            entry.session,
            entry.via,
            entry.address,
            entry.action,
            entry.method,
            entry.path,
            entry.target,
            entry.status,
            entry.detail,
            entry.before,
            entry.after,
        ])?;
    let id = connection.last_insert_rowid();
    if id % EVERY == 0 {
        prune(connection, entry.at_us)?;
    }
    Ok(())
}

fn prune(connection: &Connection, now_us: i64) -> Result<(), StoreError> {
    // Ids rise with time, save where a clock was turned back.
    connection.execute(
        "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?1 OR at_us < ?2",
        params![MOST, now_us - OLDEST_US],
    )?;
    connection.execute(
        "DELETE FROM audit WHERE actor = ?1 AND id <= (
             SELECT id FROM audit WHERE actor = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        params![NOBODY, MOST_BY_NOBODY],
    )?;
    Ok(())
}

/// Those before `cursor`, newest first, and how many there are in all.
pub fn page(
    connection: &Connection,
    filter: &Filter,
    cursor: Option<i64>,
    limit: usize,
) -> Result<(Vec<Entry>, u64), StoreError> {
    let mut wheres = vec!["1"];
    let mut values: Vec<&dyn ToSql> = Vec::new();
    let conditions: [(&str, Option<&dyn ToSql>); 4] = [
        ("action = ?", filter.action.as_ref().map(|v| v as &dyn ToSql)),
        ("actor = ?", filter.actor.as_ref().map(|v| v as &dyn ToSql)),
        ("at_us >= ?", filter.since_us.as_ref().map(|v| v as &dyn ToSql)),
        ("at_us < ?", filter.until_us.as_ref().map(|v| v as &dyn ToSql)),
    ];
    for (condition, value) in conditions {
        if let Some(value) = value {
            wheres.push(condition);
            values.push(value);
        }
    }
    let count = format!("SELECT count(*) FROM audit WHERE {}", wheres.join(" AND "));
    let mut count = connection.prepare_cached(&count)?;
    let total: i64 = count.query_row(&values[..], |row| row.get(0))?;
    let before = cursor.unwrap_or(i64::MAX);
    let most = limit as i64;
    wheres.push("id < ?");
    values.push(&before);
    values.push(&most);
    let select = format!(
        "SELECT id, at_us, actor, session, via, address, action, method, path, target, status,
             detail, before, after FROM audit WHERE {} ORDER BY id DESC LIMIT ?",
        wheres.join(" AND ")
    );
    let mut find = connection.prepare_cached(&select)?;
    let items = find.query_map(&values[..], read)?.collect::<Result<_, _>>()?;
    Ok((items, total.unsigned_abs()))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        id: row.get(0)?,
        at_us: row.get(1)?,
        actor: row.get(2)?,
        session: row.get(3)?,
        via: row.get(4)?,
        address: row.get(5)?,
        action: row.get(6)?,
        method: row.get(7)?,
        path: row.get(8)?,
        target: row.get(9)?,
        status: row.get(10)?,
        detail: row.get(11)?,
        before: row.get(12)?,
        after: row.get(13)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::settings::Settings;

    fn entry(at_us: i64, actor: &str, action: &str) -> Entry {
        Entry { at_us, actor: actor.into(), action: action.into(), ..Entry::default() }
    }

    #[test]
    fn pages_and_filters_find_what_was_done() {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings::open(&dir.path().join("glassway.db")).unwrap();
        settings
            .keep(|c| {
                for n in 1..=10 {
                    let action = if n % 2 == 0 { "addKey" } else { "signIn" };
                    append(c, &entry(n, "session", action))?;
                }
                let all = Filter::default();
                let (first, total) = page(c, &all, None, 4)?;
                assert_eq!(
                    (first.iter().map(|e| e.at_us).collect::<Vec<_>>(), total),
                    (vec![10, 9, 8, 7], 10)
                );
                let (next, _) = page(c, &all, Some(first[3].id), 4)?;
                assert_eq!(next[0].at_us, 6);
                let keys = Filter { action: Some("addKey".into()), ..Filter::default() };
                assert_eq!(page(c, &keys, None, 100)?.1, 5);
                let span = Filter { since_us: Some(3), until_us: Some(6), ..Filter::default() };
                assert_eq!(page(c, &span, None, 100)?.1, 3);
                let nobody = Filter { actor: Some(NOBODY.into()), ..Filter::default() };
                assert_eq!(page(c, &nobody, None, 100)?, (vec![], 0));
                Ok::<_, StoreError>(())
            })
            .unwrap();
    }

    #[test]
    fn guesses_push_out_nothing_and_what_is_old_goes() {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings::open(&dir.path().join("glassway.db")).unwrap();
        settings
            .keep(|c| {
                append(c, &entry(0, "session", "old"))?;
                let now = OLDEST_US + 1;
                append(c, &entry(now, "session", "real"))?;
                for _ in 0..MOST_BY_NOBODY + 200 {
                    append(c, &entry(now, NOBODY, "signIn"))?;
                }
                let count = |action: &str| {
                    let filter = Filter { action: Some(action.into()), ..Filter::default() };
                    page(c, &filter, None, 1).map(|(_, total)| total as i64)
                };
                assert_eq!((count("old")?, count("real")?), (0, 1));
                assert!((MOST_BY_NOBODY..MOST_BY_NOBODY + EVERY).contains(&count("signIn")?));
                Ok::<_, StoreError>(())
            })
            .unwrap();
    }
}
