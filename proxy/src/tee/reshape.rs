//! An upstream's stream on its way to a client that is to see another one: converted
//! between dialects, or without the usage chunk that only we asked for. Frame by frame,
//! nothing is gathered; what came is kept beside what goes on, where the two differ.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use glassway_shared::{
    decode::{Encoding, Incremental},
    model::{Failure, Outcome},
};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use tokio::time::Sleep;

use crate::{
    dialect::{
        stream::{End, PING_AFTER, Stream},
        strip::UsageStrip,
    },
    items::Keeper,
    live::Live,
};

/// A compressed stream that decodes to more is cut.
const LONGEST: usize = 1 << 30;

/// What is done to a stream.
pub enum Shape {
    /// Without the usage chunk.
    Strip(UsageStrip),
    /// Another dialect's; and who keeps its items for later requests.
    Converted(Box<Stream>, Option<Keeper>),
}

/// See the module.
pub struct Reshaped {
    inner: Incoming,
    shape: Shape,
    decoder: Option<Incremental>,
    /// The exchange, and the attempt whose answer this is.
    live: Option<(Arc<Live>, u32)>,
    out: BytesMut,
    over: bool,
    /// The upstream's connection is of no more use.
    broke: bool,
    failure: Option<(Outcome, Failure)>,
    ping: Option<Pin<Box<Sleep>>>,
    /// Something went out since the ping was set.
    spoke: bool,
}

/// Once, and before the client hears of the end: its next request may be quick.
fn keep(stream: &Stream, keeper: &mut Option<Keeper>) {
    if stream.end().is_some()
        && let Some(keeper) = keeper.take()
    {
        keeper.keep(stream.items());
    }
}

impl Reshaped {
    /// `encoding` is what the stream came in, though we asked for none.
    pub fn new(
        inner: Incoming,
        shape: Shape,
        encoding: Option<Encoding>,
        live: Option<(Arc<Live>, u32)>,
    ) -> Self {
        Self {
            inner,
            shape,
            decoder: encoding.map(|encoding| Incremental::new(Some(encoding), LONGEST)),
            live,
            out: BytesMut::new(),
            over: false,
            broke: false,
            failure: None,
            ping: None,
            spoke: false,
        }
    }

    /// The next piece for the client. An upstream that breaks off a converted stream is
    /// told to the client in its own dialect; then the body ends.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        while !self.over {
            match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.take(&data);
                    }
                    if self.inner.is_end_stream() {
                        self.finish();
                    }
                }
                None => self.finish(),
                Some(Err(e)) => {
                    let Shape::Converted(stream, _) = &mut self.shape else {
                        return Poll::Ready(Some(Err(e)));
                    };
                    let why = crate::upstream::chain(&e);
                    let message = format!("the upstream broke off: {why}");
                    if stream.end().is_none() {
                        stream.abort(&message, &mut self.out);
                        let code = "upstream_closed".to_owned();
                        self.failure = Some((Outcome::UpstreamClosed, Failure { code, message }));
                    }
                    self.over = true;
                    self.broke = true;
                }
            }
            if !self.out.is_empty() {
                self.spoke = true;
                return Poll::Ready(Some(Ok(Frame::data(self.out.split().freeze()))));
            }
        }
        Poll::Ready(None)
    }

    /// A sign of life for a client that was sent nothing for a while.
    pub(super) fn poll_ping(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        let Shape::Converted(stream, _) = &self.shape else { return Poll::Pending };
        loop {
            let timer = self.ping.get_or_insert_with(|| Box::pin(tokio::time::sleep(PING_AFTER)));
            ready!(timer.as_mut().poll(cx));
            timer.as_mut().reset(tokio::time::Instant::now() + PING_AFTER);
            // At most twice as long, and a busy stream resets no timers.
            if !std::mem::take(&mut self.spoke) {
                stream.ping(&mut self.out);
                if !self.out.is_empty() {
                    return Poll::Ready(self.out.split().freeze());
                }
            }
        }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.over && self.out.is_empty()
    }

    /// Why the stream is none that ended well.
    pub(super) fn failure(&mut self) -> Option<(Outcome, Failure)> {
        self.failure.take()
    }

    /// Whether the upstream's connection is of no more use.
    pub(super) fn broke(&self) -> bool {
        self.broke
    }

    fn take(&mut self, data: &[u8]) {
        let mut plain = Vec::new();
        let data = match &mut self.decoder {
            None => data,
            Some(decoder) => {
                decoder.push(data, &mut plain);
                &plain[..]
            }
        };
        match &mut self.shape {
            Shape::Strip(strip) => strip.push(data, &mut self.out),
            Shape::Converted(stream, keeper) => {
                if let Some((live, n)) = &self.live {
                    let at = live.elapsed_us();
                    live.state().heard(*n, data, at);
                }
                stream.push(data, &mut self.out);
                keep(stream, keeper);
            }
        }
    }

    fn finish(&mut self) {
        self.over = true;
        match &mut self.shape {
            Shape::Strip(strip) => {
                strip.finish(&mut self.out);
                if let (Some((live, _)), Some(usage)) = (&self.live, strip.stripped()) {
                    live.state().aside = Some(usage.to_vec());
                }
            }
            Shape::Converted(stream, keeper) => {
                let end = stream.finish(&mut self.out);
                keep(stream, keeper);
                if let End::Failed { code, message } = end {
                    let outcome = match code.as_str() {
                        "upstream_closed" => Outcome::UpstreamClosed,
                        _ => Outcome::UpstreamError,
                    };
                    self.failure = Some((outcome, Failure { code, message }));
                }
                if let Some((live, _)) = &self.live {
                    let warnings = stream.warnings().list();
                    let mut state = live.state();
                    let new: Vec<_> =
                        warnings.into_iter().filter(|w| !state.warnings.contains(w)).collect();
                    state.warnings.extend(new);
                }
            }
        }
    }
}
