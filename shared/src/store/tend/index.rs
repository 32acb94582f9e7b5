//! Full-text indexing, and which exchanges are turns of one conversation: what was said is
//! read once, on the writer's thread, within two seconds of an exchange's end.

use rusqlite::{OptionalExtension, TransactionBehavior, params};

use super::{Gone, Turn};
use crate::{
    content::{self, Indexed},
    decode::{Encoding, decode},
    store::{
        StoreError, bodies,
        bodies::Form,
        shards::{self, Shard},
        turns,
        write::Writer,
    },
};

/// Rows per slice: one transaction of 64 small documents costs half as much CPU per
/// document as one of four, and a fifth of the writes.
const DOCUMENTS: i64 = 64;
/// A slice ends early once it has indexed so much text, about 4 ms of work.
const TEXT: usize = 64 * 1024;
/// Fewer rows than a slice holds wait so long for more; they must be found within 2 s.
const LINGER_US: i64 = 700_000;
/// Bytes of a decoded body that indexing looks at.
const DECODE_LIMIT: usize = 4 << 20;
/// Documents, or index segments (each slice writes one), between two looks for what to merge.
const UNMERGED: u32 = 64;
const SEGMENTS: u32 = 8;
/// Words of deleted documents between two such looks. Where a merge finds nothing but these it
/// writes no page, and goes on in one step until it does: about 4 ms.
pub(super) const DELETED: u64 = 32_768;
/// Pages of the index merged in one step; what one word says of all documents of a table is
/// one, too.
const PAGES: i64 = 4;
/// With so many segments no more are written before some are merged. SQLite knows 2000.
const MOST_SEGMENTS: u64 = 256;

/// How far it has come.
#[derive(Debug, Default)]
pub(super) struct Index {
    indexed: Indexed,
    /// The newest row that is indexed; unknown until the first look.
    at: Option<i64>,
    /// Since when rows wait, in unix microseconds.
    waiting_since_us: Option<i64>,
    /// By table.
    unmerged: [Unmerged; shards::COUNT],
    /// The table that was merged last.
    merged: Shard,
}

/// What came into a table, or left it, since it was last merged.
#[derive(Clone, Copy, Debug, Default)]
struct Unmerged {
    documents: u32,
    /// Each slice writes one.
    segments: u32,
    /// Words.
    deleted: u64,
}

impl Unmerged {
    fn is_full_of_deleted(self) -> bool {
        self.deleted >= DELETED
    }

    fn is_due(self) -> bool {
        self.documents >= UNMERGED || self.segments >= SEGMENTS || self.is_full_of_deleted()
    }
}

impl Index {
    pub(super) fn at(&self) -> Option<i64> {
        self.at
    }

    pub(super) fn is_due(&mut self, newest: i64, now_us: i64) -> bool {
        let Some(at) = self.at else { return true };
        match newest - at {
            ..=0 => {
                self.waiting_since_us = None;
                false
            }
            DOCUMENTS.. => true,
            _ => {
                // A clock that was set back must not stop the index.
                let since = self.waiting_since_us.unwrap_or(now_us).min(now_us);
                self.waiting_since_us = Some(since);
                now_us - since >= LINGER_US
            }
        }
    }

    /// Indexes what comes next; true where something was.
    pub(super) fn slice(&mut self, writer: &mut Writer, newest: i64) -> Result<bool, StoreError> {
        // What was read but not written, on a full disk, must not pass for indexed.
        self.index(writer, newest).inspect_err(|_| self.indexed = Indexed::default())
    }

    fn index(&mut self, writer: &mut Writer, newest: i64) -> Result<bool, StoreError> {
        let transaction =
            writer.connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        let from = match self.at {
            Some(at) => at,
            None => transaction
                .query_row("SELECT at FROM progress WHERE name = 'search'", [], |row| row.get(0))
                .optional()?
                .unwrap_or(0),
        };
        let mut size = 0;
        let mut documents = Vec::new();
        {
            let mut newer = transaction.prepare_cached(
                "SELECT e.seq, e.path, e.model, c.request_headers, c.request_body, c.request_form,
                        c.response_headers, c.response_body, c.response_form, e.error_message,
                        coalesce(e.client_token, e.client_ip)
                 FROM exchanges e JOIN contents c ON c.seq = e.seq
                 WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2",
            )?;
            let mut rows = newer.query(params![from, DOCUMENTS])?;
            while let Some(row) = rows.next()? {
                let blob = |column| row.get_ref(column).map(|v| v.as_blob_or_null().ok().flatten());
                let body =
                    |headers: usize, body: usize, form: usize| -> Result<Vec<u8>, StoreError> {
                        let form = Form::from_column(row.get(form)?);
                        let raw = bodies::unpack(&transaction, blob(body)?, form)?;
                        Ok(match blob(headers)?.and_then(Encoding::of) {
                            Some(encoding) => decode(&raw, encoding, DECODE_LIMIT).bytes,
                            None => raw,
                        })
                    };
                let (path, model): (String, Option<String>) = (row.get(1)?, row.get(2)?);
                let error: Option<String> = row.get(9)?;
                let heads =
                    [&path[..], model.as_deref().unwrap_or(""), error.as_deref().unwrap_or("")];
                let client: String = row.get(10)?;
                let read = content::read(
                    &client,
                    &heads,
                    &body(3, 4, 5)?,
                    &body(6, 7, 8)?,
                    &mut self.indexed,
                );
                size += read.text.len();
                documents.push((row.get::<_, i64>(0)?, read));
                if size >= TEXT {
                    break;
                }
            }
        }
        let Some(&(last, _)) = documents.last() else {
            // Retention was faster, or those numbers were never used.
            self.at = Some(from.max(newest));
            return Ok(false);
        };
        for (seq, read) in &documents {
            Shard::of(*seq).put(&transaction, *seq, &read.text)?;
        }
        // After all of the text: a statement that needs a savepoint, as these do, has the index
        // written out, as a segment of its own each time.
        for (seq, read) in &documents {
            if let Some(turn) = &read.turn {
                turns::note(&transaction, *seq, turn, read.call.as_deref())?;
            }
        }
        transaction
            .prepare_cached("INSERT OR REPLACE INTO progress (name, at) VALUES ('search', ?1)")?
            .execute([last])?;
        transaction.commit()?;
        self.at = Some(last);
        if last >= newest {
            self.waiting_since_us = None;
        }
        for shard in documents.chunk_by(|(a, _), (b, _)| Shard::of(*a) == Shard::of(*b)) {
            let unmerged = &mut self.unmerged[Shard::of(shard[0].0).index()];
            unmerged.documents += shard.len() as u32;
            unmerged.segments += 1;
        }
        Ok(true)
    }

    /// Documents were deleted or replaced: only merging gives their space back.
    pub(super) fn took(&mut self, gone: &Gone) {
        self.unmerged[gone.shard.index()].deleted += gone.words;
    }

    /// Whether merging goes before deleting more.
    pub(super) fn is_full_of_deleted(&self) -> bool {
        self.unmerged.iter().any(|table| table.is_full_of_deleted())
    }

    /// Whether merging is due.
    pub(super) fn is_unmerged(&self) -> bool {
        self.unmerged.iter().any(|table| table.is_due())
    }

    /// Whether there are so many segments that merging goes before indexing.
    pub(super) fn is_choked(&self, writer: &Writer) -> Result<bool, StoreError> {
        let next = Shard::of(self.at.unwrap_or(0) + 1);
        Ok(self.unmerged[next.index()].is_due()
            && next.segments(&writer.connection)? > MOST_SEGMENTS)
    }

    /// Merges segments of a table for one turn, where one has enough of them; of several each
    /// has its turn.
    pub(super) fn merge(&mut self, writer: &mut Writer) -> Result<bool, StoreError> {
        let Some(shard) = self.merged.after().find(|shard| self.unmerged[shard.index()].is_due())
        else {
            return Ok(false);
        };
        self.merged = shard;
        let turn = Turn::begin();
        let transaction =
            writer.connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        while !turn.is_over() {
            if !shard.merge(&transaction, PAGES)? {
                self.unmerged[shard.index()] = Unmerged::default();
                break;
            }
        }
        transaction.commit()?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        feed::Losses,
        id::ExchangeId,
        store::record::{Message, Record},
    };

    /// A history is indexed with the first turn that holds it: one that a full disk refused
    /// must not pass for that.
    #[test]
    fn what_a_full_disk_refused_is_indexed_once_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(&dir.path().join("glassway.db")).unwrap();
        let long =
            "needle ".repeat(4_000) + &(0..4_000).map(|n| format!("w{n} ")).collect::<String>();
        let body = format!(
            r#"{{"messages":[{{"role":"user","content":"{long}"}},
                {{"role":"assistant","content":"yes"}},{{"role":"user","content":"next"}}]}}"#
        );
        let request = Message {
            headers: b"content-type: application/json\r\n".to_vec(),
            body_bytes: body.len() as u64,
            body: body.into_bytes(),
            ..Message::default()
        };
        let path = "/v1/chat/completions";
        let record = Record {
            request,
            ..Record::begun(ExchangeId::new(), 1_700_000_000_000_000, "POST", path, "127.0.0.1")
        };
        writer.append(&[record], Losses::default()).unwrap();
        let pages: i64 =
            writer.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        let room = |writer: &Writer, pages: i64| {
            writer.connection.pragma_update(None, "max_page_count", pages).unwrap();
        };
        let mut index = Index::default();
        room(&writer, pages);
        let newest = writer.cursor().unwrap();
        index.slice(&mut writer, newest).unwrap_err();
        room(&writer, 1_000_000);
        assert!(index.slice(&mut writer, newest).unwrap());
        let found: i64 = writer
            .connection
            .query_row("SELECT count(*) FROM search_00 WHERE search_00 MATCH 'needle'", [], |r| {
                r.get(0)
            })
            .unwrap();
        assert_eq!(found, 1);
    }

    /// What merging goes by is counted for each table alone.
    #[test]
    fn a_table_that_is_choked_holds_back_only_what_it_takes() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(&dir.path().join("glassway.db")).unwrap();
        let shard = Shard::of(0);
        for n in 1..=300 {
            shard.put(&writer.connection, n, "word").unwrap();
        }
        let mut index = Index::default();
        assert!(!index.is_choked(&writer).unwrap(), "nothing is known to be due");
        index.unmerged[shard.index()].documents = UNMERGED;
        assert!(index.is_choked(&writer).unwrap());
        index.at = Some(1 << 16);
        assert!(!index.is_choked(&writer).unwrap(), "rows of the next span go elsewhere");
        while index.merge(&mut writer).unwrap() {}
        assert!(!index.is_unmerged());
        assert!(shard.segments(&writer.connection).unwrap() < 20);
    }
}
