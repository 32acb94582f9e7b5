//! Who did what: the audit log, to be read and nothing else. It is written by
//! [`crate::audit`].

use std::sync::Arc;

use glassway_shared::store::audit::{self, Entry, Filter};
use jiff::Timestamp;
use poem::Result;
use poem_openapi::{Enum, Object, OpenApi, param::Query, payload::Json, types::Any};
use serde_json::Value;

use super::{Tag, answer::twenty, shape::Time};
use crate::{app::App, error::Problem};

pub(super) struct Operations(pub(super) Arc<App>);

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "AuditActor", rename_all = "snake_case")]
enum Actor {
    /// Somebody with the admin key itself.
    AdminKey,
    /// Somebody who had signed in.
    Session,
    /// `glassway-monitor` with a command.
    CommandLine,
    /// Somebody without a good credential.
    Nobody,
}

impl Actor {
    fn as_str(self) -> &'static str {
        match self {
            Self::AdminKey => "admin_key",
            Self::Session => "session",
            Self::CommandLine => "command_line",
            Self::Nobody => audit::NOBODY,
        }
    }

    fn of(text: &str) -> Self {
        let all = [Self::AdminKey, Self::Session, Self::CommandLine];
        all.into_iter().find(|actor| actor.as_str() == text).unwrap_or(Self::Nobody)
    }
}

/// How it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "AuditVia", rename_all = "snake_case")]
enum Via {
    /// By the web page, with its cookie.
    Page,
    /// By a program, with a bearer.
    Bearer,
    /// Without a credential.
    None,
}

/// One thing that was done.
#[derive(Object)]
struct AuditEntry {
    id: i64,
    at: Time,
    actor: Actor,
    /// Its number in the list of sessions; `null` where it was none.
    session: Option<i64>,
    via: Via,
    /// Where from.
    address: String,
    /// The operation's id in this description, such as `changeClientToken`.
    action: String,
    method: String,
    /// Without its query.
    path: String,
    /// What it was done to, as people call it.
    target: Option<String>,
    /// Of the answer; 0 where the client went away before one.
    status: u16,
    /// Why it was refused.
    detail: Option<String>,
    /// What was there, as its own address shows it; never a secret.
    before: Option<Any<Value>>,
    /// What was there then.
    after: Option<Any<Value>>,
}

/// One page of the audit log, newest first.
#[derive(Object)]
struct AuditPage {
    items: Vec<AuditEntry>,
    /// For `cursor`; `null` on the last page.
    next: Option<String>,
    total: u64,
}

#[OpenApi(tag = "Tag::Settings")]
impl Operations {
    /// Read the audit log
    ///
    /// What was changed or taken away through this API, sign-ins, and those that failed. Kept
    /// for 400 days, at most 100,000 entries.
    #[oai(path = "/api/audit", method = "get", operation_id = "listAudit")]
    async fn list(
        &self,
        /// Items on the page.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
        /// One operation's, by its id.
        action: Query<Option<String>>,
        /// One kind of actor's.
        actor: Query<Option<Actor>>,
        /// From then on.
        since: Query<Option<Time>>,
        /// Up to then.
        until: Query<Option<Time>>,
    ) -> Result<Json<AuditPage>> {
        let cursor = cursor.0.map(|cursor| cursor.parse::<i64>()).transpose();
        let cursor = cursor.map_err(|_| Problem::field("cursor", "is none of this list"))?;
        let filter = Filter {
            action: action.0,
            actor: actor.0.map(|actor| actor.as_str().to_owned()),
            since_us: since.0.map(|at| at.0.as_microsecond()),
            until_us: until.0.map(|at| at.0.as_microsecond()),
        };
        let limit = limit.0 as usize;
        let find = move |c: &rusqlite::Connection| audit::page(c, &filter, cursor, limit + 1);
        let (mut found, total) = self.0.read(move |reader| reader.with(find)).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|entry| entry.id.to_string());
        Ok(Json(AuditPage { items: found.into_iter().map(shown).collect(), next, total }))
    }
}

fn shown(entry: Entry) -> AuditEntry {
    let state = |text: Option<String>| Some(Any(serde_json::from_str(&text?).ok()?));
    AuditEntry {
        id: entry.id,
        at: Time(Timestamp::from_microsecond(entry.at_us).unwrap_or_default()),
        actor: Actor::of(&entry.actor),
        session: entry.session,
        via: match &entry.via[..] {
            "page" => Via::Page,
            "bearer" => Via::Bearer,
            _ => Via::None,
        },
        address: entry.address,
        action: entry.action,
        method: entry.method,
        path: entry.path,
        target: entry.target,
        status: entry.status,
        detail: entry.detail,
        before: state(entry.before),
        after: state(entry.after),
    }
}
