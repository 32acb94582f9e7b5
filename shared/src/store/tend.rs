//! The writer's idle work, in slices short enough that a batch never waits long:
//! full-text indexing and retention in turns, then merging and vacuum. As second
//! writers these stalled the journal for up to 900 ms, so they run on its thread.
//!
//! ```text
//! limits   how much is kept (pure)
//! index    what was said → search and conversations
//! expire   rows past their age or number, and the oldest where the disk budget says so
//! strip    bodies past an age of their own, or where the disk budget says so
//! sweep    chunks that only expired or stripped exchanges used
//! space    the disk budget; freed pages go back to the file system
//! minutes  statistics by the minute, once the quarters alone tell them
//! ```
//!
//! A slice that writes stops after [`HOLD`], whatever is left: the next batch of the
//! journal waits behind it.

mod expire;
mod index;
mod limits;
mod minutes;
mod space;
mod strip;
mod sweep;

use std::time::{Duration, Instant};

use rusqlite::OptionalExtension;

use super::{StoreError, shards::Shard, write::Writer};

pub use limits::{Limits, Said};
pub use minutes::FINE_MINUTES;

/// What remains of the idle work from one slice to the next.
#[derive(Debug, Default)]
pub struct Tender {
    index: index::Index,
    /// When retention and upkeep are looked at next.
    upkeep_at_us: i64,
    strip: strip::Strip,
    sweep: sweep::Sweeper,
    pressure: space::Pressure,
    /// The last slice of indexing merged; the next one indexes, however much there is to merge.
    merged: bool,
    /// The last slice was retention's; the next one is the index's, if it is due.
    retained: bool,
    /// What retention did last.
    step: Step,
}

/// What a slice of retention does one of.
#[derive(Clone, Copy, Debug, Default)]
enum Step {
    Expire,
    Strip,
    #[default]
    Sweep,
}

impl Step {
    /// All three, the one after this first.
    fn after(last: Self) -> [Self; 3] {
        match last {
            Self::Sweep => [Self::Expire, Self::Strip, Self::Sweep],
            Self::Expire => [Self::Strip, Self::Sweep, Self::Expire],
            Self::Strip => [Self::Sweep, Self::Expire, Self::Strip],
        }
    }
}

/// Between looks at what retention, merging and vacuum have to do.
const UPKEEP_US: i64 = 1_000_000;
/// How long one slice may hold the write lock, about: the aim is 20 ms with the commit.
pub(super) const HOLD: Duration = Duration::from_millis(5);
/// A row stays at least so long, for the feed to read how its exchange ended.
const READ_TIME_US: i64 = 5_000_000;

impl Tender {
    /// Whether a slice now would find work; `newest` is the newest row's number.
    pub fn is_due(&mut self, newest: i64, now_us: i64) -> bool {
        self.index.is_due(newest, now_us) || self.upkeep_is_due(now_us)
    }

    /// Whether retention could not do all that it had to for more than a second.
    pub fn is_late(&self, now_us: i64) -> bool {
        self.upkeep_is_due(now_us - UPKEEP_US)
    }

    /// Does one slice; true where there is more to do. Of indexing and retention neither waits
    /// for the other to have done everything, which under load it never has.
    pub fn slice(
        &mut self,
        writer: &mut Writer,
        limits: Limits,
        now_us: i64,
    ) -> Result<bool, StoreError> {
        let newest = writer.cursor()?;
        let indexes = self.index.is_due(newest, now_us);
        let retains = self.upkeep_is_due(now_us);
        if retains && (!indexes || !std::mem::replace(&mut self.retained, true)) {
            let more = self.upkeep(writer, limits, (newest, now_us), indexes)?;
            return Ok(more || indexes);
        }
        self.retained = false;
        Ok(indexes && self.index(writer, newest)? || retains)
    }

    fn index(&mut self, writer: &mut Writer, newest: i64) -> Result<bool, StoreError> {
        let is_turn = self.index.is_unmerged() && !std::mem::replace(&mut self.merged, true);
        if is_turn || self.index.is_choked(writer)? {
            return self.index.merge(writer);
        }
        self.merged = false;
        self.index.slice(writer, newest)
    }

    /// Retention, then what can wait for the index.
    fn upkeep(
        &mut self,
        writer: &mut Writer,
        limits: Limits,
        (newest, now_us): (i64, i64),
        indexes: bool,
    ) -> Result<bool, StoreError> {
        let more = self.retain(writer, limits, (newest, now_us), indexes)?
            || !indexes && self.index.merge(writer)?
            || !limits.clock_doubted && minutes::prune(writer, now_us)?
            || space::give_back(writer, limits)?;
        if !more {
            self.upkeep_at_us = now_us + UPKEEP_US;
        }
        Ok(more)
    }

    /// What goes, and what that frees.
    fn retain(
        &mut self,
        writer: &mut Writer,
        limits: Limits,
        (newest, now_us): (i64, i64),
        indexes: bool,
    ) -> Result<bool, StoreError> {
        // While the index is behind, it merges in its own turns.
        if !indexes && self.index.is_full_of_deleted() {
            return self.index.merge(writer);
        }
        let standing = space::Standing {
            stripped: self.strip.at(writer)?,
            freed: self.sweep.freed(),
            swept: self.sweep.swept(),
            unmerged: self.index.is_unmerged(),
        };
        let want = self.pressure.look(writer, limits, &standing)?;
        // Each begins in its turn: under load there is always something for each of them.
        for step in Step::after(self.step) {
            self.step = step;
            let did = match step {
                Step::Expire => {
                    let gone = expire::slice(writer, limits, want.rows_to, now_us)?;
                    self.took(writer, gone, newest)?
                }
                Step::Strip => {
                    let at = self.index.at();
                    let gone = self.strip.slice(writer, limits, want.bodies_to, at, now_us)?;
                    self.took(writer, gone, newest)?
                }
                Step::Sweep => self.sweep.slice(writer, now_us, want.clean)?,
            };
            if did {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Rows or bodies went; says whether any did.
    fn took(
        &mut self,
        writer: &Writer,
        gone: Option<Gone>,
        newest: i64,
    ) -> Result<bool, StoreError> {
        let Some(gone) = gone else { return Ok(false) };
        self.index.took(&gone);
        // No older row that is not pinned has bodies.
        let oldest = match oldest(writer)? {
            Some(oldest) => oldest,
            None => newest + 1,
        };
        self.sweep.freed_before(oldest.max(self.strip.at(writer)? + 1));
        Ok(true)
    }

    fn upkeep_is_due(&self, now_us: i64) -> bool {
        now_us >= self.upkeep_at_us || now_us < self.upkeep_at_us - 2 * UPKEEP_US
    }
}

/// What a slice of retention took from a table of the search index.
#[derive(Debug)]
struct Gone {
    shard: Shard,
    /// How many words the rows were found by.
    words: u64,
}

/// The time of a slice that writes.
struct Turn(Instant);

impl Turn {
    fn begin() -> Self {
        Self(Instant::now())
    }

    fn is_over(&self) -> bool {
        self.0.elapsed() >= HOLD
    }
}

/// The time before which what is so old goes, in unix microseconds.
fn before(age: Option<Duration>, now_us: i64) -> i64 {
    age.map_or(i64::MIN, |age| {
        now_us.saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX))
    })
}

/// The oldest row that may go: pinned ones stay.
fn oldest(writer: &Writer) -> Result<Option<i64>, StoreError> {
    let mut oldest = writer.connection.prepare_cached(
        "SELECT seq FROM exchanges
         WHERE id NOT IN (SELECT id FROM annotations WHERE pinned) ORDER BY seq LIMIT 1",
    )?;
    Ok(oldest.query_row([], |row| row.get(0)).optional()?)
}
