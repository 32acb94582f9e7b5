//! Connections: poem behind our own accept loop, since poem's has no connection cap
//! or header timeout and spins when file descriptors run out.

use std::{
    convert::Infallible, net::SocketAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration,
};

use futures_util::FutureExt;
use glassway_shared::listen;
use http_body_util::combinators::BoxBody;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::{
    Addr, Request, Response,
    http::{StatusCode, header, uri::Scheme},
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::{
    error::Problem,
    gate::Gate,
    trace::images::{self, Images},
};

const CONNECTIONS: usize = 1_024;
/// Of the listener for images alone, each good for one answer.
const IMAGE_CONNECTIONS: usize = 256;
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// Answers under way may take this long after the stop.
const DRAIN: Duration = Duration::from_secs(5);

/// What is behind a listener.
#[derive(Clone)]
pub enum Front {
    /// Everything.
    All(Arc<Gate>),
    /// Trace images and nothing else, so that this port alone may face the internet.
    Images(Arc<Images>),
}

impl Front {
    async fn serve(&self, request: Request, peer: SocketAddr) -> Response {
        match self {
            Self::All(gate) => gate.serve(request, peer).await,
            Self::Images(images) if request.uri().path() == images::PATH => {
                images.serve(&request, peer)
            }
            Self::Images(_) => Response::builder()
                .status(StatusCode::NOT_FOUND)
                .header(header::CONNECTION, "close")
                .finish(),
        }
    }
}

/// Serves one listener until `stop` becomes true and its connections have ended.
pub async fn serve(front: Front, listener: TcpListener, stop: watch::Receiver<bool>) {
    let cap = Arc::new(Semaphore::new(match front {
        Front::All(_) => CONNECTIONS,
        Front::Images(_) => IMAGE_CONNECTIONS,
    }));
    let mut connections = JoinSet::new();
    let local = listener.local_addr().ok();
    let mut stopped = stop.clone();
    let until = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    listen::accept(listener, cap, until, |stream, peer, permit| {
        while connections.try_join_next().is_some() {}
        let (front, stop) = (front.clone(), stop.clone());
        connections.spawn(async move {
            connection(front, stream, local, peer, stop).await;
            drop(permit);
        });
    })
    .await;
    let drained = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(DRAIN, drained).await;
}

async fn connection(
    front: Front,
    stream: TcpStream,
    local: Option<SocketAddr>,
    peer: SocketAddr,
    mut stop: watch::Receiver<bool>,
) {
    let local = LocalAddr(local.map_or(Addr::Custom("none", "".into()), Addr::SocketAddr));
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let front = front.clone();
        let remote = RemoteAddr(Addr::SocketAddr(peer));
        let request = Request::from((request, local.clone(), remote, Scheme::HTTP));
        async move {
            let path = request.uri().path().to_owned();
            let answer = AssertUnwindSafe(front.serve(request, peer)).catch_unwind().await;
            let answer = answer.unwrap_or_else(|_| {
                tracing::error!(path, "a handler broke");
                Problem::internal().response()
            });
            let answer: hyper::Response<BoxBody<bytes::Bytes, std::io::Error>> = answer.into();
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(64 << 10)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        // Errors here are a client's: it left, or spoke nonsense and was told so.
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
