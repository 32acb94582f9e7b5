//! One client request and its final answer, as lists, the feed and the detail
//! show it. The field names and values are a contract with other programs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::ExchangeId;

/// Header names and values, in the order they travelled; repeats stay.
pub type Headers = Vec<(String, String)>;

/// Writes the variants' contract names once, for JSON, SQL and metrics alike.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every value there is.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name other programs know it by.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(format!("`{text}` is not one of {}", [$($text),+].join(", "))),
                }
            }
        }
    };
}

named! {
    /// How an exchange ended, or that it has not.
    Outcome {
        /// Still running.
        InFlight = "in_flight",
        /// Answered below 400 and whole.
        Ok = "ok",
        /// The upstream answered 4xx.
        ClientError = "client_error",
        /// The upstream answered 5xx, or could not be reached.
        UpstreamError = "upstream_error",
        /// The client went away first.
        ClientClosed = "client_closed",
        /// The upstream broke off after its answer began.
        UpstreamClosed = "upstream_closed",
        /// Nothing came for longer than the configuration allows.
        Timeout = "timeout",
        /// Glassway refused it; nothing went upstream.
        Rejected = "rejected",
        /// Glassway died while it ran.
        Interrupted = "interrupted",
    }
}

named! {
    /// Who caused an exchange.
    Origin {
        /// A client on port 8080.
        Client = "client",
        /// The playground.
        Chat = "chat",
        /// A recorded exchange sent again.
        Replay = "replay",
        /// A test of a key or model, or a model refresh.
        Test = "test",
        /// A trace.
        Trace = "trace",
        /// A recovery probe.
        Probe = "probe",
    }
}

impl Origin {
    /// Whether it counts in statistics.
    pub const fn counts(self) -> bool {
        matches!(self, Self::Client | Self::Chat | Self::Replay)
    }
}

named! {
    /// Whose credential travelled upstream.
    Mode {
        /// The client's own; byte for byte.
        Transparent = "transparent",
        /// One of Glassway's keys.
        Managed = "managed",
    }
}

named! {
    /// Where token counts came from.
    UsageSource {
        /// The upstream said so.
        Upstream = "upstream",
        /// Counted here.
        Estimated = "estimated",
        /// Nobody said.
        Absent = "absent",
    }
}

named! {
    /// One of an exchange's two directions.
    Side {
        /// From the client.
        Request = "request",
        /// To the client.
        Response = "response",
    }
}

/// Token counts of one exchange. `prompt_tokens` includes cached ones,
/// `completion_tokens` includes reasoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens in.
    pub prompt_tokens: Option<u64>,
    /// Tokens out.
    pub completion_tokens: Option<u64>,
    /// Of the prompt's, read from a cache.
    pub cached_tokens: Option<u64>,
    /// Of the completion's, spent on reasoning.
    pub reasoning_tokens: Option<u64>,
    /// Where the counts came from.
    pub source: UsageSource,
}

impl Usage {
    /// Nobody said.
    pub const ABSENT: Self = Self {
        prompt_tokens: None,
        completion_tokens: None,
        cached_tokens: None,
        reasoning_tokens: None,
        source: UsageSource::Absent,
    };
}

named! {
    /// Where a price came from.
    PriceSource {
        /// Somebody set it for this model.
        Override = "override",
        /// The price list.
        List = "list",
        /// The key's price per call.
        Call = "call",
    }
}

/// The price that an exchange's cost was computed by, kept with it: prices change, what
/// was paid does not. Rates are dollars per million tokens, the provider's multiplier
/// already in them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PriceUsed {
    /// Where it came from.
    pub source: PriceSource,
    /// The name it was found by.
    pub model: Option<String>,
    /// Per million tokens of the prompt.
    pub input: Option<f64>,
    /// Per million tokens of the answer.
    pub output: Option<f64>,
    /// Per million tokens read from a cache; `None`: as input.
    pub cache_read: Option<f64>,
    /// Per million tokens written to a cache; `None`: as input.
    pub cache_write: Option<f64>,
    /// Tokens of the prompt that were written to a cache.
    pub written_tokens: u64,
    /// The provider's.
    pub multiplier: f64,
    /// Dollars for the call, whatever its tokens.
    pub per_call_usd: Option<f64>,
    /// Dollars less than without a cache: what reading it saved, without what writing it
    /// cost more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_saved_usd: Option<f64>,
    /// What else counted, where something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Box<PriceBeside>>,
}

/// What a few calls only are priced by: kept where it counted. Rates are dollars per
/// million tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PriceBeside {
    /// The classes and ways of serving that changed the rates: `flex`, `priority`, `fast`.
    pub served: Vec<String>,
    /// Per million tokens written to a cache for an hour.
    pub cache_write_1h: Option<f64>,
    /// Of the written tokens, those kept for an hour.
    pub written_1h_tokens: u64,
    /// Per million tokens of sound in the prompt.
    pub audio_input: Option<f64>,
    /// Tokens of sound in the prompt.
    pub audio_input_tokens: u64,
    /// Per million tokens of sound in the answer.
    pub audio_output: Option<f64>,
    /// Tokens of sound in the answer.
    pub audio_output_tokens: u64,
    /// Per million tokens of images in the prompt.
    pub image_input: Option<f64>,
    /// Tokens of images in the prompt.
    pub image_input_tokens: u64,
    /// Per million tokens of images in the answer.
    pub image_output: Option<f64>,
    /// Tokens of images in the answer.
    pub image_output_tokens: u64,
}

/// What went wrong, in a program's word and a person's sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Such as `upstream_connect`.
    pub code: String,
    /// What happened, to what.
    pub message: String,
}

/// How far a running answer has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The last characters of the answer so far.
    pub text_tail: String,
    /// Pieces of content so far, which is about one per token.
    pub tokens: u64,
    /// Over the last seconds, once there are a few.
    pub tokens_per_s: Option<f64>,
    /// Offset of the newest content from the start, in milliseconds.
    pub last_token_ms: Option<f64>,
}

/// An exchange as lists and the feed show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// UUIDv7.
    pub id: ExchangeId,
    /// When its request head had arrived.
    pub started_at: Timestamp,
    /// As sent.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Who caused it.
    pub origin: Origin,
    /// Whose credential travelled.
    pub mode: Mode,
    /// The peer's address.
    pub client_ip: String,
    /// The client token's name.
    pub client_token: Option<String>,
    /// The provider's name, as it was.
    pub provider: Option<String>,
    /// The key's name, as it was.
    pub key: Option<String>,
    /// As the client named it.
    pub model: Option<String>,
    /// As the upstream knows it.
    pub upstream_model: Option<String>,
    /// What the client got.
    pub status: Option<u16>,
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong.
    pub error: Option<Failure>,
    /// Whether the answer is a stream.
    pub stream: bool,
    /// To the last byte, in milliseconds.
    pub duration_ms: Option<f64>,
    /// To the answer's head.
    pub ttfb_ms: Option<f64>,
    /// To the first piece of content.
    pub first_token_ms: Option<f64>,
    /// Body bytes from the client.
    pub request_bytes: u64,
    /// Body bytes to the client.
    pub response_bytes: u64,
    /// Tokens.
    pub usage: Usage,
    /// `null` where no price is known.
    pub cost_usd: Option<f64>,
    /// Upstream tries.
    pub attempts: u32,
    /// What was dropped or guessed.
    pub warnings: Vec<String>,
    /// Kept from retention.
    pub pinned: bool,
    /// A person's remark.
    pub note: Option<String>,
    /// Only while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Progress>,
}

/// Offsets from an exchange's start, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// When the connection to the upstream was ready.
    pub connect_ms: Option<f64>,
    /// When the request's last byte had been taken from the client.
    pub request_sent_ms: Option<f64>,
    /// When the answer's head arrived.
    pub ttfb_ms: Option<f64>,
    /// When the first piece of content arrived.
    pub first_token_ms: Option<f64>,
    /// When it ended.
    pub duration_ms: Option<f64>,
}

/// One upstream attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Try {
    /// Counts from 1.
    pub n: u32,
    /// The provider's name.
    pub provider: Option<String>,
    /// The key's name.
    pub key: Option<String>,
    /// Why this one was chosen.
    pub reason: String,
    /// Where it went, credentials redacted.
    pub url: String,
    /// What the upstream answered.
    pub status: Option<u16>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// Offset from the exchange's start.
    pub start_ms: f64,
    /// To have a connection; `None` on a reused one.
    pub connect_ms: Option<f64>,
    /// Whether the connection had served before.
    pub reused: bool,
    /// To the answer's head, from the attempt's start.
    pub ttfb_ms: Option<f64>,
    /// To its end, from the attempt's start.
    pub duration_ms: Option<f64>,
}
