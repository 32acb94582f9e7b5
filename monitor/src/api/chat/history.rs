//! What was said: turns and conversations, listed, searched, renamed, deleted.

use std::sync::Arc;

use glassway_shared::store::{StoreError, chats, settings::Settings};
use poem::Result;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use rusqlite::Connection;

use super::shape::{
    ChatTurn, ChatTurnDetail, ChatTurnPage, Conversation, ConversationDetail, ConversationPage,
};
use crate::{
    api::{Tag, answer::Deleted, fields::label, input::Body},
    app::App,
    error::Problem,
};

pub(in crate::api) struct Operations(pub(in crate::api) Arc<App>);

/// What can be said of a conversation.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct ConversationInput {
    /// What it is called.
    #[oai(validator(max_length = 200))]
    title: String,
}

#[OpenApi(tag = "Tag::Chat")]
impl Operations {
    /// List what was asked and answered
    #[oai(path = "/api/chat/history", method = "get", operation_id = "listChatTurns")]
    async fn turns(
        &self,
        /// Items on the page.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u32>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
        /// Words of the question or the answer.
        #[oai(validator(max_length = 500))]
        q: Query<Option<String>>,
    ) -> Result<Json<ChatTurnPage>> {
        let before = match &cursor.0 {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| wrong_cursor())?),
        };
        let (limit, q) = (limit.0, q.0);
        let find = move |connection: &Connection| {
            chats::turns(connection, q.as_deref(), before, limit + 1)
        };
        let mut page = self.0.read(move |reader| reader.with(find)).await?;
        let more = page.items.len() > limit as usize;
        page.items.truncate(limit as usize);
        let next = page.items.last().filter(|_| more).map(|turn| turn.id.to_string());
        let items = page.items.into_iter().map(ChatTurn::of).collect();
        Ok(Json(ChatTurnPage { items, next, total: page.total }))
    }

    /// Delete all conversations
    #[oai(path = "/api/chat/history", method = "delete", operation_id = "clearChats")]
    async fn clear(&self) -> Result<Deleted> {
        self.write(|connection| chats::clear(connection).map(|_| true), String::new).await
    }

    /// Read a question and its answer
    #[oai(path = "/api/chat/history/:id", method = "get", operation_id = "readChatTurn")]
    async fn turn(&self, id: Path<i64>) -> Result<Json<ChatTurnDetail>> {
        let id = id.0;
        let find = move |connection: &Connection| {
            let Some(turn) = chats::turn(connection, id)? else { return Ok(None) };
            let messages = chats::messages(connection, &turn.messages)?;
            let message = turn.message.map(|id| chats::messages(connection, &[id])).transpose()?;
            let message = message.and_then(|mut found| found.pop());
            Ok(Some(ChatTurnDetail::of(turn, messages, message)))
        };
        let found = self.0.read(move |reader| reader.with(find)).await?;
        Ok(Json(found.ok_or_else(|| Problem::not_found(no_turn(id)))?))
    }

    /// Delete a question and its answer
    #[oai(path = "/api/chat/history/:id", method = "delete", operation_id = "deleteChatTurn")]
    async fn delete_turn(&self, id: Path<i64>) -> Result<Deleted> {
        let id = id.0;
        self.write(move |c| chats::delete_turn(c, id), move || no_turn(id)).await
    }

    /// List conversations
    #[oai(path = "/api/chat/conversations", method = "get", operation_id = "listConversations")]
    async fn conversations(
        &self,
        /// Items on the page.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u32>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
        /// Words of a title, a question or an answer.
        #[oai(validator(max_length = 500))]
        q: Query<Option<String>>,
    ) -> Result<Json<ConversationPage>> {
        let before = match &cursor.0 {
            None => None,
            Some(text) => {
                let parts = text
                    .split_once('-')
                    .and_then(|(at, id)| Some((at.parse::<i64>().ok()?, id.parse::<i64>().ok()?)));
                Some(parts.ok_or_else(wrong_cursor)?)
            }
        };
        let (limit, q) = (limit.0, q.0);
        let find = move |connection: &Connection| {
            chats::conversations(connection, q.as_deref(), before, limit + 1)
        };
        let mut page = self.0.read(move |reader| reader.with(find)).await?;
        let more = page.items.len() > limit as usize;
        page.items.truncate(limit as usize);
        let mark = |last: &chats::Conversation| format!("{}-{}", last.updated_at, last.id);
        let next = page.items.last().filter(|_| more).map(mark);
        let items = page.items.into_iter().map(Conversation::of).collect();
        Ok(Json(ConversationPage { items, next, total: page.total }))
    }

    /// Read a conversation
    #[oai(path = "/api/chat/conversations/:id", method = "get", operation_id = "readConversation")]
    async fn conversation(&self, id: Path<i64>) -> Result<Json<ConversationDetail>> {
        Ok(Json(self.shown(id.0).await?))
    }

    /// Rename a conversation
    #[oai(
        path = "/api/chat/conversations/:id",
        method = "put",
        operation_id = "renameConversation"
    )]
    async fn rename(
        &self,
        id: Path<i64>,
        body: Body<ConversationInput>,
    ) -> Result<Json<ConversationDetail>> {
        let id = id.0;
        let title = label("title", &body.0.title)?;
        self.write(move |c| chats::rename(c, id, &title), move || no_conversation(id)).await?;
        Ok(Json(self.shown(id).await?))
    }

    /// Delete a conversation
    #[oai(
        path = "/api/chat/conversations/:id",
        method = "delete",
        operation_id = "deleteConversation"
    )]
    async fn delete(&self, id: Path<i64>) -> Result<Deleted> {
        let id = id.0;
        self.write(move |c| chats::delete(c, id), move || no_conversation(id)).await
    }
}

impl Operations {
    async fn shown(&self, id: i64) -> Result<ConversationDetail, Problem> {
        let find = move |connection: &Connection| chats::conversation(connection, id);
        let found = self.0.read(move |reader| reader.with(find)).await?;
        let shown = found.ok_or_else(|| Problem::not_found(no_conversation(id)))?;
        Ok(ConversationDetail::of(shown))
    }

    /// Changes what is there, else says that it is not.
    async fn write(
        &self,
        work: impl FnOnce(&Connection) -> Result<bool, StoreError> + Send + 'static,
        missing: impl FnOnce() -> String,
    ) -> Result<Deleted> {
        match self.0.write(move |settings: &mut Settings| settings.keep(work)).await? {
            true => Ok(Deleted::Done(None)),
            false => Err(Problem::not_found(missing()).into()),
        }
    }
}

/// Items on a page where nobody said.
fn twenty() -> u32 {
    20
}

fn no_turn(id: i64) -> String {
    format!("there is no turn {id}; it may have been deleted")
}

fn no_conversation(id: i64) -> String {
    format!("there is no conversation {id}; it may have been deleted")
}

fn wrong_cursor() -> Problem {
    Problem::field("cursor", "is of no page of this list; begin again without it")
}
