//! Writes down what is done through the admin API: by whom, to what, what was there before
//! and after, and what came of it. One mechanism for every operation that changes something,
//! by the API's own description and its own answers, so that a new one needs nothing here.
//!
//! What an answer shows is what is kept, and no answer holds a secret but those that make
//! one: fields that do are left out. Bodies of conversations and exchanges are not kept.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use glassway_shared::store::{
    StoreError,
    audit::{self, Entry, NOBODY},
    settings::Settings,
};
use http_body_util::{BodyExt, combinators::BoxBody};
use hyper::body::Body as _;
use percent_encoding::percent_decode_str;
use poem::{
    Body, Request, Response,
    http::{Method, StatusCode},
};
use serde_json::{Value, value::RawValue};

use crate::{
    api::spec::Table,
    app::App,
    auth::{Client, Who},
    error::Problem,
    trace::limit::Bucket,
};

/// What is kept of a state at most.
const MOST_JSON: usize = 16 << 10;
/// Bytes of an answer that is looked at.
const MOST_ANSWER: u64 = 256 << 10;
/// Deeds of nobody that are written down: so many a second on and on, and at once.
const BY_NOBODY: (f64, f64) = (0.5, 60.0);
/// Fields of answers that hold a secret, shown once.
const SECRETS: &[&str] =
    &["token", "access_token", "key_value", "api_key", "password", "current_key", "new_key"];

/// What of a state is worth keeping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worth {
    All,
    Nothing,
    Only(&'static [&'static str]),
}

fn worth(path: &str) -> Worth {
    let begins = |with: &str| path == with || path.starts_with(&format!("{with}/"));
    if path.starts_with("/api/request/") {
        return Worth::Only(&["id", "note", "pinned"]);
    }
    if begins("/api/traces") {
        return Worth::Only(&["id", "trace_id", "model", "provider", "status", "typed_in"]);
    }
    match path {
        "/token" | "/api/session" | "/api/admin-key" => Worth::Nothing,
        _ if begins("/api/chat") || path.contains("export") || path.contains("backup") => {
            Worth::Nothing
        }
        _ => Worth::All,
    }
}

/// Whether this is to be written down.
pub fn is_deed(method: &Method, path: &str, query: Option<&str>) -> bool {
    match *method {
        // What carries the record away, and what asks upstreams.
        Method::GET => {
            path.contains("export")
                || path.contains("backup")
                || query.is_some_and(|query| query.split('&').any(|pair| pair == "refresh=true"))
        }
        Method::HEAD | Method::OPTIONS => false,
        _ => true,
    }
}

/// Where what the deed changes can be read, nearest first.
fn readable<'a>(table: &Table, path: &'a str) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut path = path;
    while path.matches('/').count() >= 2 {
        if table.operation(path, "GET").is_some() {
            found.push(path);
        }
        path = path.rsplit_once('/').map_or("", |(above, _)| above);
    }
    found.truncate(2);
    found
}

/// A deed that has begun; written down as one nobody waited for where it is dropped.
pub struct Deed<'a> {
    app: &'a App,
    entry: Option<Entry>,
    worth: Worth,
    /// Of a list that is read for the state: what the one is called that is meant.
    member: Option<String>,
    /// Where the state is read before and after; empty: nowhere.
    pub states: Vec<String>,
    /// Whether it is written down although nobody is known to have done it.
    takes_nobody: bool,
}

/// Notices deeds.
pub struct Auditor {
    nobody: Mutex<Bucket>,
}

impl Default for Auditor {
    fn default() -> Self {
        Self { nobody: Mutex::new(Bucket::full(BY_NOBODY, Instant::now())) }
    }
}

impl Auditor {
    /// A request that changes something, or `None`.
    pub fn begin<'a>(
        &self,
        app: &'a App,
        table: &Table,
        request: &Request,
        who: Option<Who>,
        client: Client,
    ) -> Option<Deed<'a>> {
        let (method, path) = (request.method(), request.uri().path());
        let query = request.uri().query();
        if !is_deed(method, path, query) {
            return None;
        }
        let action = table.operation(path, method.as_str())?;
        let takes_nobody = who.is_some() || self.takes_nobody();
        let worth = worth(path);
        // A POST without a body changes what is there by itself; others make something.
        let alone = matches!(request.header("content-length"), None | Some("0"));
        let reads = matches!(*method, Method::PUT | Method::PATCH | Method::DELETE)
            || (*method == Method::POST && alone && worth == Worth::All);
        let found = match reads && worth != Worth::Nothing {
            true => readable(table, path),
            false => vec![],
        };
        // What has no address of its own is found in its list.
        let (list, last) = path.rsplit_once('/').unwrap_or_default();
        let member = (found.first() == Some(&list) && *method != Method::POST)
            .then(|| percent_decode_str(last).decode_utf8_lossy().into_owned());
        let searched = match &member {
            Some(_) if list == "/api/prices" => format!("&q={last}"),
            _ => String::new(),
        };
        // A list is read far, as what is done to all of it is seen in its items.
        let states =
            found.iter().map(|path| format!("{path}?limit=200{searched}")).collect::<Vec<_>>();
        let mut entry = entry(who, client);
        entry.action = action.to_owned();
        entry.method = method.to_string();
        entry.path = path.to_owned();
        entry.target = query.filter(|_| *method == Method::DELETE).map(str::to_owned);
        Some(Deed { app, entry: Some(entry), worth, member, states, takes_nobody })
    }

    /// A wrong key that came as a bearer, or one that was not looked at.
    pub async fn wrong_key(&self, app: &App, request: &Request, client: Client, problem: &Problem) {
        if !self.takes_nobody() {
            return;
        }
        let mut entry = entry(None, client);
        entry.via = "bearer".to_owned();
        entry.action = "signIn".to_owned();
        entry.method = request.method().to_string();
        entry.path = request.uri().path().to_owned();
        (entry.status, entry.detail) = match problem.is(StatusCode::TOO_MANY_REQUESTS) {
            true => (429, Some(problem.detail().to_owned())),
            false => (401, Some("not the admin key".to_owned())),
        };
        write(app, entry).await;
    }

    /// Beyond a rate only the log says it: guesses must not fill the disk.
    fn takes_nobody(&self) -> bool {
        let mut bucket = self.nobody.lock().unwrap_or_else(PoisonError::into_inner);
        let takes = bucket.take(BY_NOBODY, Instant::now());
        if !takes {
            tracing::debug!("many requests by nobody known: not every one is in the audit log");
        }
        takes
    }
}

/// What somebody on this machine did with a command.
pub fn command(settings: &mut Settings, action: &str) -> Result<(), StoreError> {
    let entry = Entry::of_command(action);
    settings.keep(|connection| audit::append(connection, &entry))
}

fn entry(who: Option<Who>, client: Client) -> Entry {
    let (actor, session, via) = match who {
        None => (NOBODY, None, "none"),
        Some(Who::AdminKey { .. }) => ("admin_key", None, "bearer"),
        Some(Who::Session { hash, by_cookie, .. }) => {
            let id = hash[..6].iter().fold(0, |id, byte| id << 8 | i64::from(*byte));
            ("session", Some(id), if by_cookie { "page" } else { "bearer" })
        }
    };
    Entry {
        at_us: jiff::Timestamp::now().as_microsecond(),
        actor: actor.to_owned(),
        session,
        via: via.to_owned(),
        address: client.0.to_string(),
        ..Entry::default()
    }
}

impl Deed<'_> {
    /// What was there.
    pub fn was(&mut self, state: Option<Value>) {
        let state = kept(self.meant(state), self.worth);
        if let Some(entry) = &mut self.entry {
            entry.before = state;
        }
    }

    /// The fields of a state that matter; empty: all.
    pub fn fields(&self) -> &'static [&'static str] {
        match self.worth {
            Worth::Only(fields) => fields,
            Worth::All | Worth::Nothing => &[],
        }
    }

    /// Of a list, the one that is meant.
    fn meant(&self, state: Option<Value>) -> Option<Value> {
        let mut state = state?;
        let Some(member) = &self.member else { return Some(state) };
        let Some(items) = state.get_mut("items").and_then(Value::as_array_mut) else {
            return Some(state);
        };
        let is_meant = |item: &Value| {
            ["id", "model", "name"].iter().any(|field| match &item[*field] {
                Value::String(text) => text == member,
                Value::Number(number) => number.to_string() == *member,
                _ => false,
            })
        };
        items.iter().position(is_meant).map(|at| items.swap_remove(at))
    }

    /// What is there now, and what was answered: written down before the answer goes out.
    pub async fn done(mut self, state: Option<Value>, mut response: Response) -> Response {
        let Some(mut entry) = self.entry.take() else { return response };
        entry.status = response.status().as_u16();
        let answered = small_json(&mut response).await;
        if entry.status >= 400 {
            entry.detail = answered.as_ref().and_then(|a| a["detail"].as_str()).map(cut);
        } else if state.is_some() && entry.method != "POST" {
            entry.after = kept(self.meant(state), self.worth);
        } else if entry.method == "POST" {
            entry.after = kept(answered, self.worth);
        }
        let named = [&entry.after, &entry.before].into_iter().flatten().find_map(|state| {
            let state: Value = serde_json::from_str(state).ok()?;
            let name = ["name", "model_name", "model", "trace_id", "id"];
            name.iter().find_map(|name| state[*name].as_str().map(cut))
        });
        entry.target = named.or(entry.target);
        // The answer to a sign-in knows who signed in.
        if entry.action == "signIn" && entry.status == 200 {
            "admin_key".clone_into(&mut entry.actor);
        }
        if entry.actor == NOBODY && !self.takes_nobody {
            return response;
        }
        write(self.app, entry).await;
        response
    }
}

impl Drop for Deed<'_> {
    fn drop(&mut self) {
        let Some(entry) = self.entry.take().filter(|_| self.takes_nobody) else { return };
        // The client went away; what was asked may have been done all the same.
        let settings = self.app.settings_handle();
        tokio::task::spawn_blocking(move || {
            let mut settings = settings.lock().unwrap_or_else(PoisonError::into_inner);
            log_failure(settings.keep(|connection| audit::append(connection, &entry)));
        });
    }
}

async fn write(app: &App, entry: Entry) {
    let append = move |c: &rusqlite::Connection| audit::append(c, &entry);
    // The failure was logged where it happened.
    let _ = app.write_surely(append).await;
}

fn log_failure(result: Result<(), StoreError>) {
    if let Err(e) = result {
        tracing::error!(error = %e, "the audit log could not be written");
    }
}

/// What was answered, where that is whole and small: a stream goes on as one.
async fn small_json(response: &mut Response) -> Option<Value> {
    if !response.content_type().is_some_and(|kind| kind.contains("json")) {
        return None;
    }
    let body: BoxBody<Bytes, std::io::Error> = response.take_body().into();
    if body.size_hint().exact().is_none_or(|length| length > MOST_ANSWER) {
        response.set_body(Body::from(body));
        return None;
    }
    let bytes = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let value = serde_json::from_slice(&bytes).ok();
    response.set_body(bytes);
    value
}

/// A state, of which nothing is built but these fields, a list's items among them; none: all.
pub fn parsed(json: &[u8], fields: &[&str]) -> Option<Value> {
    if fields.is_empty() {
        return serde_json::from_slice(json).ok();
    }
    let raw: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(json).ok()?;
    let wanted = raw.iter().filter(|(name, _)| *name == "items" || fields.contains(&&name[..]));
    let built = wanted.map(|(name, raw)| {
        Some((name.clone().into_owned(), serde_json::from_str(raw.get()).ok()?))
    });
    Some(Value::Object(built.collect::<Option<_>>()?))
}

/// As it is stored.
fn kept(state: Option<Value>, worth: Worth) -> Option<String> {
    let mut state = state?;
    match worth {
        Worth::Nothing => return None,
        Worth::All => {}
        Worth::Only(fields) => {
            let map = state.as_object_mut()?;
            map.retain(|name, _| name == "items" || fields.contains(&&name[..]));
            let items = map.get_mut("items").and_then(Value::as_array_mut);
            for item in items.into_iter().flatten().filter_map(Value::as_object_mut) {
                item.retain(|name, _| fields.contains(&&name[..]));
            }
            if map.is_empty() {
                return None;
            }
        }
    }
    strip(&mut state);
    let mut text = state.to_string();
    if text.len() > MOST_JSON && shorten(&mut state) {
        text = state.to_string();
    }
    Some(match text.len() > MOST_JSON {
        true => serde_json::json!({"left_out_bytes": text.len()}).to_string(),
        false => text,
    })
}

/// Of a long list, what each is called and how it stands.
fn shorten(state: &mut Value) -> bool {
    let Some(items) = state.get_mut("items").and_then(Value::as_array_mut) else { return false };
    for item in items.iter_mut().filter_map(Value::as_object_mut) {
        item.retain(|name, _| ["id", "name", "status", "status_reason"].contains(&&name[..]));
    }
    true
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|name, _| !SECRETS.contains(&&name[..]));
            map.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

fn cut(text: &str) -> String {
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_changes_or_carries_away_is_a_deed() {
        for (method, path, query, deed) in [
            (Method::GET, "/api/keys", None, false),
            (Method::GET, "/api/export.har", None, true),
            (Method::GET, "/api/traces/export", None, true),
            (Method::GET, "/api/models", Some("refresh=true"), true),
            (Method::GET, "/api/models", Some("limit=1"), false),
            (Method::PUT, "/api/keys/1", None, true),
            (Method::DELETE, "/api/session", None, true),
            (Method::HEAD, "/api/export.har", None, false),
        ] {
            assert_eq!(is_deed(&method, path, query), deed, "{method} {path}");
        }
    }

    #[test]
    fn states_are_read_at_the_nearest_address() {
        let table = Table::of(&json!({"paths": {
            "/api/keys": {"get": {"operationId": "listKeys"}, "post": {"operationId": "addKey"}},
            "/api/keys/{id}": {"get": {"operationId": "readKey"}},
            "/api/keys/{id}/status": {"put": {"operationId": "switchKey"}},
            "/api/settings": {"get": {"operationId": "readSettings"}},
            "/token": {"post": {"operationId": "signIn"}},
        }}));
        assert_eq!(readable(&table, "/api/keys/3/status"), ["/api/keys/3", "/api/keys"]);
        assert_eq!(readable(&table, "/api/settings"), ["/api/settings"]);
        assert_eq!(readable(&table, "/token"), [""; 0]);
        assert_eq!(table.operation("/api/keys/3/status", "PUT"), Some("switchKey"));
    }

    #[test]
    fn no_secret_and_no_content_is_kept() {
        let made = json!({"id": 1, "token": "gw-x", "name": "app", "in": [{"key_value": "sk"}]});
        assert_eq!(kept(Some(made), Worth::All).unwrap(), r#"{"id":1,"in":[{}],"name":"app"}"#);
        let request = json!({"id": "0199", "note": "n", "request": {"body": "said"}});
        let only = worth("/api/request/0199");
        assert_eq!(kept(Some(request), only).unwrap(), r#"{"id":"0199","note":"n"}"#);
        for path in ["/token", "/api/admin-key", "/api/chat", "/api/chat/history/3"] {
            assert_eq!(worth(path), Worth::Nothing, "{path}");
        }
        let key = json!({"id": 1, "status": "invalid", "notes": "x".repeat(2000)});
        let list = json!({"items": [key, key, key, key, key, key, key, key, key]});
        let short = kept(Some(list), Worth::All).unwrap();
        assert_eq!(short.matches(r#"{"id":1,"status":"invalid"}"#).count(), 9, "{short}");
        let large = json!({"name": "x".repeat(MOST_JSON)});
        assert!(kept(Some(large), Worth::All).unwrap().contains("left_out_bytes"));
    }
}
