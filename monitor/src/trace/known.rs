//! Which image addresses are a trace's: all of them in memory, so that a guess costs a
//! look into a map and neither database nor disk. Bounded by how many traces are kept.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use glassway_shared::store::{StoreError, read::Reader, traces};

use super::limit::{Bucket, Rate};

/// Fetches on record per trace; further ones are counted.
pub const MOST_HITS: u32 = 200;
/// Traces kept.
pub const MOST_TRACES: usize = 5000;
/// Fetches of one trace's images.
const RATE: Rate = (50.0, 300.0);

/// See the module.
#[derive(Default)]
pub struct Known {
    traces: RwLock<HashMap<String, Arc<Mark>>>,
    /// Fetches beyond the bound that are not written yet.
    pub overflow: AtomicU64,
}

/// One trace, as far as fetches need it.
pub struct Mark {
    /// Its row; 0 for a check of our own.
    pub id: i64,
    images: u32,
    recorded: AtomicU32,
    /// Fetches beyond the bound that are not written yet.
    pub overflow: AtomicU64,
    state: Mutex<State>,
}

struct State {
    bucket: Bucket,
    /// What was drawn last, for fetches that are not on record.
    last: Option<String>,
    /// Somebody who waits for a fetch.
    waiting: Option<tokio::sync::oneshot::Sender<traces::Hit>>,
}

impl Mark {
    fn new(id: i64, images: u32, recorded: u32) -> Self {
        let bucket = Bucket::full(RATE, Instant::now());
        let state = Mutex::new(State { bucket, last: None, waiting: None });
        Self { id, images, recorded: recorded.into(), overflow: AtomicU64::new(0), state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more fetch may be served.
    pub fn admit(&self, now: Instant) -> bool {
        self.state().bucket.take(RATE, now)
    }

    /// Whether one more fetch may go on record.
    pub fn has_room(&self) -> bool {
        self.recorded.fetch_update(Relaxed, Relaxed, |n| (n < MOST_HITS).then_some(n + 1)).is_ok()
    }

    /// What to draw: `fresh` goes on record; what does not shows what was drawn last.
    pub fn code(&self, fresh: Option<&str>) -> String {
        let mut state = self.state();
        if let Some(fresh) = fresh {
            state.last = Some(fresh.to_owned());
        }
        state.last.clone().unwrap_or_else(super::code::random)
    }

    /// Hands a fetch to who waits for it; whether somebody did.
    pub fn tell(&self, hit: traces::Hit) -> bool {
        let waiting = self.state().waiting.take();
        waiting.is_some_and(|waiting| waiting.send(hit).is_ok())
    }
}

impl Known {
    /// Those in the database.
    pub fn read(reader: &Reader) -> Result<Self, StoreError> {
        let all = reader.with(traces::names)?;
        let marks = all
            .into_iter()
            .map(|(name, id, images, hits)| (name, Arc::new(Mark::new(id, images, hits))));
        Ok(Self { traces: RwLock::new(marks.collect()), overflow: AtomicU64::new(0) })
    }

    /// The trace and the image, from 1, that an address names: `…`, or `…-2`.
    pub fn find(&self, name: &str) -> Option<(Arc<Mark>, u32)> {
        let (name, image) = match name.split_once('-') {
            None => (name, 1),
            Some((name, n)) => (name, n.parse().ok().filter(|n| *n >= 2)?),
        };
        let traces = self.traces.read().unwrap_or_else(PoisonError::into_inner);
        let mark = traces.get(name).filter(|mark| image <= mark.images)?;
        Some((mark.clone(), image))
    }

    /// From now on fetches of this one count.
    pub fn add(&self, name: &str, id: i64, images: u32) {
        let mark = Arc::new(Mark::new(id, images, 0));
        self.traces.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), mark);
    }

    /// From now on fetches of these count no more.
    pub fn forget(&self, ids: &[i64]) {
        let mut traces = self.traces.write().unwrap_or_else(PoisonError::into_inner);
        traces.retain(|_, mark| mark.id == 0 || !ids.contains(&mark.id));
    }

    /// A name of our own to fetch, and the fetch of it; gone when dropped.
    pub fn check(self: &Arc<Self>) -> Check {
        let name = new_name();
        let (sender, fetched) = tokio::sync::oneshot::channel();
        let mark = Mark::new(0, 1, 0);
        mark.state().waiting = Some(sender);
        self.traces
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.clone(), Arc::new(mark));
        Check { known: self.clone(), name, fetched }
    }

    /// Marks whose overflow is to be written.
    pub fn overflown(&self) -> Vec<(i64, u64)> {
        if self.overflow.swap(0, Relaxed) == 0 {
            return Vec::new();
        }
        let traces = self.traces.read().unwrap_or_else(PoisonError::into_inner);
        let all = traces.values().map(|mark| (mark.id, mark.overflow.swap(0, Relaxed)));
        all.filter(|(id, n)| *id != 0 && *n > 0).collect()
    }
}

/// An image address of our own.
pub struct Check {
    known: Arc<Known>,
    /// What it is called.
    pub name: String,
    /// Resolves when it is fetched.
    pub fetched: tokio::sync::oneshot::Receiver<traces::Hit>,
}

impl Drop for Check {
    fn drop(&mut self) {
        let mut traces = self.known.traces.write().unwrap_or_else(PoisonError::into_inner);
        traces.remove(&self.name);
    }
}

/// 128 random bits.
pub fn new_name() -> String {
    let bytes = crate::auth::key::random_bytes();
    bytes[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trace_s_own_addresses_are_found() {
        let known = Known::default();
        known.add("aa", 7, 2);
        let found = |name: &str| known.find(name).map(|(mark, image)| (mark.id, image));
        assert_eq!(found("aa"), Some((7, 1)));
        assert_eq!(found("aa-2"), Some((7, 2)));
        for wrong in ["aa-3", "aa-1", "aa-0", "aa-", "aa-x", "ab", ""] {
            assert_eq!(found(wrong), None, "{wrong}");
        }
        known.forget(&[7]);
        assert_eq!(found("aa"), None);
    }

    #[test]
    fn the_record_of_a_trace_is_bounded() {
        let mark = Mark::new(1, 1, 190);
        assert_eq!((0..500).filter(|_| mark.has_room()).count(), 10);
        let first = mark.code(Some("KXMTAHLV"));
        assert_eq!(mark.code(None), first, "what is not on record shows what was");
    }

    #[tokio::test]
    async fn a_check_is_known_until_it_is_dropped() {
        let known = Arc::new(Known::default());
        let check = known.check();
        let name = check.name.clone();
        assert!(known.find(&name).is_some());
        drop(check);
        assert!(known.find(&name).is_none());
    }
}
