//! What every data thread shares: settings read once, and where recording begins.

use std::sync::Arc;

use glassway_shared::config::Config;

use crate::{metrics::Metrics, recorder::Recorder, target::Bases};

/// See the module.
pub struct App {
    /// As read at the start.
    pub config: Config,
    /// Where transparent traffic goes.
    pub bases: Bases,
    /// `None` with recording off.
    pub recorder: Option<Arc<Recorder>>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Tunnels that run beside their connection's task.
    pub tunnels: Tasks,
}

/// Counts tasks so that a drain can wait for them.
#[derive(Clone, Default)]
pub struct Tasks(Arc<tokio::sync::Notify>, Arc<std::sync::atomic::AtomicUsize>);

/// Held by one task while it runs.
pub struct Running(Tasks);

impl Tasks {
    /// One more.
    pub fn begin(&self) -> Running {
        self.1.fetch_add(1, std::sync::atomic::Ordering::AcqRel);
        Running(self.clone())
    }

    /// Waits until none runs.
    pub async fn all_done(&self) {
        loop {
            let notified = self.0.notified();
            if self.count() == 0 {
                return;
            }
            notified.await;
        }
    }

    /// How many run.
    pub fn count(&self) -> usize {
        self.1.load(std::sync::atomic::Ordering::Acquire)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.1.fetch_sub(1, std::sync::atomic::Ordering::AcqRel) == 1 {
            self.0.0.notify_waiters();
        }
    }
}
