//! Whom a trace asks: a group, a station's best key, or an address and key typed in.

use std::collections::BTreeSet;

use glassway_shared::store::{
    keys::{self, Status as KeyStatus},
    providers,
};
use rusqlite::Connection;

use super::TraceInput;
use crate::{
    api::{
        pool::Pool,
        providers::{input::base_url, shape::Kind},
        seal::Credential,
    },
    app::App,
    error::Problem,
};

/// Whom to ask.
pub(super) enum Whom {
    Groups(Vec<i64>),
    Provider(i64),
    Typed { base_url: String, kind: String, credential: Credential },
}

/// A row's part about whom.
pub(super) struct Asked {
    pub(super) key_id: Option<i64>,
    pub(super) provider_id: Option<i64>,
    pub(super) provider: String,
    pub(super) key: String,
    pub(super) base_url: String,
    pub(super) kind: String,
}

/// Judges whom a request names.
pub(super) fn whom(app: &App, input: TraceInput) -> Result<Whom, Problem> {
    let several = "send one of group_id, group_ids, provider_id, or base_url with key_value";
    match (input.group_id, input.group_ids, input.provider_id, input.base_url, input.key_value) {
        (Some(id), None, None, None, None) => Ok(Whom::Groups(vec![id])),
        (None, Some(mut ids), None, None, None) => {
            let mut named = BTreeSet::new();
            ids.retain(|id| named.insert(*id));
            match ids.is_empty() {
                true => Err(Problem::field("group_ids", "must name at least one group")),
                false => Ok(Whom::Groups(ids)),
            }
        }
        (None, None, Some(id), None, None) => Ok(Whom::Provider(id)),
        (None, None, None, Some(url), Some(text)) => {
            let base_url = base_url(&url, app)?;
            let credential = Credential::read(&text)
                .map_err(|reason| Problem::field("key_value", format!("the key {reason}")))?;
            let kind = input.kind.unwrap_or(Kind::Openai).as_str().to_owned();
            Ok(Whom::Typed { base_url, kind, credential })
        }
        (None, None, None, Some(_), None) => Err(Problem::field("key_value", "is missing")),
        (None, None, None, None, Some(_)) => Err(Problem::field("base_url", "is missing")),
        (None, None, None, None, None) => {
            Err(Problem::field("group_id", format!("is missing; {several}")))
        }
        _ => Err(Problem::field("group_id", several)),
    }
}

/// A group, which is a key.
pub(super) fn group(
    app: &App,
    connection: &Connection,
    pool: &Pool,
    id: i64,
) -> Result<Asked, Problem> {
    let no = || Problem::field("group_id", format!("there is no group {id}"));
    let key = keys::find(connection, id)?.ok_or_else(no)?;
    let provider = pool.provider(key.provider_id).ok_or_else(no)?;
    Ok(asked(app, provider, &key))
}

fn asked(app: &App, provider: &providers::Provider, key: &keys::Key) -> Asked {
    Asked {
        key_id: Some(key.id),
        provider_id: Some(provider.id),
        provider: provider.name.clone(),
        key: key.name.clone(),
        base_url: app.base_url(provider),
        kind: provider.kind.clone(),
    }
}

/// The key of a provider that would be asked first.
pub(super) fn best(
    app: &App,
    connection: &Connection,
    pool: &Pool,
    id: i64,
    model: &str,
) -> Result<Asked, Problem> {
    let no = || Problem::field("provider_id", format!("there is no provider {id}"));
    let provider = pool.provider(id).ok_or_else(no)?;
    let mut all = keys::all(connection)?;
    let usable = |key: &keys::Key| {
        let status = pool.standing(key).status;
        matches!(status, KeyStatus::Active | KeyStatus::Cooling | KeyStatus::Exhausted)
    };
    let lists = |key: &keys::Key| key.models.is_empty() || key.models.iter().any(|m| m == model);
    all.retain(|key| key.provider_id == id && usable(key) && lists(key));
    all.sort_by_key(|key| {
        let resting = pool.standing(key).status != KeyStatus::Active;
        (resting, std::cmp::Reverse(key.priority), key.id)
    });
    match all.first() {
        Some(key) => Ok(asked(app, provider, key)),
        None => Err(Problem::conflict(
            "provider_id",
            format!(
                "`{}` has no key that may be used for {model}: add one, or test those it has",
                provider.name
            ),
        )),
    }
}
