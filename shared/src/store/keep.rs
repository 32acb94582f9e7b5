//! Pinned exchanges outlive retention, their chunks do not: before chunks that only older
//! exchanges use are deleted, pinned ones among those get their bodies written whole.
//!
//! So retention needs no count of who uses a chunk, and a pin costs nothing until its
//! exchange would have gone. The alternative, chunks that live as long as any pinned
//! exchange names them, would read every pinned body at each sweep.

use rusqlite::{Connection, params};

use super::{
    StoreError, attempts,
    bodies::{self, Form},
};

/// The oldest rows from `from` on and before `to`.
pub(super) fn between(
    connection: &Connection,
    from: i64,
    to: i64,
    most: usize,
) -> Result<Vec<i64>, StoreError> {
    let mut rows = connection.prepare_cached(
        "SELECT seq FROM exchanges WHERE seq >= ?1 AND seq < ?2 ORDER BY seq LIMIT ?3",
    )?;
    let rows = rows.query_map(params![from, to, most as i64], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Rewrites one exchange's bodies so that they need nothing beside their row.
pub(super) fn make_whole(connection: &Connection, seq: i64) -> Result<(), StoreError> {
    let mut find = connection.prepare_cached(
        "SELECT request_body, request_form, response_body, response_form, attempts
         FROM contents WHERE seq = ?1",
    )?;
    let mut rows = find.query([seq])?;
    let Some(row) = rows.next()? else { return Ok(()) };
    let body = |column: usize| -> Result<_, StoreError> {
        let kept: Option<Vec<u8>> = row.get(column)?;
        bodies::whole(connection, kept.as_deref(), Form::from_column(row.get(column + 1)?))
    };
    for (side, made) in [("request", body(0)?), ("response", body(2)?)] {
        let Some((column, form)) = made else { continue };
        let sql = format!("UPDATE contents SET {side}_body = ?2, {side}_form = ?3 WHERE seq = ?1");
        connection.prepare_cached(&sql)?.execute(params![seq, column, form.column()])?;
    }
    let said: Option<Vec<u8>> = row.get(4)?;
    if let Some(said) = attempts::whole(connection, said.as_deref())? {
        connection
            .prepare_cached("UPDATE contents SET attempts = ?2 WHERE seq = ?1")?
            .execute(params![seq, said])?;
    }
    Ok(())
}
