//! The search index: tables of SQLite's FTS5, each for every sixteenth span of rows. SQLite
//! merges and deletes all that a table says of one word in one step: a sixteenth of the
//! history is as much as that can be.

use rusqlite::{Connection, OptionalExtension};

use super::StoreError;

/// How many tables there are.
pub(super) const COUNT: usize = 16;
/// Rows of a span. The rows that are kept by default are about as many as sixteen spans have;
/// of a longer history a table has several.
const SPAN: i64 = 1 << 16;

/// One of the tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shard(usize);

impl Shard {
    /// That of a row, by `exchanges.seq`.
    pub(super) fn of(seq: i64) -> Self {
        Self(seq.div_euclid(SPAN).rem_euclid(COUNT as i64) as usize)
    }

    /// All, the one with row `newest` first, then as rows get older.
    pub(super) fn by_age(newest: i64) -> impl Iterator<Item = Self> {
        let first = Self::of(newest).0;
        (0..COUNT).map(move |back| Self((first + COUNT - back) % COUNT))
    }

    /// All, the one after this first and this last.
    pub(super) fn after(self) -> impl Iterator<Item = Self> {
        (1..=COUNT).map(move |on| Self((self.0 + on) % COUNT))
    }

    /// Its place among them.
    pub(super) fn index(self) -> usize {
        self.0
    }

    /// Its name.
    pub(super) fn table(self) -> String {
        format!("search_{:02}", self.0)
    }

    /// What a row is found by, instead of what it was found by before.
    pub(super) fn put(
        self,
        connection: &Connection,
        seq: i64,
        text: &str,
    ) -> Result<(), StoreError> {
        let sql = format!("INSERT OR REPLACE INTO {} (rowid, text) VALUES (?1, ?2)", self.table());
        connection.prepare_cached(&sql)?.execute((seq, text))?;
        Ok(())
    }

    /// A row is not found any more.
    pub(super) fn remove(self, connection: &Connection, seq: i64) -> Result<(), StoreError> {
        let sql = format!("DELETE FROM {} WHERE rowid = ?1", self.table());
        connection.prepare_cached(&sql)?.execute([seq])?;
        Ok(())
    }

    /// How many words a row is found by, repetitions among them.
    pub(super) fn words(self, connection: &Connection, seq: i64) -> Result<u64, StoreError> {
        let sql = format!("SELECT sz FROM {}_docsize WHERE id = ?1", self.table());
        let size: Option<Vec<u8>> =
            connection.prepare_cached(&sql)?.query_row([seq], |row| row.get(0)).optional()?;
        Ok(size.and_then(|size| varint(&mut size.iter())).unwrap_or(0))
    }

    /// Merges segments until about so many pages are written; false where nothing was left to.
    pub(super) fn merge(self, connection: &Connection, pages: i64) -> Result<bool, StoreError> {
        let table = self.table();
        let before = connection.total_changes();
        connection
            .prepare_cached(&format!("INSERT INTO {table} ({table}, rank) VALUES ('merge', ?1)"))?
            .execute([pages])?;
        // SQLite's documented sign that nothing was left to merge: fewer than two changes.
        Ok(connection.total_changes() - before >= 2)
    }

    /// How many segments it has; each transaction that put something adds one.
    pub(super) fn segments(self, connection: &Connection) -> Result<u64, StoreError> {
        let sql = format!("SELECT block FROM {}_data WHERE id = 10", self.table());
        let structure: Option<Vec<u8>> =
            connection.prepare_cached(&sql)?.query_row([], |row| row.get(0)).optional()?;
        Ok(structure.and_then(|block| segments(&block)).unwrap_or(0))
    }
}

/// How many segments a structure record names: a cookie of four bytes, the mark of the second
/// version where it is one, the number of levels, that of segments (SQLite's fts5_index.c).
/// `None` for what is not known here.
fn segments(structure: &[u8]) -> Option<u64> {
    let rest = structure.get(4..)?;
    let mut rest = rest.strip_prefix(&[0xff, 0, 0, 1]).unwrap_or(rest).iter();
    varint(&mut rest)?;
    varint(&mut rest)
}

/// A number as SQLite packs it, of at most 56 bits.
fn varint(bytes: &mut std::slice::Iter<u8>) -> Option<u64> {
    let mut value = 0;
    for _ in 0..8 {
        let byte = *bytes.next()?;
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::write::Writer;

    #[test]
    fn rows_in_sequence_share_a_table_and_the_newest_is_looked_at_first() {
        assert_eq!(Shard::of(1), Shard::of(SPAN - 1));
        assert_ne!(Shard::of(SPAN - 1), Shard::of(SPAN));
        assert_eq!(Shard::of(3 * SPAN), Shard::of((3 + COUNT as i64) * SPAN + 5));
        let all: Vec<_> = Shard::by_age(17 * SPAN).collect();
        assert_eq!(all[..3], [Shard(1), Shard(0), Shard(15)]);
        assert_eq!(all.len(), COUNT);
        let after: Vec<_> = Shard(14).after().collect();
        assert_eq!((after[0], after[1], after[15]), (Shard(15), Shard(0), Shard(14)));
    }

    /// In the real schema, where SQLite itself must not have merged them on the way.
    #[test]
    fn segments_and_words_are_counted_as_sqlite_writes_them() {
        let dir = tempfile::tempdir().unwrap();
        let writer = Writer::open(&dir.path().join("glassway.db")).unwrap();
        let db = &writer.connection;
        for shard in Shard::by_age(0) {
            shard.put(db, 1, &"word ".repeat(300)).unwrap();
            shard.put(db, 2, "two words").unwrap();
            let words = [1, 2, 3].map(|seq| shard.words(db, seq).unwrap());
            assert_eq!(words, [300, 2, 0], "{}", shard.table());
            shard.remove(db, 1).unwrap();
            assert_eq!(shard.words(db, 1).unwrap(), 0);
        }
        let shard = Shard::of(0);
        let there = shard.segments(db).unwrap();
        for n in 1..=300 {
            shard.put(db, 10 + n, "word").unwrap();
            assert_eq!(shard.segments(db).unwrap(), there + n.unsigned_abs());
        }
        while shard.merge(db, 4).unwrap() {}
        assert!(shard.segments(db).unwrap() < 20);
        assert_eq!(segments(b""), None);
        assert_eq!(segments(&[0xff; 40]), None);
    }
}
