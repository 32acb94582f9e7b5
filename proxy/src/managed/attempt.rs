//! One try with one key: the request as this provider wants it, sent; what came back,
//! heard by key and provider and kept with the exchange.

use std::time::Duration;

use bytes::Bytes;
use glassway_shared::model::{Failure, Try};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;

use super::{
    Asked, Request,
    answer::{Answer, What},
    body, credential,
    hear::{code, hear, upstream_message},
    reshape::Exchange,
    scrub,
    translate::{Outgoing, Question, Way},
};
use crate::{
    error::Fault,
    forward,
    live::Recording,
    pool::{
        Lease,
        signal::{self, Heard, Signal},
    },
    redact,
    route::Target,
    snapshot::{Kind, Provider},
    upstream::{SendError, Sent},
};

/// An error's body is read whole to decide by it, up to this much.
const MAX_ERROR: usize = 1 << 20;
const ERROR_BODY_TIME: Duration = Duration::from_secs(30);

pub(super) struct Attempt<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) asked: &'a Asked,
    pub(super) target: &'a Target,
    pub(super) number: u32,
    /// The same key was tried before.
    pub(super) again: bool,
}

/// How an attempt ended.
pub(super) enum Ended {
    /// To be relayed.
    Answer(Box<Answer>),
    /// Perhaps another key does better; else this is the answer.
    Failed(Signal, Box<Answer>),
    /// Nobody waits any more.
    ClientGone,
}

impl Attempt<'_> {
    /// Sends and hears; the signal comes second.
    pub(super) async fn run(&self, recording: &Option<Recording>) -> (Ended, Signal) {
        let Self { request, target, .. } = self;
        let began = Timestamp::now();
        let lease = Lease::take(&target.key.place, began.as_millisecond(), request.counts());
        let settings = request.snapshot.settings;
        target.provider.health.ask(began.as_millisecond(), settings.limits);
        target.key.place.ask(began.as_millisecond(), settings.rests);
        let mut told = self.begin(recording);
        let (what, signal) = self.send(recording, &mut told).await;
        let Some(what) = what else {
            self.end(recording, told, &Signal::Client, "the client went away");
            return (Ended::ClientGone, Signal::Client);
        };
        let message = match &what {
            What::Error(_, body, _) => upstream_message(body),
            What::Fault(fault) => fault.message.clone(),
            What::Head(_) | What::Stream(..) | What::Made(..) => String::new(),
        };
        tracing::debug!(
            provider = &*target.provider.name,
            key.id = target.key.id,
            model = &*target.model,
            attempt = self.number,
            signal = signal.name(),
            "an attempt was answered"
        );
        hear(request.app, request.client, target, &signal, &request.call, settings);
        self.end(recording, told, &signal, &message);
        let answer = Box::new(Answer {
            what,
            target: (*target).clone(),
            lease,
            signal: signal.clone(),
            number: self.number,
            socket: self.asked.upgrade.clone(),
        });
        match signal {
            Signal::Fine => (Ended::Answer(answer), signal),
            _ => (Ended::Failed(signal.clone(), answer), signal),
        }
    }

    /// Sends; once more where the answer says that this provider must be asked another way.
    async fn send(&self, recording: &Option<Recording>, told: &mut Try) -> (Option<What>, Signal) {
        loop {
            let outgoing = match self.outgoing() {
                Ok(outgoing) => outgoing,
                Err(fault) => return (Some(What::Fault(fault)), Signal::Client),
            };
            let answered = self.send_as(&outgoing, recording, told).await;
            let (Some(What::Error(parts, body, _)), _) = &answered else { return answered };
            let Self { asked, target, .. } = self;
            if !outgoing.teaches(asked.spoken, &target.provider, parts.status, body) {
                return answered;
            }
            if let Some(recording) = recording {
                recording.live().state().forget_said(self.number);
            }
        }
    }

    fn outgoing(&self) -> Result<Outgoing, Fault> {
        let Self { request, asked, target: Target { provider, model, .. }, .. } = self;
        let question = Question {
            destination: &asked.destination,
            spoken: asked.spoken,
            body: &asked.body,
            content_type: asked.parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes),
            asked: asked.model.as_deref(),
            kept: &|id| {
                let owner = request.call.token.as_ref().map(|token| token.row.id);
                request.app.items.find(owner, id)
            },
            provider,
            model: deployment(provider, model),
        };
        question.outgoing()
    }

    async fn send_as(
        &self,
        outgoing: &Outgoing,
        recording: &Option<Recording>,
        told: &mut Try,
    ) -> (Option<What>, Signal) {
        let Self { request, asked, target, .. } = self;
        let Target { provider, key, .. } = target;
        told.url = format!("{}{}", provider.base.prefix, redact::target(outgoing.path.as_str()));
        if let Some(recording) = recording {
            let mut state = recording.live().state();
            state.upstream_url = Some(told.url.clone());
            state.warnings = outgoing.warnings.list();
        }
        let content = outgoing.body.clone();
        let mut headers = forward::request_headers(
            asked.parts.headers.clone(),
            &provider.base.host,
            asked.parts.version,
            asked.upgrade.is_some(),
        );
        outgoing.headers(&mut headers);
        credential::put(&mut headers, provider.kind, key);
        if headers.contains_key(header::CONTENT_LENGTH) || !content.is_empty() {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(content.len()));
        }
        self.keep_sent(recording, &headers, &content);
        let (upload, state) = body::upload(content);
        let mut message = http::Request::new(upload);
        *message.method_mut() = asked.parts.method.clone();
        *message.headers_mut() = headers;
        *message.extensions_mut() = asked.parts.extensions.clone();

        let began = std::time::Instant::now();
        let dedicated = asked.upgrade.is_some();
        let sending =
            request.client.send(&provider.base, &outgoing.path, message, &state, dedicated);
        let mut sent = match sending.await {
            Ok(sent) => sent,
            Err(SendError::ClientGone | SendError::ClientStalled) => return (None, Signal::Client),
            Err(SendError::Fault(fault)) => {
                let signal = Signal::Failing(fault.code.to_owned());
                return (Some(What::Fault(fault)), signal);
            }
        };
        scrub::headers(sent.response.headers_mut(), key);
        let took = began.elapsed();
        let status = sent.response.status();
        told.status = Some(status.as_u16());
        told.connect_ms = sent.connect.map(|c| c.as_secs_f64() * 1000.0);
        told.reused = sent.connect.is_none();
        told.ttfb_ms = Some(took.as_secs_f64() * 1000.0);
        if let Some(recording) = recording {
            let mut live = recording.live().state();
            live.reused = sent.connect.is_none();
            live.connect_us =
                sent.connect.map(|c| u32::try_from(c.as_micros()).unwrap_or(u32::MAX));
        }
        if status.as_u16() >= 400 {
            let (what, signal) = self.error(sent, &outgoing.way).await;
            self.keep_answer(recording, &what);
            return (Some(what), signal);
        }
        if status == StatusCode::SWITCHING_PROTOCOLS && !dedicated {
            let fault = Fault::invalid_response(format!(
                "{} switched protocols although nobody asked it to",
                provider.base.prefix
            ));
            return (Some(What::Fault(fault)), Signal::Failing("unsolicited 101".into()));
        }
        credential::give_back_protocol(sent.response.headers_mut(), &asked.parts.headers);
        key.place.answered_after(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        let owner = request.call.token.as_ref().map(|token| token.row.id);
        let exchange = Exchange { app: request.app, provider, owner, number: self.number };
        exchange.answer(sent, outgoing, recording).await
    }

    /// What went upstream, where it is not what the client sent: its credential never is.
    fn keep_sent(&self, recording: &Option<Recording>, headers: &HeaderMap, content: &Bytes) {
        let Some(recording) = recording else { return };
        let own = &self.asked.body;
        let same = content.as_ptr() == own.as_ptr() && content.len() == own.len();
        let body = (!same).then_some(&content[..]);
        let recorder = recording.recorder();
        let headers = recorder.headers(headers);
        recording.live().state().keep_sent(recorder, self.number, headers, body);
    }

    /// An error's answer, which the client may never see.
    fn keep_answer(&self, recording: &Option<Recording>, what: &What) {
        let (Some(recording), What::Error(parts, body, _)) = (recording, what) else { return };
        let at = recording.live().elapsed_us();
        let recorder = recording.recorder();
        let answer = recorder.answer(parts.status.as_u16(), &parts.headers, at, false);
        recording.live().state().keep_answered(recorder, self.number, answer, body);
    }

    /// Reads an error answer whole and what it says.
    async fn error(&self, sent: Sent, way: &Way) -> (What, Signal) {
        let Sent { response, reuse, .. } = sent;
        let (mut parts, body) = response.into_parts();
        let reading = Limited::new(body, MAX_ERROR).collect();
        let body = match tokio::time::timeout(ERROR_BODY_TIME, reading).await {
            Ok(Ok(collected)) => {
                if let Some(reuse) = reuse {
                    reuse.done();
                }
                collected.to_bytes()
            }
            // What it would have said is lost; its status still speaks.
            _ => Bytes::new(),
        };
        let body = scrub::readable(&mut parts.headers, body, MAX_ERROR);
        let body = scrub::body(body, &self.target.key);
        let heard = Heard { status: parts.status.as_u16(), headers: &parts.headers, body: &body };
        let signal = signal::read(heard, Timestamp::now());
        (What::Error(Box::new(parts), body, way.conversion()), signal)
    }

    fn begin(&self, recording: &Option<Recording>) -> Try {
        let Target { provider, key, .. } = self.target;
        let start_ms = match recording {
            None => 0.0,
            Some(recording) => {
                let live = recording.live();
                let mut state = live.state();
                state.provider = Some(provider.name.clone());
                state.key = Some(key.name.clone());
                state.attempts = self.number;
                state.billing = Some(crate::live::Billing {
                    provider: provider.clone(),
                    key: key.clone(),
                    snapshot: self.request.snapshot.clone(),
                    model: self.target.model.clone(),
                });
                crate::live::ms(live.elapsed_us())
            }
        };
        let keys = self.asked.plan.tiers.iter().map(|tier| tier.targets.len()).sum::<usize>();
        let reason = match (self.request.call.exact, self.number, self.again, keys) {
            (true, ..) => "pinned",
            (_, 1, _, 1) => "only",
            (_, 1, ..) => "strategy",
            (_, _, true, _) => "retry",
            _ => "failover",
        };
        Try {
            n: self.number,
            provider: Some(provider.name.to_string()),
            key: Some(key.name.to_string()),
            reason: reason.to_owned(),
            url: String::new(),
            status: None,
            error: None,
            start_ms,
            connect_ms: None,
            reused: false,
            ttfb_ms: None,
            duration_ms: None,
        }
    }

    fn end(&self, recording: &Option<Recording>, mut told: Try, signal: &Signal, message: &str) {
        let Some(recording) = recording else { return };
        if *signal != Signal::Fine {
            told.duration_ms = Some(crate::live::ms(recording.live().elapsed_us()) - told.start_ms);
            told.error = Some(Failure { code: code(signal), message: message.to_owned() });
        }
        recording.live().state().tries.push(told);
    }
}

fn deployment<'a>(provider: &'a Provider, model: &'a str) -> &'a str {
    match provider.kind {
        Kind::Azure => provider.deployments.get(model).map_or(model, String::as_str),
        _ => model,
    }
}
