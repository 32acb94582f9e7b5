//! What an attempt brought, and its way to the client.

use bytes::Bytes;
use glassway_shared::model::Outcome;
use http::{HeaderValue, Response, Version, header, response};
use hyper::upgrade::OnUpgrade;
use jiff::Timestamp;

use super::{Request, outcome, reshape};
use crate::{
    app::App,
    dialect::{self, Conversion},
    error::Fault,
    exchange::{answer_fault, is_event_stream, outcome_of, relay_answer, settle},
    forward,
    live::Recording,
    pool::{Lease, signal::Signal},
    route::Target,
    tee::{Reply, reshape::Shape},
    upstream::Sent,
};

/// What there is to relay.
pub(super) struct Answer {
    pub(super) what: What,
    pub(super) target: Target,
    pub(super) lease: Lease,
    pub(super) signal: Signal,
    /// The attempt that it came from.
    pub(super) number: u32,
    /// The client's side of a WebSocket that it asks for.
    pub(super) socket: Option<OnUpgrade>,
}

pub(super) enum What {
    /// Its body is still coming.
    Head(Box<Sent>),
    /// Its body is still coming and goes on as another.
    Stream(Box<Sent>, Shape),
    /// Read whole, for it had to become another.
    Made(Box<response::Parts>, Bytes),
    /// An error, read whole; and the conversion it goes back through.
    Error(Box<response::Parts>, Bytes, Option<Conversion>),
    /// None came.
    Fault(Fault),
}

impl Answer {
    /// Whether the upstream may have done what was asked, and charge for it, although no
    /// answer came.
    pub(super) fn may_have_been_acted_on(&self) -> bool {
        matches!(&self.what, What::Fault(fault) if fault.code != "upstream_connect")
    }

    /// Says that it is not sent again although it might be.
    pub(super) fn not_repeated(&mut self) {
        if let What::Fault(fault) = &mut self.what {
            fault.message.push_str(
                "; not sent again, as it may have been acted on (the setting retry_after_timeout)",
            );
        }
    }

    /// To the client.
    pub(super) async fn relay(
        self,
        request: &Request<'_>,
        recording: Option<Recording>,
    ) -> Response<Reply> {
        let Self { what, target, lease, signal, number, socket } = self;
        let app = request.app;
        let hidden = !request.call.exact
            && !matches!(signal, Signal::Fine | Signal::Client | Signal::Failing(_));
        match what {
            What::Fault(fault) => answer_fault(app, fault, request.dialect, recording).await,
            What::Head(sent) => {
                let (base, dialect) = (&target.provider.base, request.dialect);
                relay_answer(app, *sent, base, dialect, recording, socket, Some(lease)).await
            }
            What::Stream(sent, shape) => {
                reshape::relay(app, *sent, shape, recording, lease, number)
            }
            What::Made(parts, body) => whole(app, *parts, body, recording).await,
            // A key's trouble is not the client's: it never sees another's 401.
            What::Error(..) if hidden => {
                let now = Timestamp::now().as_millisecond();
                let plan = request.snapshot.plan(crate::route::Wanted {
                    model: &target.model,
                    dialect: target.provider.kind.dialect(),
                    spoken: None,
                    provider: Some(target.provider.id),
                    key: Some(target.key.id),
                });
                let fault = outcome::no_usable_key(&plan, now, None);
                answer_fault(app, fault, request.dialect, recording).await
            }
            What::Error(parts, body, None) => {
                let mut parts = *parts;
                parts.headers = forward::response_headers(parts.headers, false);
                if let Some(recording) = &recording {
                    recording.live().state().forget_answered(number);
                }
                whole(app, parts, body, recording).await
            }
            What::Error(parts, body, Some(conversion)) => {
                let mut parts = *parts;
                let error =
                    dialect::error::convert(conversion, parts.status, &parts.headers, &body);
                parts.headers = dialect::error::headers(conversion, &parts.headers);
                parts
                    .headers
                    .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                parts.status = error.status;
                whole(app, parts, error.body, recording).await
            }
        }
    }
}

/// An answer that is there as a whole.
async fn whole(
    app: &App,
    mut parts: response::Parts,
    body: Bytes,
    recording: Option<Recording>,
) -> Response<Reply> {
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    parts.version = Version::HTTP_11;
    let outcome: Outcome = outcome_of(parts.status);
    if let Some(recording) = &recording {
        let ttfb = recording.live().elapsed_us();
        let (status, headers) = (parts.status.as_u16(), &parts.headers);
        let stream = is_event_stream(headers);
        let mut answer = recording.recorder().answer(status, headers, ttfb, stream);
        answer.body.push(&body, Some(body.len() as u64));
        recording.answered(answer);
    }
    match recording {
        Some(recording) => settle(Some(recording), outcome).await,
        None => app.metrics.ended(outcome),
    }
    Response::from_parts(parts, Reply::from(body))
}
