//! Memory that many share: who wants some takes it beforehand, and is told where there is no
//! more, so that no crowd of them takes more than was set aside.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// So many bytes for all.
#[derive(Debug)]
pub struct Room {
    held: AtomicUsize,
    most: usize,
}

impl Room {
    /// For at most so many bytes at once.
    pub fn new(most: u64) -> Arc<Self> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Arc::new(Self { held: AtomicUsize::new(0), most })
    }

    /// How many bytes there are for all.
    pub fn most(&self) -> usize {
        self.most
    }

    /// A part of nothing, to be enlarged.
    pub fn part(self: &Arc<Self>) -> Part {
        Part { bytes: 0, room: self.clone() }
    }

    /// Whether there was room for so many more.
    fn take(&self, bytes: usize) -> bool {
        let more = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= self.most);
        self.held.fetch_update(Relaxed, Relaxed, more).is_ok()
    }
}

/// What one has of it, given back when dropped.
#[derive(Debug)]
pub struct Part {
    bytes: usize,
    room: Arc<Room>,
}

impl Part {
    /// Makes it this large, or leaves it as it is and says that there is no room.
    #[must_use]
    pub fn resize(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.bytes || self.room.take(bytes - self.bytes);
        if fits {
            self.room.held.fetch_sub(self.bytes.saturating_sub(bytes), Relaxed);
            self.bytes = bytes;
        }
        fits
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.room.held.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_gives_back_another_may_have() {
        let room = Room::new(100);
        let (mut one, mut other) = (room.part(), room.part());
        assert!(one.resize(60) && !other.resize(41) && other.resize(40));
        assert!(!one.resize(61) && one.resize(50), "it has 60 until it has less");
        assert!(other.resize(50));
        drop(one);
        assert!(other.resize(100) && !other.resize(101));
        drop(other);
        assert_eq!(room.held.load(Relaxed), 0);
    }
}
