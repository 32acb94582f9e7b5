//! What the monitor keeps for itself: settings, sign-in sessions, the admin key's
//! hash. The one connection with which the monitor writes.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::{StoreError, migrate, read::Reader};

/// A setting's name in the table for the admin key's hash.
const ADMIN_KEY_HASH: &str = "admin_key_hash";

/// The monitor's writing connection.
pub struct Settings {
    connection: Connection,
}

/// A sign-in that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Unix seconds.
    pub expires_at: i64,
}

impl Settings {
    /// Opens, creates or migrates the database.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = migrate::open_writer(path)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self { connection })
    }

    /// Changes something the proxy must notice: one transaction, which a refusal undoes
    /// whole, and the revision moves with it. Returns the new revision too.
    pub fn change<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<(T, i64), E> {
        let sql = |e: rusqlite::Error| StoreError::from(e);
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(sql)?;
        let result = work(&transaction)?;
        let revision = transaction
            .query_row(
                "UPDATE config_revision SET revision = revision + 1 WHERE one = 1 RETURNING revision",
                [],
                |row| row.get(0),
            )
            .map_err(sql)?;
        transaction.commit().map_err(sql)?;
        Ok((result, revision))
    }

    /// Changes something that is the monitor's alone: one transaction, which a refusal
    /// undoes whole; the revision stays.
    pub fn note<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let sql = |e: rusqlite::Error| StoreError::from(e);
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(sql)?;
        let result = work(&transaction)?;
        transaction.commit().map_err(sql)?;
        Ok(result)
    }

    /// Sets each of these (name, JSON) and tells the proxy by the revision.
    pub fn put(&mut self, values: &[(&str, String)]) -> Result<(), StoreError> {
        let put = |connection: &Connection| {
            values.iter().try_for_each(|(name, value)| put_setting(connection, name, value))
        };
        self.change(put)?;
        Ok(())
    }

    /// Stores the admin key's hash; every session ends, as whoever held the old key
    /// may have made them.
    pub fn put_admin_key_hash(&mut self, hash: &str) -> Result<(), StoreError> {
        self.put(&[(ADMIN_KEY_HASH, serde_json::Value::from(hash).to_string())])?;
        self.connection.execute("DELETE FROM sessions", [])?;
        Ok(())
    }

    /// Remembers a session by its token's hash, and forgets those that have ended.
    pub fn add_session(
        &mut self,
        hash: &[u8; 32],
        now: i64,
        expires_at: i64,
        client: &str,
    ) -> Result<(), StoreError> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction
            .prepare_cached("DELETE FROM sessions WHERE expires_at <= ?1")?
            .execute([now])?;
        transaction
            .prepare_cached(
                "INSERT INTO sessions (hash, created_at, expires_at, client) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (hash) DO NOTHING",
            )?
            .execute(params![hash, now, expires_at, client])?;
        Ok(transaction.commit()?)
    }

    /// Ends one session.
    pub fn end_session(&mut self, hash: &[u8; 32]) -> Result<(), StoreError> {
        self.connection.execute("DELETE FROM sessions WHERE hash = ?1", [hash])?;
        Ok(())
    }
}

/// Sets one (JSON) inside a change.
pub fn put_setting(connection: &Connection, name: &str, value: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO settings (name, value) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )?
        .execute(params![name, value])?;
    Ok(())
}

/// The value (JSON) of a setting, inside a change.
pub fn setting_within(connection: &Connection, name: &str) -> Result<Option<String>, StoreError> {
    let mut find = connection.prepare_cached("SELECT value FROM settings WHERE name = ?1")?;
    Ok(find.query_row([name], |row| row.get(0)).optional()?)
}

/// The value (JSON) of a setting.
pub fn setting(reader: &Reader, name: &str) -> Result<Option<String>, StoreError> {
    reader.with(|connection| setting_within(connection, name))
}

/// The admin key's hash, once there is one.
pub fn admin_key_hash(reader: &Reader) -> Result<Option<String>, StoreError> {
    Ok(setting(reader, ADMIN_KEY_HASH)?.and_then(|json| serde_json::from_str(&json).ok()))
}

/// The session with this token hash, unless it has ended.
pub fn session(reader: &Reader, hash: &[u8; 32], now: i64) -> Result<Option<Session>, StoreError> {
    reader.with(|connection| {
        let mut find = connection.prepare_cached(
            "SELECT expires_at FROM sessions WHERE hash = ?1 AND expires_at > ?2",
        )?;
        let found =
            find.query_row(params![hash, now], |row| Ok(Session { expires_at: row.get(0)? }));
        Ok(found.optional()?)
    })
}

/// Counts the monitor's writes that the proxy must notice.
pub fn revision(reader: &Reader) -> Result<i64, StoreError> {
    reader.with(|connection| {
        Ok(connection.query_row("SELECT revision FROM config_revision", [], |row| row.get(0))?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_write_of_a_setting_moves_the_revision() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("glassway.db");
        let mut settings = Settings::open(&path).unwrap();
        let reader = Reader::open(&path).unwrap();
        assert_eq!(revision(&reader).unwrap(), 0);
        settings.put(&[("strategy", "\"random\"".into())]).unwrap();
        assert_eq!(revision(&reader).unwrap(), 1);
        assert_eq!(setting(&reader, "strategy").unwrap().unwrap(), "\"random\"");
        assert_eq!(setting(&reader, "other").unwrap(), None);
    }

    #[test]
    fn sessions_end_by_the_clock_by_hand_and_with_the_admin_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("glassway.db");
        let mut settings = Settings::open(&path).unwrap();
        let reader = Reader::open(&path).unwrap();
        let (a, b, c) = ([1; 32], [2; 32], [3; 32]);
        settings.add_session(&a, 100, 200, "here").unwrap();
        assert_eq!(session(&reader, &a, 199).unwrap(), Some(Session { expires_at: 200 }));
        assert_eq!(session(&reader, &a, 200).unwrap(), None);
        settings.add_session(&b, 300, 400, "here").unwrap();
        assert_eq!(session(&reader, &a, 150).unwrap(), None, "forgotten");
        settings.end_session(&b).unwrap();
        assert_eq!(session(&reader, &b, 300).unwrap(), None);
        settings.add_session(&c, 300, 400, "here").unwrap();
        settings.put_admin_key_hash("$argon2id$…").unwrap();
        assert_eq!(admin_key_hash(&reader).unwrap().unwrap(), "$argon2id$…");
        assert_eq!(session(&reader, &c, 300).unwrap(), None);
    }
}
