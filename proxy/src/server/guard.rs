//! Watches one client's HTTP/1 connection between requests: a head that takes too
//! long, a connection that idles too long, and header lines that end in a bare line
//! feed, which hyper would accept and RFC 9112 lets a strict server refuse.
//!
//! hyper has a header timeout of its own, but it also counts the quiet time between
//! two requests and costs a timer for each; this one costs nothing while requests
//! come.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};

use super::{quiet::KEEP_ALIVE, streams::Taking};

/// Tells whether bytes that arrive belong to a request being served or begin a new
/// one. Pipelined heads arrive early and are left to hyper.
#[derive(Clone, Debug, Default)]
pub struct Boundary(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Halves of requests that are not over.
    parts: AtomicUsize,
    /// Halves there have been.
    asked: AtomicUsize,
    /// Whether some of a head is there that is not a request yet.
    head: AtomicBool,
    /// Whether the connection ended because the client took nothing any more.
    stalled: AtomicBool,
}

/// One half of a request (its body, its answer) that is not over.
#[derive(Debug)]
pub struct Part {
    boundary: Boundary,
    /// Where the connection has several, what this one's client takes.
    stream: Option<Arc<Taking>>,
}

impl Boundary {
    /// A half begins; it is over when the part is dropped.
    pub fn part(&self) -> Part {
        self.0.parts.fetch_add(1, Relaxed);
        self.0.asked.fetch_add(1, Relaxed);
        self.0.head.store(false, Relaxed);
        Part { boundary: self.clone(), stream: None }
    }

    /// Whether nothing is being asked or answered.
    pub fn is_quiet(&self) -> bool {
        self.between_requests() && !self.0.head.load(Relaxed)
    }

    /// Rises with each request.
    pub(super) fn asked(&self) -> usize {
        self.0.asked.load(Relaxed)
    }

    fn between_requests(&self) -> bool {
        self.0.parts.load(Relaxed) == 0
    }

    /// The connection has ended: the client took nothing of what was sent, for too long.
    pub(super) fn stalled(&self) {
        self.0.stalled.store(true, Relaxed);
    }
}

impl Part {
    /// The answer's half, on an HTTP/2 stream.
    pub(super) fn on(mut self, stream: Option<Arc<Taking>>) -> Self {
        self.stream = stream;
        self
    }

    /// Some of the answer was asked for, for what came before is taken; whether there was some.
    pub fn given(&self, some: bool) {
        if let Some(stream) = &self.stream {
            stream.given(some);
        }
    }

    /// Whether the connection or stream ended because the client took nothing any more.
    pub fn is_stalled(&self) -> bool {
        self.boundary.0.stalled.load(Relaxed)
            || self.stream.as_ref().is_some_and(|stream| stream.is_stalled())
    }

    /// The connection has become something else: no head will ever follow.
    pub fn keep_for_ever(self) {
        std::mem::forget(self);
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.boundary.0.parts.fetch_sub(1, Relaxed);
    }
}

/// See the module. `S` is the connection, as it is or under TLS.
pub(super) struct Guard<S> {
    stream: S,
    boundary: Boundary,
    head: Head,
    header_timeout: Option<Duration>,
    /// When waiting for a head becomes too long.
    deadline: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// The head being read.
#[derive(Debug, Default)]
struct Head {
    begun: bool,
    ended: bool,
    /// The last bytes seen, enough to recognise a line end and the head's end.
    last: [u8; 3],
}

impl Head {
    /// Looks at new bytes; turns a bare line feed into NUL, upon which hyper answers 400.
    fn see(&mut self, bytes: &mut [u8]) {
        if self.ended {
            return;
        }
        let mut from = 0;
        while let Some(at) = memchr::memchr(b'\n', &bytes[from..]).map(|at| from + at) {
            let before = |n: usize| match at.checked_sub(n) {
                Some(i) => bytes[i],
                None => self.last[3 + at - n],
            };
            if before(1) != b'\r' {
                bytes[at] = 0;
                self.ended = true;
                return;
            }
            // Blank lines before a head are allowed and not its end.
            if self.begun && before(2) == b'\n' && before(3) == b'\r' {
                self.ended = true;
                return;
            }
            self.begun |= at >= 2 || from > 0;
            from = at + 1;
        }
        self.begun |= !bytes.is_empty();
        for &byte in bytes.iter().rev().take(3).rev() {
            self.last = [self.last[1], self.last[2], byte];
        }
    }
}

impl<S> Guard<S> {
    pub(super) fn new(stream: S, boundary: Boundary, header_timeout: Option<Duration>) -> Self {
        Self {
            stream,
            boundary,
            head: Head::default(),
            header_timeout,
            deadline: None,
            timer: None,
        }
    }

    /// Ready with an error once a head has taken too long.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let limit = match (self.head.begun, self.header_timeout) {
            (true, Some(limit)) => limit,
            (true, None) => return Poll::Pending,
            (false, _) => KEEP_ALIVE,
        };
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + limit);
        let timer =
            self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        // A timer that fires early costs one look; one that fires late would miss.
        if timer.deadline() > deadline.into() {
            timer.as_mut().reset(deadline.into());
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if deadline <= Instant::now() {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            timer.as_mut().reset(deadline.into());
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let waiting = this.boundary.between_requests();
        if !waiting && (this.head.begun || this.head.ended) {
            this.head = Head::default();
            this.deadline = None;
        }
        let from = buf.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buf) {
            Poll::Ready(result) => {
                result?;
                if waiting && buf.filled().len() > from {
                    if !this.head.begun {
                        this.deadline = None;
                    }
                    this.boundary.0.head.store(true, Relaxed);
                    this.head.see(&mut buf.filled_mut()[from..]);
                }
                Poll::Ready(Ok(()))
            }
            Poll::Pending if waiting => Poll::Ready(Err(ready!(this.poll_deadline(cx)))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str, cut: usize) -> (String, bool) {
        let mut head = Head::default();
        let mut bytes = text.as_bytes().to_vec();
        let (first, second) = bytes.split_at_mut(cut);
        head.see(first);
        head.see(second);
        (String::from_utf8(bytes).unwrap(), head.ended)
    }

    #[test]
    fn only_bare_line_feeds_of_the_head_are_marked() {
        let good = "POST / HTTP/1.1\r\nHost: a\r\n\r\nbody\nwith\nlines\n";
        let bad = "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n";
        let unfinished = "GET / HTTP/1.1\r\nHost: a\r\n";
        for cut in 0..unfinished.len() {
            assert_eq!(seen(good, cut), (good.to_owned(), true), "{cut}");
            assert_eq!(seen(bad, cut), (bad.replacen("a\n", "a\0", 1), true), "{cut}");
            assert_eq!(seen(unfinished, cut), (unfinished.to_owned(), false), "{cut}");
        }
    }

    #[test]
    fn parts_tell_when_a_request_is_over() {
        let boundary = Boundary::default();
        let (body, answer) = (boundary.part(), boundary.part());
        assert!(!boundary.between_requests());
        drop(answer);
        assert!(!boundary.between_requests());
        assert!(!boundary.is_quiet());
        drop(body);
        assert!(boundary.between_requests() && boundary.is_quiet());
        boundary.0.head.store(true, Relaxed);
        assert!(!boundary.is_quiet(), "a head has begun");
        drop(boundary.part());
        assert!(boundary.is_quiet());
        boundary.part().keep_for_ever();
        assert!(!boundary.between_requests());
    }
}
