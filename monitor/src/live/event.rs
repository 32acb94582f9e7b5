//! What feed clients are sent, as JSON: written once for all of them, and only if
//! somebody wants it. Each client numbers it for itself.

use std::sync::Arc;

use glassway_shared::{
    feed::{BodyDelta, Gauges, Standing},
    id::ExchangeId,
    model::{Exchange, Outcome, Usage},
    store::traces::Hit,
};
use jiff::Timestamp;
use serde_json::json;

use super::Stage;

/// Something to be sent.
#[derive(Clone, Debug)]
pub struct Event {
    kind: &'static str,
    /// The fields after `type` and `seq`, as JSON without braces.
    fields: Arc<str>,
    /// Whose start or end it announces.
    pub(super) about: Option<Turn>,
    /// The cursor it carries.
    pub(super) cursor: Option<i64>,
}

/// What an event announces of an exchange.
#[derive(Clone, Copy, Debug)]
pub(super) enum Turn {
    Start(ExchangeId),
    End(ExchangeId),
}

impl Event {
    fn new(kind: &'static str, fields: impl Into<Arc<str>>) -> Self {
        Self { kind, fields: fields.into(), about: None, cursor: None }
    }

    pub(super) fn proxy(connected: bool) -> Self {
        Self::new("proxy", format!("\"connected\":{connected}"))
    }

    pub(super) fn stats(gauges: &Gauges, in_flight: usize) -> Self {
        let lost = json!(gauges.lost);
        let queue = gauges.queue_bytes;
        Self::new(
            "stats",
            format!("\"in_flight\":{in_flight},\"queue_bytes\":{queue},\"lost\":{lost}"),
        )
    }

    pub(super) fn key(key: &Standing) -> Self {
        Self::new("key.changed", format!("\"key\":{}", json!(key)))
    }

    pub(super) fn provider(provider: &Standing) -> Self {
        Self::new("provider.changed", format!("\"provider\":{}", json!(provider)))
    }

    /// How far a validation of keys has come.
    pub(super) fn progress(done: usize, total: usize) -> Self {
        Self::new("validation.progress", format!("\"done\":{done},\"total\":{total}"))
    }

    /// A fetch of a trace's image, as the list of them shows it.
    pub(super) fn trace_hit(hit: &Hit) -> Self {
        let at = Timestamp::from_microsecond(hit.at).unwrap_or_default();
        let shown = json!({
            "id": hit.id,
            "at": at.to_string(),
            "image": hit.image,
            "method": hit.method,
            "ip": hit.ip,
            "user_agent": hit.user_agent,
            "headers": hit.headers,
        });
        Self::new("trace.hit", format!("\"trace\":{},\"hit\":{shown}", hit.trace))
    }

    /// How a trace stands.
    pub(super) fn trace(id: i64, series: i64, status: &str) -> Self {
        let fields = format!("\"trace\":{id},\"series\":{series},\"status\":\"{status}\"");
        Self::new("trace.changed", fields)
    }

    /// Something a client sent that could not be used.
    pub fn error(detail: &str) -> Self {
        Self::new("error", format!("\"detail\":{}", json!(detail)))
    }

    /// The queue would have grown past its bound.
    pub(super) fn resync(cursor: i64) -> Self {
        Self::new("resync", format!("\"cursor\":{cursor}"))
    }

    /// A piece of a watched body, from byte `known` of the delta's on.
    pub(super) fn delta(delta: &BodyDelta, known: usize) -> Option<Self> {
        let data = delta.data.get(known..)?;
        Some(Self::new(
            "body.delta",
            format!(
                "\"id\":\"{}\",\"side\":\"{}\",\"offset_ms\":{},\"from\":{},\"data\":{}",
                delta.id,
                delta.side.as_str(),
                json!(delta.offset_ms),
                delta.from + known as u64,
                json!(data),
            ),
        ))
    }

    /// Bytes it takes in a queue.
    pub(super) fn size(&self) -> usize {
        self.fields.len()
    }

    pub(super) fn exchange(stage: Stage, exchange: &Exchange) -> Self {
        let request = serde_json::to_string(exchange).unwrap_or_default();
        let event = match stage {
            Stage::Started => Self::new("request.started", format!("\"request\":{request}")),
            Stage::Updated => Self::new("request.updated", format!("\"request\":{request}")),
            Stage::Finished(None) => {
                Self::new("request.finished", format!("\"request\":{request}"))
            }
            Stage::Finished(Some(cursor)) => {
                Self::new("request.finished", format!("\"cursor\":{cursor},\"request\":{request}"))
            }
        };
        match stage {
            Stage::Started => Self { about: Some(Turn::Start(exchange.id)), ..event },
            Stage::Updated => event,
            Stage::Finished(cursor) => {
                Self { about: Some(Turn::End(exchange.id)), cursor, ..event }
            }
        }
    }

    /// The message, numbered.
    pub fn render(&self, seq: u64) -> String {
        format!("{{\"type\":\"{}\",\"seq\":{seq},{}}}", self.kind, self.fields)
    }
}

/// An exchange's events, written as JSON once and only if somebody wants them.
pub(super) struct Lazy<'a> {
    pub(super) stage: Stage,
    pub(super) exchange: &'a Exchange,
    pub(super) now: Timestamp,
    event: Option<Event>,
    start: Option<Event>,
}

impl<'a> Lazy<'a> {
    pub(super) fn new(stage: Stage, exchange: &'a Exchange) -> Self {
        Self { stage, exchange, event: None, start: None, now: Timestamp::now() }
    }

    /// Its event.
    pub(super) fn event(&mut self) -> Event {
        self.event.get_or_insert_with(|| Event::exchange(self.stage, self.exchange)).clone()
    }

    /// The start of an exchange that was not announced when it started.
    pub(super) fn start(&mut self) -> Event {
        let start = || match self.stage {
            Stage::Finished(_) => Event::exchange(Stage::Started, &at_start(self.exchange)),
            _ => Event::exchange(Stage::Started, self.exchange),
        };
        self.start.get_or_insert_with(start).clone()
    }
}

/// An exchange as it must have been when it started.
fn at_start(ended: &Exchange) -> Exchange {
    Exchange {
        outcome: Outcome::InFlight,
        status: None,
        error: None,
        duration_ms: None,
        ttfb_ms: None,
        first_token_ms: None,
        response_bytes: 0,
        usage: Usage::ABSENT,
        cost_usd: None,
        live: None,
        ..ended.clone()
    }
}
