//! The live feed: a WebSocket that says what starts, changes and ends. What it sends
//! and understands is described in `GET /api/feed` below.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use glassway_shared::store::exchanges;
use jiff::{SignedDuration, Timestamp};
use poem::{
    Result,
    web::{
        Data,
        websocket::{
            BoxWebSocketUpgraded, CloseCode, Message, WebSocket, WebSocketConfig, WebSocketStream,
        },
    },
};
use poem_openapi::OpenApi;
use tokio::time::Instant;

use super::Tag;
use crate::{
    app::App,
    auth::Who,
    error::Problem,
    live::{
        event::Event,
        seat::{Replay, Seat},
        word::{Word, understand},
    },
};

pub(super) struct Operations(pub(super) Arc<App>);

/// Clients at once.
const MAX_CLIENTS: u64 = 256;
/// Under load, events wait this long for company.
const PACE: Duration = Duration::from_millis(50);
/// A client's first words (filter, resume) come before the first event.
const FIRST_WORDS: Duration = Duration::from_millis(100);
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// Also how soon a client that was signed out is let go.
const PING: Duration = Duration::from_secs(10);
const BATCH_EVENTS: usize = 512;
const BATCH_BYTES: usize = 1 << 20;
/// Rows per read of a replay.
const PAGE: usize = 500;

#[OpenApi(tag = "Tag::Requests")]
impl Operations {
    /// Follow exchanges live (WebSocket)
    ///
    /// The server sends `{"type":"hello","cursor","in_flight":[…],"proxy":{"connected"}}`,
    /// then events, each an object or, under load, an array of them:
    /// `request.started`, `request.updated`, `request.finished` (with `request`, and
    /// `cursor` where it was recorded), `body.delta` (`id`, `side`, `offset_ms`, `from`,
    /// `data`), `proxy` (`connected`), `stats` (`in_flight`, `queue_bytes`, `lost`),
    /// `key.changed` (`key`) and `provider.changed` (`provider`), each with `id`,
    /// `status`, `status_reason`, `status_until`, `validation.progress` (`done`, `total`),
    /// `trace.hit` (`trace`, `hit`: a fetch that was written), `trace.changed` (`trace`,
    /// `series`, `status`), `resync` (`cursor`), `error` (`detail`). `seq` counts a connection's events.
    ///
    /// The client may send `{"filter":{…names of the list's filters…}}`,
    /// `{"watch":id}`, `{"unwatch":id}` and `{"resume_after":cursor}`.
    #[oai(path = "/api/feed", method = "get", operation_id = "followRequests")]
    async fn feed(&self, socket: WebSocket, who: Data<&Who>) -> Result<BoxWebSocketUpgraded> {
        if self.0.live.status().clients >= MAX_CLIENTS {
            return Err(Problem::unavailable("too many clients follow the feed").into());
        }
        let (app, who) = (self.0.clone(), *who.0);
        let config = WebSocketConfig::default()
            .max_message_size(Some(64 << 10))
            .max_frame_size(Some(64 << 10));
        let upgraded = socket.config(config).on_upgrade(move |stream| async move {
            // An error means that the client is gone.
            let _ = follow(app, who, stream).await;
        });
        Ok(upgraded.boxed())
    }
}

type Sink = SplitSink<WebSocketStream, Message>;

/// One client, from hello until either side leaves.
async fn follow(app: Arc<App>, who: Who, socket: WebSocketStream) -> std::io::Result<()> {
    let stop = crate::until(&app.stop);
    tokio::pin!(stop);
    let (mut sink, mut stream) = socket.split();
    let (seat, hello) = Seat::take(&app.live);
    send(&mut sink, hello).await?;
    let mut next = Instant::now() + FIRST_WORDS;
    let mut ping = tokio::time::interval_at(Instant::now() + PING, PING);
    loop {
        let due = seat.has_events();
        tokio::select! {
            message = stream.next() => match message.transpose()? {
                Some(Message::Text(text)) => {
                    match understand(&text) {
                        Ok(word) => {
                            if obey(&app, &seat, &mut sink, word).await? {
                                next = Instant::now();
                            }
                        }
                        Err(e) => send(&mut sink, seat.render(&Event::error(&e))).await?,
                    }
                }
                None | Some(Message::Close(_)) => return Ok(()),
                Some(_) => {}
            },
            () = seat.wake.notified(), if !due => {}
            () = tokio::time::sleep_until(next), if due => {
                let batch = seat.next(BATCH_EVENTS, BATCH_BYTES);
                send(&mut sink, joined(batch.events)).await?;
                next = if batch.more { Instant::now() } else { Instant::now() + PACE };
            }
            _ = ping.tick() => {
                if !app.auth.still(who).await {
                    let close = Message::close_with(CloseCode::Policy, "signed out");
                    return send_message(&mut sink, close).await;
                }
                send_message(&mut sink, Message::ping(vec![])).await?;
            }
            () = &mut stop => {
                let close = Message::close_with(CloseCode::Away, "the monitor stops");
                return send_message(&mut sink, close).await;
            }
        }
    }
}

async fn send(sink: &mut Sink, text: String) -> std::io::Result<()> {
    send_message(sink, Message::text(text)).await
}

async fn send_message(sink: &mut Sink, message: Message) -> std::io::Result<()> {
    match tokio::time::timeout(SEND_TIMEOUT, sink.send(message)).await {
        Ok(sent) => sent,
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    }
}

fn joined(mut events: Vec<String>) -> String {
    match events.len() {
        1 => events.swap_remove(0),
        _ => format!("[{}]", events.join(",")),
    }
}

/// Does what the client asks; true where something was replayed.
async fn obey(app: &Arc<App>, seat: &Seat, sink: &mut Sink, word: Word) -> std::io::Result<bool> {
    match word {
        Word::Filter(filter) => seat.filter(*filter),
        Word::Unwatch(id) => seat.unwatch(id),
        Word::Watch(id) => {
            if let Err(e) = seat.watch(id) {
                send(sink, seat.render(&Event::error(&e))).await?;
            }
        }
        Word::ResumeAfter(cursor) => {
            if let Some(replay) = seat.resume(cursor) {
                replayed(app, seat, sink, replay).await?;
            }
            return Ok(true);
        }
    }
    Ok(false)
}

/// Sends what finished meanwhile, in order, from the database.
async fn replayed(
    app: &Arc<App>,
    seat: &Seat,
    sink: &mut Sink,
    mut replay: Replay,
) -> std::io::Result<()> {
    let (mut after, upto) = (replay.after, replay.upto);
    let last = app.read(move |reader| exchanges::after(reader, after - 1, after, 1)).await;
    replay.told_until(last.ok().and_then(|rows| ended_at(&rows.first()?.exchange)));
    while after < upto {
        let page = app.read(move |reader| exchanges::after(reader, after, upto, PAGE)).await;
        let rows = match page {
            Ok(rows) if rows.is_empty() => break,
            Ok(rows) => rows,
            Err(_) => {
                // The database is away for a moment; the client must not miss a row.
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            }
        };
        let mut events = Vec::new();
        for row in &rows {
            after = row.seq;
            for event in replay.events(row.seq, &row.exchange) {
                events.push(seat.render(&event));
            }
        }
        for batch in events.chunks(BATCH_EVENTS) {
            send(sink, joined(batch.to_vec())).await?;
        }
    }
    Ok(())
}

fn ended_at(exchange: &glassway_shared::model::Exchange) -> Option<Timestamp> {
    let us = (exchange.duration_ms? * 1000.0) as i64;
    exchange.started_at.checked_add(SignedDuration::from_micros(us)).ok()
}
