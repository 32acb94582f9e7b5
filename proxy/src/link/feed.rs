//! `GET /feed`: a snapshot first, then everything as it happens, gathered for a few
//! milliseconds into one message. A listener that lags gets a new snapshot.

use std::{collections::HashSet, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use glassway_shared::{
    feed::{BodyDelta, LinkCommand, LinkEvent, Standing},
    id::ExchangeId,
};
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::{body::Incoming, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

use super::{
    Shared,
    gather::{About, Gathering},
    gauges, in_flight, json_reply,
};
use crate::{
    feed::{Listener, Signal},
    recorder::Recorder,
    snapshot::Provider,
};

/// Events are gathered this long before they are sent.
const GATHER: Duration = Duration::from_millis(25);
const STATS: Duration = Duration::from_secs(2);
const BATCH: usize = 512;

/// Answers the WebSocket handshake and serves the feed on it.
pub(super) fn upgrade(shared: &Arc<Shared>, mut request: Request<Incoming>) -> Response<Bytes> {
    let Some(key) = request.headers().get(header::SEC_WEBSOCKET_KEY) else {
        let body = serde_json::json!({"error": "a WebSocket handshake is needed here"});
        return json_reply(StatusCode::UPGRADE_REQUIRED, &body);
    };
    let Some(recorder) = shared.app.recorder.clone() else {
        let body = serde_json::json!({"error": "recording is off: there is no feed"});
        return json_reply(StatusCode::NOT_FOUND, &body);
    };
    let accept = derive_accept_key(key.as_bytes());
    let shared = shared.clone();
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgraded.await else { return };
        let socket =
            WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        let mut session = Session { shared, recorder, watched: HashSet::new() };
        // An error means that the monitor is gone; it comes back by itself.
        let _ = session.serve(socket).await;
        for id in session.watched {
            session.shared.watching.unwatch(id);
        }
    });
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;
type Gone = tokio_tungstenite::tungstenite::Error;

struct Session {
    shared: Arc<Shared>,
    recorder: Arc<Recorder>,
    watched: HashSet<ExchangeId>,
}

impl Session {
    async fn serve(&mut self, socket: Socket) -> Result<(), Gone> {
        let (mut out, mut commands) = socket.split();
        // Listening begins before the snapshot: what happens between is told twice, not
        // never.
        let mut listener = self.recorder.feed.listen();
        let mut deltas = self.shared.watching.deltas();
        let mut gathering = Gathering::default();
        out.send(message(&[self.hello(&mut gathering)])).await?;
        for batch in self.standings().chunks(BATCH) {
            out.send(message(batch)).await?;
        }
        let mut stats = tokio::time::interval(STATS);
        let mut told = Default::default();
        let mut moved = self.shared.moved.clone();
        loop {
            let mut lagged = false;
            tokio::select! {
                () = async { drop(moved.wait_for(|moved| *moved).await) } => return Ok(()),
                signal = listener.receiver.recv() => match signal {
                    Ok(signal) => {
                        self.gather(signal, &mut gathering);
                        lagged = self.drain(&mut listener, &mut gathering).await;
                    }
                    Err(RecvError::Lagged(_)) => lagged = true,
                    Err(RecvError::Closed) => return Ok(()),
                },
                delta = deltas.recv() => if let Ok(delta) = delta {
                    self.delta(&delta, &mut gathering);
                    while let Ok(delta) = deltas.try_recv() {
                        self.delta(&delta, &mut gathering);
                    }
                },
                command = commands.next() => match command {
                    Some(Ok(message)) => self.obey(&message),
                    _ => return Ok(()),
                },
                _ = stats.tick() => {
                    let now = gauges(&self.shared.app);
                    if now != told {
                        told = now;
                        gathering.push(LinkEvent::Stats(now));
                    }
                }
            }
            if lagged {
                listener = self.recorder.feed.listen();
                let hello = self.hello(&mut gathering);
                gathering.push(hello);
                self.standings().into_iter().for_each(|event| gathering.push(event));
            }
            let events = gathering.tell(self.shared.app.metrics.is_writable());
            for batch in events.chunks(BATCH) {
                out.send(message(batch)).await?;
            }
        }
    }

    /// Takes what else has come, and what comes in the next moments.
    async fn drain(&self, listener: &mut Listener, gathering: &mut Gathering) -> bool {
        tokio::time::sleep(GATHER).await;
        for _ in 0..BATCH * 16 {
            match listener.receiver.try_recv() {
                Ok(signal) => self.gather(signal, gathering),
                Err(TryRecvError::Lagged(_)) => return true,
                Err(_) => break,
            }
        }
        false
    }

    fn hello(&self, gathering: &mut Gathering) -> LinkEvent {
        let in_flight = in_flight(&self.shared.app);
        gathering.start_over(&in_flight);
        LinkEvent::Hello {
            instance: self.shared.instance.clone(),
            cursor: self.shared.app.metrics.newest(),
            listen: Some(self.shared.app.listen),
            in_flight,
        }
    }

    fn key(&self, id: i64) -> Option<Standing> {
        let place = self.shared.app.routing.standing.places.find(id)?;
        let standing = place.standing(now_ms());
        let (reason, until) = standing.why();
        Some(told(id, standing.status(), reason, until))
    }

    /// Who is out: a hello starts the listener over, and it takes everyone else for well.
    fn standings(&self) -> Vec<LinkEvent> {
        let snapshot = self.shared.app.snapshot();
        let providers = snapshot.providers.iter().map(|provider| standing_of(provider));
        let providers = providers.filter(|provider| provider.status != "ok");
        let keys = snapshot.providers.iter().flat_map(|provider| &provider.keys);
        let keys = keys.map(|key| key.id).chain(snapshot.unusable.iter().copied());
        let keys = keys.filter_map(|id| self.key(id)).filter(|key| key.status != "active");
        providers
            .map(|provider| LinkEvent::ProviderChanged { provider })
            .chain(keys.map(|key| LinkEvent::KeyChanged { key }))
            .collect()
    }

    fn gather(&self, signal: Signal, gathering: &mut Gathering) {
        let app = &self.shared.app;
        match gathering.take(signal) {
            None => {}
            Some(About::Key(id)) => {
                if let Some(key) = self.key(id) {
                    gathering.push(LinkEvent::KeyChanged { key });
                }
            }
            Some(About::Provider(id)) => {
                let snapshot = app.snapshot();
                if let Some(provider) = snapshot.providers.iter().find(|p| p.id == id) {
                    let provider = standing_of(provider);
                    gathering.push(LinkEvent::ProviderChanged { provider });
                }
            }
        }
    }

    fn delta(&self, delta: &Arc<BodyDelta>, gathering: &mut Gathering) {
        if self.watched.contains(&delta.id) {
            gathering.push(LinkEvent::Delta((**delta).clone()));
        }
    }

    fn obey(&mut self, message: &Message) {
        let Message::Text(text) = message else { return };
        match serde_json::from_str(text.as_str()) {
            Ok(LinkCommand::Watch(id)) => {
                // Asked for twice, it starts over but is counted once.
                let first = self.watched.insert(id);
                self.shared.watching.watch(id, first);
            }
            Ok(LinkCommand::Unwatch(id)) => {
                if self.watched.remove(&id) {
                    self.shared.watching.unwatch(id);
                }
            }
            Err(e) => {
                tracing::warn!(error = %e, "the monitor sent a command this proxy does not know");
            }
        }
    }
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn standing_of(provider: &Provider) -> Standing {
    let state = provider.health.state(now_ms());
    told(provider.id, state.status, state.reason.as_deref(), state.until)
}

fn told(id: i64, status: &str, reason: Option<&str>, until: Option<i64>) -> Standing {
    Standing {
        id,
        status: status.to_owned(),
        status_reason: reason.map(str::to_owned),
        status_until: until.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()),
    }
}

fn message(events: &[LinkEvent]) -> Message {
    let json = match events {
        [one] => serde_json::to_string(one),
        many => serde_json::to_string(many),
    };
    Message::text(json.expect("events are plain data"))
}
