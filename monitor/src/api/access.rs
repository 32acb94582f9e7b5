//! The admin key and the sessions made with it: changing the one, ending the others.

use std::sync::Arc;

use glassway_shared::store::{sessions, settings::Settings};
use jiff::Timestamp;
use poem::{Result, http::StatusCode, web::Data};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{
    Tag,
    answer::{Deleted, page, twenty},
    input::Body,
    shape::Time,
};
use crate::{
    app::{App, blocking},
    auth::{Client, Who, key},
    error::Problem,
};

pub(super) struct Operations(pub(super) Arc<App>);

/// Another admin key.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct NewAdminKey {
    /// The one that counts now.
    #[oai(validator(max_length = 1024))]
    current_key: String,
    /// The one that is to count: 12 characters or more, ASCII without spaces; not one that
    /// begins like a session's or a client's token (`gws-`, `gw-`).
    #[oai(validator(max_length = 1024))]
    new_key: String,
}

/// What a new admin key brought about.
#[derive(Object)]
struct AdminKeyChanged {
    /// Sessions that ended; the one that asked goes on.
    sessions_ended: u64,
}

/// A sign-in that has not ended.
#[derive(Object)]
struct SignedIn {
    id: i64,
    /// The one that asks.
    current: bool,
    created_at: Time,
    expires_at: Time,
    /// Where it was signed in from.
    address: String,
    /// With what, in its own words.
    user_agent: String,
}

/// One page of sessions, newest first.
#[derive(Object)]
struct SessionPage {
    items: Vec<SignedIn>,
    /// For `cursor`; `null` on the last page.
    next: Option<String>,
    total: u64,
}

#[OpenApi(tag = "Tag::Session")]
impl Operations {
    /// Change the admin key
    ///
    /// Needs the one that counts now, and ends every session but the one that asks. 409
    /// where the key is set from outside, which would undo the change at the next start.
    #[oai(path = "/api/admin-key", method = "put", operation_id = "changeAdminKey")]
    async fn change_key(
        &self,
        client: Data<&Client>,
        who: Data<&Who>,
        body: Body<NewAdminKey>,
    ) -> Result<Json<AdminKeyChanged>> {
        let NewAdminKey { current_key, new_key } = body.0;
        if self.0.auth.configured {
            return Err(Problem::conflict(
                "new_key",
                "the admin key is set from outside, by GLASSWAY_ADMIN_KEY, a systemd credential or \
                 monitor.admin_key: change it there and restart the monitor",
            )
            .into());
        }
        key::fit(&new_key).map_err(|reason| Problem::field("new_key", reason))?;
        // As at the sign-in: whoever found an open page may guess ten times a minute. Not
        // 401, which would say that the session has ended.
        self.0.auth.sign_in(current_key, *client.0).await.map_err(|refused| {
            match refused.is(StatusCode::UNAUTHORIZED) {
                true => Problem::field("current_key", "is not the admin key"),
                false => refused,
            }
        })?;
        let spared = session(&who);
        let hash = blocking(move || key::hash(&new_key)).await?.map_err(Problem::from)?;
        let put =
            move |settings: &mut Settings| settings.put_admin_key_hash(&hash, spared.as_ref());
        let sessions_ended = self.0.write(put).await? as u64;
        tracing::info!(sessions.ended = sessions_ended, "the admin key was changed");
        Ok(Json(AdminKeyChanged { sessions_ended }))
    }

    /// List sessions
    #[oai(path = "/api/sessions", method = "get", operation_id = "listSessions")]
    async fn list(
        &self,
        who: Data<&Who>,
        /// Items on the page.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<SessionPage>> {
        let own = session(&who);
        let now = Timestamp::now().as_second();
        let all = self.0.read(move |reader| reader.with(|c| sessions::all(c, now))).await?;
        let page = page(all, limit.0, cursor.0.as_deref(), |session| session.id().to_string())?;
        let shown = |session: sessions::Session| {
            let (address, user_agent) =
                session.client.split_once(' ').unwrap_or((&session.client, ""));
            SignedIn {
                id: session.id(),
                current: own == Some(session.hash),
                created_at: time(session.created_at),
                expires_at: time(session.expires_at),
                address: address.to_owned(),
                user_agent: user_agent.to_owned(),
            }
        };
        let items = page.items.into_iter().map(shown).collect();
        Ok(Json(SessionPage { items, next: page.next, total: page.total }))
    }

    /// End all sessions but the one that asks
    #[oai(path = "/api/sessions", method = "delete", operation_id = "endOtherSessions")]
    async fn end_others(&self, who: Data<&Who>) -> Result<Deleted> {
        let own = session(&who);
        let end = move |settings: &mut Settings| {
            settings.keep(|connection| sessions::end_others(connection, own.as_ref()))
        };
        self.0.write(end).await?;
        Ok(Deleted::Done(None))
    }

    /// End a session
    #[oai(path = "/api/sessions/:id", method = "delete", operation_id = "endSession")]
    async fn end(&self, id: Path<i64>) -> Result<Deleted> {
        let id = id.0;
        let now = Timestamp::now().as_second();
        let all = self.0.read(move |reader| reader.with(|c| sessions::all(c, now))).await?;
        let missing = || Problem::not_found(format!("there is no session {id}; it may have ended"));
        let found = all.into_iter().find(|session| session.id() == id).ok_or_else(missing)?;
        match self.0.write(move |settings| settings.end_session(&found.hash)).await? {
            true => Ok(Deleted::Done(None)),
            false => Err(missing().into()),
        }
    }
}

/// The session that asks; none where the admin key itself does.
fn session(who: &Who) -> Option<[u8; 32]> {
    match who {
        Who::Session { hash, .. } => Some(*hash),
        Who::AdminKey { .. } => None,
    }
}

fn time(seconds: i64) -> Time {
    Time(Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH))
}
