//! `GET /feed`: a snapshot first, then everything as it happens, gathered for a few
//! milliseconds into one message. A listener that lags gets a new snapshot.

use std::{collections::HashSet, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use glassway_shared::{
    feed::{LinkCommand, LinkEvent, Standing},
    id::ExchangeId,
    model::Exchange,
};
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::{body::Incoming, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use tokio::sync::broadcast::error::RecvError;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

use super::{Shared, gauges, in_flight, json_reply};
use crate::{
    feed::{Listener, Signal},
    live::ms,
    recorder::Recorder,
    snapshot::Provider,
};

/// Events are gathered this long before they are sent.
const GATHER: Duration = Duration::from_millis(15);
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
        let mut known = HashSet::new();
        out.send(message(&[self.hello(&mut known)])).await?;
        for batch in self.standings().chunks(BATCH) {
            out.send(message(batch)).await?;
        }
        let mut stats = tokio::time::interval(STATS);
        let mut told = Default::default();
        let mut events = Vec::new();
        loop {
            let mut lagged = false;
            tokio::select! {
                signal = listener.receiver.recv() => match signal {
                    Ok(signal) => {
                        self.gather(signal, &mut events, &mut known);
                        lagged = self.drain(&mut listener, &mut events, &mut known).await;
                    }
                    Err(RecvError::Lagged(_)) => lagged = true,
                    Err(RecvError::Closed) => return Ok(()),
                },
                delta = deltas.recv() => if let Ok(delta) = delta {
                    self.delta(&delta, &mut events);
                    while let Ok(delta) = deltas.try_recv() {
                        self.delta(&delta, &mut events);
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
                        events.push(LinkEvent::Stats(now));
                    }
                }
            }
            if lagged {
                events.clear();
                known.clear();
                listener = self.recorder.feed.listen();
                events.push(self.hello(&mut known));
                events.extend(self.standings());
            }
            for batch in events.chunks(BATCH) {
                out.send(message(batch)).await?;
            }
            events.clear();
        }
    }

    /// Takes what else has come, and what comes in the next moments.
    async fn drain(
        &self,
        listener: &mut Listener,
        events: &mut Vec<LinkEvent>,
        known: &mut HashSet<ExchangeId>,
    ) -> bool {
        tokio::time::sleep(GATHER).await;
        for _ in 0..BATCH * 16 {
            match listener.receiver.try_recv() {
                Ok(signal) => self.gather(signal, events, known),
                Err(tokio::sync::broadcast::error::TryRecvError::Lagged(_)) => return true,
                Err(_) => break,
            }
        }
        false
    }

    fn hello(&self, known: &mut HashSet<ExchangeId>) -> LinkEvent {
        let in_flight = in_flight(&self.shared.app);
        known.extend(in_flight.iter().map(|exchange| exchange.id));
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

    fn gather(&self, signal: Signal, events: &mut Vec<LinkEvent>, known: &mut HashSet<ExchangeId>) {
        match signal {
            // Told by the snapshot already.
            Signal::Started(live) if known.remove(&live.id) => {}
            Signal::Started(live) => events.push(LinkEvent::Started { request: live.exchange() }),
            Signal::Changed(live) => {
                // The newest state replaces an update that has not left yet.
                let request = live.exchange();
                let waiting = events.iter_mut().rev().take(64).find_map(|event| match event {
                    LinkEvent::Updated { request } if request.id == live.id => Some(request),
                    _ => None,
                });
                match waiting {
                    Some(waiting) => *waiting = request,
                    None => events.push(LinkEvent::Updated { request }),
                }
            }
            Signal::Key(id) => {
                events.extend(self.key(id).map(|key| LinkEvent::KeyChanged { key }));
            }
            Signal::Provider(id) => {
                let snapshot = self.shared.app.snapshot();
                if let Some(provider) = snapshot.providers.iter().find(|p| p.id == id) {
                    events.push(LinkEvent::ProviderChanged { provider: standing_of(provider) });
                }
            }
            Signal::Committed(cursor) => match events.last_mut() {
                Some(LinkEvent::Committed { cursor: last }) => *last = cursor,
                _ => events.push(LinkEvent::Committed { cursor }),
            },
            Signal::Lost(live, outcome, duration_us) => {
                let request = Exchange {
                    outcome,
                    duration_ms: Some(ms(duration_us)),
                    live: None,
                    ..live.exchange()
                };
                events.push(LinkEvent::Lost { request });
            }
        }
    }

    fn delta(&self, delta: &Arc<glassway_shared::feed::BodyDelta>, events: &mut Vec<LinkEvent>) {
        if self.watched.contains(&delta.id) {
            events.push(LinkEvent::Delta((**delta).clone()));
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
