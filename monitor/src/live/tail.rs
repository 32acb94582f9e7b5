//! Follows the database: whenever the proxy says something was committed, reads it
//! and has it announced. So live and resume are one path, and a hint that gets lost
//! costs a moment, not an event.

use std::{sync::Arc, time::Duration};

use glassway_shared::store::{StoreError, exchanges, read::Reader};
use tokio::time::Instant;

use super::Live;
use crate::app::blocking;

/// Rows per read.
const PAGE: usize = 500;

/// Runs until `stop` resolves.
pub async fn follow(live: Arc<Live>, reader: Reader, stop: impl Future<Output = ()>) {
    tokio::pin!(stop);
    let mut newest = live.committed.subscribe();
    let mut ailing = false;
    loop {
        let target = *newest.borrow_and_update();
        let healthy = catch_up(&live, &reader, target).await;
        match (&healthy, ailing) {
            (Err(e), false) => tracing::warn!(error = %e, "cannot read what was committed"),
            (Ok(()), true) => tracing::info!("reading what was committed again"),
            _ => {}
        }
        ailing = healthy.is_err();
        let again = match ailing {
            true => Duration::from_millis(200),
            false => Duration::from_secs(1),
        };
        tokio::select! {
            () = &mut stop => return,
            changed = newest.changed(), if !ailing => {
                if changed.is_err() { return }
            }
            () = tokio::time::sleep_until(Instant::now() + again) => {}
        }
    }
}

async fn catch_up(live: &Live, reader: &Reader, target: i64) -> Result<(), StoreError> {
    loop {
        let cursor = live.cursor();
        if cursor >= target {
            break;
        }
        let reader = reader.clone();
        let rows = read(move || exchanges::after(&reader, cursor, target, PAGE)).await?;
        if rows.is_empty() {
            // Retention was faster, or those numbers were never used.
            live.skip_to(target);
        }
        live.committed(rows);
    }
    let over = live.state().given_up(std::time::Instant::now());
    for id in over {
        let reader = reader.clone();
        match read(move || exchanges::find(&reader, id)).await? {
            // Announced by the next commit, or already.
            Some(found) if found.seq > live.cursor() => {}
            Some(found) => live.state().finished(Some(found.seq), found.exchange),
            None => live.state().give_up(id),
        }
    }
    Ok(())
}

async fn read<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    blocking(work).await.unwrap_or_else(|_| {
        Err(StoreError::Io {
            path: "the database".into(),
            source: std::io::Error::other("reading it broke"),
        })
    })
}
