//! Dialects: one client API over another. Bytes in, bytes out; no I/O, no clock, no
//! randomness, no trait with one implementation.
//!
//! ```text
//! json, view, write   the text borrowed as a tree; typed access by path; output
//! capabilities        what each model accepts, as data
//! names, warnings     reversible tool names; what was dropped or changed
//! usage, error        token counts and errors between the shapes
//! calls, said, parts  tool calls out of fragments; what a message, what a user says
//! chat_over_messages      client: chat completions,   upstream: Anthropic messages
//! messages_over_chat      client: Anthropic messages, upstream: chat completions
//! responses_over_chat     client: OpenAI responses,   upstream: chat completions
//! stream              the three stream machines behind one face, and chains of two
//! references          earlier items that a responses client only names
//! spread              a whole answer as the stream that was asked for
//! in_place            same dialect: `model`, `stream_options` edited where they stand
//! strip               same dialect: the usage chunk that only we asked for goes again
//! azure, multipart    Azure's targets; the model inside a form
//! ```
//!
//! How a managed request uses it, once a target is picked (per attempt, since model and
//! dialect are the target's):
//!
//! 1. [`Conversion::between`] the client's dialect and the upstream's. `None` and the
//!    same dialect: [`in_place`], and [`strip::UsageStrip`] over a stream whose usage
//!    we asked for. `None` otherwise: no such target, pick another.
//! 2. [`request`] gives body, path, the `anthropic-version` to send, warnings (header
//!    `x-glassway-warnings`, and the record), and the [`Context`] to keep for the
//!    answer. [`Refused`] is a 400 in the client's dialect: no attempt, no penalty. An
//!    upstream that refuses `stream_options` ([`in_place::refuses_usage`]) is asked once
//!    more without, and remembered.
//! 3. The answer. Status ≥ 400: [`error::convert`]. A stream (`context.stream` and
//!    `text/event-stream`): [`stream::Stream`], `push` per chunk, `finish` at the end,
//!    `abort` where the body broke off, `ping` after [`stream::PING_AFTER`] without
//!    output; its `end` says how the exchange counts, its `warnings` go to the record.
//!    Asked for and answered whole: [`stream::Stream::whole`], `finish`. Else [`response`]
//!    over the whole body; [`Invalid`] is a 502
//!    `upstream_invalid_response`, the body kept in the record. Headers of every answer:
//!    [`error::headers`], then content type and length.
//!
//! The text of a request that is not understood is never guessed at: a field with no
//! counterpart is dropped and reported, or refused where leaving it out would change
//! the answer's meaning.

pub mod azure;
pub mod capabilities;
pub mod error;
pub mod in_place;
pub mod json;
pub mod multipart;
pub mod references;
pub mod stream;
pub mod strip;

mod calls;
mod chat_over_messages;
mod messages_over_chat;
mod names;
mod parts;
mod responses_over_chat;
mod said;
mod spread;
mod usage;
mod view;
mod warnings;
mod write;

use bytes::Bytes;

pub use capabilities::Capabilities;
pub use names::Names;
pub use warnings::Warnings;

/// An API's wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI chat completions.
    Chat,
    /// Anthropic messages.
    Messages,
    /// OpenAI responses.
    Responses,
}

/// Client and upstream that speak differently, where one can be served by the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Conversion {
    /// Chat completions asked, Anthropic messages upstream.
    ChatOverMessages,
    /// Anthropic messages asked, chat completions upstream.
    MessagesOverChat,
    /// OpenAI responses asked, chat completions upstream.
    ResponsesOverChat,
    /// OpenAI responses asked, Anthropic messages upstream: by way of chat completions.
    ResponsesOverMessages,
}

impl Conversion {
    /// `None` for the same dialect, and for what cannot be converted.
    pub fn between(client: Dialect, upstream: Dialect) -> Option<Self> {
        use Dialect::{Chat, Messages, Responses};
        match (client, upstream) {
            (Chat, Messages) => Some(Self::ChatOverMessages),
            (Messages, Chat) => Some(Self::MessagesOverChat),
            (Responses, Chat) => Some(Self::ResponsesOverChat),
            (Responses, Messages) => Some(Self::ResponsesOverMessages),
            (Chat, Chat) | (Messages, Messages) | (_, Responses) => None,
        }
    }

    /// What the client speaks.
    pub fn client(self) -> Dialect {
        match self {
            Self::ChatOverMessages => Dialect::Chat,
            Self::MessagesOverChat => Dialect::Messages,
            Self::ResponsesOverChat | Self::ResponsesOverMessages => Dialect::Responses,
        }
    }

    /// What the upstream speaks.
    pub fn upstream(self) -> Dialect {
        match self {
            Self::ChatOverMessages | Self::ResponsesOverMessages => Dialect::Messages,
            Self::MessagesOverChat | Self::ResponsesOverChat => Dialect::Chat,
        }
    }
}

/// What the target says about a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// The upstream's name of the model; without it the body's own.
    pub model: Option<&'a str>,
    /// The relay wants `reasoning_content` of earlier turns back.
    pub reasoning_content: bool,
    /// The upstream refuses `stream_options` ([`in_place::refuses_usage`]): its streams
    /// go without usage.
    pub without_usage: bool,
}

/// A request in the upstream's dialect.
#[derive(Clone, Debug)]
pub struct Converted {
    /// To be sent as `application/json`.
    pub body: Bytes,
    /// What follows `/v1` (or stands in its place).
    pub path: &'static str,
    /// The `anthropic-version` to send; none for OpenAI's dialect.
    pub version: Option<&'static str>,
    /// What was lost on the way.
    pub warnings: Warnings,
    /// To be kept for the answer.
    pub context: Context,
}

/// What the way back needs to know of the way there.
#[derive(Clone, Debug)]
pub struct Context {
    /// Between whom.
    pub conversion: Conversion,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// Responses clients: whether what is answered may be named in a later request.
    pub stores: bool,
    /// Chat clients: whether the usage chunk is wanted.
    pub include_usage: bool,
    /// The client's names of tools.
    names: Names,
    /// Chat clients that sent `functions`: `function_call` instead of `tool_calls`.
    legacy_functions: bool,
    /// A tool of ours that carries a structured answer: its input is the text.
    answer_tool: Option<String>,
    /// Responses clients: the request's fields that every response object repeats.
    echo: String,
    /// A chain: the step next to the upstream.
    inner: Option<Box<Context>>,
}

impl Context {
    fn new(conversion: Conversion) -> Self {
        Self {
            conversion,
            stream: false,
            stores: false,
            include_usage: false,
            names: Names::default(),
            legacy_functions: false,
            answer_tool: None,
            echo: String::new(),
            inner: None,
        }
    }
}

/// What an answer needs that must not be made up here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// Unique to the exchange, of letters, digits and dashes: ids are made of it where
    /// the upstream gives none.
    pub id: String,
    /// Seconds since 1970.
    pub created: u64,
}

/// A request that cannot be passed on: 400 in the client's dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// `unsupported_parameter`, `missing_required_parameter`, `invalid_type`,
    /// `invalid_value`, `invalid_json`, `thread_unsupported_request`.
    pub code: &'static str,
    /// The field's path, as `messages[0].content[1].type`.
    pub param: Option<String>,
    /// For people.
    pub message: String,
}

impl Refused {
    fn new(code: &'static str, param: Option<String>, message: String) -> Self {
        Self { code, param: param.filter(|path| !path.is_empty()), message }
    }
}

/// An upstream's answer that is none: 502 `upstream_invalid_response`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(pub String);

/// Converts a request. `conversion` says between whom.
pub fn request(
    conversion: Conversion,
    body: &[u8],
    capabilities: &Capabilities,
    options: &Options<'_>,
) -> Result<Converted, Refused> {
    match conversion {
        Conversion::ChatOverMessages => {
            chat_over_messages::request::convert(body, capabilities, options)
        }
        Conversion::MessagesOverChat => {
            messages_over_chat::request::convert(body, capabilities, options)
        }
        Conversion::ResponsesOverChat => {
            responses_over_chat::request::convert(body, capabilities, options)
        }
        Conversion::ResponsesOverMessages => {
            let outer = responses_over_chat::request::for_a_chain(body)?;
            let mut inner =
                chat_over_messages::request::convert(&outer.body, capabilities, options)?;
            let mut warnings = outer.warnings;
            warnings.extend(&inner.warnings);
            inner.context.include_usage = true;
            let inner_context = Some(Box::new(inner.context));
            let context = Context { conversion, inner: inner_context, ..outer.context };
            Ok(Converted { warnings, context, ..inner })
        }
    }
}

/// Converts a whole answer with a status below 400.
pub fn response(
    context: &Context,
    fresh: &Fresh,
    body: &[u8],
) -> Result<(Bytes, Warnings), Invalid> {
    match context.conversion {
        Conversion::ChatOverMessages => chat_over_messages::response::convert(context, fresh, body),
        Conversion::MessagesOverChat => messages_over_chat::response::convert(context, fresh, body),
        Conversion::ResponsesOverChat => {
            responses_over_chat::response::convert(context, fresh, body)
        }
        Conversion::ResponsesOverMessages => {
            let inner = context.inner.as_deref().expect("a chain has its inner context");
            let (chat, mut warnings) = response(inner, fresh, body)?;
            let (body, more) = responses_over_chat::response::convert(context, fresh, &chat)?;
            warnings.extend(&more);
            Ok((body, warnings))
        }
    }
}
