//! Exchanges that are being sent again: how many may run at once, and the handle by which
//! one is stopped. What becomes of them is the proxy's to record.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use glassway_shared::id::ExchangeId;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::AbortHandle,
};

/// So many may run at once.
const MOST: usize = 64;

/// See the module.
pub struct Replays {
    permits: Arc<Semaphore>,
    running: Mutex<HashMap<ExchangeId, AbortHandle>>,
}

/// A replay's place; dropped when it is over.
pub struct Place {
    replays: Arc<Replays>,
    id: ExchangeId,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Replays {
    /// None run.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { permits: Arc::new(Semaphore::new(MOST)), running: Mutex::default() })
    }

    /// Places for all of these, or for none.
    pub fn admit(self: &Arc<Self>, ids: &[ExchangeId]) -> Option<Vec<Place>> {
        let most = u32::try_from(ids.len()).ok()?;
        let mut permits = self.permits.clone().try_acquire_many_owned(most).ok()?;
        let place =
            |id: &ExchangeId| Place { replays: self.clone(), id: *id, _permit: permits.split(1) };
        Some(ids.iter().map(place).collect())
    }

    /// It has begun; stopping it is stopping this task.
    pub fn begun(&self, id: ExchangeId, task: AbortHandle) {
        let mut running = self.running();
        running.retain(|_, task| !task.is_finished());
        running.insert(id, task);
    }

    /// Stops it; false where it does not run.
    pub fn stop(&self, id: ExchangeId) -> bool {
        let task = self.running().remove(&id);
        task.filter(|task| !task.is_finished()).is_some_and(|task| {
            task.abort();
            true
        })
    }

    fn running(&self) -> MutexGuard<'_, HashMap<ExchangeId, AbortHandle>> {
        self.running.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.replays.running().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_come_back_when_replays_end_or_are_stopped() {
        let replays = Replays::new();
        let ids: Vec<ExchangeId> = (0..MOST).map(|_| ExchangeId::new()).collect();
        let mut places = replays.admit(&ids).unwrap();
        assert!(replays.admit(&[ExchangeId::new()]).is_none());
        let (place, id) = (places.remove(0), ids[0]);
        let task = tokio::spawn(async move {
            let _place = place;
            std::future::pending::<()>().await;
        });
        replays.begun(id, task.abort_handle());
        assert!(replays.stop(id));
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(!replays.stop(id), "it does not run any more");
        assert_eq!(replays.admit(&[ExchangeId::new()]).map(|p| p.len()), Some(1));
    }
}
