//! One task writes what was fetched, and tells the feed once it is written. Fetches never
//! wait for it: the queue before it is bounded, and what does not fit is counted.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use glassway_shared::store::{
    StoreError,
    traces::{self, Hit},
};
use rusqlite::Connection;
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use crate::app::App;

/// Fetches that wait to be written.
pub const QUEUE: usize = 4096;
const BATCH: usize = 128;
/// How often fetches that are counted alone are written.
const COUNT: Duration = Duration::from_secs(1);

/// Writes until nobody can send any more, or the process is to end.
pub async fn write(app: Arc<App>, mut queue: mpsc::Receiver<Hit>, stop: impl Future<Output = ()>) {
    let mut count = interval(COUNT);
    count.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(stop);
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let ending = tokio::select! {
            n = queue.recv_many(&mut batch, BATCH) => n == 0,
            _ = count.tick() => false,
            () = &mut stop => {
                while let Ok(hit) = queue.try_recv() {
                    batch.push(hit);
                }
                true
            }
        };
        keep(&app, std::mem::take(&mut batch)).await;
        if ending {
            return;
        }
    }
}

async fn keep(app: &Arc<App>, hits: Vec<Hit>) {
    let overflow = app.traces.known.overflown();
    if hits.is_empty() && overflow.is_empty() {
        return;
    }
    let (hits, overflow) = (Arc::new(hits), Arc::new(overflow));
    let (fetched, beyond) = (hits.clone(), overflow.clone());
    let add = move |connection: &Connection| -> Result<Vec<Hit>, StoreError> {
        let mut kept = Vec::with_capacity(fetched.len());
        for hit in fetched.iter() {
            // Its trace may have been deleted since.
            if let Some(id) = traces::add_hit(connection, hit)? {
                kept.push(Hit { id, ..hit.clone() });
            }
        }
        for (trace, more) in beyond.iter() {
            traces::add_overflow(connection, *trace, *more)?;
        }
        Ok(kept)
    };
    match app.write_surely(add).await {
        Ok(kept) => kept.iter().for_each(|hit| app.live.trace_hit(hit)),
        Err(problem) => {
            app.unwritten.fetch_add(1, Relaxed);
            // As counted as those beyond the bound: the next batch writes how many there were.
            let lost = hits.iter().map(|hit| (hit.trace, 1));
            app.traces.known.count(lost.chain(overflow.iter().copied()));
            tracing::warn!(error = problem.detail(), "fetches of trace images were not written");
        }
    }
}
