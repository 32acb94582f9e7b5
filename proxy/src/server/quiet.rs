//! When a connection that nobody uses is closed: HTTP/2 has no such time of its own, for a
//! client that acknowledges pings counts as alive for ever.

use std::{future::Future, pin::Pin, time::Duration};

use super::{Boundary, Drain};

/// How long a connection may wait for its next request; nginx's default.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Looks within it.
const LOOKS: u32 = 5;

/// How long a stopping process waits for the first request of a new connection.
const FIRST: Duration = Duration::from_secs(2);

/// Drives an HTTP/2 connection to its end, which `shut` asks for (GOAWAY says which requests
/// will still be answered) once the stop has begun or nothing was asked for as long as
/// `unused`. `None` where it did not end within `left` after its last answer: what is left
/// of that is not being read.
pub(super) async fn until_unused<C: Future>(
    connection: C,
    shut: impl FnOnce(Pin<&mut C>),
    drain: &Drain,
    boundary: &Boundary,
    unused: Duration,
    left: Duration,
) -> Option<C::Output> {
    tokio::pin!(connection);
    tokio::select! {
        biased;
        ended = connection.as_mut() => return Some(ended),
        () = stopped(drain, boundary) => {}
        () = silent(boundary, unused) => {}
    }
    shut(connection.as_mut());
    tokio::select! {
        biased;
        ended = connection => Some(ended),
        () = silent(boundary, left) => None,
    }
}

/// Resolves once nothing has been asked or answered for so long, give or take a look.
async fn silent(boundary: &Boundary, limit: Duration) {
    let (mut seen, mut asked) = (0, boundary.asked());
    while seen < LOOKS {
        tokio::time::sleep(limit / LOOKS).await;
        let now = boundary.asked();
        seen = if boundary.is_quiet() && now == asked { seen + 1 } else { 0 };
        asked = now;
    }
}

/// Resolves once the stop has begun and the connection's first request has come, for whose
/// sake the client made it, or is not coming.
async fn stopped(drain: &Drain, boundary: &Boundary) {
    drain.begun().await;
    let step = FIRST / 40;
    for _ in 0..40 {
        if boundary.asked() > 0 {
            return;
        }
        tokio::time::sleep(step).await;
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Instant};

    use bytes::Bytes;
    use http::{Request, Response};
    use http_body_util::Empty;
    use hyper::{client, server::conn::http2, service::service_fn};
    use hyper_util::rt::{TokioExecutor, TokioIo};

    use super::*;

    const LIMIT: Duration = Duration::from_millis(500);
    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn an_http_2_connection_without_a_stream_is_told_to_go() {
        let (here, there) = tokio::io::duplex(64 * 1024);
        let boundary = Boundary::default();
        let asked = boundary.clone();
        let service = service_fn(move |_| {
            let part = asked.part();
            async move {
                // Longer than the limit: an open stream keeps the connection.
                tokio::time::sleep(LIMIT * 2).await;
                drop(part);
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        });
        let connection = http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(there), service);
        let served = tokio::spawn(async move {
            let shut = |c: Pin<&mut http2::Connection<_, _, _>>| c.graceful_shutdown();
            until_unused(connection, shut, &Drain::default(), &boundary, LIMIT, LONG).await
        });
        let (mut send, client) = client::conn::http2::handshake::<_, _, Empty<Bytes>>(
            TokioExecutor::new(),
            TokioIo::new(here),
        )
        .await
        .unwrap();
        let client = tokio::spawn(client);
        for _ in 0..2 {
            let request = Request::new(Empty::new());
            assert_eq!(send.send_request(request).await.unwrap().status(), 200);
        }
        let answered = Instant::now();
        // It may be gone before the last word to it is written.
        let _ = served.await.unwrap().expect("the client goes");
        assert!(answered.elapsed() > LIMIT / 2, "{:?}", answered.elapsed());
        client.await.unwrap().expect("a goodbye is no error");
        assert!(send.is_closed());
    }

    #[tokio::test]
    async fn one_that_does_not_go_is_cut() {
        let (drain, boundary) = (Drain::default(), Boundary::default());
        let stuck = std::future::pending::<()>();
        let mut told = false;
        let ended =
            until_unused(stuck, |_| told = true, &drain, &boundary, LIMIT / 10, LIMIT / 10).await;
        assert!(ended.is_none() && told);
    }

    #[tokio::test]
    async fn a_stop_waits_a_moment_for_a_first_request() {
        let (drain, boundary) = (Drain::default(), Boundary::default());
        drain.begin();
        let start = Instant::now();
        stopped(&drain, &boundary).await;
        assert!(start.elapsed() >= FIRST);
        drop(boundary.part());
        let start = Instant::now();
        stopped(&drain, &boundary).await;
        assert!(start.elapsed() < FIRST, "one that has served is told at once");
    }
}
