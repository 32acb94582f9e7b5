//! Reading conversations back: lists that can be searched, and one with all its turns.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use super::State;
use crate::{id::ExchangeId, model::Exchange, store::StoreError};

/// Turns of one conversation that are shown; the newest.
const TURNS: i64 = 500;

/// A conversation, as lists show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    /// Its row.
    pub id: i64,
    /// The first question's beginning, or what somebody called it.
    pub title: String,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds; of its last question.
    pub updated_at: i64,
    /// How many there are.
    pub turns: u32,
    /// The last turn's.
    pub model: String,
    /// Question and answer in which the searched words are found, else the last ones.
    pub last: (String, String),
}

/// A turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Its row.
    pub id: i64,
    /// Its conversation's.
    pub chat: i64,
    /// Unix milliseconds.
    pub asked_at: i64,
    /// What became of it.
    pub state: State,
    /// As it was asked for.
    pub model: String,
    /// Only this provider.
    pub provider: Option<String>,
    /// Only this key.
    pub key_id: Option<i64>,
    /// The body without model and messages.
    pub parameters: Value,
    /// Ids of what was sent.
    pub messages: Vec<i64>,
    /// The last message's words.
    pub question: String,
    /// The answer's words.
    pub answer: String,
    /// The answer's message.
    pub message: Option<i64>,
    /// Said beside it.
    pub reasoning: Option<String>,
    /// Why it ended.
    pub finish: Option<String>,
    /// The answer's status.
    pub status: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
    /// What it was recorded as.
    pub exchange: Option<ExchangeId>,
    /// What that came to, once it is known.
    pub figures: Option<Exchange>,
}

/// A message with its id.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its row.
    pub id: i64,
    /// As OpenAI shapes it.
    pub json: Value,
}

/// A conversation with all that was said in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// As lists show it.
    pub conversation: Conversation,
    /// Oldest first.
    pub messages: Vec<Message>,
    /// Oldest first.
    pub turns: Vec<Turn>,
}

/// A part of a list, and how long the whole is.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// Newest first.
    pub items: Vec<T>,
    /// Of the whole list.
    pub total: u64,
}

const COLUMNS: &str = "t.id, t.chat_id, t.asked_at, t.state, t.model, t.provider, t.key_id,
    t.parameters, t.messages, t.question, t.answer, t.message_id, t.reasoning, t.finish, t.status,
    t.error, t.exchange, t.figures";

fn read(row: &Row<'_>) -> rusqlite::Result<Turn> {
    let json = |text: String| serde_json::from_str(&text).unwrap_or_default();
    let exchange: Option<[u8; 16]> = row.get(16)?;
    let figures: Option<String> = row.get(17)?;
    Ok(Turn {
        id: row.get(0)?,
        chat: row.get(1)?,
        asked_at: row.get(2)?,
        state: State::of(&row.get::<_, String>(3)?),
        model: row.get(4)?,
        provider: row.get(5)?,
        key_id: row.get(6)?,
        parameters: json(row.get(7)?),
        messages: serde_json::from_str(&row.get::<_, String>(8)?).unwrap_or_default(),
        question: row.get(9)?,
        answer: row.get(10)?,
        message: row.get(11)?,
        reasoning: row.get(12)?,
        finish: row.get(13)?,
        status: row.get(14)?,
        error: row.get(15)?,
        exchange: exchange.map(ExchangeId::from_bytes),
        figures: figures.and_then(|text| serde_json::from_str(&text).ok()),
    })
}

/// What a search looks for, as a pattern; everything where nothing is searched.
fn pattern(q: Option<&str>) -> String {
    let escaped = q.unwrap_or_default().replace('\\', "\\\\");
    format!("%{}%", escaped.replace('%', "\\%").replace('_', "\\_"))
}

const SAYS: &str = r"(t.question LIKE ?1 ESCAPE '\' OR t.answer LIKE ?1 ESCAPE '\')";

/// Turns of all conversations, newest first, below `before` where that is given.
pub fn turns(
    connection: &Connection,
    q: Option<&str>,
    before: Option<i64>,
    limit: u32,
) -> Result<Page<Turn>, StoreError> {
    let pattern = pattern(q);
    let total: i64 = connection
        .prepare_cached(&format!("SELECT count(*) FROM chat_turns t WHERE {SAYS}"))?
        .query_row([&pattern], |row| row.get(0))?;
    let mut find = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM chat_turns t WHERE {SAYS} AND t.id < ?2 ORDER BY t.id DESC LIMIT ?3"
    ))?;
    let found = find.query_map(params![pattern, before.unwrap_or(i64::MAX), limit], read)?;
    Ok(Page { items: found.collect::<Result<_, _>>()?, total: total.unsigned_abs() })
}

/// One turn.
pub fn turn(connection: &Connection, id: i64) -> Result<Option<Turn>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM chat_turns t WHERE t.id = ?1");
    Ok(connection.prepare_cached(&sql)?.query_row([id], read).optional()?)
}

/// These messages of one turn, in its order.
pub fn messages(connection: &Connection, ids: &[i64]) -> Result<Vec<Value>, StoreError> {
    let mut find = connection.prepare_cached("SELECT json FROM chat_messages WHERE id = ?1")?;
    let mut said = Vec::with_capacity(ids.len());
    for id in ids {
        let json: Option<String> = find.query_row([id], |row| row.get(0)).optional()?;
        said.extend(json.and_then(|json| serde_json::from_str(&json).ok()));
    }
    Ok(said)
}

const LISTED: &str = "SELECT c.id, c.title, c.created_at, c.updated_at,
        (SELECT count(*) FROM chat_turns t WHERE t.chat_id = c.id),
        coalesce(t.model, ''), coalesce(t.question, ''), coalesce(t.answer, '')
    FROM chats c LEFT JOIN chat_turns t ON t.id = ";

fn listed(row: &Row<'_>) -> rusqlite::Result<Conversation> {
    Ok(Conversation {
        id: row.get(0)?,
        title: row.get(1)?,
        created_at: row.get(2)?,
        updated_at: row.get(3)?,
        turns: row.get(4)?,
        model: row.get(5)?,
        last: (row.get(6)?, row.get(7)?),
    })
}

/// Conversations whose title or turns hold `q`, the last used first; `before` is the
/// `updated_at` and id of the last one shown.
pub fn conversations(
    connection: &Connection,
    q: Option<&str>,
    before: Option<(i64, i64)>,
    limit: u32,
) -> Result<Page<Conversation>, StoreError> {
    let pattern = pattern(q);
    let matches = format!(
        r"(c.title LIKE ?1 ESCAPE '\'
            OR EXISTS (SELECT 1 FROM chat_turns t WHERE t.chat_id = c.id AND {SAYS}))"
    );
    let total: i64 = connection
        .prepare_cached(&format!("SELECT count(*) FROM chats c WHERE {matches}"))?
        .query_row([&pattern], |row| row.get(0))?;
    let (at, id) = before.unwrap_or((i64::MAX, i64::MAX));
    let mut find = connection.prepare_cached(&format!(
        "{LISTED} coalesce(
            (SELECT max(t.id) FROM chat_turns t WHERE t.chat_id = c.id AND {SAYS}),
            (SELECT max(t.id) FROM chat_turns t WHERE t.chat_id = c.id))
         WHERE {matches} AND (c.updated_at, c.id) < (?2, ?3)
         ORDER BY c.updated_at DESC, c.id DESC LIMIT ?4"
    ))?;
    let found = find.query_map(params![pattern, at, id, limit], listed)?;
    Ok(Page { items: found.collect::<Result<_, _>>()?, total: total.unsigned_abs() })
}

/// One conversation in full.
pub fn conversation(connection: &Connection, id: i64) -> Result<Option<Shown>, StoreError> {
    let found = connection
        .prepare_cached(&format!(
            "{LISTED} (SELECT max(t.id) FROM chat_turns t WHERE t.chat_id = c.id) WHERE c.id = ?1"
        ))?
        .query_row([id], listed)
        .optional()?;
    let Some(conversation) = found else { return Ok(None) };
    let mut messages = connection
        .prepare_cached("SELECT id, json FROM chat_messages WHERE chat_id = ?1 ORDER BY id")?;
    let message = |row: &Row<'_>| {
        let json: String = row.get(1)?;
        Ok(Message { id: row.get(0)?, json: serde_json::from_str(&json).unwrap_or_default() })
    };
    let messages = messages.query_map([id], message)?.collect::<Result<_, _>>()?;
    let mut turns = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM chat_turns t WHERE t.chat_id = ?1 ORDER BY t.id DESC LIMIT ?2"
    ))?;
    let mut turns: Vec<Turn> =
        turns.query_map(params![id, TURNS], read)?.collect::<Result<_, _>>()?;
    turns.reverse();
    Ok(Some(Shown { conversation, messages, turns }))
}

/// Turns that ended without what their exchange came to, newest first, with that exchange.
pub fn unsettled(connection: &Connection, most: u32) -> Result<Vec<(i64, ExchangeId)>, StoreError> {
    let mut query = connection.prepare(
        "SELECT id, exchange FROM chat_turns
         WHERE figures IS NULL AND exchange IS NOT NULL AND state <> 'running'
         ORDER BY id DESC LIMIT ?1",
    )?;
    let rows = query.query_map([most], |row| {
        Ok((row.get(0)?, ExchangeId::from_bytes(row.get::<_, [u8; 16]>(1)?)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
