//! Adding and changing keys: one, or a pasted list of which the good lines are kept
//! and the bad ones explained.

use std::{collections::HashSet, sync::Arc};

use glassway_shared::{
    secret::PublicKey,
    store::{
        keys,
        providers::{self, BUILT_IN},
    },
};
use jiff::Timestamp;
use poem_openapi::{Object, types::MaybeUndefined};
use rusqlite::Connection;

use super::shape::{Key, KeyInput, blank};
use crate::{
    api::{
        pool::Pool,
        seal::{self, Credential, Sealer, Target},
    },
    app::App,
    error::Problem,
};

/// Keys by the handful: `keys`, or `text` with one per line.
#[derive(Object)]
#[oai(rename = "KeyBulkInput", deny_unknown_fields)]
pub(in crate::api) struct BulkInput {
    /// The built-in provider where nothing is said.
    provider_id: MaybeUndefined<i64>,
    /// Each a key, or `name, key`.
    #[oai(write_only, validator(max_items = 10000))]
    keys: MaybeUndefined<Vec<String>>,
    /// One per line, each a key or `name, key`; blank lines and lines that begin with
    /// `#` are skipped.
    #[oai(write_only)]
    text: MaybeUndefined<String>,
}

/// A line that was not taken.
#[derive(Object)]
#[oai(rename = "RejectedLine")]
pub(super) struct Rejected {
    /// Counted from 1.
    line: u64,
    reason: String,
}

/// What became of a list.
#[derive(Object)]
#[oai(rename = "KeyBulk")]
pub(super) struct Bulk {
    pub(super) added: Vec<Key>,
    /// How many were there already, or twice in the list.
    duplicates: u64,
    rejected: Vec<Rejected>,
}

/// Where keys of this provider may be sent.
fn target(app: &App, connection: &Connection, id: i64) -> Result<Target, Problem> {
    let provider = providers::find(connection, id)?
        .ok_or_else(|| Problem::field("provider_id", format!("there is no provider {id}")))?;
    Ok(Target { provider_id: id, origin: app.origin(&provider), kind: provider.kind })
}

/// The credential in `key_value`, judged.
fn credential(text: &str) -> Result<Credential, Problem> {
    Credential::read(text).map_err(|reason| Problem::field("key_value", reason))
}

/// Adds one key.
pub(in crate::api) async fn add(
    app: &Arc<App>,
    mut input: KeyInput,
) -> Result<(Key, Option<String>), Problem> {
    let text = match std::mem::take(&mut input.key_value) {
        MaybeUndefined::Value(text) => text,
        _ => return Err(Problem::field("key_value", "is missing")),
    };
    let credential = credential(&text)?;
    let provider_id = provider_id(&input.provider_id)?;
    let mut key = blank(provider_id, Timestamp::now().as_second());
    input.apply(&mut key)?;
    let public = seal::public_key(app).await?;
    let within = app.clone();
    let add = move |connection: &Connection| {
        let target = target(&within, connection, provider_id)?;
        let sealer = Sealer::new(connection, public)?;
        unknown(connection, &sealer, &credential, provider_id, None)?;
        let id = keys::insert(connection, &key, |id| sealer.seal(&credential, id, &target))?;
        shown(&within, connection, id)
    };
    app.change(add).await
}

fn provider_id(sent: &MaybeUndefined<i64>) -> Result<i64, Problem> {
    match sent {
        MaybeUndefined::Undefined => Ok(BUILT_IN),
        MaybeUndefined::Null => Err(Problem::field("provider_id", "cannot be null; leave it out")),
        MaybeUndefined::Value(id) => Ok(*id),
    }
}

/// Refuses a credential that another key of the provider has.
fn unknown(
    connection: &Connection,
    sealer: &Sealer,
    credential: &Credential,
    provider_id: i64,
    own: Option<i64>,
) -> Result<(), Problem> {
    let fingerprint = sealer.fingerprint(credential);
    match keys::with_fingerprint(connection, provider_id, &fingerprint)? {
        Some((id, name)) if Some(id) != own => Err(Problem::conflict(
            "key_value",
            format!("this key is already there as `{name}` (key {id})"),
        )),
        _ => Ok(()),
    }
}

/// A key as it is shown, inside a change or a read.
pub(super) fn shown(app: &App, connection: &Connection, id: i64) -> Result<Key, Problem> {
    let key = keys::find(connection, id)?.ok_or_else(|| missing(id))?;
    let fetched = keys::fetched(connection, id)?.len() as i64;
    Ok(Key::of(key, &Pool::read(app, connection)?, fetched))
}

/// The refusal where there is no such key.
pub(super) fn missing(id: i64) -> Problem {
    Problem::not_found(format!("there is no key {id}"))
}

/// Changes one key; another credential, or one pasted again, makes it as new.
pub(in crate::api) async fn change(
    app: &Arc<App>,
    id: i64,
    mut input: KeyInput,
) -> Result<(Key, Option<String>), Problem> {
    let pasted = match std::mem::take(&mut input.key_value) {
        MaybeUndefined::Value(text) => Some((credential(&text)?, seal::public_key(app).await?)),
        MaybeUndefined::Null => {
            return Err(Problem::field("key_value", "cannot be null; leave it out"));
        }
        MaybeUndefined::Undefined => None,
    };
    let within = app.clone();
    let change = move |connection: &Connection| {
        let mut key = keys::find(connection, id)?.ok_or_else(|| missing(id))?;
        if let MaybeUndefined::Value(provider_id) = input.provider_id {
            if provider_id != key.provider_id && pasted.is_none() {
                return Err(Problem::field(
                    "provider_id",
                    "the key is sealed to its provider: to move it, send key_value too",
                ));
            }
            key.provider_id = provider_id;
        }
        input.apply(&mut key)?;
        let target = target(&within, connection, key.provider_id)?;
        keys::update(connection, &key)?;
        if let Some((credential, public)) = pasted {
            let sealer = Sealer::new(connection, public)?;
            unknown(connection, &sealer, &credential, key.provider_id, Some(id))?;
            let sealed = sealer.seal(&credential, id, &target);
            keys::reseal(connection, id, key.provider_id, &sealed)?;
            keys::reset(connection, id)?;
        }
        shown(&within, connection, id)
    };
    app.change(change).await
}

/// Adds many.
pub(super) async fn bulk(
    app: &Arc<App>,
    input: BulkInput,
) -> Result<(Bulk, Option<String>), Problem> {
    let provider_id = provider_id(&input.provider_id)?;
    let lines: Vec<String> = match (input.keys, input.text) {
        (MaybeUndefined::Value(keys), MaybeUndefined::Undefined) => keys,
        (MaybeUndefined::Undefined, MaybeUndefined::Value(text)) => {
            text.lines().map(str::to_owned).collect()
        }
        (MaybeUndefined::Undefined, MaybeUndefined::Undefined) => {
            return Err(Problem::field("keys", "is missing; send keys, or text with one per line"));
        }
        _ => return Err(Problem::field("text", "send either keys or text")),
    };
    let public = seal::public_key(app).await?;
    let within = app.clone();
    let add = move |connection: &Connection| {
        let target = target(&within, connection, provider_id)?;
        add_lines(&within, connection, &lines, &target, public)
    };
    app.change(add).await
}

fn add_lines(
    app: &App,
    connection: &Connection,
    lines: &[String],
    target: &Target,
    public: PublicKey,
) -> Result<Bulk, Problem> {
    let sealer = Sealer::new(connection, public)?;
    let now = Timestamp::now().as_second();
    let (mut ids, mut rejected) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    let mut duplicates = 0;
    for (n, line) in lines.iter().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, text) = match line.rsplit_once([',', '，']) {
            Some((name, text)) => (name.trim(), text),
            None => ("", line),
        };
        let judged = Credential::read(text).map_err(|reason| format!("the key {reason}"));
        let judged = match name.chars().count() > 200 || name.chars().any(char::is_control) {
            true => {
                Err("the name is longer than 200 characters, or has control characters".to_owned())
            }
            false => judged,
        };
        let credential = match judged {
            Ok(credential) => credential,
            Err(reason) => {
                rejected.push(Rejected { line: n as u64 + 1, reason });
                continue;
            }
        };
        let fingerprint = sealer.fingerprint(&credential);
        let known = keys::with_fingerprint(connection, target.provider_id, &fingerprint)?;
        if known.is_some() || !seen.insert(fingerprint) {
            duplicates += 1;
            continue;
        }
        let key = keys::Key { name: name.to_owned(), ..blank(target.provider_id, now) };
        ids.push(keys::insert(connection, &key, |id| sealer.seal(&credential, id, target))?);
    }
    let pool = Pool::read(app, connection)?;
    let added = ids.into_iter().map(|id| {
        let key = keys::find(connection, id)?.ok_or_else(|| missing(id))?;
        Ok(Key::of(key, &pool, 0))
    });
    Ok(Bulk { added: added.collect::<Result<_, Problem>>()?, duplicates, rejected })
}
