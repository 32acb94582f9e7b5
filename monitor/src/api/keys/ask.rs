//! Asking a key's provider, through the proxy, what the key may be used for.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use glassway_shared::store::{
    StoreError,
    keys::{self, Status},
};
use poem_openapi::Object;
use rusqlite::Connection;
use serde_json::Value;

use super::write::missing;
use crate::{
    api::pool::Pool,
    app::App,
    error::Problem,
    link::{Ask, LinkError},
};

/// For one provider's list of models.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Keys asked at once.
pub(super) const AT_ONCE: usize = 8;
/// Models kept of one key.
const MOST_MODELS: usize = 5000;

/// What became of asking for a key's models.
pub(in crate::api) struct Listed {
    pub(super) http_status: Option<u16>,
    pub(super) latency_ms: f64,
    pub(super) request_id: Option<String>,
    pub(in crate::api) models: Result<BTreeSet<String>, String>,
}

/// A key's kind and how it stands.
pub(super) async fn standing(app: &Arc<App>, id: i64) -> Result<(String, keys::Standing), Problem> {
    let within = app.clone();
    let read = move |connection: &Connection| -> Result<_, StoreError> {
        let Some(key) = keys::find(connection, id)? else { return Ok(None) };
        let pool = Pool::read(&within, connection)?;
        let kind = pool.provider(key.provider_id).map(|p| p.kind.clone()).unwrap_or_default();
        Ok(Some((kind, pool.standing(&key))))
    };
    app.read(move |reader| reader.with(read)).await?.ok_or_else(|| missing(id))
}

/// Asks a key's provider what it may be used for, and keeps the answer.
pub(in crate::api) async fn list(
    app: &Arc<App>,
    id: i64,
    kind: &str,
    origin: &str,
) -> Result<Listed, Problem> {
    let started = Instant::now();
    let path = match kind {
        // Pages of 20 otherwise.
        "anthropic" => format!("/as/{id}/v1/models?limit=1000"),
        _ => format!("/as/{id}/v1/models"),
    };
    let mut headers = vec![("x-glassway-origin", origin)];
    if kind == "anthropic" {
        headers.push(("anthropic-version", "2023-06-01"));
    }
    let ask = Ask { path: &path, headers: &headers, timeout: TIMEOUT, ..Ask::default() };
    let answered = app.link.ask(ask).await;
    let latency_ms = started.elapsed().as_secs_f64() * 1000.0;
    let answer = match answered {
        Ok(answer) => answer,
        Err(LinkError::Timeout) => {
            let models = Err("no answer within 30 seconds".to_owned());
            return Ok(Listed { http_status: None, latency_ms, request_id: None, models });
        }
        Err(e) => {
            tracing::warn!(error = %e, "the proxy cannot be asked for a key's models");
            return Err(Problem::unavailable("the proxy is not there to ask the provider"));
        }
    };
    let models = match answer.status.is_success() {
        true => models(&answer.body),
        false => Err(refusal(answer.status.as_u16(), &answer.body)),
    };
    if let Ok(models) = &models {
        keep(app, id, models.clone()).await?;
    }
    let http_status = Some(answer.status.as_u16());
    Ok(Listed { http_status, latency_ms, request_id: answer.id, models })
}

async fn keep(app: &Arc<App>, id: i64, models: BTreeSet<String>) -> Result<(), Problem> {
    let known = app.read(move |reader| reader.with(|c| keys::fetched(c, id))).await?;
    if known.iter().eq(models.iter()) {
        return Ok(());
    }
    let put = move |connection: &Connection| {
        // It may have been deleted while its provider was asked.
        if keys::find(connection, id)?.is_some() {
            keys::put_fetched(connection, id, &models)?;
        }
        Ok(())
    };
    app.change(put).await.map(|_| ())
}

/// The ids in a list of models, whichever dialect's.
fn models(body: &[u8]) -> Result<BTreeSet<String>, String> {
    let odd = || "the provider answered 200, but not with a list of models".to_owned();
    let answer: Value = serde_json::from_slice(body).map_err(|_| odd())?;
    let list = answer["data"].as_array().or(answer["models"].as_array()).or(answer.as_array());
    let names = list.ok_or_else(odd)?.iter().filter_map(|model| {
        let name = model["id"].as_str().or(model["name"].as_str()).or(model.as_str())?;
        // Gemini's come as `models/NAME`.
        Some(name.strip_prefix("models/").unwrap_or(name).to_owned())
    });
    let fit = |name: &String| {
        !name.is_empty() && name.len() <= 300 && !name.chars().any(char::is_control)
    };
    Ok(names.filter(fit).take(MOST_MODELS).collect())
}

/// What an error answer says, without anything in it that could be a key.
pub(crate) fn refusal(status: u16, body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &answer["error"];
    let said = error["message"].as_str().or(error.as_str()).or(answer["message"].as_str());
    match said {
        Some(said) => format!("{status}: {}", without_keys(said)),
        None => format!("the provider answered {status}"),
    }
}

fn without_keys(text: &str) -> String {
    let part_of_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*' | '.');
    let mut clean = String::new();
    for word in text.chars().take(500).collect::<String>().split_inclusive(|c| !part_of_key(c)) {
        let bare = word.trim_end_matches(|c| !part_of_key(c));
        match bare.len() >= 20 || bare.starts_with("sk-") {
            true => {
                clean.push('…');
                clean.push_str(&word[bare.len()..]);
            }
            false => clean.push_str(word),
        }
    }
    clean
}

/// What became of asking all keys.
#[derive(Object)]
pub(in crate::api) struct Refreshed {
    /// Keys that were asked.
    keys: u64,
    /// Of them, those that could not say.
    failed: Vec<FailedKey>,
}

/// A key whose models could not be fetched.
#[derive(Object)]
struct FailedKey {
    key_id: i64,
    error: String,
}

/// Asks every key that is in use for its models, a few at a time.
pub(in crate::api) async fn refresh_all(app: &Arc<App>) -> Result<Refreshed, Problem> {
    let within = app.clone();
    let read = move |connection: &Connection| {
        let pool = Pool::read(&within, connection)?;
        let usable = keys::all(connection)?.into_iter().filter_map(|key| {
            let standing = pool.standing(&key);
            let provider = pool.provider(key.provider_id)?;
            let asked = provider.enabled
                && matches!(standing.status, Status::Active | Status::Cooling | Status::Exhausted);
            asked.then(|| (key.id, provider.kind.clone()))
        });
        Ok(usable.collect::<Vec<_>>())
    };
    let usable = app.read(move |reader| reader.with(read)).await?;
    let keys = usable.len() as u64;
    let one = |(key_id, kind): (i64, String)| async move {
        let listed = list(app, key_id, &kind, "probe").await;
        let error = match listed {
            Ok(Listed { models: Ok(_), .. }) => None,
            Ok(Listed { models: Err(error), .. }) => Some(error),
            Err(problem) => Some(problem.detail().to_owned()),
        };
        error.map(|error| FailedKey { key_id, error })
    };
    let failed = stream::iter(usable).map(one).buffer_unordered(AT_ONCE);
    let mut failed: Vec<_> = failed.filter_map(std::future::ready).collect().await;
    failed.sort_by_key(|one| one.key_id);
    Ok(Refreshed { keys, failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_all_dialects_are_read() {
        let read = |json: &str| models(json.as_bytes());
        let two = Ok(BTreeSet::from(["a".to_owned(), "b/c".to_owned()]));
        assert_eq!(read(r#"{"data":[{"id":"a"},{"id":"b/c"},{"id":""}]}"#), two);
        assert_eq!(read(r#"{"models":[{"name":"models/a"},{"name":"b/c"}]}"#), two);
        assert_eq!(read(r#"["a","b/c"]"#), two);
        assert!(read("<html>").is_err());
        assert!(read(r#"{"ok":true}"#).is_err());
    }

    #[test]
    fn an_error_never_repeats_a_key() {
        let body =
            br#"{"error":{"message":"Incorrect API key provided: sk-abcd****wxyz. See a page."}}"#;
        assert_eq!(refusal(401, body), "401: Incorrect API key provided: … See a page.");
        let body = br#"{"error":{"message":"token 0123456789abcdef0123456789abcdef is bad"}}"#;
        assert_eq!(refusal(401, body), "401: token … is bad");
        assert_eq!(refusal(502, b"<html>"), "the provider answered 502");
    }
}
