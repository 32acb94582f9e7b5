//! The broadcast that the link listens to. Sending is a few nanoseconds while nobody
//! listens and never waits; a listener that falls behind is told so and starts over
//! from a snapshot.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use glassway_shared::model::Outcome;
use tokio::sync::broadcast;

use crate::live::Live;

/// What happened; the listener reads the rest from the exchange itself.
#[derive(Clone)]
pub enum Signal {
    /// A request head has arrived.
    Started(Arc<Live>),
    /// Something about it became known, as the link's ticker found.
    Changed(Arc<Live>),
    /// Exchanges up to this cursor are in the database.
    Committed(i64),
    /// A key's standing changed.
    Key(i64),
    /// A provider's standing changed.
    Provider(i64),
    /// It ended without a record: how, and after how many microseconds.
    Lost(Arc<Live>, Outcome, u64),
}

/// The sending side.
pub struct Feed {
    sender: broadcast::Sender<Signal>,
    listeners: AtomicUsize,
}

impl Feed {
    /// Holds so many signals for the slowest listener.
    const CAPACITY: usize = 8192;

    /// Nobody listens yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            sender: broadcast::Sender::new(Self::CAPACITY),
            listeners: AtomicUsize::new(0),
        })
    }

    /// Makes and sends a signal if anyone listens.
    pub fn send(&self, signal: impl FnOnce() -> Signal) {
        if self.listeners.load(Relaxed) > 0 {
            let _ = self.sender.send(signal());
        }
    }

    /// From now on.
    pub fn listen(self: &Arc<Self>) -> Listener {
        self.listeners.fetch_add(1, Relaxed);
        Listener { receiver: self.sender.subscribe(), feed: self.clone() }
    }

    /// How many listen.
    pub fn listeners(&self) -> usize {
        self.listeners.load(Relaxed)
    }
}

/// The receiving side; counted while it lives.
pub struct Listener {
    /// `Lagged` means: start over from a snapshot.
    pub receiver: broadcast::Receiver<Signal>,
    feed: Arc<Feed>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.feed.listeners.fetch_sub(1, Relaxed);
    }
}
