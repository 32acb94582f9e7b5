//! Counters and histograms. Counted by the journal when an exchange is written, so that
//! the data path only touches its own state; `page` writes them down for Prometheus.

mod histogram;
mod models;
mod page;

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
};

use glassway_shared::{model::Outcome, store::record::Record};
use histogram::{ANSWERS, COMMITS, Histogram};
use jiff::Timestamp;
use models::Models;
use tokio::sync::Semaphore;

use crate::{
    health::{self, Health, Signs},
    vitals::Vitals,
};

/// The process's numbers and its few global facts.
pub struct Metrics {
    /// Who comes round, and what waits to be written.
    pub vitals: Vitals,
    started: Timestamp,
    requests: [AtomicU64; Outcome::ALL.len()],
    attempts: AtomicU64,
    duration: Histogram,
    first_token: Histogram,
    commit: Histogram,
    commit_failures: AtomicU64,
    models: Models,
    cursor: AtomicI64,
    unwritable: AtomicBool,
    stopping: AtomicBool,
    /// Free places for connections, and how many there are in all.
    connections: OnceLock<(Arc<Semaphore>, usize)>,
    handed_over: AtomicBool,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            vitals: Vitals::default(),
            started: Timestamp::now(),
            requests: Default::default(),
            attempts: AtomicU64::default(),
            duration: Histogram::new(ANSWERS),
            first_token: Histogram::new(ANSWERS),
            commit: Histogram::new(COMMITS),
            commit_failures: AtomicU64::default(),
            models: Models::default(),
            cursor: AtomicI64::default(),
            unwritable: AtomicBool::default(),
            stopping: AtomicBool::default(),
            handed_over: AtomicBool::default(),
            connections: OnceLock::new(),
        }
    }
}

impl Metrics {
    /// A record was committed.
    pub fn count(&self, record: &Record) {
        self.ended(record.outcome);
        self.attempts.fetch_add(u64::from(record.attempts), Relaxed);
        self.models.count(record);
        if let Some(us) = record.times.duration_us {
            self.duration.observe(us);
        }
        if let Some(us) = record.times.first_token_us {
            self.first_token.observe(us);
        }
    }

    /// An exchange ended, recorded or not.
    pub fn ended(&self, outcome: Outcome) {
        self.requests[outcome as usize].fetch_add(1, Relaxed);
    }

    /// A batch took so long to commit.
    pub fn committed(&self, took: std::time::Duration) {
        self.commit.observe(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// Where connections take their places.
    pub fn places(&self, free: &Arc<Semaphore>, all: usize) {
        let _ = self.connections.set((free.clone(), all));
    }

    /// `exchanges.seq` of the newest.
    pub fn cursor(&self, cursor: i64) {
        self.cursor.store(cursor, Relaxed);
    }

    /// The newest commit.
    pub fn newest(&self) -> i64 {
        self.cursor.load(Relaxed)
    }

    /// Whether the last write worked.
    pub fn writable(&self, yes: bool) {
        if !yes {
            self.commit_failures.fetch_add(1, Relaxed);
        }
        self.unwritable.store(!yes, Relaxed);
    }

    /// Whether records can be written at the moment.
    pub fn is_writable(&self) -> bool {
        !self.unwritable.load(Relaxed)
    }

    /// The process has been asked to stop.
    pub fn stop(&self) {
        self.stopping.store(true, Relaxed);
    }

    /// Whether it has.
    pub fn stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// Another process serves in our place.
    pub fn hand_over(&self) {
        self.handed_over.store(true, Relaxed);
    }

    /// Whether another process does.
    pub fn handed_over(&self) -> bool {
        self.handed_over.load(Relaxed)
    }

    /// How all stands.
    pub fn health(&self) -> Health {
        health::judge(Signs {
            writable: self.is_writable(),
            journal_silent: self.vitals.journal_silent(),
            threads_silent: self.vitals.threads_silent(),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use glassway_shared::{id::ExchangeId, model::Mode, store::record::Times};

    use super::*;

    /// A record with nothing remarkable.
    pub(crate) fn record(outcome: Outcome, model: &str) -> Record {
        Record {
            http_version: "HTTP/1.1".into(),
            mode: Mode::Managed,
            provider: Some("openai".into()),
            model: Some(model.into()),
            outcome,
            times: Times { duration_us: Some(30_000), ..Times::default() },
            attempts: 1,
            ..Record::begun(ExchangeId::new(), 1, "POST", "/v1/chat/completions", "127.0.0.1")
        }
    }
}
