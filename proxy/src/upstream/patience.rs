//! How long answers are waited for, by one coarse timer per data thread.
//!
//! A timer per request costs more than it looks: the first to be set wakes tokio's
//! driver with a write to an eventfd and one more turn of the loop, about 5 µs at a
//! thousand requests a second. Nobody needs ten minutes to the millisecond: a
//! deadline is noticed at most an eighth of the limit, and at most a second, late.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use super::UploadState;

/// The requests of one data thread that wait for their answer's head.
pub(super) struct Patience {
    limit: Duration,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    seats: Vec<Option<Seat>>,
    free: Vec<usize>,
}

struct Seat {
    upload: Arc<UploadState>,
    waker: Option<Waker>,
    over: bool,
}

impl Patience {
    /// Waits at most `limit` after an upload last moved; zero waits for ever. Its timer
    /// runs on the current thread's runtime.
    pub(super) fn new(limit: Duration) -> Arc<Self> {
        let patience = Arc::new(Self { limit, waiting: Mutex::default() });
        if !limit.is_zero() {
            tokio::spawn(watch(Arc::downgrade(&patience), limit));
        }
        patience
    }

    /// What is waited at most.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Takes a seat for a request.
    pub(super) fn wait(&self, upload: &Arc<UploadState>) -> Turn<'_> {
        let mut waiting = self.waiting();
        let seat = Some(Seat { upload: upload.clone(), waker: None, over: false });
        let n = match waiting.free.pop() {
            Some(n) => {
                waiting.seats[n] = seat;
                n
            }
            None => {
                waiting.seats.push(seat);
                waiting.seats.len() - 1
            }
        };
        Turn { patience: self, n }
    }

    /// Wakes whose time is over.
    fn look(&self, now: Instant) {
        let mut waiting = self.waiting();
        for seat in waiting.seats.iter_mut().flatten() {
            if !seat.over && seat.upload.last_moved() + self.limit <= now {
                seat.over = true;
                if let Some(waker) = seat.waker.take() {
                    waker.wake();
                }
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn watch(patience: Weak<Patience>, limit: Duration) {
    let step = (limit / 8).clamp(Duration::from_millis(2), Duration::from_secs(1));
    loop {
        tokio::time::sleep(step).await;
        match patience.upgrade() {
            Some(patience) => patience.look(Instant::now()),
            None => return,
        }
    }
}

/// A request's seat, given back when dropped.
pub(super) struct Turn<'p> {
    patience: &'p Patience,
    n: usize,
}

impl Turn<'_> {
    /// Ready once the upload has not moved for longer than the limit.
    pub(super) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut waiting = self.patience.waiting();
        let Some(seat) = &mut waiting.seats[self.n] else { return Poll::Pending };
        if seat.over {
            return Poll::Ready(());
        }
        match &mut seat.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut waiting = self.patience.waiting();
        waiting.seats[self.n] = None;
        waiting.free.push(self.n);
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::pin};

    use super::*;

    #[test]
    fn only_who_waits_too_long_is_told() {
        let patience =
            Arc::new(Patience { limit: Duration::from_secs(5), waiting: Mutex::default() });
        let (slow, moving) = (UploadState::new(), UploadState::new());
        let (mut late, mut early) = (patience.wait(&slow), patience.wait(&moving));
        let now = Instant::now();
        let poll = |turn: &mut Turn<'_>| {
            turn.poll_over(&mut Context::from_waker(Waker::noop())).is_ready()
        };
        assert!(!poll(&mut late) && !poll(&mut early));
        patience.look(now + Duration::from_secs(4));
        assert!(!poll(&mut late) && !poll(&mut early));
        moving.moved_at(now + Duration::from_secs(4));
        patience.look(now + Duration::from_secs(6));
        assert!(poll(&mut late) && !poll(&mut early));
        drop(late);
        // A seat that is taken again starts afresh.
        let mut next = patience.wait(&moving);
        assert!(!poll(&mut next));
        drop((early, next));
        assert_eq!(patience.waiting().free.len(), 2);
    }

    #[tokio::test]
    async fn the_timer_wakes_a_waiting_task() {
        let patience = Patience::new(Duration::from_millis(40));
        let upload = UploadState::new();
        let mut turn = patience.wait(&upload);
        let over = pin!(poll_fn(|cx| turn.poll_over(cx)));
        tokio::time::timeout(Duration::from_secs(20), over).await.expect("told in time");
    }
}
