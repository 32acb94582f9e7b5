//! A body that holds something until it is sent or dropped, and is otherwise as it was:
//! its length stays known, so that the answer keeps its `Content-Length`.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use hyper::body::{Body, Frame, SizeHint};

/// `B`, holding `T`.
pub(super) struct Held<B, T> {
    body: B,
    _holds: T,
}

impl<B, T> Held<B, T> {
    pub(super) fn new(body: B, holds: T) -> Self {
        Self { body, _holds: holds }
    }
}

impl<B: Body + Unpin, T: Unpin> Body for Held<B, T> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
