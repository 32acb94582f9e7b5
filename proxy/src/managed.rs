//! A managed request: body read whole, model found, keys tried until one answers.
//!
//! read body → who may → plan → { pick → send → hear → decide } → relay
//!
//! Retried only before the first byte of an answer has gone downstream, and within one
//! deadline. What each attempt said is heard by its key and its provider, and kept with
//! the exchange.

mod answer;
mod attempt;
mod body;
mod brought;
mod catalog;
mod count;
mod credential;
mod destination;
mod hear;
mod outcome;
mod prepare;
mod reshape;
pub(crate) mod scrub;
mod translate;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use glassway_shared::{
    id::ExchangeId,
    model::{Mode, Origin},
};
use http::{HeaderValue, Response, StatusCode, request::Parts};
use hyper::body::Incoming;
use jiff::Timestamp;

pub use brought::Brought;
pub use hear::probe;

use crate::{
    app::App,
    discretion::Whose,
    error::{Dialect, Fault},
    exchange::answer_fault,
    live::Recording,
    pool::{lineup::Occasion, signal::Signal},
    route::{Plan, Target},
    server::Part,
    snapshot::{Snapshot, Token},
    tee::Reply,
    upstream::Client,
};
use attempt::{Attempt, Ended};
use outcome::Tried;
use prepare::{Asked, Prepared, prepare};

/// Who asks, and what is decided already.
#[derive(Clone)]
pub struct Call {
    /// Client, chat, replay, test, …
    pub origin: Origin,
    /// The client's token.
    pub token: Option<Arc<Token>>,
    /// Only this provider.
    pub provider: Option<String>,
    /// Only this key.
    pub key: Option<i64>,
    /// One attempt, whatever the key's standing.
    pub exact: bool,
    /// In the words of the key's provider, never converted (`/as/{key}`).
    pub verbatim: bool,
    /// What it is recorded as, where that was promised to somebody.
    pub id: Option<ExchangeId>,
    /// With this upstream and key, and no other (`/sealed/{id}`).
    pub brought: Option<Brought>,
}

impl Call {
    /// A client's, with its token if it has one.
    pub fn from_client(token: Option<Arc<Token>>) -> Self {
        Self { token, ..Self::of(Origin::Client) }
    }

    /// Ours, routed like a client's.
    pub fn of(origin: Origin) -> Self {
        Self {
            origin,
            token: None,
            provider: None,
            key: None,
            exact: false,
            verbatim: false,
            id: None,
            brought: None,
        }
    }
}

/// How long a request waits at most for a key that only cools.
const PATIENCE: Duration = Duration::from_secs(60);

/// Serves one managed request.
pub async fn serve(
    app: &Arc<App>,
    client: &Client,
    parts: Parts,
    body: Option<(Incoming, Option<Part>)>,
    dialect: Dialect,
    recording: Option<Recording>,
    call: Call,
) -> Response<Reply> {
    // Without a record it still tells one answer from another.
    let id = recording.as_ref().map_or_else(ExchangeId::new, |recording| recording.live().id);
    let snapshot = app.snapshot();
    let token = call.token.clone();
    if let Some(recording) = &recording {
        recording.live().state().token.clone_from(&token);
    }
    let mut response = match prepare(app, &snapshot, parts, body, dialect, &recording, &call).await
    {
        Err(fault) => answer_fault(app, fault, dialect, recording).await,
        Ok(Prepared::Listed(response)) => catalog::record(app, recording, response).await,
        Ok(Prepared::Counted(tokens)) => {
            if let Some(recording) = &recording {
                recording.live().state().warnings = vec![count::WARNING.to_owned()];
            }
            let counted = serde_json::json!({"input_tokens": tokens});
            let mut response = catalog::record(app, recording, counted).await;
            let warning = HeaderValue::from_static(count::HEADER);
            response.headers_mut().insert("x-glassway-warnings", warning);
            response
        }
        Ok(Prepared::Asked(asked)) => {
            let request = Request { app, client, snapshot, dialect, call };
            request.run(*asked, recording).await
        }
    };
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        headers.insert("x-glassway-id", id);
    }
    if let Some(token) = token {
        token.state.headers(&token.row, Timestamp::now(), headers);
    }
    response
}

/// A request that did not come in on port 8080: over the link, or a probe. Recorded like
/// any other.
pub async fn internal(
    app: &Arc<App>,
    client: &Client,
    parts: Parts,
    body: Option<Incoming>,
    call: Call,
) -> Response<Reply> {
    let pinned = || app.snapshot().key(call.key.filter(|_| call.verbatim)?).map(|(p, _)| p.kind);
    let dialect = match call.brought.as_ref().map(Brought::kind).or_else(pinned) {
        Some(kind) => kind.dialect(),
        None => Dialect::of(parts.uri.path(), &parts.headers),
    };
    let ip = std::net::Ipv4Addr::LOCALHOST.into();
    let id = call.id.unwrap_or_default();
    let token = call.token.as_ref().map(|token| &token.row);
    let whose = Whose { ip, origin: call.origin, token, brought: call.brought.is_some() };
    let recording = app.recorder.as_ref().map(|r| r.begin_as(id, &parts, whose, Mode::Managed));
    let body = body.map(|body| (body, None));
    serve(app, client, parts, body, dialect, recording, call).await
}

struct Request<'a> {
    app: &'a Arc<App>,
    client: &'a Client,
    snapshot: Arc<Snapshot>,
    dialect: Dialect,
    call: Call,
}

impl Request<'_> {
    async fn run(self, asked: Asked, recording: Option<Recording>) -> Response<Reply> {
        let mut asked_before = Vec::new();
        let settings = self.snapshot.settings;
        let deadline = Instant::now() + settings.deadline;
        let conversation = body::conversation(&asked.body);
        let mut tried = Tried::default();
        let mut failed: Option<Box<answer::Answer>> = None;
        loop {
            let chosen = self.choose(&asked.plan, &mut tried, conversation, deadline).await;
            let Some(target) = chosen else {
                // What the last one answered, where it was not about its key.
                if let Some(answer) = failed.take() {
                    return answer.relay(&self, recording).await;
                }
                let now_ms = Timestamp::now().as_millisecond();
                let back = outcome::soonest_return(&asked.plan, now_ms, |_| true);
                let fault = outcome::no_usable_key(&asked.plan, now_ms, back);
                return answer_fault(self.app, fault, self.dialect, recording).await;
            };
            let attempt = Attempt {
                request: &self,
                asked: &asked,
                target: &target,
                number: tried.count() + 1,
                again: asked_before.contains(&target.key.id),
            };
            asked_before.push(target.key.id);
            let (ended, told) = attempt.run(&recording).await;
            tried.note(&target, told);
            match ended {
                Ended::Answer(answer) => return answer.relay(&self, recording).await,
                Ended::ClientGone => {
                    drop(recording);
                    let gone = Fault::malformed(StatusCode::BAD_REQUEST, "the client went away");
                    return answer_fault(self.app, gone, self.dialect, None).await;
                }
                Ended::Failed(signal, mut answer) => {
                    let unsafe_again = matches!(signal, Signal::Failing(_))
                        && !settings.retry_after_timeout
                        && !asked.parts.method.is_idempotent()
                        && answer.may_have_been_acted_on();
                    if unsafe_again {
                        answer.not_repeated();
                    }
                    let last = self.call.exact
                        || match signal {
                            Signal::Failing(_) => tried.failures() >= settings.max_attempts,
                            Signal::Client | Signal::Fine => true,
                            _ => false,
                        }
                        || unsafe_again
                        || Instant::now() >= deadline;
                    if last {
                        return answer.relay(&self, recording).await;
                    }
                    if matches!(signal, Signal::Failing(_)) {
                        failed = Some(answer);
                    }
                }
            }
        }
    }

    /// The key to try next; waits where all that could serve only rest.
    async fn choose(
        &self,
        plan: &Plan,
        tried: &mut Tried,
        conversation: u64,
        deadline: Instant,
    ) -> Option<Target> {
        loop {
            let now_ms = Timestamp::now().as_millisecond();
            if let Some(target) = self.pick(plan, tried, conversation, now_ms) {
                return Some(target);
            }
            if self.call.exact {
                return None;
            }
            let news = self.app.routing.news();
            tokio::pin!(news);
            news.as_mut().enable();
            // What changed until now is seen here, and all else by the news.
            if let Some(target) = self.pick(plan, tried, conversation, now_ms) {
                return Some(target);
            }
            let patience = PATIENCE.min(deadline.saturating_duration_since(Instant::now()));
            let rest = tried.rest(plan, now_ms).filter(|rest| *rest <= patience)?;
            tried.forget_out(plan, now_ms);
            tokio::select! {
                () = tokio::time::sleep(rest) => tried.forget_keys(),
                () = news => {}
            }
        }
    }

    fn pick(&self, plan: &Plan, tried: &Tried, conversation: u64, now_ms: i64) -> Option<Target> {
        if self.call.exact {
            let first = plan.tiers.first()?.targets.first()?;
            return (tried.count() == 0).then(|| first.clone());
        }
        let occasion = Occasion { now_ms, random: self.app.random(), conversation };
        plan.tiers.iter().find_map(|tier| {
            let n = tier.lineup.pick(plan.strategy, occasion, tried.keys(), &self.app.turns)?;
            Some(tier.targets[n].clone())
        })
    }

    fn counts(&self) -> bool {
        self.call.origin.counts()
    }
}
