//! Every sealed key under a new key pair, in one transaction with the public half: at no
//! moment does the database hold keys of two pairs.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior, params};

use super::{
    StoreError,
    audit::{self, Entry},
    keys, migrate,
};
use crate::secret::BROUGHT;

/// A key as it is sealed.
#[derive(Clone, Debug)]
pub struct SealedKey {
    /// Its row.
    pub id: i64,
    /// What it is bound to.
    pub provider_id: i64,
    /// As people call it.
    pub name: String,
    /// HPKE.
    pub bytes: Vec<u8>,
    /// What it is bound to.
    pub origin: String,
    /// What it is bound to.
    pub kind: String,
}

/// The database, to be re-sealed.
pub struct Resealer {
    connection: Connection,
}

impl Resealer {
    /// Opens it. Commits reach the disk before they return, as the private key's file is
    /// replaced right after.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = migrate::open_writer(path)?;
        connection.execute_batch("PRAGMA synchronous = FULL")?;
        Ok(Self { connection })
    }

    /// The public half that keys are sealed to now.
    pub fn published(&self) -> Result<Option<Vec<u8>>, StoreError> {
        keys::public_key(&self.connection)
    }

    /// Gives each key what `again` makes of it, publishes the new public half, and has the
    /// proxy notice. Keys of which `again` makes nothing stay as they are; they come back.
    pub fn reseal(
        &mut self,
        public: &[u8; 32],
        mut again: impl FnMut(&SealedKey) -> Option<Vec<u8>>,
    ) -> Result<Resealed, StoreError> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut done = Resealed::default();
        for key in sealed(&transaction)? {
            match again(&key) {
                Some(bytes) => {
                    transaction
                        .prepare_cached("UPDATE keys SET sealed = ?2 WHERE id = ?1")?
                        .execute(params![key.id, bytes])?;
                    done.keys += 1;
                }
                None => done.unopened.push(key.name),
            }
        }
        for key in typed_in(&transaction)? {
            match again(&key) {
                Some(bytes) => {
                    transaction
                        .prepare_cached("UPDATE traces SET sealed = ?2 WHERE id = ?1")?
                        .execute(params![key.id, bytes])?;
                    done.keys += 1;
                }
                None => done.unopened.push(key.name),
            }
        }
        put_public_key(&transaction, public)?;
        transaction
            .execute("UPDATE config_revision SET revision = revision + 1 WHERE one = 1", [])?;
        audit::append(&transaction, &Entry::of_command("rekey"))?;
        transaction.commit()?;
        Ok(done)
    }
}

/// What [`Resealer::reseal`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Sealed anew.
    pub keys: usize,
    /// Names of those that stay as they were.
    pub unopened: Vec<String>,
}

fn sealed(connection: &Connection) -> Result<Vec<SealedKey>, StoreError> {
    let mut query = connection.prepare(
        "SELECT id, provider_id, name, sealed, sealed_origin, sealed_kind FROM keys ORDER BY id",
    )?;
    let rows = query.query_map([], |row| {
        Ok(SealedKey {
            id: row.get(0)?,
            provider_id: row.get(1)?,
            name: row.get(2)?,
            bytes: row.get(3)?,
            origin: row.get(4)?,
            kind: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Keys that belong to a trace alone.
fn typed_in(connection: &Connection) -> Result<Vec<SealedKey>, StoreError> {
    let mut query = connection.prepare(
        "SELECT id, sealed, sealed_origin, kind FROM traces WHERE sealed IS NOT NULL ORDER BY id",
    )?;
    let rows = query.query_map([], |row| {
        let id = row.get(0)?;
        Ok(SealedKey {
            id,
            provider_id: BROUGHT,
            name: format!("typed in for trace {id}"),
            bytes: row.get(1)?,
            origin: row.get(2)?,
            kind: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn put_public_key(connection: &Connection, bytes: &[u8; 32]) -> Result<(), StoreError> {
    connection.execute("INSERT OR REPLACE INTO public_key (one, bytes) VALUES (1, ?1)", [bytes])?;
    Ok(())
}

impl super::write::Writer {
    /// Publishes the half that the monitor seals with: what `choose` makes of the one that
    /// is published. Nobody re-seals in between.
    pub fn publish_key<E: From<StoreError>>(
        &mut self,
        choose: impl FnOnce(Option<&[u8]>) -> Result<[u8; 32], E>,
    ) -> Result<(), E> {
        let sql = |e: rusqlite::Error| E::from(StoreError::from(e));
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(sql)?;
        let published = keys::public_key(&transaction)?;
        let public = choose(published.as_deref())?;
        if published.as_deref() != Some(&public[..]) {
            put_public_key(&transaction, &public)?;
        }
        transaction.commit().map_err(sql)
    }
}
