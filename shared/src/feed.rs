//! What the proxy says over the link's `/feed`, and what the monitor answers.
//! JSON text messages; several events may come as one array.

use serde::{Deserialize, Serialize};

use crate::{
    id::ExchangeId,
    model::{Exchange, Side},
};

/// From the proxy to whoever listens on the link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum LinkEvent {
    /// First on every connection, and again after the listener lagged: forget what
    /// you believed to be in flight.
    #[serde(rename = "hello")]
    Hello {
        /// Changes with every start of the proxy.
        instance: String,
        /// The newest committed exchange.
        cursor: i64,
        /// Where clients reach the proxy, as the system gave it.
        #[serde(default)]
        listen: Option<std::net::SocketAddr>,
        /// Everything that runs now.
        in_flight: Vec<Exchange>,
    },
    /// A request head has arrived.
    #[serde(rename = "request.started")]
    Started {
        /// As far as known.
        request: Exchange,
    },
    /// Something about a running exchange became known.
    #[serde(rename = "request.updated")]
    Updated {
        /// As far as known.
        request: Exchange,
    },
    /// A piece of a watched body.
    #[serde(rename = "body.delta")]
    Delta(BodyDelta),
    /// Exchanges up to this cursor are in the database.
    #[serde(rename = "committed")]
    Committed {
        /// `exchanges.seq` of the newest.
        cursor: i64,
    },
    /// An exchange ended whose record was lost: it will never be committed.
    #[serde(rename = "lost")]
    Lost {
        /// As it ended.
        request: Exchange,
    },
    /// Counters, every two seconds and when losses change.
    #[serde(rename = "stats")]
    Stats(Gauges),
    /// A key went out or came back.
    #[serde(rename = "key.changed")]
    KeyChanged {
        /// How it stands now.
        key: Standing,
    },
    /// A provider's breaker opened or closed, or the provider asked for quiet.
    #[serde(rename = "provider.changed")]
    ProviderChanged {
        /// How it stands now.
        provider: Standing,
    },
}

/// How a key or a provider stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Its row.
    pub id: i64,
    /// A key's: active, cooling, exhausted, invalid, inactive; a provider's: ok,
    /// cooling, open.
    pub status: String,
    /// Why.
    #[serde(default)]
    pub status_reason: Option<String>,
    /// Until when; `None`: until something changes.
    #[serde(default)]
    pub status_until: Option<jiff::Timestamp>,
}

/// A piece of a watched body, as text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BodyDelta {
    /// Which exchange.
    pub id: ExchangeId,
    /// Which body.
    pub side: Side,
    /// When it arrived, in milliseconds from the exchange's start.
    pub offset_ms: f64,
    /// Byte offset of `data` in the decoded text.
    pub from: u64,
    /// Whole characters, decoded from content-encoding.
    pub data: String,
}

/// What the proxy holds and what it lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gauges {
    /// Exchanges running.
    pub in_flight: u64,
    /// Bytes captured and not yet committed.
    pub queue_bytes: u64,
    /// What could not be kept.
    pub lost: Losses,
}

/// What could not be kept since the proxy started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Losses {
    /// Bodies whose contents were dropped.
    pub bodies_shed: u64,
    /// Exchanges without a record.
    pub records_lost: u64,
}

/// From the monitor to the proxy, on the same WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkCommand {
    /// Send this exchange's body deltas, from its first byte.
    Watch(ExchangeId),
    /// No longer.
    Unwatch(ExchangeId),
}
