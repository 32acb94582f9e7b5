//! How long a body may stand still.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::time::Sleep;

/// Notices that a body has not moved. Arms a timer only while it waits, and re-arms it
/// only when it fires early, so that a busy stream costs none.
pub struct Idle {
    limit: Duration,
    moved: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Idle {
    /// Zero is no limit.
    pub fn new(limit: Duration) -> Self {
        Self { limit, moved: None, timer: None }
    }

    /// For how long it may.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// It has moved.
    pub fn moved(&mut self) {
        if self.timer.is_some() {
            self.moved = Some(Instant::now());
        }
    }

    /// Ready once the limit has passed without a move.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.limit.is_zero() {
            return Poll::Pending;
        }
        loop {
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.limit)));
            ready!(timer.as_mut().poll(cx));
            match self.moved.take() {
                // It moved since the timer was set: wait for the rest.
                Some(moved) => timer.as_mut().reset((moved + self.limit).into()),
                None => return Poll::Ready(()),
            }
        }
    }
}
