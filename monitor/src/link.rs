//! The client's end of the unix socket between the processes: the feed, kept open
//! and opened again whenever it breaks, and single requests. What comes in goes to
//! [`Live`]; nothing is decided here.

pub mod stream;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use glassway_shared::feed::{LinkCommand, LinkEvent};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use poem::http::StatusCode;
use serde_json::value::RawValue;
use tokio::{net::UnixStream, sync::mpsc, task::AbortHandle};
use tokio_tungstenite::tungstenite::{Error, Message, protocol::WebSocketConfig};

use crate::live::Live;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_ANSWER: usize = 128 << 20;
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(1);

/// Why the proxy did not answer.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Nobody listens on the socket.
    #[error("{0}")]
    Connect(#[from] std::io::Error),
    /// It answered something that is not HTTP, or broke off.
    #[error("{0}")]
    Http(String),
    /// It took too long.
    #[error("no answer in time")]
    Timeout,
}

/// A question to the proxy.
pub struct Ask<'a> {
    /// `GET` where nothing is said.
    pub method: &'a str,
    /// With its query.
    pub path: &'a str,
    /// Beside Host.
    pub headers: &'a [(&'a str, &'a str)],
    /// Whole.
    pub body: Bytes,
    /// For all of it.
    pub timeout: Duration,
}

impl Default for Ask<'_> {
    fn default() -> Self {
        Self { method: "GET", path: "/", headers: &[], body: Bytes::new(), timeout: ANSWER_TIMEOUT }
    }
}

/// What the proxy answered.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// The exchange it was recorded as.
    pub id: Option<String>,
    /// As the proxy passed them on.
    pub headers: http::HeaderMap,
    /// Whole.
    pub body: Bytes,
}

/// The way to the proxy.
#[derive(Clone)]
pub struct Link {
    path: PathBuf,
}

impl Link {
    /// By the socket's path.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Asks one thing.
    pub async fn get(&self, path: &str) -> Result<(StatusCode, Bytes), LinkError> {
        let answer = self.ask(Ask { path, ..Ask::default() }).await?;
        Ok((answer.status, answer.body))
    }

    /// Asks anything.
    pub async fn ask(&self, ask: Ask<'_>) -> Result<Answer, LinkError> {
        let limit = ask.timeout;
        let ask = async {
            let request = request(ask)?;
            let (mut sender, connection) = self.open().await?;
            let answer = async {
                let response = sender.send_request(request).await.map_err(http)?;
                let status = response.status();
                let id = response.headers().get("x-glassway-id");
                let id = id.and_then(|id| id.to_str().ok()).map(str::to_owned);
                let headers = response.headers().clone();
                let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
                let body = body.map_err(|e| LinkError::Http(e.to_string()))?;
                Ok(Answer { status, id, headers, body: body.to_bytes() })
            };
            driven(answer, connection).await
        };
        tokio::time::timeout(limit, ask).await.unwrap_or(Err(LinkError::Timeout))
    }

    /// Has something sent whose answer nobody here reads: the record has it. Returns once
    /// the proxy is there; `held` is let go of when it is over, or the task is aborted.
    pub async fn send(
        &self,
        ask: Ask<'_>,
        held: impl Send + 'static,
    ) -> Result<AbortHandle, LinkError> {
        let request = request(ask)?;
        let open = tokio::time::timeout(CONNECT_TIMEOUT, self.open()).await;
        let (mut sender, connection) = open.unwrap_or(Err(LinkError::Timeout))?;
        let answer = async move {
            let mut body = sender.send_request(request).await.map_err(http)?.into_body();
            while let Some(frame) = body.frame().await {
                frame.map_err(http)?;
            }
            Ok(())
        };
        let task = tokio::spawn(async move {
            // Broken off: the proxy went away, and says so in the record where it can.
            if let Err(e) = driven(answer, connection).await {
                tracing::debug!(error = %e, "an exchange sent over the link broke off");
            }
            drop(held);
        });
        Ok(task.abort_handle())
    }

    async fn open(&self) -> Result<(SendRequest<Full<Bytes>>, Driver), LinkError> {
        let stream = UnixStream::connect(&self.path).await?;
        http1::handshake(TokioIo::new(stream)).await.map_err(http)
    }

    /// Follows the proxy's feed until `stop` resolves.
    pub async fn follow(
        self,
        live: Arc<Live>,
        mut commands: mpsc::Receiver<LinkCommand>,
        stop: impl Future<Output = ()>,
    ) {
        tokio::pin!(stop);
        let mut retry = FIRST_RETRY;
        let mut told = false;
        loop {
            let outcome = tokio::select! {
                () = &mut stop => return,
                outcome = self.stay(&live, &mut commands) => outcome,
            };
            live.connected(matches!(outcome, Ended::NoFeed));
            match outcome {
                Ended::Lost => {
                    tracing::warn!(
                        link = %self.path.display(),
                        "lost the proxy; everything recorded stays readable"
                    );
                    (retry, told) = (FIRST_RETRY, true);
                }
                Ended::NeverThere if !told => {
                    tracing::info!(link = %self.path.display(), "waiting for the proxy");
                    told = true;
                }
                Ended::NeverThere => {}
                Ended::NoFeed if !told => {
                    tracing::info!("connected to the proxy; it records nothing to follow");
                    (retry, told) = (LAST_RETRY, true);
                }
                Ended::NoFeed => {}
            }
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(retry) => {}
            }
            retry = (retry * 2).min(LAST_RETRY);
        }
    }

    /// One connection, from hello until it breaks.
    async fn stay(&self, live: &Live, commands: &mut mpsc::Receiver<LinkCommand>) -> Ended {
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_ANSWER))
            .max_frame_size(Some(MAX_ANSWER));
        let connect = async {
            let stream = UnixStream::connect(&self.path).await?;
            let uri = "ws://glassway/feed";
            tokio_tungstenite::client_async_with_config(uri, stream, Some(config)).await
        };
        let mut socket = match tokio::time::timeout(CONNECT_TIMEOUT, connect).await {
            Ok(Ok((socket, _))) => socket,
            Ok(Err(Error::Http(answer))) if answer.status() == StatusCode::NOT_FOUND => {
                return Ended::NoFeed;
            }
            _ => return Ended::NeverThere,
        };
        // What was asked of the last connection; hello asks again for what still counts.
        while commands.try_recv().is_ok() {}
        let mut greeted = false;
        loop {
            tokio::select! {
                message = socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        for event in events(&text) {
                            if !greeted && matches!(event, LinkEvent::Hello { .. }) {
                                greeted = true;
                                tracing::info!("connected to the proxy");
                            }
                            live.take_in(event);
                        }
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                    Some(Ok(_)) => {}
                },
                Some(command) = commands.recv() => {
                    let text = serde_json::to_string(&command).unwrap_or_default();
                    if socket.send(Message::text(text)).await.is_err() {
                        break;
                    }
                }
            }
        }
        if greeted { Ended::Lost } else { Ended::NeverThere }
    }
}

type Driver = http1::Connection<TokioIo<UnixStream>, Full<Bytes>>;

fn http(error: hyper::Error) -> LinkError {
    LinkError::Http(error.to_string())
}

fn request(ask: Ask<'_>) -> Result<hyper::Request<Full<Bytes>>, LinkError> {
    let mut request =
        hyper::Request::builder().method(ask.method).uri(ask.path).header("host", "glassway");
    for (name, value) in ask.headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(ask.body)).map_err(|e| LinkError::Http(e.to_string()))
}

/// The connection is driven here rather than by a task of its own: it ends with the
/// answer, or when the caller gives up.
async fn driven<T>(
    answer: impl Future<Output = Result<T, LinkError>>,
    connection: Driver,
) -> Result<T, LinkError> {
    tokio::pin!(answer, connection);
    tokio::select! {
        biased;
        answered = &mut answer => answered,
        ended = &mut connection => match ended {
            Ok(()) => answer.await,
            Err(e) => Err(http(e)),
        },
    }
}

enum Ended {
    NeverThere,
    /// The proxy is there but does not record.
    NoFeed,
    Lost,
}

/// One event or an array of them. What a newer proxy says and we do not know is
/// passed over.
fn events(text: &str) -> Vec<LinkEvent> {
    let parts: Vec<&RawValue> = match text.trim_start().starts_with('[') {
        true => serde_json::from_str(text).unwrap_or_default(),
        false => serde_json::from_str(text).map(|one| vec![one]).unwrap_or_default(),
    };
    let read = |part: &RawValue| match serde_json::from_str(part.get()) {
        Ok(event) => Some(event),
        Err(e) => {
            tracing::debug!(error = %e, "the proxy said something unknown");
            None
        }
    };
    parts.into_iter().filter_map(read).collect()
}
