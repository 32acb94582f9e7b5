//! From a finished exchange to its record: takes the bodies, reads model, tokens and
//! first token out of them, and corrects what only the whole answer can tell.

use std::borrow::Cow;

use glassway_shared::{
    content,
    decode::{Encoding, decode},
    headers,
    model::{Origin, Outcome, Try, Usage},
    sse,
    store::record::{Attempt, AttemptBody, Marks, Message, Record, Times},
};
use http::Version;

use super::{
    Ended,
    clean::Cleaner,
    estimate::{Estimator, Text},
    socket,
};
use crate::{
    capture::{Capture, Reserved},
    discretion::Discretion,
    live::{Answer, Said, SentBody},
    usage::{self, Answered},
};

/// Bytes of a decoded body that are read for its facts.
const DECODE_LIMIT: usize = 32 << 20;

/// The record, the memory its bodies occupy until it is committed, and what the answer
/// said of its tokens.
pub(super) fn record(
    ended: &Ended,
    estimator: Estimator,
    cleaner: &Cleaner,
) -> (Record, Vec<Reserved>, Answered) {
    let live = &ended.live;
    let head = &live.head;
    let mut state = live.state();
    let state = &mut *state;
    let mut held = Vec::with_capacity(2);

    let sent = decoded(state.request.kept(), &head.headers);
    let asked = usage::asked(&sent, headers::find(&head.headers, "content-type"), &head.target);
    let mut facts = state.answer.as_ref().map(facts).unwrap_or_default();
    // A converted answer's facts are its upstream's: the client's dialect may not have
    // room for all of them.
    if let Some(upstream) = state.upstream_answer().filter(|_| state.answer.is_some()) {
        let theirs = self::facts(upstream);
        facts.answered = theirs.answered;
    }
    if let Some(usage) = state.aside.take() {
        facts.answered.read(&usage);
    }
    if let Some(messages) = &state.messages {
        facts.answered = socket::read(messages.kept());
    }
    let mut usage = if facts.read { facts.answered.usage() } else { Usage::ABSENT };
    if let Some(answer) = &state.answer {
        let heard_out = facts.complete || (!answer.stream && ended.outcome == Outcome::Ok);
        if estimator.wants(head.mode, head.path(), answer.status, &usage, heard_out) {
            let came = decoded(answer.body.kept(), &answer.headers);
            usage = estimator.fill(usage, &Text { body: &sent }, &Text { body: &came });
        }
    }
    let mut outcome = ended.outcome;
    if outcome == Outcome::ClientClosed && facts.complete {
        // The client hung up after the stream's own last word, as some do.
        outcome = Outcome::Ok;
    }
    let times = Times {
        connect_us: state.connect_us,
        request_sent_us: state.request_sent_us,
        ttfb_us: state.answer.as_ref().map(|a| a.ttfb_us),
        first_token_us: facts.first_token_us,
        duration_us: Some(ended.duration_us),
    };
    let answer = state.answer.take();
    let stream = answer.as_ref().is_some_and(|a| a.stream) || (answer.is_none() && asked.stream);
    let status = answer.as_ref().map(|a| a.status);
    let mut marks = Marks::default();
    let response = answer.map(|answer| {
        marks = answer.marks;
        message(answer.headers, answer.trailers, answer.body, &mut held)
    });
    let request = message(
        head.headers.clone(),
        std::mem::take(&mut state.request_trailers),
        take(&mut state.request),
        &mut held,
    );
    let messages = state.messages.take().map_or_else(Vec::new, |capture| {
        let (bytes, memory) = capture.into_parts();
        held.push(memory);
        bytes
    });
    let said = std::mem::take(&mut state.said).into_iter();
    let said = said.map(|said| attempt(said, &mut held)).collect();
    let tries = finished_tries(std::mem::take(&mut state.tries), ended.duration_us);
    let mut record = Record {
        id: live.id,
        started_at_us: live.started_at_us,
        method: Cow::Owned(head.method.as_str().to_owned()),
        path: head.path().to_owned(),
        target: head.target.clone(),
        http_version: Cow::Borrowed(version(head.version)),
        origin: head.origin,
        mode: head.mode,
        client_ip: head.client_ip.to_string(),
        client_token: state.token_name(),
        provider: state.provider.as_deref().map(str::to_owned),
        key: state.key.as_deref().map(str::to_owned),
        model: asked.model.or_else(|| facts.answered.model.clone()),
        upstream_model: facts
            .answered
            .model
            .clone()
            .or_else(|| state.billing.as_ref().map(|b| b.model.to_string()))
            .filter(|model| !model.is_empty()),
        upstream_url: state.upstream_url.take(),
        status,
        outcome,
        error: state.error.take(),
        stream,
        times,
        reused: state.reused,
        usage,
        cost_nano: None,
        price: None,
        attempts: state.attempts,
        warnings: std::mem::take(&mut state.warnings),
        request,
        response,
        marks,
        messages,
        tries,
        said,
    };
    match head.discretion.is_metadata() {
        true => figures_only(&mut record),
        // Some relays repeat the key.
        false => cleaner.clean(
            &mut record,
            state.billing.as_ref().map(|billing| &*billing.key),
            head.discretion == Discretion::Later && head.origin == Origin::Trace,
        ),
    }
    (record, held, facts.answered)
}

/// Takes out all that was said; what was counted stays.
fn figures_only(record: &mut Record) {
    for message in [Some(&mut record.request), record.response.as_mut()].into_iter().flatten() {
        *message = Message {
            body_bytes: message.body_bytes,
            shed: message.body_bytes > 0,
            ..Message::default()
        };
    }
    record.marks = Marks::default();
    record.messages = Vec::new();
    record.said = Vec::new();
    for told in record.tries.iter_mut().flatten() {
        told.url = without_query(&told.url);
        if let Some(error) = told.error.as_mut().filter(|_| told.status.is_some()) {
            error.message = "not kept: nothing but metadata is recorded of this client".to_owned();
        }
    }
    record.upstream_url = record.upstream_url.as_deref().map(without_query);
    record.warnings.push("metadata_only".to_owned());
}

fn without_query(url: &str) -> String {
    url.split('?').next().unwrap_or_default().to_owned()
}

/// The last attempt of an answered exchange lasts as long as the exchange.
fn finished_tries(mut tries: Vec<Try>, duration_us: u64) -> Option<Vec<Try>> {
    if let Some(last) = tries.last_mut() {
        last.duration_ms.get_or_insert((duration_us as f64 / 1000.0) - last.start_ms);
    }
    (!tries.is_empty()).then_some(tries)
}

fn attempt(said: Said, held: &mut Vec<Reserved>) -> Attempt {
    let Said { n, request, response } = said;
    let mut body = AttemptBody::Own;
    let request = request.map(|sent| match sent.body {
        SentBody::Own(own) => message(sent.headers, Vec::new(), own, held),
        other => {
            body = match other {
                SentBody::Client => AttemptBody::Client,
                _ => AttemptBody::AsBefore,
            };
            Message { headers: sent.headers, ..Message::default() }
        }
    });
    let response = response.map(|a| message(a.headers, a.trailers, a.body, held));
    Attempt { n, request, body, response }
}

fn take(capture: &mut Capture) -> Capture {
    let empty = capture.emptied();
    std::mem::replace(capture, empty)
}

fn message(
    headers: Vec<u8>,
    trailers: Vec<u8>,
    capture: Capture,
    held: &mut Vec<Reserved>,
) -> Message {
    let (body_bytes, truncated, shed) = (capture.total(), capture.truncated(), capture.was_shed());
    let (body, memory) = capture.into_parts();
    held.push(memory);
    Message { headers, trailers, body, body_bytes, truncated, shed }
}

fn decoded<'a>(body: &'a [u8], headers: &[u8]) -> Cow<'a, [u8]> {
    match Encoding::of(headers) {
        Some(encoding) if !body.is_empty() => decode(body, encoding, DECODE_LIMIT).bytes.into(),
        _ => body.into(),
    }
}

#[derive(Default)]
struct Facts {
    answered: Answered,
    read: bool,
    first_token_us: Option<u64>,
    /// The stream said its own last word.
    complete: bool,
}

fn facts(answer: &Answer) -> Facts {
    let mut facts = Facts { read: true, ..Facts::default() };
    let raw = answer.body.kept();
    let body = decoded(raw, &answer.headers);
    if !answer.stream {
        if body.first().is_some_and(|b| *b == b'{' || b.is_ascii_whitespace()) {
            facts.answered.read(&body);
        }
        return facts;
    }
    let marks = Marks::unpack(answer.marks.packed());
    let events = sse::events(&body);
    for event in &events {
        if facts.answered.model.is_none() || usage::may_hold_usage(&event.data) {
            facts.answered.read(event.data.as_bytes());
        }
        if facts.first_token_us.is_none() && content::piece(&event.data).is_some() {
            // In an encoded body offsets of the text are mapped by their share.
            let end = match raw.len() == body.len() {
                true => event.end,
                false => event.end * raw.len() as u64 / body.len().max(1) as u64,
            };
            facts.first_token_us = Marks::arrival(&marks, end.saturating_sub(1));
        }
    }
    facts.complete = events.last().is_some_and(|event| {
        event.data == "[DONE]"
            || matches!(
                event.event.as_deref(),
                Some("message_stop" | "response.completed" | "response.incomplete")
            )
    });
    facts
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_3 => "HTTP/3",
        _ => "HTTP/1.1",
    }
}
