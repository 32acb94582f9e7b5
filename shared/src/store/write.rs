//! The journal's hands: batches of ended exchanges, with their totals, in one
//! transaction each. One instance per proxy; called from one thread.

use std::{cell::Cell, path::Path};

use rusqlite::{
    CachedStatement, Connection, OptionalExtension, Transaction, TransactionBehavior, params,
};

use super::{
    StoreError, attempts, bodies, migrate,
    record::Record,
    totals::{Names, Totals},
};
use crate::{feed::Losses, id::ExchangeId, model::Side};

thread_local! {
    /// Told by SQLite, whose hook takes a function without a place of its own to tell it to.
    static LOG_PAGES: Cell<u64> = const { Cell::new(0) };
}

/// The proxy's writing connection.
pub struct Writer {
    pub(super) connection: Connection,
    names: Names,
    page_bytes: u32,
    data_version: i64,
}

impl Writer {
    /// Opens, creates or migrates the database.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = migrate::open_writer(path)?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.wal_hook(Some(|_, pages| {
            LOG_PAGES.set(u64::try_from(pages).unwrap_or(0));
            Ok(())
        }));
        let page_bytes = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        let names = Names::default();
        let mut writer = Self { connection, names, page_bytes, data_version: 0 };
        writer.changed_outside()?;
        Ok(writer)
    }

    /// Appends every record or none, with what was lost since the last call.
    /// Returns the new cursor. A record whose id is already there is skipped.
    pub fn append(&mut self, records: &[Record], losses: Losses) -> Result<i64, StoreError> {
        // IMMEDIATE: a lock that cannot be had fails here, before any work.
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut totals = Totals::default();
        {
            // Looked up once per batch: finding a statement by its text costs as much as
            // binding a dozen values.
            let mut insert = Insert::new(&transaction)?;
            for record in records {
                if insert.record(record)? {
                    totals.add(record);
                }
            }
        }
        totals.write(&transaction, &mut self.names)?;
        if losses != Losses::default() {
            let minute = jiff::Timestamp::now().as_second().div_euclid(60);
            transaction.execute(
                "INSERT INTO minute_losses VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET
                     bodies_shed = bodies_shed + excluded.bodies_shed,
                     records_lost = records_lost + excluded.records_lost",
                params![minute, losses.bodies_shed as i64, losses.records_lost as i64],
            )?;
        }
        transaction.commit()?;
        self.cursor()
    }

    /// A transaction as small as there is one, and no change: the first page of the database
    /// as it is.
    pub(super) fn write_a_page(&self) -> Result<(), StoreError> {
        let transaction =
            Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
        let id: i64 = transaction.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        transaction.pragma_update(None, "application_id", id)?;
        Ok(transaction.commit()?)
    }

    /// Bytes in the write-ahead log after this thread's last commit.
    pub fn log_bytes(&self) -> u64 {
        LOG_PAGES.get() * u64::from(self.page_bytes)
    }

    /// `exchanges.seq` of the newest.
    pub fn cursor(&self) -> Result<i64, StoreError> {
        // The sequence table steps in where retention took every row: a cursor never falls.
        let mut newest = self.connection.prepare_cached(
            "SELECT coalesce((SELECT max(seq) FROM exchanges),
                 (SELECT seq FROM sqlite_sequence WHERE name = 'exchanges'), 0)",
        )?;
        Ok(newest.query_row([], |row| row.get(0))?)
    }

    /// When the newest row began, by the clock of then; microseconds.
    pub fn newest_us(&self) -> Result<Option<i64>, StoreError> {
        let mut newest = self
            .connection
            .prepare_cached("SELECT started_at FROM exchanges ORDER BY seq DESC LIMIT 1")?;
        Ok(newest.query_row([], |row| row.get(0)).optional()?)
    }

    /// What the clock said when it was believed last, in microseconds, while it is doubted.
    pub fn clock_believed_us(&self) -> Result<Option<i64>, StoreError> {
        let mut find =
            self.connection.prepare_cached("SELECT at FROM progress WHERE name = 'clock'")?;
        Ok(find.query_row([], |row| row.get(0)).optional()?)
    }

    /// Remembers that the clock is doubted, over restarts too; none once it is believed again.
    pub fn put_clock_believed_us(&mut self, at: Option<i64>) -> Result<(), StoreError> {
        match at {
            Some(at) => self
                .connection
                .prepare_cached("INSERT OR REPLACE INTO progress (name, at) VALUES ('clock', ?1)")?
                .execute([at])?,
            None => self.connection.execute("DELETE FROM progress WHERE name = 'clock'", [])?,
        };
        Ok(())
    }

    /// Whether this exchange is recorded.
    pub fn contains(&self, id: ExchangeId) -> Result<bool, StoreError> {
        let mut find = self.connection.prepare_cached("SELECT 1 FROM exchanges WHERE id = ?1")?;
        Ok(find.query_row([id.as_bytes()], |_| Ok(())).optional()?.is_some())
    }

    /// When the oldest exchange that retention has kept began, in unix microseconds; `None`
    /// while it has taken nothing yet. Pinned ones say nothing of that.
    pub fn kept_since_us(&self) -> Result<Option<i64>, StoreError> {
        let mut oldest = self.connection.prepare_cached(
            "SELECT started_at FROM
                 (SELECT seq, started_at FROM exchanges
                  WHERE id NOT IN (SELECT id FROM annotations WHERE pinned)
                  ORDER BY seq LIMIT 1) WHERE seq > 1",
        )?;
        Ok(oldest.query_row([], |row| row.get(0)).optional()?)
    }

    /// Whether another connection committed since the last call.
    pub fn changed_outside(&mut self) -> Result<bool, StoreError> {
        let mut version = self.connection.prepare_cached("PRAGMA data_version")?;
        let now: i64 = version.query_row([], |row| row.get(0))?;
        Ok(std::mem::replace(&mut self.data_version, now) != now)
    }
}

const EXCHANGE: &str = "INSERT INTO exchanges (id, started_at, method, path, origin, mode, client_ip, client_token,
             provider, key, model, upstream_model, status, outcome, error_code, error_message, stream,
             duration_us, ttfb_us, first_token_us, request_bytes, response_bytes, prompt_tokens,
             completion_tokens, cached_tokens, reasoning_tokens, usage_source, cost_nano, attempts,
             warnings)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
             ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30)
         ON CONFLICT (id) DO NOTHING";

const CONTENTS: &str = "INSERT INTO contents (seq, http_version, target, upstream_url, connect_us, request_sent_us,
             reused, request_headers, request_trailers, request_body, request_form, response_headers,
             response_trailers, response_body, response_form, marks, messages, tries, price, attempts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
             ?20)";

struct Insert<'c> {
    connection: &'c Connection,
    exchange: CachedStatement<'c>,
    contents: CachedStatement<'c>,
}

impl<'c> Insert<'c> {
    fn new(connection: &'c Connection) -> Result<Self, StoreError> {
        Ok(Self {
            connection,
            exchange: connection.prepare_cached(EXCHANGE)?,
            contents: connection.prepare_cached(CONTENTS)?,
        })
    }

    /// False where the id is already there.
    fn record(&mut self, record: &Record) -> Result<bool, StoreError> {
        let connection = self.connection;
        let times = &record.times;
        let usage = &record.usage;
        let warnings = match record.warnings.is_empty() {
            true => None,
            false => Some(serde_json::to_string(&record.warnings).expect("strings are JSON")),
        };
        let response = record.response.as_ref();
        let inserted = self.exchange.execute(params![
            record.id.as_bytes(),
            record.started_at_us,
            record.method,
            record.path,
            record.origin.as_str(),
            record.mode.as_str(),
            record.client_ip,
            record.client_token,
            record.provider,
            record.key,
            record.model,
            record.upstream_model,
            record.status,
            record.outcome.as_str(),
            record.error.as_ref().map(|e| &e.code),
            record.error.as_ref().map(|e| &e.message),
            record.stream,
            count(times.duration_us),
            count(times.ttfb_us),
            count(times.first_token_us),
            record.request.body_bytes as i64,
            response.map_or(0, |r| r.body_bytes as i64),
            count(usage.prompt_tokens),
            count(usage.completion_tokens),
            count(usage.cached_tokens),
            count(usage.reasoning_tokens),
            usage.source.as_str(),
            record.cost_nano,
            record.attempts,
            warnings,
        ])?;
        if inserted == 0 {
            return Ok(false);
        }
        let seq = connection.last_insert_rowid();

        let request = bodies::pack(connection, Side::Request, &record.request, seq)?;
        let empty = Default::default();
        let answer = bodies::pack(connection, Side::Response, response.unwrap_or(&empty), seq)?;
        let tries = record
            .tries
            .as_ref()
            .map(|tries| serde_json::to_string(tries).expect("tries are plain data"));
        let price = record
            .price
            .as_ref()
            .map(|price| serde_json::to_string(price).expect("prices are plain data"));
        self.contents.execute(params![
            seq,
            record.http_version,
            record.target,
            record.upstream_url,
            times.connect_us,
            count(times.request_sent_us),
            record.reused,
            record.request.headers,
            some(&record.request.trailers),
            some(&request.column),
            request.form.column(),
            response.map(|r| &r.headers[..]),
            response.and_then(|r| some(&r.trailers)),
            some(&answer.column),
            answer.form.column(),
            some(record.marks.packed()),
            bodies::pack_messages(&record.messages)?,
            tries,
            price,
            attempts::pack(connection, &record.said, seq)?,
        ])?;
        Ok(true)
    }
}

fn count(value: Option<u64>) -> Option<i64> {
    value.map(|n| i64::try_from(n).unwrap_or(i64::MAX))
}

fn some(bytes: &[u8]) -> Option<&[u8]> {
    (!bytes.is_empty()).then_some(bytes)
}
