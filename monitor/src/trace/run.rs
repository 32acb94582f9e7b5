//! A trace's request, asked of the proxy over the link with the origin `trace`, so that it
//! is recorded like any other; and how it ended. Fetches come in beside it, before and
//! after.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::future::abortable;
use glassway_shared::{
    id::ExchangeId,
    store::traces::{self, Sealed, Status, Trace},
};
use jiff::Timestamp;
use rusqlite::Connection;

use super::{ask, said};
use crate::{
    api::refusal,
    app::App,
    link::{Answer, Ask, LinkError},
};

/// For the whole answer. Reasoning models take their time over an image.
const TIMEOUT: Duration = Duration::from_secs(180);

/// Runs these one after the other: each target's own, so that its fetches are told apart
/// by time too.
pub async fn run(app: Arc<App>, ids: Vec<i64>) {
    let Ok(_turn) = app.traces.turns.acquire().await else { return };
    for id in ids {
        let (one, stop) = abortable(one(&app, id));
        // Before it begins: whoever deletes it finds it here, or it finds itself deleted.
        app.traces.running().insert(id, stop);
        let _ = one.await;
        app.traces.running().remove(&id);
    }
}

async fn one(app: &Arc<App>, id: i64) {
    // Chosen here, so that a trace names its exchange while it runs and when it fails.
    let exchange = ExchangeId::new().to_string();
    let promised = exchange.clone();
    let begin = move |connection: &Connection| {
        let found = traces::find(connection, id)?;
        if found.is_some() {
            let now = Timestamp::now().as_microsecond();
            traces::begin(connection, id, now, &promised)?;
        }
        Ok(found)
    };
    // It may have been deleted while it waited.
    let mut trace = match app.write(move |settings| settings.keep(begin)).await {
        Ok(Some(trace)) => trace,
        Ok(None) => return,
        Err(problem) => {
            tracing::warn!(trace.id = id, error = problem.detail(), "a trace cannot begin");
            return;
        }
    };
    trace.request_id = Some(exchange);
    app.live.trace_changed(id, trace.series, Status::Running);
    let started = Instant::now();
    let answered = asked(app, &trace).await;
    finish(&mut trace, answered, started.elapsed());
    let (series, status) = (trace.series, trace.status);
    match app.write(move |settings| settings.keep(|c| traces::end(c, &trace))).await {
        Ok(()) => app.live.trace_changed(id, series, status),
        Err(problem) => {
            tracing::warn!(
                trace.id = id,
                error = problem.detail(),
                "a trace's end was not written"
            );
        }
    }
}

async fn asked(app: &Arc<App>, trace: &Trace) -> Result<Answer, LinkError> {
    let urls: Vec<String> =
        (1..=trace.images).map(|n| ask::image_url(&trace.image_base, &trace.trace_id, n)).collect();
    let (path, body) = ask::request(&trace.kind, &trace.model, &trace.prompt, &urls);
    let mut headers = vec![
        ("x-glassway-origin", "trace"),
        ("content-type", "application/json"),
        ("accept", "application/json"),
        ("user-agent", "Glassway"),
    ];
    if let Some(id) = &trace.request_id {
        headers.push(("x-glassway-id", id));
    }
    if trace.kind == "anthropic" {
        headers.push(("anthropic-version", "2023-06-01"));
    }
    let sealed = match trace.sealed {
        Some(_) => sealed_now(app, trace.id).await,
        None => None,
    };
    let sealed = sealed.map(|sealed| BASE64_STANDARD.encode(&sealed.bytes));
    let path = match (&sealed, trace.key_id) {
        (Some(sealed), _) => {
            headers.push(("x-glassway-base-url", &trace.base_url));
            headers.push(("x-glassway-kind", &trace.kind));
            headers.push(("x-glassway-sealed", sealed));
            format!("/sealed/{}{path}", trace.id)
        }
        (None, key) => format!("/as/{}{path}", key.unwrap_or_default()),
    };
    let ask = Ask {
        method: "POST",
        path: &path,
        headers: &headers,
        body: body.to_string().into(),
        timeout: TIMEOUT,
    };
    app.link.ask(ask).await
}

/// A typed-in key as it is sealed now. The key pair may have been changed a moment ago: the
/// proxy takes that in first.
async fn sealed_now(app: &Arc<App>, id: i64) -> Option<Sealed> {
    let reload = Ask { method: "POST", path: "/reload", ..Ask::default() };
    // Where it is away, the request itself says so.
    let _ = app.link.ask(reload).await;
    let found = app.read(move |reader| reader.with(|c| traces::find(c, id))).await;
    found.ok().flatten().and_then(|trace| trace.sealed)
}

fn finish(trace: &mut Trace, answered: Result<Answer, LinkError>, took: Duration) {
    trace.ended_at = Some(Timestamp::now().as_microsecond());
    trace.status = Status::Failed;
    match answered {
        Ok(answer) => {
            let status = answer.status.as_u16();
            let ms = took.as_secs_f64() * 1000.0;
            let (text, said) = said::read(status, &answer.headers, &answer.body, ms);
            // As it was promised, unless the proxy never got to it.
            trace.request_id = answer.id;
            trace.said = serde_json::to_string(&said).ok();
            trace.answer = text;
            match answer.status.is_success() {
                true if trace.answer.is_some() || said.id.is_some() => trace.status = Status::Done,
                true => {
                    trace.error =
                        Some("it answered 200, but with nothing that a model says".to_owned());
                }
                false => trace.error = Some(refusal(status, &answer.body)),
            }
        }
        Err(LinkError::Timeout) => {
            trace.error = Some(format!("no answer within {} seconds", TIMEOUT.as_secs()));
        }
        Err(e) => {
            if matches!(e, LinkError::Connect(_)) {
                trace.request_id = None;
            }
            tracing::warn!(trace.id = trace.id, error = %e, "the proxy did not take a trace");
            trace.error = Some("the proxy is not there to ask: start glassway-proxy".to_owned());
        }
    }
}
