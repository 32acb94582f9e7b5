//! Client tokens: the monitor's side, which makes and changes them. Only their hash is
//! stored.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{StoreError, roster::TokenRecord};

/// One token as it is stored, with what it has spent.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Its row.
    pub id: i64,
    /// As people call it; unique.
    pub name: String,
    /// `gw-…wxyz`
    pub masked: String,
    /// By hand.
    pub enabled: bool,
    /// Nano-dollars per period; `None` = none.
    pub budget_nano: Option<i64>,
    /// `day`, `month` or `total`.
    pub budget_period: String,
    /// Requests per minute.
    pub rpm: Option<u32>,
    /// Tokens per minute.
    pub tpm: Option<u32>,
    /// Names and patterns; empty = all.
    pub allowed_models: Vec<String>,
    /// Unix seconds.
    pub expires_at: Option<i64>,
    /// How much is recorded of its exchanges.
    pub record: TokenRecord,
    /// Unix seconds.
    pub created_at: i64,
    /// In the period that began at `period_start`, nano-dollars.
    pub spent_nano: i64,
    /// Unix seconds; of the spending.
    pub period_start: i64,
    /// Unix milliseconds.
    pub last_used_at: Option<i64>,
}

const SELECT: &str = "SELECT t.id, t.name, t.masked, t.enabled, t.budget_nano, t.budget_period,
        t.rpm, t.tpm, t.allowed_models, t.expires_at, t.created_at, coalesce(s.spent_nano, 0),
        coalesce(s.period_start, 0), s.last_used_at, t.record
    FROM client_tokens t LEFT JOIN token_spending s ON s.token_id = t.id";

fn read(row: &Row<'_>) -> rusqlite::Result<Token> {
    let allowed: String = row.get(8)?;
    Ok(Token {
        id: row.get(0)?,
        name: row.get(1)?,
        masked: row.get(2)?,
        enabled: row.get(3)?,
        budget_nano: row.get(4)?,
        budget_period: row.get(5)?,
        rpm: row.get(6)?,
        tpm: row.get(7)?,
        allowed_models: serde_json::from_str(&allowed).unwrap_or_default(),
        expires_at: row.get(9)?,
        created_at: row.get(10)?,
        spent_nano: row.get(11)?,
        period_start: row.get(12)?,
        last_used_at: row.get(13)?,
        record: TokenRecord::of(&row.get::<_, String>(14)?),
    })
}

/// All of them, newest first.
pub fn all(connection: &Connection) -> Result<Vec<Token>, StoreError> {
    let mut query = connection.prepare_cached(&format!("{SELECT} ORDER BY t.id DESC"))?;
    Ok(query.query_map([], read)?.collect::<Result<_, _>>()?)
}

/// One of them.
pub fn find(connection: &Connection, id: i64) -> Result<Option<Token>, StoreError> {
    let mut query = connection.prepare_cached(&format!("{SELECT} WHERE t.id = ?1"))?;
    Ok(query.query_row([id], read).optional()?)
}

/// Adds one with its hash; its `id` is not looked at. Returns the id it was given.
pub fn insert(connection: &Connection, token: &Token, hash: &[u8; 32]) -> Result<i64, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO client_tokens (name, hash, masked, enabled, budget_nano, budget_period,
                 rpm, tpm, allowed_models, expires_at, created_at, record)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            token.name,
            hash,
            token.masked,
            token.enabled,
            token.budget_nano,
            token.budget_period,
            token.rpm,
            token.tpm,
            json(token),
            token.expires_at,
            token.created_at,
            token.record.as_str(),
        ])?;
    Ok(connection.last_insert_rowid())
}

/// Puts the row with its id in this state.
pub fn update(connection: &Connection, token: &Token) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE client_tokens SET name = ?2, enabled = ?3, budget_nano = ?4, budget_period = ?5,
                 rpm = ?6, tpm = ?7, allowed_models = ?8, expires_at = ?9, record = ?10
             WHERE id = ?1",
        )?
        .execute(params![
            token.id,
            token.name,
            token.enabled,
            token.budget_nano,
            token.budget_period,
            token.rpm,
            token.tpm,
            json(token),
            token.expires_at,
            token.record.as_str(),
        ])?;
    Ok(())
}

/// Deletes one; false where there was none.
pub fn delete(connection: &Connection, id: i64) -> Result<bool, StoreError> {
    Ok(connection.execute("DELETE FROM client_tokens WHERE id = ?1", [id])? > 0)
}

fn json(token: &Token) -> String {
    serde_json::to_string(&token.allowed_models).expect("strings are always JSON")
}
