//! HTTP/2 streams whose client takes nothing: each is let go of by itself, for others may
//! share the connection, and the kernel, which notices a stuck connection ([`super::stall`]),
//! sees a lively one where a client gives a stream no window but answers pings.
//!
//! hyper waits for a stream's window with a piece of the answer in its hand, and asks for the
//! next once that is gone. So whoever gave a piece and is not asked again waits for the client.
//! A piece is what the upstream sent at once: who takes less of it than all
//! in that time is let go of as well, for what h2 has sent of it nobody is told.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use crate::tee::Idle;

tokio::task_local! {
    static STREAM: Arc<Taking>;
}

/// The stream whose request is being served, where it is one of HTTP/2.
pub(super) fn current() -> Option<Arc<Taking>> {
    STREAM.try_with(Arc::clone).ok()
}

/// What the client of one stream takes of its answer.
#[derive(Debug, Default)]
pub(super) struct Taking {
    /// How often the answer was asked for more.
    asked: AtomicUsize,
    /// Whether it gave a piece when it was asked last.
    given: AtomicBool,
    stalled: AtomicBool,
}

impl Taking {
    pub(super) fn given(&self, some: bool) {
        self.asked.fetch_add(1, Relaxed);
        self.given.store(some, Relaxed);
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.load(Relaxed)
    }
}

/// Runs the streams of a connection.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    limit: Duration,
}

impl Streams {
    /// A stream ends when its client took nothing of what was given to it for so long; zero is
    /// no limit.
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit }
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let taking = Arc::<Taking>::default();
        tokio::spawn(STREAM.scope(taking.clone(), until_stalled(stream, taking, self.limit)));
    }
}

/// Drives a stream to its end. Where it stalls it is dropped, upon which h2 resets it.
async fn until_stalled(stream: impl Future<Output = ()>, taking: Arc<Taking>, limit: Duration) {
    let mut stream = pin!(stream);
    let mut wait = Wait { idle: Idle::new(limit), seen: 0 };
    poll_fn(|cx| match stream.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => {
            ready!(wait.poll(&taking, cx));
            taking.stalled.store(true, Relaxed);
            Poll::Ready(())
        }
    })
    .await;
}

/// For how long nothing has been taken.
struct Wait {
    idle: Idle,
    /// The client had taken something when the answer had been asked so often.
    seen: usize,
}

impl Wait {
    /// Ready once it was too long.
    fn poll(&mut self, taking: &Taking, cx: &mut Context<'_>) -> Poll<()> {
        if !taking.given.load(Relaxed) {
            return Poll::Pending;
        }
        let asked = taking.asked.load(Relaxed);
        if asked != self.seen {
            self.seen = asked;
            self.idle.moved();
        }
        self.idle.poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, pin::Pin, time::Instant};

    use bytes::Bytes;
    use http::{Request, Response};
    use http_body::{Body, Frame};
    use http_body_util::{BodyExt, Empty};
    use hyper::{client::conn::http2::SendRequest, service::service_fn};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use tokio::sync::mpsc;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(400);

    /// Gives a piece each time it is asked, or none until `after`; tells when it is dropped.
    struct Endless {
        after: Pin<Box<tokio::time::Sleep>>,
        taking: Arc<Taking>,
        dropped: mpsc::UnboundedSender<bool>,
    }

    impl Body for Endless {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let waits = self.after.as_mut().poll(cx).is_pending();
            self.taking.given(!waits);
            match waits {
                true => Poll::Pending,
                false => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 10_000]))))),
            }
        }
    }

    impl Drop for Endless {
        fn drop(&mut self) {
            let _ = self.dropped.send(self.taking.is_stalled());
        }
    }

    /// A client of a server whose answers begin `after` and never end, and what it tells
    /// of each that was dropped.
    async fn served(after: Duration) -> (SendRequest<Empty<Bytes>>, mpsc::UnboundedReceiver<bool>) {
        let (here, there) = tokio::io::duplex(64 * 1024);
        let (dropped, ends) = mpsc::unbounded_channel();
        let service = service_fn(move |_| {
            let dropped = dropped.clone();
            async move {
                let after = Box::pin(tokio::time::sleep(after));
                let taking = current().expect("served on a stream");
                Ok::<_, Infallible>(Response::new(Endless { after, taking, dropped }))
            }
        });
        let server = hyper::server::conn::http2::Builder::new(Streams::new(LIMIT));
        tokio::spawn(server.serve_connection(TokioIo::new(there), service));
        let mut client = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        client.initial_stream_window_size(64 * 1024).initial_connection_window_size(1 << 20);
        let (send, connection) = client.handshake(TokioIo::new(here)).await.unwrap();
        tokio::spawn(connection);
        (send, ends)
    }

    async fn ask(send: &mut SendRequest<Empty<Bytes>>) -> hyper::body::Incoming {
        send.send_request(Request::new(Empty::new())).await.unwrap().into_body()
    }

    #[tokio::test]
    async fn a_stream_that_takes_nothing_ends_alone() {
        let (mut send, mut ends) = served(Duration::ZERO).await;
        let start = Instant::now();
        let mut stuck = ask(&mut send).await;
        let mut reading = ask(&mut send).await;
        let slow = async {
            while start.elapsed() < LIMIT * 3 {
                assert!(reading.frame().await.unwrap().is_ok());
                tokio::time::sleep(LIMIT / 20).await;
            }
        };
        let ((), stalled) = tokio::join!(slow, ends.recv());
        assert_eq!(stalled, Some(true));
        assert!(ends.is_empty(), "the other goes on");
        let reset = loop {
            match stuck.frame().await.expect("no clean end") {
                Ok(_) => {}
                Err(e) => break e,
            }
        };
        assert!(!reset.is_timeout(), "{reset:?}");
        drop(reading);
        assert_eq!(ends.recv().await, Some(false), "that one left");
    }

    #[tokio::test]
    async fn one_that_waits_for_its_answer_does_not() {
        let (mut send, mut ends) = served(LIMIT * 3).await;
        let start = Instant::now();
        let mut body = ask(&mut send).await;
        assert!(body.frame().await.unwrap().is_ok());
        assert!(start.elapsed() >= LIMIT * 3);
        assert!(ends.is_empty());
        drop(body);
        assert_eq!(ends.recv().await, Some(false));
    }
}
