//! One request from head to answer, as a sentence:
//! begin recording → admit → choose where → send → relay and record.
//!
//! Transparent mode is this with an empty middle: no parse, no copy but the tee's.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use glassway_shared::model::{Mode, Origin, Outcome};
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Version, header, request::Parts,
};
use http_body::Body;
use hyper::body::Incoming;

use crate::{
    admit::{Admission, admit},
    app::App,
    discretion::Whose,
    error::{Dialect, Fault},
    forward,
    live::Recording,
    managed::{self, Call},
    pool::Lease,
    server::Part,
    target::Base,
    tee::{Relay, Reply, Stream, Upload},
    upstream::{Client, SendError, Sent, UploadState},
    websocket,
};

/// Serves one request; every error is an answer. `parts` mark the two halves of the
/// request on its connection until they are over.
pub async fn serve(
    app: Arc<App>,
    client: Client,
    peer: IpAddr,
    request: Request<Incoming>,
    parts: Option<(Part, Part)>,
) -> Response<Reply> {
    let (upload, reply) = parts.unzip();
    let mut response = answer(app, client, peer, request, upload).await;
    match response.status() {
        StatusCode::SWITCHING_PROTOCOLS => reply.into_iter().for_each(Part::keep_for_ever),
        _ => response.body_mut().holds(reply),
    }
    response
}

async fn answer(
    app: Arc<App>,
    client: Client,
    peer: IpAddr,
    request: Request<Incoming>,
    upload: Option<Part>,
) -> Response<Reply> {
    let version = request.version();
    let (parts, body) = request.into_parts();
    let dialect = Dialect::of(parts.uri.path(), &parts.headers);
    let admission = admit(&parts, &app.config.proxy, &app.snapshot());
    let mode = match &admission {
        Admission::Health => return health(&app),
        Admission::Managed(_) => Mode::Managed,
        _ => Mode::Transparent,
    };
    let token = match &admission {
        Admission::Managed(token) => token.as_ref().map(|token| &token.row),
        _ => None,
    };
    let whose = Whose { ip: peer, origin: Origin::Client, token, brought: false };
    let recording = app.recorder.as_ref().map(|r| r.begin(&parts, whose, mode));
    let mut response = match admission {
        Admission::Refused(fault) => answer_fault(&app, fault, dialect, recording).await,
        Admission::Managed(token) => {
            let call = Call::from_client(token);
            let body = Some((body, upload));
            // Boxed, for its state is large and most connections never need it.
            let managed = managed::serve(&app, &client, parts, body, dialect, recording, call);
            Box::pin(managed).await
        }
        _ => {
            let body = (body, upload);
            forward_to_upstream(&app, &client, parts, body, dialect, recording).await
        }
    };
    // HTTP/1 answers speak the client's own version, whatever the upstream's was.
    *response.version_mut() = match version {
        Version::HTTP_2 => Version::HTTP_2,
        Version::HTTP_10 => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    response
}

fn health(app: &App) -> Response<Reply> {
    let (status, body) = app.metrics.health().answer(app.recorder.is_some());
    let mut response = Response::new(Reply::from(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

async fn forward_to_upstream(
    app: &Arc<App>,
    client: &Client,
    mut parts: Parts,
    (body, part): (Incoming, Option<Part>),
    dialect: Dialect,
    recording: Option<Recording>,
) -> Response<Reply> {
    let base = app.bases.choose(&parts.headers);
    let Some(target) = parts.uri.path_and_query() else {
        let fault = Fault::malformed(StatusCode::BAD_REQUEST, "the request has no target");
        return answer_fault(app, fault, dialect, recording).await;
    };
    let target = base.target(target);
    if let Some(recording) = &recording {
        let mut state = recording.live().state();
        state.provider = Some(base.provider.clone());
        state.upstream_url =
            Some(format!("{}{}", base.prefix, crate::redact::target(target.as_str())));
        state.attempts = 1;
    }
    let upgrade = parts.version == Version::HTTP_11 && forward::is_websocket(&parts.headers);
    let downstream =
        upgrade.then(|| parts.extensions.remove::<hyper::upgrade::OnUpgrade>()).flatten();
    let headers = forward::request_headers(
        std::mem::take(&mut parts.headers),
        &base.host,
        parts.version,
        upgrade,
    );

    let state = UploadState::new();
    let idle = app.config.proxy.idle_timeout.0;
    let upload = Upload::new(body, recording.as_ref(), state.clone(), idle, part);
    let mut request = Request::new(upload);
    *request.method_mut() = parts.method;
    *request.headers_mut() = headers;
    // The names' original case travels in an extension of hyper's own.
    *request.extensions_mut() = parts.extensions;

    match client.send(base, &target, request, &state, upgrade).await {
        Ok(sent) => {
            if let (Some(recording), connect) = (&recording, sent.connect) {
                let mut live = recording.live().state();
                live.reused = connect.is_none();
                live.connect_us = connect.map(|c| u32::try_from(c.as_micros()).unwrap_or(u32::MAX));
            }
            relay_answer(app, sent, base, dialect, recording, downstream, None).await
        }
        Err(SendError::Fault(fault)) => answer_fault(app, fault, dialect, recording).await,
        Err(SendError::ClientGone) => {
            // Nobody reads this; dropping the recording says "client closed".
            drop(recording);
            answer_fault(app, client_gone(), dialect, None).await
        }
        Err(SendError::ClientStalled) => {
            let mut fault = Fault::malformed(
                StatusCode::REQUEST_TIMEOUT,
                "the request's body stopped coming (proxy.idle_timeout)",
            );
            fault.outcome = Outcome::Timeout;
            answer_fault(app, fault, dialect, recording).await
        }
    }
}

fn client_gone() -> Fault {
    Fault::malformed(StatusCode::BAD_REQUEST, "the request's body broke off")
}

/// From an answer's head on.
pub async fn relay_answer(
    app: &Arc<App>,
    sent: Sent,
    base: &Base,
    dialect: Dialect,
    recording: Option<Recording>,
    downstream: Option<hyper::upgrade::OnUpgrade>,
    lease: Option<Lease>,
) -> Response<Reply> {
    let Sent { mut response, mut reuse, .. } = sent;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let Some(downstream) = downstream else {
            let message = format!("{} switched protocols although nobody asked it to", base.prefix);
            return answer_fault(app, Fault::invalid_response(message), dialect, recording).await;
        };
        let upstream = hyper::upgrade::on(&mut response);
        return websocket::tunnel(app, response, recording, downstream, upstream, lease);
    }
    if let Some(reuse) = &mut reuse
        && let Some(value) = response.headers().get("keep-alive").and_then(|v| v.to_str().ok())
    {
        reuse.keep_alive(value);
    }
    let (mut parts, body) = response.into_parts();
    // With both, chunked framing won and the length is a lie.
    let lying_length = parts.headers.contains_key(header::TRANSFER_ENCODING);
    parts.headers = forward::response_headers(parts.headers, false);
    if lying_length {
        parts.headers.remove(header::CONTENT_LENGTH);
    }
    let outcome = outcome_of(parts.status);
    if let Some(recording) = &recording {
        let ttfb = recording.live().elapsed_us();
        let stream = is_event_stream(&parts.headers);
        let answer =
            recording.recorder().answer(parts.status.as_u16(), &parts.headers, ttfb, stream);
        recording.answered(answer);
    }
    if body.is_end_stream() {
        // hyper may never poll a body that is over before it began.
        if let Some(reuse) = reuse {
            reuse.done();
        }
        settle(recording, outcome).await;
        return Response::from_parts(parts, Reply::empty());
    }
    let idle = app.config.proxy.idle_timeout.0;
    let body = Stream::Same(body);
    let relay = Relay::new(body, reuse, recording, outcome, idle).holding(lease);
    Response::from_parts(parts, Reply::from(relay))
}

/// Whether an answer comes event by event.
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|v| v.as_bytes().to_ascii_lowercase().starts_with(b"text/event-stream"))
}

/// What a cleanly ended answer of this status counts as.
pub fn outcome_of(status: StatusCode) -> Outcome {
    match status.as_u16() {
        ..400 => Outcome::Ok,
        400..500 => Outcome::ClientError,
        _ => Outcome::UpstreamError,
    }
}

/// Ends an exchange whose answer is complete, and waits for the commit where the
/// client is to wait for it.
pub async fn settle(recording: Option<Recording>, outcome: Outcome) {
    if let Some(committed) = recording.and_then(|recording| recording.finish(outcome)) {
        let _ = committed.await;
    }
}

/// Answers with a fault of our own, recorded as the client gets it.
pub async fn answer_fault(
    app: &App,
    fault: Fault,
    dialect: Dialect,
    recording: Option<Recording>,
) -> Response<Reply> {
    let response = fault.response(dialect);
    if let Some(recording) = recording {
        let live = recording.live();
        let mut answer = recording.recorder().answer(
            fault.status.as_u16(),
            response.headers(),
            live.elapsed_us(),
            false,
        );
        answer.body.push(response.body(), Some(response.body().len() as u64));
        live.state().error = Some(fault.failure());
        recording.answered(answer);
        settle(Some(recording), fault.outcome).await;
    } else if app.recorder.is_none() {
        app.metrics.ended(fault.outcome);
    }
    response.map(Reply::from)
}
