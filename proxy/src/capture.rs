//! Keeping a copy of what flows past, within a budget in bytes that all exchanges
//! share. When the budget is used up bodies go first; a part of it is set aside for
//! rows, so that the fact of an exchange outlives its contents.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

/// Memory for recording, in bytes, and what did not fit.
#[derive(Debug)]
pub struct Budget {
    held: AtomicUsize,
    bodies: usize,
    all: usize,
    bodies_shed: AtomicU64,
    records_lost: AtomicU64,
}

impl Budget {
    /// Bodies may use three quarters of `bytes`; rows may use all of it.
    pub fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            held: AtomicUsize::new(0),
            bodies: bytes / 4 * 3,
            all: bytes,
            bodies_shed: AtomicU64::new(0),
            records_lost: AtomicU64::new(0),
        })
    }

    fn take(&self, bytes: usize, limit: usize) -> bool {
        self.held
            .fetch_update(Relaxed, Relaxed, |held| {
                held.checked_add(bytes).filter(|&sum| sum <= limit)
            })
            .is_ok()
    }

    /// Room for a record without its bodies; `None` = it is lost.
    pub fn take_row(self: &Arc<Self>, bytes: usize) -> Option<Reserved> {
        self.take(bytes, self.all).then(|| Reserved { bytes, budget: self.clone() })
    }

    /// Bytes held now.
    pub fn held(&self) -> usize {
        self.held.load(Relaxed)
    }

    /// Bodies dropped since the start.
    pub fn bodies_shed(&self) -> u64 {
        self.bodies_shed.load(Relaxed)
    }

    /// Records lost since the start.
    pub fn records_lost(&self) -> u64 {
        self.records_lost.load(Relaxed)
    }

    /// Counts lost records.
    pub fn count_lost(&self, records: u64) {
        self.records_lost.fetch_add(records, Relaxed);
    }
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub struct Reserved {
    bytes: usize,
    budget: Arc<Budget>,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Relaxed);
    }
}

/// The copy of one body: flat, capped, and given up as a whole when memory is short.
#[derive(Debug)]
pub struct Capture {
    bytes: Vec<u8>,
    total: u64,
    cap: usize,
    truncated: bool,
    shed: bool,
    reserved: Reserved,
}

impl Capture {
    /// Nothing yet; keeps at most `cap` bytes.
    pub fn new(budget: &Arc<Budget>, cap: usize) -> Self {
        Self {
            bytes: Vec::new(),
            total: 0,
            cap,
            truncated: false,
            shed: false,
            reserved: Reserved { bytes: 0, budget: budget.clone() },
        }
    }

    /// A piece flows past. `expected` is the whole body's size where it was announced.
    pub fn push(&mut self, piece: &[u8], expected: Option<u64>) {
        self.total += piece.len() as u64;
        if self.shed || self.truncated {
            return;
        }
        let keep = piece.len().min(self.cap - self.bytes.len());
        if keep < piece.len() {
            self.truncated = true;
        }
        let needed = self.bytes.len() + keep;
        if needed > self.bytes.capacity() && !self.grow(needed, expected) {
            return;
        }
        self.bytes.extend_from_slice(&piece[..keep]);
    }

    /// Bytes flow past that are kept elsewhere, as messages.
    pub fn count(&mut self, bytes: usize) {
        self.total += bytes as u64;
    }

    fn grow(&mut self, needed: usize, expected: Option<u64>) -> bool {
        let announced = expected.map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX));
        // A body of known size is reserved once, but not a huge one on a promise.
        let wanted = match announced {
            n if n >= needed && n <= 1 << 20 => n,
            _ => needed.max(self.bytes.capacity().saturating_mul(2)).max(512),
        };
        let wanted = wanted.min(self.cap.max(needed));
        let more = wanted - self.bytes.capacity();
        let budget = &self.reserved.budget;
        if !budget.take(more, budget.bodies) {
            self.shed();
            return false;
        }
        self.reserved.bytes += more;
        self.bytes.reserve_exact(wanted - self.bytes.len());
        true
    }

    /// Drops the contents and counts it, once.
    pub fn shed(&mut self) {
        if self.shed || self.total == 0 {
            return;
        }
        self.shed = true;
        self.bytes = Vec::new();
        let budget = &self.reserved.budget;
        budget.bodies_shed.fetch_add(1, Relaxed);
        budget.held.fetch_sub(self.reserved.bytes, Relaxed);
        self.reserved.bytes = 0;
    }

    /// What was kept so far.
    pub fn kept(&self) -> &[u8] {
        &self.bytes
    }

    /// What flowed past so far.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Longer than the cap.
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// Dropped for want of memory.
    pub fn was_shed(&self) -> bool {
        self.shed
    }

    /// One like it with nothing in it, to leave in its place.
    pub fn emptied(&self) -> Self {
        Self::new(&self.reserved.budget, self.cap)
    }

    /// The contents, and the memory's reservation to hold until they are written.
    pub fn into_parts(self) -> (Vec<u8>, Reserved) {
        (self.bytes, self.reserved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_up_to_the_cap_and_counts_everything() {
        let budget = Budget::new(1 << 20);
        let mut capture = Capture::new(&budget, 10);
        capture.push(b"1234567", None);
        capture.push(b"89abc", None);
        capture.push(b"def", None);
        assert_eq!(capture.kept(), b"123456789a");
        assert_eq!((capture.total(), capture.truncated(), capture.was_shed()), (15, true, false));
        drop(capture);
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn sheds_the_whole_body_once_and_gives_the_memory_back() {
        let budget = Budget::new(4000);
        let mut capture = Capture::new(&budget, 1 << 20);
        capture.push(&[1; 2000], None);
        capture.push(&[1; 2000], None);
        capture.push(&[1; 2000], None);
        assert!(capture.was_shed());
        assert_eq!((capture.kept().len(), capture.total()), (0, 6000));
        assert_eq!((budget.bodies_shed(), budget.held()), (1, 0));
        let row = budget.take_row(3500);
        assert!(row.is_some(), "rows may use what bodies may not");
        assert!(budget.take_row(3500).is_none());
    }

    #[test]
    fn an_announced_size_is_reserved_exactly() {
        let budget = Budget::new(1 << 20);
        let mut capture = Capture::new(&budget, 1 << 20);
        capture.push(&[1; 100], Some(5000));
        assert_eq!(budget.held(), 5000);
        let (bytes, reserved) = capture.into_parts();
        assert_eq!((bytes.len(), budget.held()), (100, 5000));
        drop(reserved);
        assert_eq!(budget.held(), 0);
    }
}
