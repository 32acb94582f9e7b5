//! Connections: poem behind our own accept loop, since poem's has no connection cap
//! or header timeout and spins when file descriptors run out.

mod held;

use std::{
    collections::HashMap,
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use glassway_shared::{
    listen::{self, linger},
    networks::Networks,
    service::watchdog::Pulse,
    tls::Tls,
};
use http_body_util::combinators::BoxBody;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::{
    Addr, Request, Response,
    http::{HeaderValue, StatusCode, header, uri::Scheme},
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinSet,
};

use self::held::Held;
use crate::{
    error::Problem,
    gate::Gate,
    trace::{
        images::{self, Images},
        limit::network,
    },
};

const CONNECTIONS: usize = 1_024;
/// Of the listener for images alone, each good for one answer.
const IMAGE_CONNECTIONS: usize = 256;
/// Of these, of one address that does not speak for others.
const EACH_CONNECTIONS: usize = 768;
const EACH_IMAGE_CONNECTIONS: usize = 16;
/// So long a client may take nothing of what it asked for.
const STALLED: Duration = Duration::from_secs(60);
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// A fetch of an image says what it wants at once.
const IMAGE_HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// What is behind a listener.
#[derive(Clone)]
pub enum Front {
    /// Everything.
    All(Arc<Gate>),
    /// Trace images and nothing else, so that this port alone may face the internet.
    Images(Arc<Images>),
}

impl Front {
    /// How many connections this address may have at once; none: as many as there are.
    fn most_of(&self, peer: IpAddr) -> Option<usize> {
        let (most, trusted) = match self {
            Self::All(gate) => (EACH_CONNECTIONS, gate.trusts(peer)),
            Self::Images(images) => (EACH_IMAGE_CONNECTIONS, images.trusts(peer)),
        };
        (!trusted).then_some(most)
    }

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

/// What a listener demands of a connection before anything of it is read.
#[derive(Clone, Default)]
pub struct Door {
    /// Where it speaks TLS.
    pub tls: Option<Arc<Tls>>,
    /// Who may connect: those who are allowed, and proxies that speak for others.
    pub peers: Networks,
}

/// Serves one listener until `stop` becomes true and its connections have ended, for
/// which they have as long as `drain`.
pub async fn serve(
    front: Front,
    listener: TcpListener,
    door: Door,
    stop: watch::Receiver<bool>,
    drain: Duration,
    pulse: Pulse,
) {
    let cap = Arc::new(Semaphore::new(match front {
        Front::All(_) => CONNECTIONS,
        Front::Images(_) => IMAGE_CONNECTIONS,
    }));
    let tls_wait = HEADER_TIMEOUT;
    let mut connections = JoinSet::new();
    let local = listener.local_addr().ok();
    let mut stopped = stop.clone();
    let until = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let peers = Arc::<Peers>::default();
    listen::give_up_after(&listener, Some(STALLED));
    listen::accept(listener, cap, pulse.clone(), until, |stream, peer, permit| {
        while connections.try_join_next().is_some() {}
        if !door.peers.admit(peer.ip()) {
            tracing::debug!(client.address = %peer, "not one of monitor.allowed_clients: closed unread");
            return;
        }
        let place = match front.most_of(peer.ip()).map(|most| peers.place(peer.ip(), most)) {
            // Closed unread: it has more open than anybody needs.
            Some(None) => return,
            place => place.flatten(),
        };
        let (front, tls, stop) = (front.clone(), door.tls.clone(), stop.clone());
        connections.spawn(async move {
            match tls {
                None => connection(front, stream, local, peer, Scheme::HTTP, stop, drain).await,
                Some(tls) => {
                    let shaken = tokio::time::timeout(tls_wait, tls.acceptor().accept(stream));
                    if let Ok(Ok(stream)) = shaken.await {
                        connection(front, stream, local, peer, Scheme::HTTPS, stop, drain).await;
                    }
                }
            }
            drop((permit, place));
        });
    })
    .await;
    let drained = pulse.beside(async { while connections.join_next().await.is_some() {} });
    let _ = tokio::time::timeout(drain, drained).await;
    // What is still open ends here, so that whoever waits for its writes sees them all.
    connections.shutdown().await;
}

/// Connections by address.
#[derive(Default)]
struct Peers(Mutex<HashMap<IpAddr, usize>>);

/// One of them.
struct Place {
    peers: Arc<Peers>,
    address: IpAddr,
}

impl Peers {
    fn place(self: &Arc<Self>, address: IpAddr, most: usize) -> Option<Place> {
        let address = network(address);
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = peers.entry(address).or_default();
        if *open >= most {
            return None;
        }
        *open += 1;
        Some(Place { peers: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut peers = self.peers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = peers.get_mut(&self.address) {
            *open -= 1;
            if *open == 0 {
                peers.remove(&self.address);
            }
        }
    }
}

async fn connection(
    front: Front,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    local: Option<SocketAddr>,
    peer: SocketAddr,
    scheme: Scheme,
    stop: watch::Receiver<bool>,
    drain: Duration,
) {
    let heads = match front {
        Front::All(_) => HEADER_TIMEOUT,
        Front::Images(_) => IMAGE_HEADER_TIMEOUT,
    };
    let local = LocalAddr(local.map_or(Addr::Custom("none", "".into()), Addr::SocketAddr));
    // Held by each request that is being answered.
    let asked = Arc::new(());
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let (front, asked, stop) = (front.clone(), asked.clone(), stop.clone());
        let remote = RemoteAddr(Addr::SocketAddr(peer));
        let request = Request::from((request, local.clone(), remote, scheme.clone()));
        async move {
            let path = request.uri().path().to_owned();
            let answer = AssertUnwindSafe(front.serve(request, peer)).catch_unwind().await;
            let answer = answer.unwrap_or_else(|_| {
                tracing::error!(path, "a handler broke");
                Problem::internal().response()
            });
            let mut answer: hyper::Response<BoxBody<bytes::Bytes, std::io::Error>> = answer.into();
            if *stop.borrow() && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            // The body holds it until it is sent or dropped.
            Ok::<_, Infallible>(answer.map(|body| Held::new(body, asked)))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(heads)
        .max_buf_size(64 << 10)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let mut stopped = stop.clone();
    let stopped = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    tokio::select! {
        // Errors here are a client's: it left, or spoke nonsense and was told so.
        _ = connection.as_mut() => return,
        () = linger(stopped, drain, || Arc::strong_count(&asked) == 1) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_connections_and_gets_them_back() {
        let peers = Arc::<Peers>::default();
        let loud = "192.0.2.1".parse().unwrap();
        let mut open: Vec<Place> = std::iter::from_fn(|| peers.place(loud, 16)).collect();
        assert_eq!(open.len(), 16);
        assert!(peers.place("192.0.2.2".parse().unwrap(), 16).is_some());
        open.pop();
        assert!(peers.place(loud, 16).is_some());
        drop(open);
        assert!(peers.0.lock().unwrap().is_empty());
    }
}
