//! Follows the database: whenever the proxy says something was committed, reads it
//! and has it announced. So live and resume are one path, and a hint that gets lost
//! costs a moment, not an event.

use std::{sync::Arc, time::Duration};

use glassway_shared::{
    feed::{BodyDelta, LinkEvent},
    model::Side,
    store::{
        StoreError, exchanges,
        read::Reader,
        stored::{self, Stored},
    },
};
use tokio::time::Instant;

use super::Live;
use crate::{app::blocking, readable::Readable};

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
        let rows_of = reader.clone();
        let rows = read(move || exchanges::after(&rows_of, cursor, target, PAGE)).await?;
        if rows.is_empty() {
            // Retention was faster, or those numbers were never used.
            live.skip_to(target);
        }
        for id in live.watched(&rows) {
            let reader = reader.clone();
            if let Some(stored) = read(move || stored::stored(&reader, id)).await? {
                read_out(live, stored);
            }
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

/// Gives those who read along the end of what was said: the proxy's last words may
/// have been cut off by the exchange's end. Each takes only what it lacks.
fn read_out(live: &Live, stored: Stored) {
    let exchange = &stored.exchange;
    let offset_ms = exchange.duration_ms.unwrap_or_default();
    let sides =
        [(Side::Request, Some(&stored.request)), (Side::Response, stored.response.as_ref())];
    for (side, message) in sides {
        let Some(message) = message else { continue };
        let body = Readable::of(message);
        let data = String::from_utf8_lossy(&body.bytes).into_owned();
        live.take_in(LinkEvent::Delta(BodyDelta {
            id: exchange.id,
            side,
            offset_ms,
            from: 0,
            data,
        }));
    }
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
