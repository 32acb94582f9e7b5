//! Routes: the monitor's side, which changes them.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{StoreError, roster::Candidate};

/// One route as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Its row.
    pub id: i64,
    /// A name, or a pattern with `*`; unique.
    pub model: String,
    /// Where it leads.
    pub candidates: Vec<Candidate>,
    /// `None`: the setting.
    pub strategy: Option<String>,
    /// Unix seconds.
    pub created_at: i64,
}

fn read(row: &Row<'_>) -> rusqlite::Result<Route> {
    let candidates: String = row.get(2)?;
    Ok(Route {
        id: row.get(0)?,
        model: row.get(1)?,
        candidates: serde_json::from_str(&candidates).unwrap_or_default(),
        strategy: row.get(3)?,
        created_at: row.get(4)?,
    })
}

/// All of them, newest first.
pub fn all(connection: &Connection) -> Result<Vec<Route>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT id, model, candidates, strategy, created_at FROM routes ORDER BY id DESC",
    )?;
    Ok(query.query_map([], read)?.collect::<Result<_, _>>()?)
}

/// One of them.
pub fn find(connection: &Connection, id: i64) -> Result<Option<Route>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT id, model, candidates, strategy, created_at FROM routes WHERE id = ?1",
    )?;
    Ok(query.query_row([id], read).optional()?)
}

/// Adds one; its `id` is not looked at. Returns the id it was given.
pub fn insert(connection: &Connection, route: &Route) -> Result<i64, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO routes (model, candidates, strategy, created_at) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![route.model, json(route), route.strategy, route.created_at])?;
    Ok(connection.last_insert_rowid())
}

/// Puts the row with its id in this state.
pub fn update(connection: &Connection, route: &Route) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE routes SET model = ?2, candidates = ?3, strategy = ?4 WHERE id = ?1",
        )?
        .execute(params![route.id, route.model, json(route), route.strategy])?;
    Ok(())
}

/// Deletes one; false where there was none.
pub fn delete(connection: &Connection, id: i64) -> Result<bool, StoreError> {
    Ok(connection.execute("DELETE FROM routes WHERE id = ?1", [id])? > 0)
}

fn json(route: &Route) -> String {
    serde_json::to_string(&route.candidates).expect("names and numbers are always JSON")
}
