//! What people know or decided about models, and a price list that somebody imported.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Map, Value};

use super::StoreError;
use crate::prices::{Book, Override};

/// One model as people described it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// Its name; may contain slashes.
    pub name: String,
    /// For people.
    pub description: String,
    /// What it can do, in whatever words.
    pub capabilities: Map<String, Value>,
    /// In place of the list's.
    pub prices: Option<Override>,
    /// By hand, rather than only described.
    pub added: bool,
}

fn read(row: &Row<'_>) -> rusqlite::Result<Model> {
    let (capabilities, prices): (String, Option<String>) = (row.get(2)?, row.get(3)?);
    Ok(Model {
        name: row.get(0)?,
        description: row.get(1)?,
        capabilities: serde_json::from_str(&capabilities).unwrap_or_default(),
        prices: prices.and_then(|json| serde_json::from_str(&json).ok()),
        added: row.get(4)?,
    })
}

/// All that somebody described, priced or added, by name.
pub fn all(connection: &Connection) -> Result<Vec<Model>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT name, description, capabilities, prices, added FROM models ORDER BY name",
    )?;
    Ok(query.query_map([], read)?.collect::<Result<_, _>>()?)
}

/// One of them.
pub fn find(connection: &Connection, name: &str) -> Result<Option<Model>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT name, description, capabilities, prices, added FROM models WHERE name = ?1",
    )?;
    Ok(query.query_row([name], read).optional()?)
}

/// Stores one, new or not. A row that says nothing is not kept.
pub fn put(connection: &Connection, model: &Model) -> Result<(), StoreError> {
    if *model == (Model { name: model.name.clone(), ..Model::default() }) {
        connection.execute("DELETE FROM models WHERE name = ?1", [&model.name])?;
        return Ok(());
    }
    let json = |value| serde_json::to_string(value).expect("JSON is always JSON");
    let prices = model.prices.map(|p| serde_json::to_string(&p).expect("numbers were checked"));
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO models (name, description, capabilities, prices, added)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            model.name,
            model.description,
            json(&model.capabilities),
            prices,
            model.added
        ])?;
    Ok(())
}

/// Forgets a model, and that keys were found to serve it, until they are asked again.
pub fn delete(connection: &Connection, name: &str) -> Result<bool, StoreError> {
    let described = connection.execute("DELETE FROM models WHERE name = ?1", [name])?;
    let fetched = connection.execute("DELETE FROM key_models WHERE model = ?1", [name])?;
    Ok(described + fetched > 0)
}

/// When a price list was imported (unix seconds), where one was.
pub fn price_list_imported_at(connection: &Connection) -> Result<Option<i64>, StoreError> {
    let mut find = connection.prepare_cached("SELECT imported_at FROM price_list WHERE one = 1")?;
    Ok(find.query_row([], |row| row.get(0)).optional()?)
}

/// The imported price list; `None`: the built-in one counts.
pub fn price_list(connection: &Connection) -> Result<Option<Book>, StoreError> {
    Ok(packed_price_list(connection)?.and_then(|packed| unpacked(&packed)))
}

/// The same as it is stored.
pub(super) fn packed_price_list(connection: &Connection) -> Result<Option<Vec<u8>>, StoreError> {
    let mut find = connection.prepare_cached("SELECT packed FROM price_list WHERE one = 1")?;
    Ok(find.query_row([], |row| row.get(0)).optional()?)
}

pub(super) fn unpacked(packed: &[u8]) -> Option<Book> {
    Book::unpack(packed)
        .inspect_err(|e| tracing::warn!(error = %e, "the imported price list is unreadable"))
        .ok()
}

/// Puts a packed list in place of the one before.
pub fn put_price_list(connection: &Connection, packed: &[u8], now: i64) -> Result<(), StoreError> {
    connection.execute(
        "INSERT OR REPLACE INTO price_list (one, packed, imported_at) VALUES (1, ?1, ?2)",
        params![packed, now],
    )?;
    Ok(())
}

/// Lets the built-in list count again; false: it did.
pub fn drop_price_list(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.execute("DELETE FROM price_list", [])? > 0)
}
