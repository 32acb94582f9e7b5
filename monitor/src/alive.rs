//! Whether the database still answers, for the watchdog: one small read now and then, by
//! the way all reads go. An error is an answer, too; only a read that never comes back
//! means that this process is stuck.

use std::{future::Future, sync::Arc, time::Duration};

use glassway_shared::{service::watchdog::Pulse, store::exchanges};

use crate::app::App;

const EVERY: Duration = Duration::from_secs(2);

/// Reads and beats until `end` resolves.
pub async fn read(app: Arc<App>, pulse: Pulse, end: impl Future<Output = ()>) {
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => return,
            _ = app.read(exchanges::cursor) => pulse.beat(),
        }
        tokio::select! {
            () = &mut end => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
