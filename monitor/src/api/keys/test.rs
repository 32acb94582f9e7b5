//! Testing keys: their provider is asked for its models, the proxy learns from the
//! answer, and its word on how the key stands is waited for.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use glassway_shared::store::keys::{self, Status};
use poem_openapi::Object;
use rusqlite::Connection;

use super::{
    ask::{AT_ONCE, Listed, list, standing},
    shape::KeyStatus,
};
use crate::{api::pool::Pool, app::App, error::Problem};

/// The proxy writes what it learned within a second.
const SETTLE: Duration = Duration::from_millis(1500);
const LOOK: Duration = Duration::from_millis(40);

/// What a test found.
#[derive(Object)]
#[oai(rename = "KeyTest")]
pub(super) struct Test {
    /// Whether the provider took the key.
    pub(super) ok: bool,
    /// How the key stands after it.
    pub(super) status: KeyStatus,
    /// What the provider answered; `null` where it did not.
    http_status: Option<u16>,
    latency_ms: f64,
    /// What the provider said the key may be used for.
    models: Vec<String>,
    pub(super) error: Option<String>,
    /// The exchange it was recorded as.
    request_id: Option<String>,
}

/// What a validation found of one key.
#[derive(Object)]
#[oai(rename = "KeyValidation")]
pub(super) struct Validated {
    key_id: i64,
    status_before: KeyStatus,
    status_after: KeyStatus,
    ok: bool,
    error: Option<String>,
}

/// Tests one key, and keeps the models it was found to serve.
pub(super) async fn test(app: &Arc<App>, id: i64) -> Result<Test, Problem> {
    let (kind, before) = standing(app, id).await?;
    if before.reason.as_deref() == Some("origin_changed") {
        return Ok(Test {
            ok: false,
            status: KeyStatus::Invalid,
            http_status: None,
            latency_ms: 0.0,
            models: vec![],
            error: Some(MOVED.to_owned()),
            request_id: None,
        });
    }
    let listed = list(app, id, &kind, "test").await?;
    let status = settle(app, id, &before, &listed).await?;
    let (models, error) = match listed.models {
        Ok(models) => (models.into_iter().collect(), None),
        Err(error) => (vec![], Some(error)),
    };
    Ok(Test {
        ok: error.is_none(),
        status: status.into(),
        http_status: listed.http_status,
        latency_ms: listed.latency_ms,
        models,
        error,
        request_id: listed.request_id,
    })
}

const MOVED: &str = "its provider's address or kind changed since it was pasted: paste it again";

/// How a key stands once the proxy has taken in what the answer says of it.
async fn settle(
    app: &Arc<App>,
    id: i64,
    before: &keys::Standing,
    listed: &Listed,
) -> Result<Status, Problem> {
    let expected = match (&listed.models, listed.http_status) {
        _ if before.status == Status::Inactive => Some(Status::Inactive),
        (Ok(_), _) => Some(Status::Active),
        (Err(_), Some(401)) => Some(Status::Invalid),
        (Err(_), Some(402)) => Some(Status::Exhausted),
        // Whatever else it may say of the key; what it does not say changes nothing.
        (Err(_), _) => None,
    };
    let deadline = Instant::now() + if expected.is_some() { SETTLE } else { SETTLE / 4 };
    loop {
        let (_, now) = standing(app, id).await?;
        let settled = match expected {
            Some(expected) => now.status == expected,
            None => now != *before,
        };
        if settled || Instant::now() >= deadline {
            return Ok(now.status);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until the proxy has kept that these keys are back: who reads them next finds them
/// so. One that was refused again meanwhile is not waited for longer than a test's answer.
pub(super) async fn back(app: &Arc<App>, ids: &[i64]) {
    let deadline = Instant::now() + SETTLE;
    for id in ids {
        while Instant::now() < deadline {
            // Deleted meanwhile: there is nothing to wait for.
            let Ok((_, now)) = standing(app, *id).await else { break };
            if now.status == Status::Active {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Tests all keys that are out, a few at a time, and says on the feed how far it is.
pub(super) async fn validate(app: &Arc<App>) -> Result<Vec<Validated>, Problem> {
    let within = app.clone();
    let read = move |connection: &Connection| {
        let pool = Pool::read(&within, connection)?;
        let all = keys::all(connection)?.into_iter();
        let all = all.map(|key| (key.id, pool.standing(&key).status));
        let out = all.filter(|(_, status)| !matches!(status, Status::Active | Status::Inactive));
        Ok(out.collect::<Vec<_>>())
    };
    let out = app.read(move |reader| reader.with(read)).await?;
    let total = out.len();
    app.live.progress(0, total);
    let one = |(key_id, before): (i64, Status)| async move {
        let tested = test(app, key_id).await;
        (key_id, before, tested)
    };
    let mut tested = stream::iter(out).map(one).buffer_unordered(AT_ONCE);
    let mut validated = Vec::with_capacity(total);
    while let Some((key_id, before, tested)) = tested.next().await {
        let (ok, after, error) = match tested {
            Ok(test) => (test.ok, test.status, test.error),
            Err(problem) => (false, before.into(), Some(problem.detail().to_owned())),
        };
        let status_before = before.into();
        validated.push(Validated { key_id, status_before, status_after: after, ok, error });
        app.live.progress(validated.len(), total);
    }
    validated.sort_by_key(|one| one.key_id);
    Ok(validated)
}
