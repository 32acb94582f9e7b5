//! What the proxy routes by, read in one go: providers, keys (sealed), routes, models,
//! client tokens, settings. And what it keeps of it: the keys' state, the tokens'
//! spending, the public key.

mod rows;

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;

use super::{StoreError, keys, models};
use crate::prices::Book;

pub use rows::{
    Candidate, Command, Key, KeyState, Model, Provider, Route, Spending, Token, TokenRecord,
};

/// Everything, at one revision.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    /// `config_revision` it was read at.
    pub revision: i64,
    /// All of them, by priority, highest first.
    pub providers: Vec<Provider>,
    /// All of them, by id.
    pub keys: Vec<Key>,
    /// Exact names and patterns.
    pub routes: Vec<Route>,
    /// What people know or decided about models.
    pub models: Vec<Model>,
    /// What keys were found to serve, by the key's row.
    pub fetched: HashMap<i64, Vec<String>>,
    /// The imported price list; `None`: the built-in one counts.
    pub price_list: Option<Arc<Book>>,
    /// All of them.
    pub tokens: Vec<Token>,
    /// Name → JSON.
    pub settings: BTreeMap<String, serde_json::Value>,
    /// What was kept of the keys' state.
    pub states: Vec<KeyState>,
    /// What tokens have spent in their period.
    pub spending: Vec<Spending>,
    /// Rows that are newer than the last one done.
    pub commands: Vec<Command>,
    /// The half that keys are sealed to.
    pub public_key: Option<Vec<u8>>,
}

/// A read-only connection that notices changes.
pub struct RosterReader {
    connection: Connection,
    data_version: i64,
    revision: i64,
    price_list: Option<PriceList>,
}

/// An imported price list with the hash of what it was unpacked from: that takes
/// milliseconds, and the list seldom changes.
type PriceList = ([u8; 32], Arc<Book>);

impl RosterReader {
    /// Opens an existing database.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.busy_timeout(Duration::from_secs(2))?;
        Ok(Self { connection, data_version: -1, revision: -1, price_list: None })
    }

    /// Whether anything was committed that the proxy must notice; microseconds where
    /// nothing was.
    pub fn changed(&mut self) -> Result<bool, StoreError> {
        let version: i64 =
            self.connection.query_row("PRAGMA data_version", [], |row| row.get(0))?;
        if std::mem::replace(&mut self.data_version, version) == version {
            return Ok(false);
        }
        let revision: i64 =
            self.connection.query_row("SELECT revision FROM config_revision", [], |r| r.get(0))?;
        Ok(revision != self.revision)
    }

    /// Everything, in one read transaction. `done` is the newest command that was done.
    pub fn load(&mut self, done: i64) -> Result<Roster, StoreError> {
        let transaction = self.connection.transaction()?;
        let mut roster = read_all(&transaction, done)?;
        self.price_list = price_list(&transaction, self.price_list.take())?;
        drop(transaction);
        roster.price_list = self.price_list.as_ref().map(|(_, book)| book.clone());
        self.revision = roster.revision;
        Ok(roster)
    }
}

fn price_list(
    connection: &Connection,
    known: Option<PriceList>,
) -> Result<Option<PriceList>, StoreError> {
    let Some(packed) = models::packed_price_list(connection)? else { return Ok(None) };
    let hash = *blake3::hash(&packed).as_bytes();
    match known {
        Some((same, book)) if same == hash => Ok(Some((hash, book))),
        _ => Ok(models::unpacked(&packed).map(|book| (hash, Arc::new(book)))),
    }
}

fn rows<T>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], read)?.collect::<Result<Vec<_>, _>>()?;
    Ok(rows)
}

fn json<T: DeserializeOwned + Default>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: Option<String> = row.get(column)?;
    // Written by the monitor, which checked it; a hand-edited row is as good as empty.
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

fn read_all(connection: &Connection, done: i64) -> Result<Roster, StoreError> {
    let revision =
        connection.query_row("SELECT revision FROM config_revision", [], |row| row.get(0))?;
    Ok(Roster {
        revision,
        providers: rows(
            connection,
            "SELECT id, name, kind, base_url, enabled, priority, price_multiplier, api_version,
                    deployments FROM providers ORDER BY priority DESC, id",
            |row| {
                Ok(Provider {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    kind: row.get(2)?,
                    base_url: row.get(3)?,
                    enabled: row.get(4)?,
                    priority: row.get(5)?,
                    price_multiplier: row.get(6)?,
                    api_version: row.get(7)?,
                    deployments: json(row, 8)?,
                })
            },
        )?,
        keys: rows(
            connection,
            "SELECT id, provider_id, name, sealed, masked, active, models, weight, priority,
                    price_per_call_nano, quota_nano FROM keys ORDER BY id",
            |row| {
                Ok(Key {
                    id: row.get(0)?,
                    provider_id: row.get(1)?,
                    name: row.get(2)?,
                    sealed: row.get(3)?,
                    masked: row.get(4)?,
                    active: row.get(5)?,
                    models: json(row, 6)?,
                    weight: row.get(7)?,
                    priority: row.get(8)?,
                    price_per_call_nano: row.get(9)?,
                    quota_nano: row.get(10)?,
                })
            },
        )?,
        routes: rows(
            connection,
            "SELECT model, candidates, strategy FROM routes ORDER BY id",
            |row| {
                Ok(Route { model: row.get(0)?, candidates: json(row, 1)?, strategy: row.get(2)? })
            },
        )?,
        models: rows(connection, "SELECT name, prices, added FROM models ORDER BY name", |row| {
            Ok(Model { name: row.get(0)?, prices: json(row, 1)?, added: row.get(2)? })
        })?,
        fetched: {
            let mut fetched = HashMap::<i64, Vec<String>>::new();
            let found = rows(connection, "SELECT key_id, model FROM key_models", |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            for (key, model) in found {
                fetched.entry(key).or_default().push(model);
            }
            fetched
        },
        price_list: None,
        tokens: rows(
            connection,
            "SELECT id, name, hash, enabled, budget_nano, budget_period, rpm, tpm, allowed_models,
                    expires_at, record FROM client_tokens ORDER BY id",
            |row| {
                Ok(Token {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    hash: row.get(2)?,
                    enabled: row.get(3)?,
                    budget_nano: row.get(4)?,
                    budget_period: row.get(5)?,
                    rpm: row.get(6)?,
                    tpm: row.get(7)?,
                    allowed_models: json(row, 8)?,
                    expires_at: row.get(9)?,
                    record: TokenRecord::of(&row.get::<_, String>(10)?),
                })
            },
        )?,
        settings: rows(connection, "SELECT name, value FROM settings", |row| {
            Ok((row.get::<_, String>(0)?, json::<serde_json::Value>(row, 1)?))
        })?
        .into_iter()
        .collect(),
        states: rows(
            connection,
            "SELECT key_id, status, reason, until, health, spent_nano, total_requests, last_used_at
             FROM key_state",
            |row| {
                Ok(KeyState {
                    key_id: row.get(0)?,
                    status: row.get(1)?,
                    reason: row.get(2)?,
                    until: row.get(3)?,
                    health: row.get(4)?,
                    spent_nano: row.get(5)?,
                    total_requests: row.get(6)?,
                    last_used_at: row.get(7)?,
                })
            },
        )?,
        spending: rows(
            connection,
            "SELECT token_id, period_start, spent_nano, last_used_at FROM token_spending",
            |row| {
                Ok(Spending {
                    token_id: row.get(0)?,
                    period_start: row.get(1)?,
                    spent_nano: row.get(2)?,
                    last_used_at: row.get(3)?,
                })
            },
        )?,
        public_key: keys::public_key(connection)?,
        commands: {
            let mut newer = connection
                .prepare("SELECT id, kind, target FROM commands WHERE id > ?1 ORDER BY id")?;
            newer
                .query_map([done], |row| {
                    Ok(Command { id: row.get(0)?, kind: row.get(1)?, target: row.get(2)? })
                })?
                .collect::<Result<_, _>>()?
        },
    })
}

impl super::write::Writer {
    /// Keeps what is known of these keys and tokens.
    pub fn keep_states(
        &mut self,
        states: &[KeyState],
        spending: &[Spending],
    ) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        for state in states {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO key_state (key_id, status, reason, until, health,
                         spent_nano, total_requests, last_used_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?
                .execute(params![
                    state.key_id,
                    state.status,
                    state.reason,
                    state.until,
                    state.health,
                    state.spent_nano,
                    state.total_requests,
                    state.last_used_at,
                ])?;
        }
        for one in spending {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO token_spending (token_id, period_start, spent_nano,
                         last_used_at)
                     VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![
                    one.token_id,
                    one.period_start,
                    one.spent_nano,
                    one.last_used_at
                ])?;
        }
        Ok(transaction.commit()?)
    }

    /// The newest command that was done.
    pub fn commands_done(&self) -> Result<i64, StoreError> {
        let mut find =
            self.connection.prepare_cached("SELECT at FROM progress WHERE name = 'commands'")?;
        Ok(find.query_row([], |row| row.get(0)).optional()?.unwrap_or(0))
    }

    /// Remembers that commands up to this one are done.
    pub fn put_commands_done(&mut self, id: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO progress (name, at) VALUES ('commands', ?1)")?
            .execute([id])?;
        Ok(())
    }
}
