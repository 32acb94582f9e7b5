//! The journal's thread: it blocks for an ended exchange, takes what else is there, commits,
//! and pauses a moment unless the batch was full, so that many rows share a commit and the
//! data path rarely has to wake it. Between batches it does the store's idle work.
//!
//! A batch that cannot be written (disk full, locked by another program) is kept and
//! tried again; meanwhile the budget sheds bodies, then rows, and counts them.

use std::{
    path::PathBuf,
    sync::{
        atomic::Ordering::Relaxed,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use glassway_shared::{
    config::{Config, Durability},
    feed::Losses,
    store::{
        StoreError,
        checkpoint::Checkpointer,
        record::Record,
        tend::{Limits, Tender},
        write::Writer,
    },
};

use super::{Ended, Parts, account, age::Age, clean::Cleaner, entry, estimate::Estimator};
use crate::{capture::Reserved, feed::Signal};

const BATCH_ROWS: usize = 256;
const BATCH_BYTES: usize = 4 << 20;
/// Between batches that were not full: lets rows gather instead of waking per row. A
/// commit costs some 100 µs however few rows it has, and the first after a pause never waits.
const GATHER: Duration = Duration::from_millis(50);
const IDLE: Duration = Duration::from_millis(250);
/// Between clearings of the flight file; a record stays at least five seconds.
const SWEEP: Duration = Duration::from_secs(1);
/// How long a stopping process goes on trying to write what it holds.
const LAST_TRIES: Duration = Duration::from_secs(10);

/// What the thread works with.
pub(super) struct Work {
    parts: Parts,
    writer: Writer,
    checkpointer: Checkpointer,
    tender: Tender,
    age: Age,
    estimator: Estimator,
    cleaner: Cleaner,
    /// As configured.
    limits: Limits,
    gather: Duration,
    path: PathBuf,
    /// Losses already written.
    told: Losses,
    commands_kept: i64,
    /// The newest row.
    cursor: i64,
    swept: Instant,
}

impl Work {
    /// Of a database that is open and has had what dead processes left recorded.
    pub(super) fn new(
        config: &Config,
        parts: Parts,
        writer: Writer,
        checkpointer: Checkpointer,
    ) -> Result<Self, StoreError> {
        let cursor = writer.cursor()?;
        parts.metrics.cursor(cursor);
        let commands_kept = writer.commands_done()?;
        parts.commands_done.store(commands_kept, Relaxed);
        let record = &config.record;
        Ok(Self {
            parts,
            age: Age::of(&writer, now_us())?,
            writer,
            checkpointer,
            tender: Tender::default(),
            estimator: Estimator::new(record.estimate_usage),
            cleaner: Cleaner::new(record),
            limits: Limits::configured(record),
            gather: match record.durability {
                Durability::Normal => GATHER,
                Durability::BeforeEnd => Duration::ZERO,
            },
            path: config.database.path.clone(),
            told: Losses::default(),
            commands_kept,
            cursor,
            swept: Instant::now(),
        })
    }

    /// Until every sender is gone and all is written.
    pub(super) fn run(mut self, queue: &Receiver<Ended>) {
        let mut more = true;
        loop {
            self.parts.pulse.beat();
            // With idle work left, only look; without, sleep until something comes.
            let wait = if more { Duration::ZERO } else { IDLE };
            match queue.recv_timeout(wait) {
                Ok(first) => {
                    let began = Instant::now();
                    let full = self.batch(first, queue);
                    let wrote = began.elapsed();
                    if !full && !self.gather.is_zero() {
                        std::thread::sleep(self.gather);
                    }
                    more = self.beside(full, wrote).unwrap_or(more);
                }
                Err(RecvTimeoutError::Timeout) => more = self.idle(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if self.losses() != self.told {
            let _ = self.append(&[]);
        }
        self.keep_states();
        let left = self.parts.flight.unlanded();
        if left == 0 {
            self.parts.flight.remove();
        } else {
            tracing::error!(
                exchanges = left,
                "stopping with records unwritten: the next start records them as interrupted"
            );
        }
    }

    /// Idle work where rows never stop coming and there is no idle moment to wait for: as long
    /// as the batch took, or none of it while batches are full and retention keeps up.
    fn beside(&mut self, full: bool, wrote: Duration) -> Option<bool> {
        let began = Instant::now();
        let mut more = None;
        while more != Some(false) && (more.is_none() || began.elapsed() < wrote) {
            let now = now_us();
            let is_wanted = match full {
                true => self.tender.is_late(now),
                false => self.tender.is_due(self.cursor, now),
            };
            if !is_wanted {
                break;
            }
            more = Some(self.idle());
        }
        more
    }

    /// Writes one batch; true where it was full.
    fn batch(&mut self, first: Ended, queue: &Receiver<Ended>) -> bool {
        let mut ended = vec![first];
        let mut bytes = ended[0].bytes();
        while ended.len() < BATCH_ROWS && bytes < BATCH_BYTES {
            let Ok(next) = queue.try_recv() else { break };
            bytes += next.bytes();
            ended.push(next);
        }
        let ended_rows = ended.len();
        let full = ended_rows == BATCH_ROWS || bytes >= BATCH_BYTES;
        let mut held = Vec::with_capacity(ended.len());
        let mut records = Vec::with_capacity(ended.len());
        for ended in ended {
            let (mut record, memory, said) = entry::record(&ended, self.estimator, &self.cleaner);
            account::settle(&mut record, &ended, &said, &self.parts.routing);
            records.push(record);
            held.push((ended, memory));
        }
        let cursor = self.append_patiently(&records, &mut held);
        self.parts.metrics.vitals.written(ended_rows);
        self.checkpointer.keep_up(&self.writer);
        if cursor.is_none() {
            // Given up at shutdown: the slots stay for the next start.
            return full;
        }
        self.keep_states();
        for record in &records {
            self.parts.metrics.count(record);
        }
        for (ended, memory) in held {
            self.parts.flight.land(ended.live.slot);
            drop(memory);
            if let Some(committed) = ended.committed {
                let _ = committed.send(());
            }
        }
        if let Some(cursor) = cursor {
            self.cursor = cursor;
            self.parts.metrics.cursor(cursor);
            self.parts.feed.send(|| Signal::Committed(cursor));
        }
        full
    }

    /// Writes what changed of keys and tokens. A failure is made up for by the next time.
    /// These are sums, and after a hand-over another process's.
    fn keep_states(&mut self) {
        if self.parts.metrics.handed_over() {
            return;
        }
        let changed = self.parts.routing.take_changed();
        let states = account::states(&self.parts.routing, &changed);
        let spending = account::spending(&self.parts.routing);
        if !(states.is_empty() && spending.is_empty())
            && let Err(e) = self.writer.keep_states(&states, &spending)
        {
            tracing::warn!(error = %e, "cannot keep the state of keys; trying again");
            account::keep_again(&self.parts.routing, &changed, &spending);
        }
        let done = self.parts.commands_done.load(Relaxed);
        if done > self.commands_kept && self.writer.put_commands_done(done).is_ok() {
            self.commands_kept = done;
        }
    }

    fn losses(&self) -> Losses {
        Losses {
            bodies_shed: self.parts.budget.bodies_shed(),
            records_lost: self.parts.budget.records_lost(),
        }
    }

    fn append(&mut self, records: &[Record]) -> Result<i64, StoreError> {
        let now = self.losses();
        let since = Losses {
            bodies_shed: now.bodies_shed - self.told.bodies_shed,
            records_lost: now.records_lost - self.told.records_lost,
        };
        let cursor = self.writer.append(records, since)?;
        self.told = now;
        Ok(cursor)
    }

    /// Until it is written, or the process stops and it cannot be.
    fn append_patiently(
        &mut self,
        records: &[Record],
        held: &mut [(Ended, Vec<Reserved>)],
    ) -> Option<i64> {
        let mut complained = false;
        let mut pause = Duration::from_millis(50);
        let mut stopping: Option<Instant> = None;
        loop {
            // A database that cannot be written now is no reason to be killed.
            self.parts.pulse.beat();
            let began = Instant::now();
            match self.append(records) {
                Ok(cursor) => {
                    self.parts.metrics.committed(began.elapsed());
                    if complained {
                        tracing::info!("records are written again");
                    }
                    self.parts.metrics.writable(true);
                    return Some(cursor);
                }
                Err(e) => {
                    if !complained {
                        tracing::error!(error = %e, database = %self.path.display(), "cannot write records; clients are served, trying again");
                        complained = true;
                    }
                    self.parts.metrics.writable(false);
                    // Clients are served although their records must wait.
                    held.iter_mut().for_each(|(ended, _)| ended.committed = None);
                    if self.parts.metrics.stopping()
                        && stopping.get_or_insert_with(Instant::now).elapsed() > LAST_TRIES
                    {
                        return None;
                    }
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
            }
        }
    }

    /// One slice of idle work; true where there is more.
    fn idle(&mut self) -> bool {
        if self.losses() != self.told {
            let _ = self.append(&[]);
        }
        self.keep_states();
        if self.swept.elapsed() >= SWEEP {
            self.swept = Instant::now();
            self.parts.flight.sweep();
        }
        let said = self.parts.routing.snapshot.load().settings.retention;
        let now_us = now_us();
        let limits = self.age.judge(said.over(self.limits), &mut self.writer, now_us);
        match self.tender.slice(&mut self.writer, limits, now_us) {
            Ok(more) => {
                // Hours of idle work would otherwise never let the log start over.
                self.checkpointer.keep_up(&self.writer);
                more
            }
            Err(e) => {
                tracing::warn!(error = %e, "idle work on the database failed; trying again later");
                std::thread::sleep(Duration::from_millis(100));
                false
            }
        }
    }
}

fn now_us() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}
