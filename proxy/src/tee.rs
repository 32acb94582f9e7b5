//! Bodies on their way through: forwarded frame by frame as they come, with a bounded
//! copy taken in passing, and the exchange ended exactly once where the answer ends.
//!
//! Nothing is parsed here. Backpressure is the frames' own: the next one is asked for
//! when the other side took the last.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use glassway_shared::model::{Failure, Outcome};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::{sync::oneshot, time::Sleep};

use crate::{
    forward,
    live::{Live, Recording},
    pool::Lease,
    recorder::Recorder,
    server::Part,
    upstream::{Reuse, UploadState},
};

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

/// Notices that a body has not moved. Arms a timer only while it waits, and re-arms it
/// only when it fires early, so that a busy stream costs none.
struct Idle {
    limit: Duration,
    moved: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Idle {
    fn new(limit: Duration) -> Self {
        Self { limit, moved: None, timer: None }
    }

    fn moved(&mut self) {
        if self.timer.is_some() {
            self.moved = Some(Instant::now());
        }
    }

    /// Ready once the limit has passed without a move.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.limit.is_zero() {
            return Poll::Pending;
        }
        loop {
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.limit)));
            ready!(timer.as_mut().poll(cx));
            match self.moved.take() {
                // It moved since the timer was set: wait for the rest.
                Some(moved) => timer.as_mut().reset((moved + self.limit).into()),
                None => return Poll::Ready(()),
            }
        }
    }
}

enum Source {
    /// As the client sends it.
    Streamed(Incoming),
    /// What is left of one that was read before, for as many attempts as it takes.
    Whole(Bytes),
}

/// A whole body goes out in pieces, each asked for when there is room: when the last one
/// leaves, the upload is nearly over.
const PIECE: usize = 64 * 1024;

impl Source {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self {
            Self::Streamed(body) => Pin::new(body).poll_frame(cx),
            Self::Whole(rest) => Poll::Ready(match rest.len() {
                0 => None,
                len => Some(Ok(Frame::data(rest.split_to(len.min(PIECE))))),
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Streamed(body) => body.is_end_stream(),
            Self::Whole(rest) => rest.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Streamed(body) => body.size_hint(),
            Self::Whole(rest) => SizeHint::with_exact(rest.len() as u64),
        }
    }
}

/// A client's body on its way upstream. Boxed: hyper keeps room for 32 requests per
/// upstream connection, of which one is ever used.
pub struct Upload(Box<Uploading>);

struct Uploading {
    inner: Source,
    live: Option<(Arc<Live>, Arc<Recorder>)>,
    state: Arc<UploadState>,
    idle: Idle,
    _part: Option<Part>,
}

impl Upload {
    /// Records what passes where `recording` is given.
    pub fn new(
        inner: Incoming,
        recording: Option<&Recording>,
        state: Arc<UploadState>,
        idle: Duration,
        part: Option<Part>,
    ) -> Self {
        let live = recording.map(|r| (r.live().clone(), r.recorder().clone()));
        let (inner, idle) = (Source::Streamed(inner), Idle::new(idle));
        Self(Box::new(Uploading { inner, live, state, idle, _part: part }))
    }

    /// A body that was read before; recorded then.
    pub fn whole(body: Bytes, state: Arc<UploadState>) -> Self {
        Self(Box::new(Uploading {
            inner: Source::Whole(body),
            live: None,
            state,
            idle: Idle::new(Duration::ZERO),
            _part: None,
        }))
    }
}

impl Uploading {
    fn sent(&self) {
        self.state.moved();
        if let Some((live, _)) = &self.live {
            let at = live.elapsed_us();
            live.state().request_sent_us.get_or_insert(at);
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self.get_mut().0;
        let Poll::Ready(next) = this.inner.poll_frame(cx) else {
            ready!(this.idle.poll(cx));
            this.state.stall();
            return Poll::Ready(Some(Err(BodyError::Idle(this.idle.limit))));
        };
        this.idle.moved();
        Poll::Ready(match next {
            Some(Ok(mut frame)) => {
                this.state.moved();
                if let Some((live, recorder)) = &this.live {
                    if let Some(data) = frame.data_ref() {
                        let expected =
                            this.inner.size_hint().exact().map(|rest| rest + data.len() as u64);
                        live.state().request.push(data, expected);
                    } else if let Some(trailers) = frame.trailers_ref() {
                        live.state().request_trailers = recorder.trailers(trailers);
                    }
                }
                frame = filtered(frame);
                if this.inner.is_end_stream() {
                    this.sent();
                }
                Some(Ok(frame))
            }
            Some(Err(e)) => {
                this.state.fail();
                Some(Err(e.into()))
            }
            None => {
                this.sent();
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.inner.size_hint()
    }
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
    _part: Option<Part>,
}

enum Content {
    Made(Option<Bytes>),
    Relayed(Box<Relay>),
}

impl Reply {
    /// No body.
    pub fn empty() -> Self {
        Self { content: Content::Made(None), _part: None }
    }

    /// Keeps its half of the request open until it is dropped.
    pub fn holds(&mut self, part: Option<Part>) {
        self._part = part;
    }
}

impl From<Bytes> for Reply {
    fn from(bytes: Bytes) -> Self {
        Self { content: Content::Made(Some(bytes).filter(|b| !b.is_empty())), _part: None }
    }
}

impl From<Relay> for Reply {
    fn from(relay: Relay) -> Self {
        Self { content: Content::Relayed(Box::new(relay)), _part: None }
    }
}

/// An upstream's body on its way to the client.
pub struct Relay {
    inner: Incoming,
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
        inner: Incoming,
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
        if let Some(reuse) = self.reuse.take() {
            reuse.done();
        }
        let waiting = self.recording.take().and_then(|recording| recording.finish(self.outcome));
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
        match &mut self.get_mut().content {
            Content::Made(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Relayed(relay) => relay.poll(cx),
        }
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
            let Poll::Ready(next) = Pin::new(&mut self.inner).poll_frame(cx) else {
                ready!(self.idle.poll(cx));
                let limit = self.idle.limit;
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

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn a_whole_body_moves_the_state_that_is_waited_on_until_its_end() {
        let state = UploadState::new();
        let body = Bytes::from(vec![7; PIECE * 2 + 1]);
        let mut upload = Upload::whole(body.clone(), state.clone());
        assert_eq!(upload.size_hint().exact(), Some(body.len() as u64));
        let mut sent = Vec::new();
        let mut moved = Vec::new();
        while let Some(frame) = upload.frame().await {
            let data = frame.unwrap().into_data().unwrap();
            assert!(data.len() <= PIECE);
            sent.extend_from_slice(&data);
            moved.push(state.last_moved());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(sent, body);
        assert!(upload.is_end_stream());
        assert!(moved.len() == 3 && moved.is_sorted() && moved[0] < moved[2], "{moved:?}");
        assert!(Upload::whole(Bytes::new(), state).frame().await.is_none());
    }
}
