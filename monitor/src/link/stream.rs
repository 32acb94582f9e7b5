//! A question to the proxy whose answer is passed on while it comes: chat. No time limit
//! of ours: the proxy has its own for first bytes and for silence. Dropping the answer
//! closes the connection, upon which the proxy stops asking.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::Stream;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;
use poem::http::{HeaderMap, StatusCode};
use tokio::{net::UnixStream, task::JoinHandle};

use super::{Ask, CONNECT_TIMEOUT, Link, LinkError};

/// An answer of which only the head is there.
pub struct Answering {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// What comes.
    pub body: Pieces,
}

/// An answer's bytes as they come; the connection ends with it.
pub struct Pieces {
    body: Incoming,
    _connection: Ended,
}

/// Ends the connection's task when it is dropped.
struct Ended(JoinHandle<()>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Link {
    /// Asks, and returns with the answer's head; [`Ask::timeout`] is not looked at.
    pub async fn stream(&self, ask: Ask<'_>) -> Result<Answering, LinkError> {
        let http = |e: hyper::Error| LinkError::Http(e.to_string());
        let connect = tokio::time::timeout(CONNECT_TIMEOUT, UnixStream::connect(&self.path));
        let stream = connect.await.map_err(|_| LinkError::Timeout)??;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(http)?;
        let connection = Ended(tokio::spawn(async move {
            let _ = connection.await;
        }));
        let request = ask.request().body(Full::new(ask.body));
        let request = request.map_err(|e| LinkError::Http(e.to_string()))?;
        let (head, body) = sender.send_request(request).await.map_err(http)?.into_parts();
        let body = Pieces { body, _connection: connection };
        Ok(Answering { status: head.status, headers: head.headers, body })
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes, hyper::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            return match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => Poll::Ready(Some(Ok(data))),
                    // Trailers say nothing that a client of this API hears.
                    Err(_) => continue,
                },
                Some(Err(e)) => Poll::Ready(Some(Err(e))),
                None => Poll::Ready(None),
            };
        }
    }
}
