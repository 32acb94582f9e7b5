//! The one writer. Ended exchanges come through a queue whose memory the budget
//! bounds; a thread blocks for one, takes what else is there, commits, and pauses a
//! moment unless the batch was full, so that many rows share a commit and the data path
//! rarely has to wake it. Between batches it does the store's idle work.
//!
//! A batch that cannot be written (disk full, locked by another program) is kept and
//! tried again; meanwhile the budget sheds bodies, then rows, and counts them.

mod account;
mod age;
pub mod clean;
mod entry;
mod estimate;
mod socket;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use glassway_shared::{
    config::{Config, Durability},
    feed::Losses,
    model::Outcome,
    service::watchdog::Pulse,
    store::{
        StoreError,
        checkpoint::Checkpointer,
        record::Record,
        tend::{Limits, Tender},
        write::Writer,
    },
};
use tokio::sync::oneshot;

use crate::{
    app::Routing,
    capture::{Budget, Reserved},
    feed::{Feed, Signal},
    flight::{Flight, wrecks},
    keyfile::KeyFile,
    live::Live,
    metrics::Metrics,
};

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

/// An exchange on its way to the database.
pub struct Ended {
    /// What was gathered.
    pub live: Arc<Live>,
    /// How it ended.
    pub outcome: Outcome,
    /// After how long.
    pub duration_us: u64,
    /// Its row's memory.
    pub row: Reserved,
    /// Whom to tell once it is committed.
    pub committed: Option<oneshot::Sender<()>>,
}

/// The sending side; its memory is bounded by the budget, not by its length.
#[derive(Clone)]
pub struct Queue(Sender<Ended>);

impl Queue {
    /// Never waits. After the journal stopped, the flight file keeps the fact.
    pub fn push(&self, ended: Ended) {
        let _ = self.0.send(ended);
    }
}

/// The writer thread; ends when every [`Queue`] is gone and all is written.
pub struct Journal {
    thread: JoinHandle<()>,
}

/// What the journal works with.
pub struct Parts {
    /// Losses are counted here.
    pub budget: Arc<Budget>,
    /// Slots to give back.
    pub flight: Arc<Flight>,
    /// Commits to announce.
    pub feed: Arc<Feed>,
    /// Requests to count.
    pub metrics: Arc<Metrics>,
    /// Keys and tokens whose state is kept.
    pub routing: Arc<Routing>,
    /// The newest command that was done.
    pub commands_done: Arc<AtomicI64>,
    /// Whose public half is published, for whoever seals keys.
    pub key: Arc<KeyFile>,
    /// Beats with everything that is done or tried.
    pub pulse: Pulse,
}

impl Journal {
    /// Opens the database, records what dead processes left in flight, and starts.
    pub fn start(config: &Config, parts: Parts) -> anyhow::Result<(Self, Queue)> {
        parts.metrics.vitals.journal(parts.pulse.clone());
        let mut writer = Writer::open(&config.database.path)?;
        recover(&mut writer, config)?;
        let cursor = writer.cursor()?;
        parts.metrics.cursor(cursor);
        writer.publish_key(|published| {
            let key = parts.key.current_or_new(published)?;
            anyhow::Ok(*key.public().as_bytes())
        })?;
        let commands_kept = writer.commands_done()?;
        parts.commands_done.store(commands_kept, Relaxed);
        let io = |source| StoreError::Io { path: config.database.path.clone(), source };
        let checkpointer = Checkpointer::start(&config.database.path).map_err(io)?;
        let (sender, queue) = channel();
        let record = &config.record;
        let work = Work {
            parts,
            writer,
            checkpointer,
            tender: Tender::default(),
            age: age::Age::default(),
            estimator: estimate::Estimator::new(record.estimate_usage),
            cleaner: clean::Cleaner::new(record),
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
        };
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || work.run(&queue))
            .map_err(io)?;
        Ok((Self { thread }, Queue(sender)))
    }

    /// Waits until everything is written; call after the last [`Queue`] is dropped.
    pub fn join(self) {
        let _ = self.thread.join();
    }
}

/// Turns the slots of dead processes into `interrupted` records.
fn recover(writer: &mut Writer, config: &Config) -> Result<(), StoreError> {
    let dir = config.flight_dir();
    let io = |source| StoreError::Io { path: dir.clone(), source };
    for mut wreck in wrecks(&dir).map_err(io)? {
        let mut unknown = Vec::new();
        // A slot may outlive its record's commit for a moment, and another process may
        // have let the record go since: what began before all that is kept is let go, too.
        let kept_since = writer.kept_since_us()?.unwrap_or(i64::MIN);
        for record in std::mem::take(&mut wreck.records) {
            if record.started_at_us >= kept_since && !writer.contains(record.id)? {
                unknown.push(record);
            }
        }
        writer.append(&unknown, Losses::default())?;
        wreck.clear();
        if !unknown.is_empty() {
            tracing::warn!(
                exchanges = unknown.len(),
                "an earlier process was killed: what ran then is recorded as interrupted"
            );
        }
    }
    Ok(())
}

struct Work {
    parts: Parts,
    writer: Writer,
    checkpointer: Checkpointer,
    tender: Tender,
    age: age::Age,
    estimator: estimate::Estimator,
    cleaner: clean::Cleaner,
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
    fn run(mut self, queue: &Receiver<Ended>) {
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
        self.checkpointer.keep_up(self.writer.log_bytes());
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
        let limits = self.age.judge(said.over(self.limits), now_us);
        match self.tender.slice(&mut self.writer, limits, now_us) {
            Ok(more) => {
                // Hours of idle work would otherwise never let the log start over.
                self.checkpointer.keep_up(self.writer.log_bytes());
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

impl Ended {
    fn bytes(&self) -> usize {
        let state = self.live.state();
        let beside = state.kept_beside();
        state.request.kept().len()
            + state.answer.as_ref().map_or(0, |a| a.body.kept().len())
            + beside.sent
            + beside.answered
    }
}
