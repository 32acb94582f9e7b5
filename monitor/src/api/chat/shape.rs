//! What the history's answers look like.

use glassway_shared::store::chats;
use jiff::Timestamp;
use poem_openapi::{Enum, Object};
use serde_json::Value;

use crate::api::shape::{Exchange, Id, Time};

/// What became of a turn.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum ChatState {
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

impl From<chats::State> for ChatState {
    fn from(state: chats::State) -> Self {
        match state {
            chats::State::Running => Self::Running,
            chats::State::Done => Self::Done,
            chats::State::Failed => Self::Failed,
            chats::State::Stopped => Self::Stopped,
            chats::State::Interrupted => Self::Interrupted,
        }
    }
}

/// A question and its answer.
#[derive(Object)]
pub(super) struct ChatTurn {
    id: i64,
    conversation_id: i64,
    created_at: Time,
    state: ChatState,
    /// As it was asked for.
    model: String,
    /// Only this provider, where that was asked for.
    provider: Option<String>,
    /// Only this key, where that was asked for.
    key_id: Option<i64>,
    /// The last message's words.
    question: String,
    /// The answer's words.
    answer: String,
    /// What the model thought aloud; never sent back.
    reasoning: Option<String>,
    /// Why the answer ended, in the upstream's word.
    finish_reason: Option<String>,
    /// The answer's; `null` where there was none.
    status: Option<u16>,
    error: Option<String>,
    /// The exchange it was recorded as.
    request_id: Option<Id>,
    /// What that came to; known a moment after its end, and kept when it is gone.
    exchange: Option<Exchange>,
}

impl ChatTurn {
    pub(super) fn of(turn: chats::Turn) -> Self {
        Self {
            id: turn.id,
            conversation_id: turn.chat,
            created_at: time(turn.asked_at),
            state: turn.state.into(),
            model: turn.model,
            provider: turn.provider,
            key_id: turn.key_id,
            question: turn.question,
            answer: turn.answer,
            reasoning: turn.reasoning,
            finish_reason: turn.finish,
            status: turn.status,
            error: turn.error,
            request_id: turn.exchange.map(Id),
            exchange: turn.figures.map(Into::into),
        }
    }
}

/// A turn with all that was sent.
#[derive(Object)]
pub(super) struct ChatTurnDetail {
    #[oai(flatten)]
    turn: ChatTurn,
    /// The body without model and messages.
    parameters: Value,
    /// What was sent, as OpenAI shapes it.
    messages: Vec<Value>,
    /// The answer, as OpenAI shapes it; `null` where nothing was said.
    message: Option<Value>,
}

impl ChatTurnDetail {
    pub(super) fn of(turn: chats::Turn, messages: Vec<Value>, message: Option<Value>) -> Self {
        let parameters = turn.parameters.clone();
        Self { turn: ChatTurn::of(turn), parameters, messages, message }
    }
}

/// One page of turns, newest first.
#[derive(Object)]
pub(super) struct ChatTurnPage {
    pub(super) items: Vec<ChatTurn>,
    /// For `cursor`; `null` on the last page.
    pub(super) next: Option<String>,
    pub(super) total: u64,
}

/// A conversation, as lists show it.
#[derive(Object)]
pub(super) struct Conversation {
    id: i64,
    /// The first question's beginning, or what somebody called it.
    title: String,
    created_at: Time,
    /// Of its last question.
    updated_at: Time,
    turns: u32,
    /// The last turn's.
    model: String,
    /// Of the turn in which the searched words are found, else of the last.
    question: String,
    /// Of the same turn.
    answer: String,
}

impl Conversation {
    pub(super) fn of(found: chats::Conversation) -> Self {
        let (question, answer) = found.last;
        Self {
            id: found.id,
            title: found.title,
            created_at: time(found.created_at),
            updated_at: time(found.updated_at),
            turns: found.turns,
            model: found.model,
            question: beginning(question),
            answer: beginning(answer),
        }
    }
}

/// One page of conversations, the last used first.
#[derive(Object)]
pub(super) struct ConversationPage {
    pub(super) items: Vec<Conversation>,
    /// For `cursor`; `null` on the last page.
    pub(super) next: Option<String>,
    pub(super) total: u64,
}

/// A message that turns refer to.
#[derive(Object)]
struct ChatMessage {
    id: i64,
    /// As OpenAI shapes it.
    message: Value,
}

/// A turn within its conversation.
#[derive(Object)]
struct ConversationTurn {
    #[oai(flatten)]
    turn: ChatTurn,
    /// The body without model and messages.
    parameters: Value,
    /// Ids of the messages that were sent, in order.
    message_ids: Vec<i64>,
    /// The answer's message; `null` where nothing was said.
    message_id: Option<i64>,
}

/// A conversation with all that was said in it. Turns with the same `message_ids` are
/// answers to the same question.
#[derive(Object)]
pub(super) struct ConversationDetail {
    #[oai(flatten)]
    conversation: Conversation,
    messages: Vec<ChatMessage>,
    /// Oldest first; of very many the newest 500.
    history: Vec<ConversationTurn>,
}

impl ConversationDetail {
    pub(super) fn of(shown: chats::Shown) -> Self {
        let message = |said: chats::Message| ChatMessage { id: said.id, message: said.json };
        let turn = |turn: chats::Turn| ConversationTurn {
            parameters: turn.parameters.clone(),
            message_ids: turn.messages.clone(),
            message_id: turn.message,
            turn: ChatTurn::of(turn),
        };
        Self {
            conversation: Conversation::of(shown.conversation),
            messages: shown.messages.into_iter().map(message).collect(),
            history: shown.turns.into_iter().map(turn).collect(),
        }
    }
}

/// Enough for a line in a list.
fn beginning(text: String) -> String {
    match text.char_indices().nth(400) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn time(ms: i64) -> Time {
    Time(Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH))
}
