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
    wildcard,
};
use http::{HeaderValue, Response, StatusCode, Version, request::Parts};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use jiff::Timestamp;

pub use brought::Brought;
pub use hear::probe;

use crate::{
    app::App,
    discretion::Whose,
    error::{Dialect, Fault},
    exchange::answer_fault,
    forward,
    live::Recording,
    pool::{lineup::Occasion, signal::Signal},
    route::{Plan, Target, Wanted},
    server::Part,
    snapshot::{Snapshot, Token},
    tee::Reply,
    upstream::Client,
    usage,
};
use attempt::{Attempt, Ended};
use destination::Destination;
use outcome::Tried;

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

/// A request whose body was read and whose plan is made.
struct Asked {
    parts: Parts,
    body: bytes::Bytes,
    destination: Destination,
    model: Option<String>,
    /// The dialect of its body, where it could be converted.
    spoken: Option<crate::dialect::Dialect>,
    plan: Arc<Plan>,
    /// The client's side of a WebSocket that it asks for.
    upgrade: Option<OnUpgrade>,
}

enum Prepared {
    Listed(serde_json::Value),
    /// Tokens, where no provider counts them.
    Counted(u64),
    Asked(Box<Asked>),
}

async fn prepare(
    app: &App,
    snapshot: &Arc<Snapshot>,
    mut parts: Parts,
    body: Option<(Incoming, Option<Part>)>,
    dialect: Dialect,
    recording: &Option<Recording>,
    call: &Call,
) -> Result<Prepared, Fault> {
    let destination = Destination::of(&parts.uri)?;
    let named = destination.provider.as_deref().or(call.provider.as_deref());
    let provider = match named {
        None => None,
        Some(name) => Some(snapshot.provider(name).cloned().ok_or_else(|| {
            Fault::refused(
                "unknown_path",
                StatusCode::NOT_FOUND,
                format!("there is no provider `{name}`, and not just one of that kind"),
            )
        })?),
    };
    // A path that names a provider speaks that provider's dialect.
    let dialect = match &provider {
        Some(provider) if destination.provider.is_some() && !destination.chat => {
            provider.kind.dialect()
        }
        _ => dialect,
    };
    if let Some(token) = &call.token {
        token.state.admit(&token.row, Timestamp::now())?;
    }
    let anyone = call.key.is_none() && call.brought.is_none();
    if provider.is_none() && anyone && destination.is_model_list(&parts.method) {
        let allowed = call.token.as_ref().map(|t| &t.row.allowed_models[..]).unwrap_or_default();
        return Ok(Prepared::Listed(catalog::list(snapshot, &destination, dialect, allowed)?));
    }
    let body = match body {
        Some(body) => body::read(body, recording, app.config.proxy.idle_timeout.0).await?,
        None => bytes::Bytes::new(),
    };
    let kind = parts.headers.get(http::header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    body::check(&body, kind)?;
    let model = body::model(&body, kind, &destination.target());
    if let Some(token) = &call.token {
        // Azure's older paths name a deployment, whatever the body says.
        let deployment = usage::deployment(&destination.target());
        let alias = |name: &String| {
            let mut aliases = provider.iter().flat_map(|provider| &provider.deployments);
            aliases.find(|(_, deployment)| *deployment == name).map(|(model, _)| model.clone())
        };
        let asked = deployment.as_ref().map(|d| alias(d).unwrap_or_else(|| d.clone()));
        if let Some(asked) = asked.as_ref().or(model.as_ref()) {
            may_use(token, asked)?;
        }
    }
    let spoken = translate::spoken(&parts.method, &destination).filter(|_| !call.verbatim);
    let wanted = Wanted {
        model: model.as_deref().unwrap_or(""),
        dialect,
        spoken,
        provider: provider.as_ref().map(|p| p.id),
        key: call.key,
    };
    let plan = match &call.brought {
        Some(brought) => Arc::new(Plan::only(brought.target(model.as_deref()))),
        None => snapshot.plan(wanted),
    };
    if plan.tiers.is_empty() {
        let messages = Some(crate::dialect::Dialect::Messages);
        let counts = destination.operation == count::OPERATION && destination.provider.is_none();
        if counts && !snapshot.plan(Wanted { spoken: messages, ..wanted }).tiers.is_empty() {
            return Ok(Prepared::Counted(count::estimate(&body)));
        }
        return Err(outcome::nothing_planned(snapshot, wanted));
    }
    let socket = parts.version == Version::HTTP_11 && forward::is_websocket(&parts.headers);
    let upgrade = parts.extensions.remove::<OnUpgrade>().filter(|_| socket);
    Ok(Prepared::Asked(Box::new(Asked { parts, body, destination, model, spoken, plan, upgrade })))
}

fn may_use(token: &Token, model: &str) -> Result<(), Fault> {
    let Token { row, .. } = token;
    let allowed = &row.allowed_models;
    if allowed.is_empty() || allowed.iter().any(|p| wildcard::matches(p, model)) {
        return Ok(());
    }
    Err(Fault::refused(
        "model_not_allowed",
        StatusCode::FORBIDDEN,
        format!("the client token `{}` may not use the model `{model}`", row.name),
    ))
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
