//! A turn of a conversation: stored before it is asked, passed on as it is answered, and
//! stored again when that has ended, however it ends. Whoever asked may go away at any
//! moment; what was said until then is kept.

pub mod answer;

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;
use glassway_shared::{
    id::ExchangeId,
    store::{
        chats::{self, Answer, Asked, Question, State},
        exchanges,
    },
};
use poem::http::{HeaderMap, StatusCode, header};
use rusqlite::Connection;
use tokio::task::JoinSet;

use crate::{
    app::App,
    error::Problem,
    link::stream::{Answering, Pieces},
};
use answer::Listener;

/// How long the figures of an exchange are waited for after its end.
const SETTLE: [u64; 8] = [60, 120, 250, 500, 1_000, 2_000, 4_000, 8_000];
/// Waits before the figures of earlier turns are looked for: an exchange whose asker died
/// a moment ago is recorded in a moment.
const EARLIER: [u64; 2] = [0, 5];
/// Turns whose figures are looked for at the start.
const MOST_UNSETTLED: u32 = 1_000;
/// How long the end of the process waits for answers to be written.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// Answers that are being written.
#[derive(Default)]
pub struct Keeping(Mutex<JoinSet<()>>);

impl Keeping {
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work);
    }

    /// Waits until all of them are written.
    pub async fn ended(&self) {
        let mut tasks = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let all = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_WRITES, all).await.is_err() {
            tracing::warn!("answers of chats were not written before the end");
        }
    }
}

/// A turn that was asked and has not ended.
pub struct Turn {
    app: Arc<App>,
    /// The conversation's.
    pub chat: i64,
    /// Its own.
    pub id: i64,
    listener: Option<Listener>,
    exchange: Option<ExchangeId>,
    /// Set where it is known before the turn is dropped.
    ended: Option<(State, Option<String>)>,
}

impl Turn {
    /// Stores what is about to be asked.
    pub async fn begin(app: &Arc<App>, question: Question) -> Result<Self, Problem> {
        let (asked, exchange) = (question.chat.unwrap_or_default(), question.exchange);
        let ask = move |settings: &mut glassway_shared::store::settings::Settings| {
            settings.keep(|connection| chats::ask(connection, &question))
        };
        let (chat, id) = match app.write(ask).await? {
            Asked::Kept { chat, turn } => (chat, turn),
            Asked::Missing => {
                let message =
                    format!("there is no conversation {asked}; begin a new one without it");
                return Err(Problem::not_found(message));
            }
            Asked::Full => {
                let message = format!(
                    "conversation {asked} has reached {} MiB; begin a new one, or delete turns of it",
                    chats::MOST_OF_ONE >> 20
                );
                return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message));
            }
        };
        let exchange = Some(exchange);
        Ok(Self { app: app.clone(), chat, id, listener: None, exchange, ended: None })
    }

    /// It was not answered at all; `asked`: the proxy may have taken it.
    pub fn failed(mut self, why: &str, asked: bool) {
        self.exchange = self.exchange.filter(|_| asked);
        self.ended = Some((State::Failed, Some(why.to_owned())));
    }

    /// It is being answered: gives the bytes to pass on.
    pub fn answered(mut self, answering: Answering) -> Passing {
        let id = answering.headers.get("x-glassway-id");
        self.exchange = id.and_then(|id| id.to_str().ok()?.parse().ok()).or(self.exchange);
        let kind = kind(&answering.headers);
        self.listener = Some(Listener::new(answering.status.as_u16(), &kind));
        Passing { body: answering.body, turn: self }
    }

    fn end(&mut self) {
        let (state, error) = self.ended.take().unwrap_or((State::Stopped, None));
        let listener = self.listener.take();
        let over = listener.as_ref().is_some_and(Listener::is_over);
        let mut answer = match listener {
            Some(listener) => listener.answer(state == State::Done),
            None => Answer::default(),
        };
        answer.exchange = self.exchange;
        answer.error = error.or(answer.error);
        let state = match state {
            // Many close the connection as soon as the answer says that it is over.
            State::Done | State::Stopped if answer.error.is_some() => State::Failed,
            State::Stopped if over => State::Done,
            State::Done if answer.status.is_some_and(|status| status >= 400) => State::Failed,
            state => state,
        };
        let (app, id) = (self.app.clone(), self.id);
        // Nothing may wait for the disk where it is dropped. Without a runtime the process
        // is at its end; the turn is then found interrupted by the next one.
        if tokio::runtime::Handle::try_current().is_ok() {
            self.app.keeping.spawn(async move { keep(&app, id, state, answer).await });
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.end();
    }
}

fn kind(headers: &HeaderMap) -> String {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.unwrap_or_default().to_ascii_lowercase()
}

/// Stores how it ended, and what it came to as soon as that is recorded.
async fn keep(app: &Arc<App>, id: i64, state: State, answer: Answer) {
    let exchange = answer.exchange;
    let answer = Arc::new(answer);
    let end = move |connection: &Connection| chats::end(connection, id, state, &answer);
    if let Err(problem) = app.write_surely(end).await {
        app.unwritten.fetch_add(1, Relaxed);
        tracing::warn!(chat.turn = id, error = problem.detail(), "cannot keep a chat's answer");
        return;
    }
    let Some(exchange) = exchange else { return };
    let app = app.clone();
    // The end of the process does not wait for this: the next one looks again.
    tokio::spawn(async move {
        for wait in SETTLE {
            tokio::time::sleep(Duration::from_millis(wait)).await;
            if settle(&app, id, exchange).await {
                return;
            }
        }
    });
}

/// Keeps what the exchange came to, where it is recorded by now.
async fn settle(app: &Arc<App>, id: i64, exchange: ExchangeId) -> bool {
    let found = app.read(move |reader| exchanges::find(reader, exchange)).await;
    let Ok(Some(found)) = found else { return false };
    let Ok(figures) = serde_json::to_string(&found.exchange) else { return true };
    let settle = move |settings: &mut glassway_shared::store::settings::Settings| {
        settings.keep(|connection| chats::settle(connection, id, &figures))
    };
    let _ = app.write(settle).await;
    true
}

/// Looks for what the exchanges of earlier turns came to: the monitor may have died before
/// they were recorded.
pub async fn settle_earlier(app: Arc<App>) {
    let find = |connection: &Connection| chats::unsettled(connection, MOST_UNSETTLED);
    for wait in EARLIER {
        tokio::time::sleep(Duration::from_secs(wait)).await;
        let Ok(turns) = app.read(move |reader| reader.with(find)).await else { continue };
        for (id, exchange) in turns {
            settle(&app, id, exchange).await;
        }
    }
}

/// An answer on its way through: every piece goes on at once, and is listened to.
pub struct Passing {
    body: Pieces,
    turn: Turn,
}

impl Stream for Passing {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        Poll::Ready(match ready!(Pin::new(&mut this.body).poll_next(context)) {
            Some(Ok(piece)) => {
                if let Some(listener) = &mut this.turn.listener {
                    listener.hear(&piece);
                }
                Some(Ok(piece))
            }
            Some(Err(e)) => {
                let why = "the answer broke off".to_owned();
                this.turn.ended = Some((State::Failed, Some(why)));
                Some(Err(std::io::Error::other(e)))
            }
            None => {
                this.turn.ended.get_or_insert((State::Done, None));
                None
            }
        })
    }
}
