//! The one writer. Ended exchanges come through a queue whose memory the budget
//! bounds, to a thread that writes them in batches ([`work`]).
//!
//! ```text
//! work      the thread: batches, and the store's idle work between them
//! entry     an ended exchange → a record
//! clean     what must not reach the disk is taken out of it
//! estimate  tokens that the upstream did not count
//! account   what keys and tokens spent
//! age       for how long records are kept, of late
//! socket    what a WebSocket said
//! ```

mod account;
mod age;
pub mod clean;
mod entry;
mod estimate;
mod socket;
mod work;

use std::{
    sync::{
        Arc,
        atomic::AtomicI64,
        mpsc::{Sender, channel},
    },
    thread::JoinHandle,
};

use glassway_shared::{
    config::Config,
    feed::Losses,
    model::Outcome,
    service::watchdog::Pulse,
    store::{StoreError, checkpoint::Checkpointer, write::Writer},
};
use tokio::sync::oneshot;

use crate::{
    app::Routing,
    capture::{Budget, Reserved},
    feed::Feed,
    flight::{Flight, wrecks},
    keyfile::KeyFile,
    live::Live,
    metrics::Metrics,
};
use work::Work;

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

impl Ended {
    /// What it holds of bodies.
    fn bytes(&self) -> usize {
        let state = self.live.state();
        let beside = state.kept_beside();
        state.request.kept().len()
            + state.answer.as_ref().map_or(0, |a| a.body.kept().len())
            + beside.sent
            + beside.answered
    }
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
        writer.publish_key(|published| {
            let key = parts.key.current_or_new(published)?;
            anyhow::Ok(*key.public().as_bytes())
        })?;
        let io = |source| StoreError::Io { path: config.database.path.clone(), source };
        let checkpointer = Checkpointer::start(&config.database.path).map_err(io)?;
        let work = Work::new(config, parts, writer, checkpointer)?;
        let (sender, queue) = channel();
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
