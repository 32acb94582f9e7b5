//! A client's body on its way upstream, streamed or read before.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{BodyError, Idle, filtered};
use crate::{
    live::{Live, Recording},
    recorder::Recorder,
    server::Part,
    upstream::UploadState,
};

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
            return Poll::Ready(Some(Err(BodyError::Idle(this.idle.limit()))));
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
