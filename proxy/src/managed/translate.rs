//! What one attempt sends, in its provider's dialect, and what the answer needs to become
//! the client's again: the same bytes with a field edited in place, or another API's.
//! Pure.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, uri::PathAndQuery};

use super::{body, destination::Destination};
use crate::{
    dialect::{
        self, Capabilities, Context, Conversion, Dialect, Options, Refused, Warnings, in_place,
        multipart, references,
    },
    error::Fault,
    snapshot::{Kind, Provider},
};

/// What goes out.
pub(super) struct Outgoing {
    pub(super) path: PathAndQuery,
    pub(super) body: Bytes,
    pub(super) way: Way,
    pub(super) warnings: Warnings,
    /// The `anthropic-version` that the body is written for, where we wrote it.
    version: Option<&'static str>,
}

/// How the answer comes back.
#[derive(Clone)]
pub(super) enum Way {
    /// As it is.
    Same,
    /// A chat stream whose usage chunk only we asked for.
    Strip,
    /// From another dialect.
    Converted(Box<Context>),
}

impl Way {
    pub(super) fn conversion(&self) -> Option<Conversion> {
        match self {
            Self::Converted(context) => Some(context.conversion),
            Self::Same | Self::Strip => None,
        }
    }
}

/// The dialect of a request that could be converted; `None` for what only its own kind
/// of provider understands.
pub(super) fn spoken(method: &Method, destination: &Destination) -> Option<Dialect> {
    // A path that names a provider is that provider's own API.
    let own = destination.provider.is_some() && !destination.chat;
    if method != Method::POST || own {
        return None;
    }
    match destination.operation.as_str() {
        "/chat/completions" => Some(Dialect::Chat),
        "/messages" => Some(Dialect::Messages),
        "/responses" => Some(Dialect::Responses),
        _ => None,
    }
}

/// Between whom, where this provider does not speak the client's dialect.
fn conversion(client: Dialect, provider: &Provider) -> Option<Conversion> {
    let upstream = match provider.kind {
        Kind::Anthropic => Dialect::Messages,
        Kind::OpenAi | Kind::Azure => match client {
            Dialect::Responses if !provider.health.quirks.lacks_responses() => Dialect::Responses,
            _ => Dialect::Chat,
        },
    };
    Conversion::between(client, upstream)
}

/// What is asked, by whom, of whom.
pub(super) struct Question<'a> {
    pub(super) destination: &'a Destination,
    pub(super) spoken: Option<Dialect>,
    pub(super) body: &'a Bytes,
    pub(super) content_type: Option<&'a [u8]>,
    /// The client's name of the model.
    pub(super) asked: Option<&'a str>,
    /// An earlier item that the client only names.
    pub(super) kept: &'a dyn Fn(&str) -> Option<Arc<str>>,
    pub(super) provider: &'a Provider,
    /// The provider's name of it.
    pub(super) model: &'a str,
}

impl Question<'_> {
    /// The request for this provider.
    pub(super) fn outgoing(&self) -> Result<Outgoing, Fault> {
        let conversion = self.spoken.and_then(|client| conversion(client, self.provider));
        match conversion {
            Some(conversion) => self.converted(conversion),
            None => self.edited(),
        }
    }

    fn at(&self, destination: &Destination) -> Result<PathAndQuery, Fault> {
        destination.at(self.provider, self.asked, self.model).ok_or_else(|| {
            Fault::invalid_response(format!("{} makes no valid target", self.provider.base.prefix))
        })
    }

    fn converted(&self, conversion: Conversion) -> Result<Outgoing, Fault> {
        let options = Options {
            model: Some(self.model).filter(|model| !model.is_empty()),
            reasoning_content: false,
            without_usage: self.provider.health.quirks.lacks_usage(),
        };
        let named = match conversion.client() {
            Dialect::Responses => references::resolve(self.body, body::MAX, self.kept)
                .map_err(|references::TooLong| body::too_large())?,
            _ => None,
        };
        let whole = named.as_ref().unwrap_or(self.body);
        let converted = dialect::request(conversion, whole, Capabilities::builtin(), &options)
            .map_err(refused)?;
        Ok(Outgoing {
            path: self.at(&self.destination.of_operation(converted.path))?,
            body: converted.body,
            way: Way::Converted(Box::new(converted.context)),
            warnings: converted.warnings,
            version: converted.version,
        })
    }

    fn edited(&self) -> Result<Outgoing, Fault> {
        let renamed = self.asked.is_some_and(|asked| asked != self.model).then_some(self.model);
        let form = self.content_type.is_some_and(|t| t.starts_with(b"multipart/"));
        let (body, way) = match (form, renamed) {
            (true, Some(model)) => {
                let kind = self.content_type.unwrap_or_default();
                let body = multipart::with_model(self.body, kind, model);
                (body.unwrap_or_else(|| self.body.clone()), Way::Same)
            }
            (true, None) => (self.body.clone(), Way::Same),
            (false, _) => {
                let quirks = &self.provider.health.quirks;
                let ask = self.spoken == Some(Dialect::Chat) && !quirks.lacks_usage();
                let model = self.asked.map(|_| self.model);
                let edited = in_place::edit(self.body, model, ask);
                let way = match edited.usage_chunk {
                    in_place::UsageChunk::Ours => Way::Strip,
                    in_place::UsageChunk::AsAsked => Way::Same,
                };
                (edited.body, way)
            }
        };
        let path = self.at(self.destination)?;
        Ok(Outgoing { path, body, way, warnings: Warnings::default(), version: None })
    }
}

impl Outgoing {
    /// What the client's headers become beside what every request's do: none of another
    /// vendor's, and an answer that can be read.
    pub(super) fn headers(&self, headers: &mut HeaderMap) {
        if matches!(self.way, Way::Same) {
            return;
        }
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if self.way.conversion().is_none() {
            return;
        }
        for name in ["anthropic-version", "anthropic-beta", "openai-organization", "openai-project"]
        {
            headers.remove(name);
        }
        headers.remove(header::CONTENT_ENCODING);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(version) = self.version {
            headers.insert(
                HeaderName::from_static("anthropic-version"),
                HeaderValue::from_static(version),
            );
        }
    }

    /// Whether an error teaches that this provider must be asked in another way, which is
    /// remembered: it knows no `stream_options`, or no `/responses`.
    pub(super) fn teaches(
        &self,
        spoken: Option<Dialect>,
        provider: &Provider,
        status: StatusCode,
        body: &[u8],
    ) -> bool {
        let quirks = &provider.health.quirks;
        let asks_usage = match &self.way {
            Way::Same => false,
            Way::Strip => true,
            Way::Converted(context) => {
                context.conversion.upstream() == Dialect::Chat && context.stream
            }
        };
        if asks_usage && in_place::refuses_usage(status.as_u16(), body) {
            return quirks.learn_no_usage();
        }
        let native = matches!(self.way, Way::Same) && provider.kind != Kind::Anthropic;
        let absent = matches!(status.as_u16(), 404 | 405 | 501)
            && memchr::memmem::find(body, b"model_not_found").is_none();
        native && spoken == Some(Dialect::Responses) && absent && quirks.learn_no_responses()
    }
}

fn refused(refused: Refused) -> Fault {
    let mut fault = Fault::refused(refused.code, StatusCode::BAD_REQUEST, refused.message);
    fault.param = refused.param.map(Into::into);
    fault
}
