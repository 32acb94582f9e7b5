//! Providers: the monitor's side, which changes them. Functions work inside a change
//! ([`super::settings::Settings::change`]) or a read.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::StoreError;

/// The row that the configuration's base URL makes; it is always there.
pub const BUILT_IN: i64 = 1;

/// One provider as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// Its row.
    pub id: i64,
    /// Unique, fit for a path.
    pub name: String,
    /// `openai`, `anthropic` or `azure`.
    pub kind: String,
    /// `None`: the configuration's.
    pub base_url: Option<String>,
    /// Whether it is used.
    pub enabled: bool,
    /// Higher goes first.
    pub priority: i64,
    /// For people.
    pub notes: String,
    /// Of list prices.
    pub price_multiplier: f64,
    /// Azure's.
    pub api_version: Option<String>,
    /// Azure: model → deployment.
    pub deployments: BTreeMap<String, String>,
    /// What it was made from.
    pub preset: Option<String>,
    /// Unix seconds.
    pub created_at: i64,
}

const COLUMNS: &str = "id, name, kind, base_url, enabled, priority, notes, price_multiplier, \
     api_version, deployments, preset, created_at";

fn read(row: &Row<'_>) -> rusqlite::Result<Provider> {
    let deployments: String = row.get(9)?;
    Ok(Provider {
        id: row.get(0)?,
        name: row.get(1)?,
        kind: row.get(2)?,
        base_url: row.get(3)?,
        enabled: row.get(4)?,
        priority: row.get(5)?,
        notes: row.get(6)?,
        price_multiplier: row.get(7)?,
        api_version: row.get(8)?,
        deployments: serde_json::from_str(&deployments).unwrap_or_default(),
        preset: row.get(10)?,
        created_at: row.get(11)?,
    })
}

/// All of them, by id.
pub fn all(connection: &Connection) -> Result<Vec<Provider>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM providers ORDER BY id");
    let mut query = connection.prepare_cached(&sql)?;
    Ok(query.query_map([], read)?.collect::<Result<_, _>>()?)
}

/// One of them.
pub fn find(connection: &Connection, id: i64) -> Result<Option<Provider>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM providers WHERE id = ?1");
    Ok(connection.prepare_cached(&sql)?.query_row([id], read).optional()?)
}

/// Adds one; its `id` is not looked at. Returns the id it was given.
pub fn insert(connection: &Connection, provider: &Provider) -> Result<i64, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO providers (name, kind, base_url, enabled, priority, notes,
                 price_multiplier, api_version, deployments, preset, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            provider.name,
            provider.kind,
            provider.base_url,
            provider.enabled,
            provider.priority,
            provider.notes,
            provider.price_multiplier,
            provider.api_version,
            json(&provider.deployments),
            provider.preset,
            provider.created_at,
        ])?;
    Ok(connection.last_insert_rowid())
}

/// Puts the row with its id in this state.
pub fn update(connection: &Connection, provider: &Provider) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE providers SET name = ?2, kind = ?3, base_url = ?4, enabled = ?5, priority = ?6,
                 notes = ?7, price_multiplier = ?8, api_version = ?9, deployments = ?10, preset = ?11
             WHERE id = ?1",
        )?
        .execute(params![
            provider.id,
            provider.name,
            provider.kind,
            provider.base_url,
            provider.enabled,
            provider.priority,
            provider.notes,
            provider.price_multiplier,
            provider.api_version,
            json(&provider.deployments),
            provider.preset,
        ])?;
    Ok(())
}

/// Deletes one that nothing refers to.
pub fn delete(connection: &Connection, id: i64) -> Result<(), StoreError> {
    connection.execute("DELETE FROM providers WHERE id = ?1", [id])?;
    Ok(())
}

fn json(value: &BTreeMap<String, String>) -> String {
    serde_json::to_string(value).expect("strings are always JSON")
}
