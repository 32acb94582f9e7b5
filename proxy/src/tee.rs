//! Bodies on their way through: forwarded frame by frame as they come, with a bounded
//! copy taken in passing, and the exchange ended exactly once where the answer ends.
//!
//! Nothing is parsed here, save where a managed stream becomes another ([`reshape`]).
//! Backpressure is the frames' own: the next one is asked for when the other side took
//! the last. `upload` is the client's body, [`Relay`] the upstream's.

mod idle;
pub mod reshape;
mod upload;

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use glassway_shared::model::{Failure, Outcome};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::oneshot;

use crate::{forward, live::Recording, pool::Lease, server::Part, upstream::Reuse};
pub use idle::Idle;
use reshape::Reshaped;
pub use upload::Upload;

/// Why a body broke off; hyper closes the connection on it, so that the other side
/// sees an abort and never a clean end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The side it comes from.
    #[error(transparent)]
    Source(#[from] hyper::Error),
    /// Nothing came for too long.
    #[error("nothing came for {0:?} (proxy.idle_timeout)")]
    Idle(Duration),
}

fn filtered(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(trailers) => Frame::trailers(forward::trailers(trailers)),
        Err(frame) => frame,
    }
}

/// What a client gets: made here, or an upstream's body.
pub struct Reply {
    content: Content,
    part: Option<Part>,
}

enum Content {
    Made(Option<Bytes>),
    Relayed(Box<Relay>),
}

impl Reply {
    /// No body.
    pub fn empty() -> Self {
        Self { content: Content::Made(None), part: None }
    }

    /// Keeps its half of the request open until it is dropped.
    pub fn holds(&mut self, part: Option<Part>) {
        self.part = part;
    }
}

impl Drop for Reply {
    /// Tells a client that stopped reading from one that left.
    fn drop(&mut self) {
        if let Content::Relayed(relay) = &mut self.content
            && self.part.as_ref().is_some_and(Part::is_stalled)
        {
            let message = format!(
                "the client took nothing for {} s (proxy.idle_timeout)",
                relay.idle.limit().as_secs_f64()
            );
            relay.fail(Outcome::ClientClosed, "client_stalled", message);
        }
    }
}

impl From<Bytes> for Reply {
    fn from(bytes: Bytes) -> Self {
        Self { content: Content::Made(Some(bytes).filter(|b| !b.is_empty())), part: None }
    }
}

impl From<Relay> for Reply {
    fn from(relay: Relay) -> Self {
        Self { content: Content::Relayed(Box::new(relay)), part: None }
    }
}

/// What comes of an upstream's body.
pub enum Stream {
    /// As it is.
    Same(Incoming),
    /// Another for the client.
    Reshaped(Box<Reshaped>),
}

impl Stream {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self {
            Self::Same(body) => Pin::new(body).poll_frame(cx),
            Self::Reshaped(body) => body.poll_frame(cx),
        }
    }

    fn poll_ping(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        match self {
            Self::Same(_) => Poll::Pending,
            Self::Reshaped(body) => body.poll_ping(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Same(body) => body.is_end_stream(),
            Self::Reshaped(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Same(body) => body.size_hint(),
            Self::Reshaped(_) => SizeHint::default(),
        }
    }
}

/// An upstream's body on its way to the client.
pub struct Relay {
    inner: Stream,
    reuse: Option<Reuse>,
    recording: Option<Recording>,
    /// What a clean end means, by the answer's status.
    outcome: Outcome,
    idle: Idle,
    /// With `durability = "before_end"`: the last frame, until the commit.
    held: Option<(Option<Frame<Bytes>>, oneshot::Receiver<()>)>,
    ended: bool,
    /// The key that serves it is busy so long.
    _lease: Option<Lease>,
}

impl Relay {
    /// Ends `recording` with `outcome` when the body ends cleanly.
    pub fn new(
        inner: Stream,
        reuse: Option<Reuse>,
        recording: Option<Recording>,
        outcome: Outcome,
        idle: Duration,
    ) -> Self {
        let idle = Idle::new(idle);
        Self { inner, reuse, recording, outcome, idle, held: None, ended: false, _lease: None }
    }

    /// Keeps a key's lease until the body is done with.
    pub fn holding(mut self, lease: Option<Lease>) -> Self {
        self._lease = lease;
        self
    }

    fn copy(&self, data: &Bytes) {
        let Some(recording) = &self.recording else { return };
        let live = recording.live();
        let expected = self.inner.size_hint().exact().map(|rest| rest + data.len() as u64);
        let mut state = live.state();
        let Some(answer) = &mut state.answer else { return };
        answer.body.push(data, expected);
        if answer.stream {
            let at = live.elapsed_us();
            answer.marks.push(data.len(), at);
        }
    }

    fn keep_trailers(&self, trailers: &HeaderMap) {
        let Some(recording) = &self.recording else { return };
        let kept = recording.recorder().trailers(trailers);
        if let Some(answer) = &mut recording.live().state().answer {
            answer.trailers = kept;
        }
    }

    /// The body has ended with this last frame: end the exchange, give the connection
    /// back, and hold the frame where the commit is waited for.
    fn end(&mut self, last: Option<Frame<Bytes>>) -> Option<Frame<Bytes>> {
        let (broke, failure) = match &mut self.inner {
            Stream::Same(_) => (false, None),
            Stream::Reshaped(body) => (body.broke(), body.failure()),
        };
        if let Some(reuse) = self.reuse.take().filter(|_| !broke) {
            reuse.done();
        }
        let waiting = self.recording.take().and_then(|recording| match failure {
            None => recording.finish(self.outcome),
            Some((outcome, failure)) => recording.fail(outcome, failure),
        });
        match waiting {
            Some(waiting) => {
                self.held = Some((last, waiting));
                None
            }
            None => {
                self.ended = true;
                last
            }
        }
    }

    fn fail(&mut self, outcome: Outcome, code: &str, message: String) {
        self.ended = true;
        if let Some(recording) = self.recording.take() {
            recording.fail(outcome, Failure { code: code.to_owned(), message });
        }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let next = match &mut this.content {
            Content::Made(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Relayed(relay) => relay.poll(cx),
        };
        if let Some(part) = &this.part {
            part.given(next.is_ready());
        }
        next
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Made(bytes) => bytes.is_none(),
            Content::Relayed(relay) => relay.ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Made(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64))
            }
            Content::Relayed(relay) => match &relay.held {
                Some((Some(last), _)) => {
                    SizeHint::with_exact(last.data_ref().map_or(0, |data| data.len() as u64))
                }
                _ => relay.inner.size_hint(),
            },
        }
    }
}

impl Relay {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            if let Some((last, committed)) = &mut self.held {
                // An error means that the journal is gone: the client has waited enough.
                let _ = ready!(Pin::new(committed).poll(cx));
                let last = last.take();
                self.held = None;
                self.ended = true;
                return Poll::Ready(last.map(Ok));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            let Poll::Ready(next) = self.inner.poll_frame(cx) else {
                if let Poll::Ready(ping) = self.inner.poll_ping(cx) {
                    self.copy(&ping);
                    return Poll::Ready(Some(Ok(Frame::data(ping))));
                }
                ready!(self.idle.poll(cx));
                let limit = self.idle.limit();
                let message = format!(
                    "the upstream sent nothing for {} s (proxy.idle_timeout)",
                    limit.as_secs_f64()
                );
                self.fail(Outcome::Timeout, "upstream_timeout", message);
                return Poll::Ready(Some(Err(BodyError::Idle(limit))));
            };
            self.idle.moved();
            let last = match next {
                Some(Ok(frame)) => {
                    let frame = match frame.into_data() {
                        Ok(data) => {
                            self.copy(&data);
                            Frame::data(data)
                        }
                        Err(frame) => {
                            if let Some(trailers) = frame.trailers_ref() {
                                self.keep_trailers(trailers);
                            }
                            filtered(frame)
                        }
                    };
                    if !self.inner.is_end_stream() {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    Some(frame)
                }
                Some(Err(e)) => {
                    let message = format!("the upstream broke off: {}", crate::upstream::chain(&e));
                    self.fail(Outcome::UpstreamClosed, "upstream_closed", message);
                    return Poll::Ready(Some(Err(e.into())));
                }
                None => None,
            };
            let last = self.end(last);
            if self.held.is_none() {
                return Poll::Ready(last.map(Ok));
            }
        }
    }
}
