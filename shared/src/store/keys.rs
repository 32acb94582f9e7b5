//! Upstream keys: the monitor's side, which adds and changes them, and how they stand
//! by what the proxy wrote. A key is only ever stored sealed.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::StoreError;

/// One key as it is stored, with what the proxy knows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Its row.
    pub id: i64,
    /// Whose it is.
    pub provider_id: i64,
    /// As people call it.
    pub name: String,
    /// What it is sealed to.
    pub sealed_origin: String,
    /// What it is sealed to.
    pub sealed_kind: String,
    /// `sk-…wxyz`
    pub masked: String,
    /// By hand.
    pub active: bool,
    /// Empty = all.
    pub models: Vec<String>,
    /// For random picks.
    pub weight: u32,
    /// Higher goes first.
    pub priority: i64,
    /// Nano-dollars per call, instead of the price list.
    pub price_per_call_nano: Option<i64>,
    /// Nano-dollars; `None` = unlimited.
    pub quota_nano: Option<i64>,
    /// Unix seconds.
    pub created_at: i64,
    /// The proxy's word.
    pub state: State,
}

/// What the proxy wrote of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// "" where it wrote nothing yet.
    pub status: String,
    /// Why.
    pub reason: Option<String>,
    /// Unix milliseconds.
    pub until: Option<i64>,
    /// Nano-dollars.
    pub spent_nano: i64,
    /// Ever.
    pub total_requests: i64,
    /// Unix milliseconds.
    pub last_used_at: Option<i64>,
}

/// Whether a key serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It serves.
    Active,
    /// Switched off by hand.
    Inactive,
    /// Comes back by the clock.
    Cooling,
    /// Its money is used up, here or at its provider.
    Exhausted,
    /// Revoked, wrong, or sealed for another address.
    Invalid,
}

impl Status {
    /// Each of them.
    pub const ALL: [Self; 5] =
        [Self::Active, Self::Inactive, Self::Cooling, Self::Exhausted, Self::Invalid];

    /// As the API says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Cooling => "cooling",
            Self::Exhausted => "exhausted",
            Self::Invalid => "invalid",
        }
    }
}

/// A key's status with why and until when (unix milliseconds).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether it serves.
    pub status: Status,
    /// Why not.
    pub reason: Option<String>,
    /// Until when, where that is known.
    pub until: Option<i64>,
}

impl Key {
    /// How it stands at this moment, where its provider is of this kind at this origin.
    pub fn standing(&self, kind: &str, origin: &str, now_ms: i64) -> Standing {
        let plain = |status| Standing { status, reason: None, until: None };
        if !self.active {
            return plain(Status::Inactive);
        }
        if self.sealed_origin != origin || self.sealed_kind != kind {
            let reason = Some("origin_changed".to_owned());
            return Standing { status: Status::Invalid, reason, until: None };
        }
        let State { status, reason, until, .. } = &self.state;
        let lasts = until.is_none_or(|until| until > now_ms);
        let status = match &status[..] {
            "cooling" if lasts => Status::Cooling,
            "exhausted" if lasts => Status::Exhausted,
            "invalid" => Status::Invalid,
            _ => return plain(Status::Active),
        };
        Standing { status, reason: reason.clone(), until: *until }
    }
}

const SELECT: &str = "SELECT k.id, k.provider_id, k.name, k.sealed_origin, k.sealed_kind, k.masked,
        k.active, k.models, k.weight, k.priority, k.price_per_call_nano, k.quota_nano, k.created_at,
        coalesce(s.status, ''), s.reason, s.until, coalesce(s.spent_nano, 0),
        coalesce(s.total_requests, 0), s.last_used_at
    FROM keys k LEFT JOIN key_state s ON s.key_id = k.id";

fn read(row: &Row<'_>) -> rusqlite::Result<Key> {
    let models: String = row.get(7)?;
    Ok(Key {
        id: row.get(0)?,
        provider_id: row.get(1)?,
        name: row.get(2)?,
        sealed_origin: row.get(3)?,
        sealed_kind: row.get(4)?,
        masked: row.get(5)?,
        active: row.get(6)?,
        models: serde_json::from_str(&models).unwrap_or_default(),
        weight: row.get(8)?,
        priority: row.get(9)?,
        price_per_call_nano: row.get(10)?,
        quota_nano: row.get(11)?,
        created_at: row.get(12)?,
        state: State {
            status: row.get(13)?,
            reason: row.get(14)?,
            until: row.get(15)?,
            spent_nano: row.get(16)?,
            total_requests: row.get(17)?,
            last_used_at: row.get(18)?,
        },
    })
}

/// All of them, newest first.
pub fn all(connection: &Connection) -> Result<Vec<Key>, StoreError> {
    let mut query = connection.prepare_cached(&format!("{SELECT} ORDER BY k.id DESC"))?;
    Ok(query.query_map([], read)?.collect::<Result<_, _>>()?)
}

/// One of them.
pub fn find(connection: &Connection, id: i64) -> Result<Option<Key>, StoreError> {
    let mut query = connection.prepare_cached(&format!("{SELECT} WHERE k.id = ?1"))?;
    Ok(query.query_row([id], read).optional()?)
}

/// The key of this provider with this fingerprint: id and name.
pub fn with_fingerprint(
    connection: &Connection,
    provider_id: i64,
    fingerprint: &[u8; 32],
) -> Result<Option<(i64, String)>, StoreError> {
    let mut query = connection
        .prepare_cached("SELECT id, name FROM keys WHERE provider_id = ?1 AND fingerprint = ?2")?;
    let found =
        query.query_row(params![provider_id, fingerprint], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(found.optional()?)
}

/// A sealed credential, as a row keeps it.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// HPKE.
    pub bytes: Vec<u8>,
    /// What it is sealed to.
    pub origin: String,
    /// What it is sealed to.
    pub kind: String,
    /// Tells the same key again.
    pub fingerprint: [u8; 32],
    /// `sk-…wxyz`
    pub masked: String,
}

/// Gives a new key its id; `seal` makes its credential for that id, in the same
/// change, so that no row without one is ever committed.
pub fn insert(
    connection: &Connection,
    key: &Key,
    seal: impl FnOnce(i64) -> Sealed,
) -> Result<i64, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO keys (provider_id, name, sealed, sealed_origin, sealed_kind, fingerprint,
                 masked, active, models, weight, priority, price_per_call_nano, quota_nano, created_at)
             VALUES (?1, ?2, x'', '', '', randomblob(32), '', ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            key.provider_id,
            key.name,
            key.active,
            list(&key.models),
            key.weight,
            key.priority,
            key.price_per_call_nano,
            key.quota_nano,
            key.created_at,
        ])?;
    let id = connection.last_insert_rowid();
    reseal(connection, id, key.provider_id, &seal(id))?;
    if key.name.is_empty() {
        connection
            .prepare_cached("UPDATE keys SET name = ?2 WHERE id = ?1")?
            .execute(params![id, format!("key-{id}")])?;
    }
    Ok(id)
}

/// Puts another credential in a key's row, and the provider it is for: a provider may know
/// the one that was there before by another key.
pub fn reseal(
    connection: &Connection,
    id: i64,
    provider_id: i64,
    sealed: &Sealed,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE keys SET provider_id = ?2, sealed = ?3, sealed_origin = ?4, sealed_kind = ?5,
                 fingerprint = ?6, masked = ?7 WHERE id = ?1",
        )?
        .execute(params![
            id,
            provider_id,
            sealed.bytes,
            sealed.origin,
            sealed.kind,
            sealed.fingerprint,
            sealed.masked
        ])?;
    Ok(())
}

/// Puts everything but the credential and its provider in this state.
pub fn update(connection: &Connection, key: &Key) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE keys SET name = ?2, active = ?3, models = ?4, weight = ?5, priority = ?6,
                 price_per_call_nano = ?7, quota_nano = ?8 WHERE id = ?1",
        )?
        .execute(params![
            key.id,
            key.name,
            key.active,
            list(&key.models),
            key.weight,
            key.priority,
            key.price_per_call_nano,
            key.quota_nano,
        ])?;
    Ok(())
}

/// Deletes one, with the models it was known to serve.
pub fn delete(connection: &Connection, id: i64) -> Result<(), StoreError> {
    connection.execute("DELETE FROM keys WHERE id = ?1", [id])?;
    Ok(())
}

/// Asks the proxy to forget why a key is out.
pub fn reset(connection: &Connection, id: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT INTO commands (kind, target) VALUES ('reset_key', ?1)")?
        .execute([id])?;
    Ok(())
}

/// What a key's provider said it serves.
pub fn fetched(connection: &Connection, id: i64) -> Result<Vec<String>, StoreError> {
    let mut query = connection
        .prepare_cached("SELECT model FROM key_models WHERE key_id = ?1 ORDER BY model")?;
    Ok(query.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// The same of every key: model → keys.
pub fn fetched_by_model(
    connection: &Connection,
) -> Result<BTreeMap<String, BTreeSet<i64>>, StoreError> {
    let mut query = connection.prepare_cached("SELECT model, key_id FROM key_models")?;
    let mut rows = query.query([])?;
    let mut models = BTreeMap::<String, BTreeSet<i64>>::new();
    while let Some(row) = rows.next()? {
        models.entry(row.get(0)?).or_default().insert(row.get(1)?);
    }
    Ok(models)
}

/// How many models each key was found to serve.
pub fn fetched_counts(connection: &Connection) -> Result<BTreeMap<i64, i64>, StoreError> {
    let mut query =
        connection.prepare_cached("SELECT key_id, count(*) FROM key_models GROUP BY key_id")?;
    Ok(query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}

/// Replaces what a key was found to serve.
pub fn put_fetched(
    connection: &Connection,
    id: i64,
    models: &BTreeSet<String>,
) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM key_models WHERE key_id = ?1")?.execute([id])?;
    let mut insert =
        connection.prepare_cached("INSERT INTO key_models (key_id, model) VALUES (?1, ?2)")?;
    for model in models {
        insert.execute(params![id, model])?;
    }
    Ok(())
}

/// The public half that keys are sealed to, once the proxy has run.
pub fn public_key(connection: &Connection) -> Result<Option<Vec<u8>>, StoreError> {
    let mut find = connection.prepare_cached("SELECT bytes FROM public_key WHERE one = 1")?;
    Ok(find.query_row([], |row| row.get(0)).optional()?)
}

fn list(models: &[String]) -> String {
    serde_json::to_string(models).expect("strings are always JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key {
            id: 1,
            provider_id: 1,
            name: "main".into(),
            sealed_origin: "https://a.example:443".into(),
            sealed_kind: "openai".into(),
            masked: "sk-…wxyz".into(),
            active: true,
            models: vec![],
            weight: 1,
            priority: 0,
            price_per_call_nano: None,
            quota_nano: None,
            created_at: 0,
            state: State::default(),
        }
    }

    #[test]
    fn cooling_and_exhausted_end_by_the_clock_invalid_does_not() {
        let status = |status: &str, until, now| {
            let state = State { status: status.into(), until, ..State::default() };
            Key { state, ..key() }.standing("openai", "https://a.example:443", now).status
        };
        assert_eq!(status("", None, 5), Status::Active);
        assert_eq!(status("cooling", Some(6), 5), Status::Cooling);
        assert_eq!(status("cooling", Some(5), 5), Status::Active);
        assert_eq!(status("exhausted", None, 5), Status::Exhausted);
        assert_eq!(status("exhausted", Some(4), 5), Status::Active);
        assert_eq!(status("invalid", Some(4), 5), Status::Invalid);
    }

    #[test]
    fn a_key_sealed_for_another_address_or_kind_is_invalid() {
        for (kind, origin) in
            [("azure", "https://a.example:443"), ("openai", "https://b.example:443")]
        {
            let standing = key().standing(kind, origin, 0);
            assert_eq!(standing.status, Status::Invalid);
            assert_eq!(standing.reason.as_deref(), Some("origin_changed"));
        }
        let off = Key { active: false, ..key() };
        assert_eq!(off.standing("azure", "", 0).status, Status::Inactive);
    }
}
