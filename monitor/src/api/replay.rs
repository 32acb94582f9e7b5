//! Sends a recorded exchange again, as it was or changed, to the keys and providers of
//! somebody's choice. The proxy sends, over the link; what becomes of it is an exchange
//! like any other, with the origin `replay`.
//!
//! The answer comes at once and names the new exchanges: their ids are promised to the
//! proxy rather than heard from it, so that a page can watch them from their first byte,
//! and one that goes away loses nothing.

mod again;
mod fields;

use std::{sync::Arc, time::Duration};

use glassway_shared::{
    id::ExchangeId,
    store::{StoreError, keys, providers, read::Reader},
};
use poem::{Result, http::StatusCode};
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json, types::Any};
use serde_json::Value;

use super::{
    Tag,
    input::Body,
    requests::{Found, find},
    shape::Id,
};
use crate::{
    app::App,
    error::Problem,
    link::{Ask, LinkError},
};
use again::{Again, Cannot};

pub(super) struct Operations(pub(super) Arc<App>);

/// One request to many at once.
const MOST_TARGETS: usize = 16;
/// What is said where the proxy went away in between.
const NOT_ALL_SENT: &str = "not_all_sent";
/// The link tells of an exchange within moments of its start.
const ANNOUNCED_WAIT: Duration = Duration::from_millis(10);
const ANNOUNCED_TRIES: u32 = 200;
/// A person waits for these.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Where to send it; neither key nor provider: as Glassway routes.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct ReplayTarget {
    /// Any key of this provider.
    provider_id: Option<i64>,
    /// Exactly this key, whatever its state; one attempt.
    key_id: Option<i64>,
    /// In place of the request's.
    #[oai(validator(min_length = 1, max_length = 300))]
    model: Option<String>,
}

/// What is to be different; nothing: the same again.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct ReplayInput {
    /// In place of the recorded body: text as it stands, or JSON.
    body: Option<Any<Value>>,
    /// In place of the request's, for every target that names none.
    #[oai(validator(min_length = 1, max_length = 300))]
    model: Option<String>,
    /// One exchange each; left out: one, as Glassway routes.
    #[oai(validator(max_items = 16, min_items = 1))]
    targets: Option<Vec<ReplayTarget>>,
}

#[derive(ApiResponse)]
enum Stopped {
    /// It is recorded as `client_closed`.
    #[oai(status = 204)]
    Done,
}

/// What was sent.
#[derive(Object)]
struct Replaying {
    /// The new exchanges, in the order of the targets; those of the last ones may be
    /// missing, which the warning says. They run; read them, or follow them
    /// on the feed.
    ids: Vec<Id>,
}

#[derive(ApiResponse)]
enum Started {
    /// On its way.
    #[oai(status = 202)]
    Done(
        Json<Replaying>,
        /// `not_all_sent`: the proxy went away; only the ids given were begun.
        #[oai(header = "x-glassway-warnings")]
        Option<String>,
    ),
}

#[OpenApi(tag = "Tag::Requests")]
impl Operations {
    /// Send an exchange again
    ///
    /// As it was or changed, to one or more keys or providers. Answers at once with the
    /// new exchanges. A transparent one needs `targets`, since its credential was never
    /// kept. 409 says why something cannot be sent again.
    #[oai(path = "/api/request/:id/replay", method = "post", operation_id = "replayRequest")]
    async fn replay(
        &self,
        /// The exchange.
        id: Path<Id>,
        changes: Body<ReplayInput>,
    ) -> Result<Started> {
        let ReplayInput { body, model, targets } = changes.0;
        let stored = match find(&self.0, id.0.0).await? {
            Found::Stored(stored) => *stored,
            Found::Running(_) => return Err(Problem::from(Cannot::StillRunning).into()),
        };
        let chosen = targets.is_some();
        let body = body.map(|Any(body)| match body {
            Value::String(text) => text,
            json => json.to_string(),
        });
        let again = Again::of(&stored, body, chosen).map_err(Problem::from)?;
        let targets = targets
            .unwrap_or_else(|| vec![ReplayTarget { provider_id: None, key_id: None, model: None }]);
        if targets.is_empty() || targets.len() > MOST_TARGETS {
            let message = format!("name 1 to {MOST_TARGETS} of them, or leave it out");
            return Err(Problem::field("targets", message).into());
        }
        let mut asks = Vec::with_capacity(targets.len());
        for (n, target) in targets.into_iter().enumerate() {
            let place = self.0.read(move |reader| Place::find(reader, n, target)).await??;
            asks.push((place.model.clone().or_else(|| model.clone()), place));
        }
        let mut ready = Vec::with_capacity(asks.len());
        for (model, place) in asks {
            let to = again.to(model.as_deref(), place.header.is_some());
            ready.push((to.map_err(Problem::from)?, place));
        }
        let asked = ready.len();
        let ids = self.send(ready).await?;
        self.announced(&ids).await;
        let warning = (ids.len() < asked).then(|| NOT_ALL_SENT.to_owned());
        Ok(Started::Done(Json(Replaying { ids }), warning))
    }

    /// Stop a replay
    ///
    /// The id is the new exchange's.
    #[oai(path = "/api/request/:id/replay", method = "delete", operation_id = "stopReplay")]
    async fn stop(
        &self,
        /// The exchange that runs.
        id: Path<Id>,
    ) -> Result<Stopped> {
        match self.0.replays.stop(id.0.0) {
            true => Ok(Stopped::Done),
            false => {
                let message = format!("{} is no replay that runs; it may have ended", id.0.0);
                Err(Problem::not_found(message).into())
            }
        }
    }
}

impl Operations {
    /// Waits until whoever is told of them can also read them; they go on regardless.
    async fn announced(&self, ids: &[Id]) {
        for _ in 0..ANNOUNCED_TRIES {
            if ids.iter().all(|id| self.0.live.knows(id.0)) {
                return;
            }
            tokio::time::sleep(ANNOUNCED_WAIT).await;
        }
    }

    /// Hands them to the proxy; each goes on by itself. Gives those that were begun: where
    /// the proxy goes away in between, the others are not.
    async fn send(&self, ready: Vec<(Again, Place)>) -> Result<Vec<Id>, Problem> {
        let app = &self.0;
        let away = |e: LinkError| {
            tracing::warn!(error = %e, "the proxy cannot be asked to send an exchange again");
            Problem::unavailable("the proxy is not there to send it; nothing was sent")
        };
        let (_, health) = app.link.get("/health").await.map_err(away)?;
        let health: Value = serde_json::from_slice(&health).unwrap_or_default();
        if health["recording"] == false {
            let message = "the proxy records nothing (record.enabled), so that no answer could be \
                           shown; nothing was sent";
            return Err(Problem::new(StatusCode::CONFLICT, message));
        }
        let ids: Vec<ExchangeId> = ready.iter().map(|_| ExchangeId::new()).collect();
        let Some(places) = app.replays.admit(&ids) else {
            let message = "too many replays are running; wait for some of them to end";
            return Err(Problem::too_many(message, RETRY_AFTER));
        };
        let mut begun = Vec::with_capacity(ids.len());
        for (((again, target), id), place) in ready.into_iter().zip(&ids).zip(places) {
            let name = id.to_string();
            let mut headers: Vec<(&str, &str)> =
                again.headers.iter().map(|(name, value)| (&name[..], &value[..])).collect();
            headers.push(("x-glassway-origin", "replay"));
            headers.push(("x-glassway-id", &name));
            if let Some((name, value)) = &target.header {
                headers.push((name, value));
            }
            let path = format!("/managed{}", again.target);
            let ask = Ask {
                method: &again.method,
                path: &path,
                headers: &headers,
                body: again.body.clone(),
                ..Ask::default()
            };
            match app.link.send(ask, place).await.map_err(away) {
                Ok(task) => app.replays.begun(*id, task),
                Err(problem) if begun.is_empty() => return Err(problem),
                Err(_) => break,
            }
            begun.push(Id(*id));
        }
        Ok(begun)
    }
}

/// A target as the proxy is told it.
struct Place {
    header: Option<(&'static str, String)>,
    model: Option<String>,
}

impl Place {
    fn find(
        reader: &Reader,
        n: usize,
        target: ReplayTarget,
    ) -> Result<Result<Self, Problem>, StoreError> {
        let ReplayTarget { provider_id, key_id, model } = target;
        let at = |field: &str| format!("targets[{n}].{field}");
        let header = match (key_id, provider_id) {
            (None, None) => None,
            (Some(_), Some(_)) => {
                let message = "name a key or a provider, not both";
                return Ok(Err(Problem::field(&at("key_id"), message)));
            }
            (Some(key), None) => {
                if reader.with(|connection| keys::find(connection, key))?.is_none() {
                    let message = format!("there is no key {key}");
                    return Ok(Err(Problem::field(&at("key_id"), message)));
                }
                Some(("x-glassway-key", key.to_string()))
            }
            (None, Some(id)) => match reader.with(|connection| providers::find(connection, id))? {
                Some(provider) => Some(("x-glassway-provider", provider.name)),
                None => {
                    let message = format!("there is no provider {id}");
                    return Ok(Err(Problem::field(&at("provider_id"), message)));
                }
            },
        };
        Ok(Ok(Self { header, model }))
    }
}
