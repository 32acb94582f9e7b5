//! When a stopping process closes a connection that waits for its next request.
//!
//! At once would be too soon: the request may be on its way, and a client that finds its
//! connection closed under a request it has just sent sees a failure. So a connection
//! stays a while, answers what comes meanwhile with `Connection: close`, and is closed
//! once it has been quiet for the whole of that while.

use std::{future::Future, time::Duration};

/// How long a connection must have been quiet.
const GRACE: Duration = Duration::from_secs(2);
/// Looks within it.
const LOOKS: u32 = 4;

/// Resolves when the connection may be closed: `begun` has resolved, and `quiet` was true
/// each time it was looked at for a while, which is short where the whole drain is.
pub async fn linger(begun: impl Future<Output = ()>, drain: Duration, quiet: impl Fn() -> bool) {
    begun.await;
    let between = GRACE.min(drain / 4) / LOOKS;
    let mut seen = 0;
    while seen < LOOKS {
        tokio::time::sleep(between).await;
        seen = if quiet() { seen + 1 } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_for_the_stop_then_for_quiet() {
        let start = Instant::now();
        let stop = tokio::time::sleep(Duration::from_secs(60));
        linger(stop, Duration::from_secs(30), || true).await;
        assert_eq!(start.elapsed().as_secs(), 62);

        let start = Instant::now();
        let looks = Cell::new(0);
        // Busy at the third look: the while begins anew.
        let quiet = || {
            looks.set(looks.get() + 1);
            looks.get() != 3
        };
        linger(async {}, Duration::from_secs(30), quiet).await;
        assert_eq!((looks.get(), start.elapsed().as_millis()), (7, 3500));

        let start = Instant::now();
        linger(async {}, Duration::from_secs(1), || true).await;
        assert!(start.elapsed() < Duration::from_millis(300));
    }
}
