//! Which image addresses are a trace's: all of them in memory, so that a guess costs a
//! look into a map and neither database nor disk. Bounded by how many traces are kept.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use glassway_shared::store::{StoreError, read::Reader, traces};

use super::limit::{Bucket, Rate, network};

/// Fetches on record per trace; further ones are counted.
pub const MOST_HITS: u32 = 200;
/// And of one address, so that none can use up all of them.
const MOST_OF_ONE: u32 = 20;
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
    /// Fetches on record by address; as many addresses as fetches at most.
    each: HashMap<IpAddr, u32>,
    /// Somebody who waits for a fetch.
    waiting: Option<tokio::sync::oneshot::Sender<traces::Hit>>,
}

impl Mark {
    fn new(id: i64, images: u32, recorded: u32) -> Self {
        let bucket = Bucket::full(RATE, Instant::now());
        let state = Mutex::new(State { bucket, each: HashMap::new(), waiting: None });
        Self { id, images, recorded: recorded.into(), overflow: AtomicU64::new(0), state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more fetch may be served.
    pub fn admit(&self, now: Instant) -> bool {
        self.state().bucket.take(RATE, now)
    }

    /// Whether one more fetch from this address may go on record.
    pub fn has_room(&self, address: IpAddr) -> bool {
        let address = network(address);
        let mut state = self.state();
        let own = state.each.get(&address).copied().unwrap_or(0);
        let all = self.recorded.load(Relaxed);
        if own >= MOST_OF_ONE || all >= MOST_HITS {
            return false;
        }
        self.recorded.store(all + 1, Relaxed);
        state.each.insert(address, own + 1);
        true
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

    /// Fetches that are counted and nothing else.
    pub fn count(&self, more: impl Iterator<Item = (i64, u64)>) {
        let traces = self.traces.read().unwrap_or_else(PoisonError::into_inner);
        for (id, n) in more {
            let mark = traces.values().find(|mark| mark.id == id);
            if let Some(mark) = mark.filter(|_| id != 0) {
                mark.overflow.fetch_add(n, Relaxed);
                self.overflow.fetch_add(n, Relaxed);
            }
        }
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
        let address = |n: u32| IpAddr::from((0x0a00_0000 + n).to_be_bytes());
        assert_eq!((0..500).filter(|n| mark.has_room(address(*n))).count(), 10);
    }

    #[test]
    fn one_address_leaves_room_for_others() {
        let mark = Mark::new(1, 1, 0);
        let loud = |n: u32| format!("2001:db8::{n:x}").parse().unwrap();
        let kept = (0..500).filter(|n| mark.has_room(loud(*n))).count();
        assert_eq!(kept, MOST_OF_ONE as usize, "one /64");
        assert!(mark.has_room("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn what_was_not_written_is_counted_once_more() {
        let known = Known::default();
        known.add("aa", 7, 1);
        known.count([(7, 1), (7, 2), (8, 5), (0, 9)].into_iter());
        assert_eq!(known.overflown(), [(7, 3)]);
        assert!(known.overflown().is_empty());
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
