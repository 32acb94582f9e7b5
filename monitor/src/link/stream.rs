//! A question to the proxy whose answer is passed on while it comes: chat. No time limit
//! of ours: the proxy has its own for first bytes and for silence. Dropping the answer
//! closes the connection, upon which the proxy stops asking.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::Stream;
use hyper::body::{Body, Incoming};
use poem::http::{HeaderMap, StatusCode};
use tokio::task::JoinHandle;

use super::{Ask, CONNECT_TIMEOUT, Link, LinkError, http, request};

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
        let request = request(ask)?;
        let open = tokio::time::timeout(CONNECT_TIMEOUT, self.open()).await;
        let (mut sender, connection) = open.unwrap_or(Err(LinkError::Timeout))?;
        let connection = Ended(tokio::spawn(async move {
            let _ = connection.await;
        }));
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
