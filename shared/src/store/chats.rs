//! Conversations held over the monitor. A turn is stored before it is asked and again
//! when its answer has ended, so that whatever dies in between leaves the question.
//! Messages are kept once per conversation, by content: a turn is a list of their ids.

mod read;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

pub use read::{
    Conversation, Message, Page, Shown, Turn, conversation, conversations, messages, turn, turns,
    unsettled,
};

use super::StoreError;
use crate::id::ExchangeId;

/// Conversations kept; those unused longest go first.
pub const MOST: i64 = 5_000;
/// Bytes kept in all, images included, beside the conversation that goes on.
pub const MOST_BYTES: i64 = 1 << 30;
/// Bytes of one conversation, beyond which it does not go on.
pub const MOST_OF_ONE: i64 = 256 << 20;

/// What became of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Asked, not yet answered in full.
    Running,
    /// Answered in full.
    Done,
    /// Refused, or its answer broke off.
    Failed,
    /// Whoever asked went away or had enough.
    Stopped,
    /// The monitor died meanwhile.
    Interrupted,
}

impl State {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Running, "running"),
        (Self::Done, "done"),
        (Self::Failed, "failed"),
        (Self::Stopped, "stopped"),
        (Self::Interrupted, "interrupted"),
    ];

    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("interrupted", |(_, word)| word)
    }

    fn of(word: &str) -> Self {
        let found = Self::ALL.iter().find(|(_, known)| *known == word);
        found.map_or(Self::Interrupted, |(state, _)| *state)
    }
}

/// A turn about to be asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// The conversation it goes on; `None` begins one.
    pub chat: Option<i64>,
    /// The new conversation's title.
    pub title: String,
    /// Unix milliseconds.
    pub at: i64,
    /// As it was asked for.
    pub model: String,
    /// Only this provider.
    pub provider: Option<String>,
    /// Only this key.
    pub key_id: Option<i64>,
    /// The body without model and messages.
    pub parameters: Value,
    /// All that is sent.
    pub messages: Vec<Value>,
    /// The last message's words.
    pub words: String,
    /// What it will be recorded as.
    pub exchange: ExchangeId,
}

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It is stored.
    Kept {
        /// Its conversation's id.
        chat: i64,
        /// Its own.
        turn: i64,
    },
    /// There is no such conversation.
    Missing,
    /// The conversation is too large to go on.
    Full,
}

/// How a turn ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The answer, in the form it is sent back in; `None` where nothing was said.
    pub message: Option<Value>,
    /// Its words.
    pub words: String,
    /// Said beside it.
    pub reasoning: Option<String>,
    /// Why it ended, in the upstream's word.
    pub finish: Option<String>,
    /// The answer's status.
    pub status: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
    /// The exchange it was recorded as.
    pub exchange: Option<ExchangeId>,
}

/// Stores a turn that is about to be asked.
pub fn ask(connection: &Connection, asked: &Question) -> Result<Asked, StoreError> {
    let chat = match asked.chat {
        Some(id) => {
            let bytes: Option<i64> = connection
                .prepare_cached("SELECT bytes FROM chats WHERE id = ?1")?
                .query_row([id], |row| row.get(0))
                .optional()?;
            match bytes {
                None => return Ok(Asked::Missing),
                Some(bytes) if bytes >= MOST_OF_ONE => return Ok(Asked::Full),
                Some(_) => {}
            }
            connection
                .prepare_cached("UPDATE chats SET updated_at = max(updated_at, ?2) WHERE id = ?1")?
                .execute(params![id, asked.at])?;
            id
        }
        None => begin(connection, asked)?,
    };
    let mut ids = Vec::with_capacity(asked.messages.len());
    for message in &asked.messages {
        ids.push(put(connection, chat, message)?);
    }
    retain(connection, chat, MOST, MOST_BYTES)?;
    let (parameters, messages) = (asked.parameters.to_string(), Value::from(ids).to_string());
    connection
        .prepare_cached(
            "INSERT INTO chat_turns
                (chat_id, asked_at, state, model, provider, key_id, parameters, messages, question,
                 exchange)
             VALUES (?1, ?2, 'running', ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            chat,
            asked.at,
            asked.model,
            asked.provider,
            asked.key_id,
            parameters,
            messages,
            asked.words,
            *asked.exchange.as_bytes(),
        ])?;
    let turn = connection.last_insert_rowid();
    grow(connection, chat, parameters.len() + messages.len() + asked.words.len())?;
    Ok(Asked::Kept { chat, turn })
}

/// A conversation takes so many bytes more.
fn grow(connection: &Connection, chat: i64, bytes: usize) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE chats SET bytes = bytes + ?2 WHERE id = ?1")?
        .execute(params![chat, i64::try_from(bytes).unwrap_or(i64::MAX)])?;
    Ok(())
}

fn begin(connection: &Connection, asked: &Question) -> Result<i64, StoreError> {
    connection
        .prepare_cached("INSERT INTO chats (title, created_at, updated_at) VALUES (?1, ?2, ?2)")?
        .execute(params![asked.title, asked.at])?;
    Ok(connection.last_insert_rowid())
}

/// Lets go of what is too much, save for the conversation that goes on; however large it
/// is, it costs no other one its place.
fn retain(connection: &Connection, chat: i64, most: i64, bytes: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "DELETE FROM chats WHERE id <> ?1 AND id IN (
                SELECT id FROM (
                    SELECT id, row_number() OVER newest AS n, 
                           sum(CASE id WHEN ?1 THEN 0 ELSE bytes END) OVER newest AS total
                    FROM chats WINDOW newest AS (ORDER BY updated_at DESC, id DESC))
                WHERE n > ?2 OR total > ?3)",
        )?
        .execute(params![chat, most, bytes])?;
    Ok(())
}

/// The id of a message, which may be there already.
fn put(connection: &Connection, chat: i64, message: &Value) -> Result<i64, StoreError> {
    // serde_json's maps are sorted, so equal messages are equal text.
    let json = message.to_string();
    let hash = *blake3::hash(json.as_bytes()).as_bytes();
    let known = connection
        .prepare_cached("SELECT id FROM chat_messages WHERE chat_id = ?1 AND hash = ?2")?
        .query_row(params![chat, hash], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    connection
        .prepare_cached("INSERT INTO chat_messages (chat_id, hash, json) VALUES (?1, ?2, ?3)")?
        .execute(params![chat, hash, json])?;
    let id = connection.last_insert_rowid();
    grow(connection, chat, json.len())?;
    Ok(id)
}

/// Stores how a turn ended. A turn that was deleted meanwhile stays deleted.
pub fn end(
    connection: &Connection,
    turn: i64,
    state: State,
    answer: &Answer,
) -> Result<(), StoreError> {
    let chat: Option<i64> = connection
        .prepare_cached("SELECT chat_id FROM chat_turns WHERE id = ?1")?
        .query_row([turn], |row| row.get(0))
        .optional()?;
    let Some(chat) = chat else { return Ok(()) };
    let message = answer.message.as_ref().map(|said| put(connection, chat, said)).transpose()?;
    connection
        .prepare_cached(
            "UPDATE chat_turns SET state = ?2, answer = ?3, message_id = ?4, reasoning = ?5,
                finish = ?6, status = ?7, error = ?8, exchange = ?9 WHERE id = ?1",
        )?
        .execute(params![
            turn,
            state.as_str(),
            answer.words,
            message,
            answer.reasoning,
            answer.finish,
            answer.status,
            answer.error,
            answer.exchange.map(|id| *id.as_bytes()),
        ])?;
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let bytes = answer.words.len() + length(&answer.reasoning) + length(&answer.error);
    grow(connection, chat, bytes)
}

/// Keeps what the exchange came to (JSON), so that it is known when the exchange is gone.
pub fn settle(connection: &Connection, turn: i64, figures: &str) -> Result<(), StoreError> {
    let settled = connection
        .prepare_cached("UPDATE chat_turns SET figures = ?2 WHERE id = ?1 AND figures IS NULL")?
        .execute(params![turn, figures])?;
    if settled == 0 {
        return Ok(());
    }
    let chat = connection
        .prepare_cached("SELECT chat_id FROM chat_turns WHERE id = ?1")?
        .query_row([turn], |row| row.get(0))?;
    grow(connection, chat, figures.len())
}

/// Turns that a dead monitor left running.
pub fn interrupt(connection: &Connection) -> Result<usize, StoreError> {
    Ok(connection
        .execute("UPDATE chat_turns SET state = 'interrupted' WHERE state = 'running'", [])?)
}

/// Gives a conversation another title; whether it is there.
pub fn rename(connection: &Connection, id: i64, title: &str) -> Result<bool, StoreError> {
    let renamed = connection
        .prepare_cached("UPDATE chats SET title = ?2 WHERE id = ?1")?
        .execute(params![id, title])?;
    Ok(renamed > 0)
}

/// Deletes a conversation with all that was said in it; whether it was there.
pub fn delete(connection: &Connection, id: i64) -> Result<bool, StoreError> {
    Ok(connection.execute("DELETE FROM chats WHERE id = ?1", [id])? > 0)
}

/// Deletes a turn, the messages that no other turn of its conversation has, and the
/// conversation with its last one; whether it was there.
pub fn delete_turn(connection: &Connection, id: i64) -> Result<bool, StoreError> {
    let chat: Option<i64> = connection
        .query_row("DELETE FROM chat_turns WHERE id = ?1 RETURNING chat_id", [id], |r| r.get(0))
        .optional()?;
    let Some(chat) = chat else { return Ok(false) };
    connection.execute(
        "DELETE FROM chat_messages WHERE chat_id = ?1
            AND id NOT IN (SELECT m.value FROM chat_turns t, json_each(t.messages) m WHERE t.chat_id = ?1)
            AND id NOT IN (SELECT message_id FROM chat_turns
                           WHERE chat_id = ?1 AND message_id IS NOT NULL)",
        [chat],
    )?;
    connection.execute(
        "DELETE FROM chats WHERE id = ?1
            AND NOT EXISTS (SELECT 1 FROM chat_turns WHERE chat_id = ?1)",
        [chat],
    )?;
    connection.execute(
        "UPDATE chats SET bytes =
            (SELECT coalesce(sum(octet_length(json)), 0) FROM chat_messages WHERE chat_id = ?1)
            + (SELECT coalesce(sum(octet_length(parameters) + octet_length(messages)
                  + octet_length(question) + octet_length(answer)
                  + coalesce(octet_length(reasoning), 0) + coalesce(octet_length(error), 0)
                  + coalesce(octet_length(figures), 0)), 0)
               FROM chat_turns WHERE chat_id = ?1)
         WHERE id = ?1",
        [chat],
    )?;
    Ok(true)
}

/// Deletes all conversations; how many there were.
pub fn clear(connection: &Connection) -> Result<usize, StoreError> {
    Ok(connection.execute("DELETE FROM chats", [])?)
}

#[cfg(test)]
mod tests;
