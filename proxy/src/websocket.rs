//! A WebSocket through the proxy: bytes are tunnelled both ways as they are, each
//! direction closing on its own, and an observer beside the tunnel reads messages out
//! of them for the record. The observer never delays or changes a byte; what it
//! cannot read it leaves out.

pub mod observe;

use std::{sync::Arc, time::Duration};

use glassway_shared::model::{Failure, Outcome, Side};
use http::Response;
use hyper::{
    body::Incoming,
    upgrade::{OnUpgrade, Upgraded},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf},
    sync::Notify,
};

use crate::{
    app::App,
    forward,
    live::{Live, Recording},
    pool::Lease,
    tee::Reply,
};
use observe::Observer;

/// Answers 101 and tunnels once both sides have switched.
pub fn tunnel(
    app: &Arc<App>,
    response: Response<Incoming>,
    recording: Option<Recording>,
    downstream: OnUpgrade,
    upstream: OnUpgrade,
    lease: Option<Lease>,
) -> Response<Reply> {
    let (mut parts, _) = response.into_parts();
    parts.headers = forward::response_headers(parts.headers, true);
    let deflate = observe::Deflate::negotiated(&parts.headers);
    if let Some(recording) = &recording {
        let ttfb = recording.live().elapsed_us();
        let answer = recording.recorder().answer(101, &parts.headers, ttfb, true);
        recording.live().state().messages = Some(recording.recorder().capture());
        recording.answered(answer);
    }
    let running = app.tunnels.begin();
    let idle = app.config.proxy.idle_timeout.0;
    tokio::spawn(async move {
        // The key that serves it is busy so long.
        let (_running, _lease) = (running, lease);
        let (Ok(client), Ok(server)) = tokio::join!(downstream, upstream) else {
            drop(recording);
            return;
        };
        let live = recording.as_ref().map(|r| r.live().clone());
        let (outcome, failure) = relay(client, server, live, deflate, idle).await;
        if let Some(recording) = recording {
            match failure {
                Some(failure) => recording.fail(outcome, failure),
                None => recording.finish(outcome),
            };
        }
    });
    Response::from_parts(parts, Reply::empty())
}

enum End {
    /// The other side is done; politely where a close frame went before.
    Closed {
        politely: bool,
    },
    ReadFailed,
    WriteFailed,
}

async fn relay(
    client: Upgraded,
    server: Upgraded,
    live: Option<Arc<Live>>,
    deflate: observe::Deflate,
    idle: Duration,
) -> (Outcome, Option<Failure>) {
    let (client_read, client_write) = tokio::io::split(TokioIo::new(client));
    let (server_read, server_write) = tokio::io::split(TokioIo::new(server));
    let moved = Notify::new();
    let up = Observer::new(Side::Request, live.clone(), &deflate);
    let down = Observer::new(Side::Response, live, &deflate);
    let both = async {
        let up = copy(client_read, server_write, up, &moved);
        let down = copy(server_read, client_write, down, &moved);
        tokio::pin!(up, down);
        // A failure in one direction ends both; a clean close only its own, for as long
        // as the other may still have something to say.
        tokio::select! {
            end = &mut up => match end {
                End::Closed { politely: true } => {
                    let _ = tokio::time::timeout(GRACE, &mut down).await;
                    ended_well()
                }
                End::Closed { politely: false } => match (&mut down).await {
                    End::ReadFailed => upstream_closed(),
                    _ => (Outcome::ClientClosed, None),
                },
                End::ReadFailed => (Outcome::ClientClosed, None),
                End::WriteFailed => upstream_closed(),
            },
            end = &mut down => match end {
                End::Closed { politely: true } => {
                    let _ = tokio::time::timeout(GRACE, &mut up).await;
                    ended_well()
                }
                End::Closed { politely: false } | End::ReadFailed => upstream_closed(),
                End::WriteFailed => (Outcome::ClientClosed, None),
            },
        }
    };
    tokio::pin!(both);
    loop {
        tokio::select! {
            ended = &mut both => return ended,
            () = moved.notified() => {}
            () = tokio::time::sleep(idle), if !idle.is_zero() => {
                let message = format!("no message for {} s (proxy.idle_timeout)", idle.as_secs_f64());
                return (Outcome::Timeout, Some(Failure { code: "upstream_timeout".into(), message }));
            }
        }
    }
}

/// After one side closed politely, how long the other may take to do so.
const GRACE: Duration = Duration::from_secs(5);

fn ended_well() -> (Outcome, Option<Failure>) {
    (Outcome::Ok, None)
}

fn upstream_closed() -> (Outcome, Option<Failure>) {
    let message = "the upstream broke off the WebSocket".to_owned();
    (Outcome::UpstreamClosed, Some(Failure { code: "upstream_closed".into(), message }))
}

async fn copy(
    mut from: ReadHalf<TokioIo<Upgraded>>,
    mut to: WriteHalf<TokioIo<Upgraded>>,
    mut observer: Observer,
    moved: &Notify,
) -> End {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) => {
                let _ = to.shutdown().await;
                return End::Closed { politely: observer.closing() };
            }
            Ok(n) => {
                moved.notify_one();
                observer.see(&buffer[..n]);
                if to.write_all(&buffer[..n]).await.is_err() || to.flush().await.is_err() {
                    // A side that has said goodbye need not listen any more.
                    return match observer.closing() {
                        true => End::Closed { politely: true },
                        false => End::WriteFailed,
                    };
                }
            }
            Err(_) => return End::ReadFailed,
        }
    }
}
