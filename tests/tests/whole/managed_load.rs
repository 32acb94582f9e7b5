//! Five thousand requests in flight at once while keys die and come back: nobody fails as
//! long as one key lives.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use glassway_tests::{
    Glassway, eventually,
    team::{ANSWER, ASK, key, paste},
    wait::PATIENCE,
};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::{Value, json as value};
use tokio::{net::TcpListener, runtime::Runtime, sync::watch};

const REQUESTS: usize = 5_000;
/// Streams per connection; the proxy allows 256.
const STREAMS: usize = 200;
const KEYS: usize = 10;
/// Never says a bad word.
const LIVES: usize = 9;

/// Holds what it serves until so many are held at once.
struct Upstream {
    asked: [AtomicUsize; KEYS],
    refused: AtomicUsize,
    held: AtomicUsize,
    open: watch::Sender<bool>,
    all: usize,
}

impl Upstream {
    async fn serve(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let bearer = request.headers()["authorization"].to_str().unwrap().replace("Bearer ", "");
        let n = (0..KEYS).find(|n| key(*n) == bearer).unwrap();
        if request.method() == Method::GET {
            // A probe: keys 0 and 5 are none, the others are.
            return said(if n % 5 == 0 { 401 } else { 200 }, "invalid_api_key");
        }
        request.into_body().collect().await.unwrap();
        let times = self.asked[n].fetch_add(1, Relaxed);
        if n != LIVES && times % 20 == 7 {
            self.refused.fetch_add(1, Relaxed);
            return match n % 5 {
                0 => said(401, "invalid_api_key"),
                1 => said(429, "insufficient_quota"),
                2 => said(429, "rate_limit_exceeded"),
                3 => said(403, "model_not_found"),
                _ => said(403, "unsupported_country_region_territory"),
            };
        }
        let mut opened = self.open.subscribe();
        if self.held.fetch_add(1, Relaxed) + 1 == self.all {
            self.open.send_replace(true);
        }
        opened.wait_for(|open| *open).await.unwrap();
        Response::new(Full::from(ANSWER))
    }
}

fn said(status: u16, code: &str) -> Response<Full<Bytes>> {
    let body = value!({"error": {"message": "no", "type": "x", "param": null, "code": code}});
    let response = Response::builder().status(status).header("retry-after-ms", "40");
    response.body(Full::from(body.to_string())).unwrap()
}

async fn listen(upstream: Arc<Upstream>, listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let upstream = upstream.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let upstream = upstream.clone();
                async move { Ok::<_, Infallible>(upstream.serve(request).await) }
            });
            let server = hyper::server::conn::http1::Builder::new();
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Asks so often at once over one connection; how many were answered well.
async fn ask(proxy: SocketAddr, times: usize) -> usize {
    let stream = tokio::net::TcpStream::connect(proxy).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let asking = (0..times).map(|_| {
        let mut sender = sender.clone();
        tokio::spawn(async move {
            let request = Request::post("http://localhost:8080/v1/chat/completions")
                .header("content-type", "application/json")
                .body(Full::<Bytes>::from(ASK))
                .unwrap();
            let answer = sender.send_request(request).await.unwrap();
            let (parts, body) = answer.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            if parts.status != 200 {
                eprintln!("{} {}", parts.status, String::from_utf8_lossy(&body));
            }
            usize::from(parts.status == 200 && body == ANSWER)
        })
    });
    let mut good = 0;
    for one in asking.collect::<Vec<_>>() {
        good += one.await.unwrap();
    }
    good
}

/// As many as the system lets both ends hold open.
fn bounded() -> usize {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let room = usize::try_from(hard).unwrap_or(usize::MAX).saturating_sub(500);
    let requests = REQUESTS.min(room);
    assert!(requests > 200, "too few open files are allowed: {hard}");
    requests
}

#[test]
fn five_thousand_at_once_and_no_client_fails_while_one_key_lives() {
    let requests = bounded();
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let upstream = Arc::new(Upstream {
        asked: Default::default(),
        refused: AtomicUsize::new(0),
        held: AtomicUsize::new(0),
        open: watch::Sender::new(false),
        all: requests,
    });
    runtime.spawn(listen(upstream.clone(), listener));
    let glassway = Glassway::setup().upstream(&url).start();
    paste(&glassway, KEYS);

    // Somebody keeps bringing the keys back, so that they die again.
    let done = AtomicBool::new(false);
    let good = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Relaxed) {
                let _ = glassway.api().post("/api/keys/reset", &value!({}));
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let proxy = glassway.proxy_addr();
        let asking: Vec<_> = (0..requests)
            .step_by(STREAMS)
            .map(|from| runtime.spawn(ask(proxy, STREAMS.min(requests - from))))
            .collect();
        let good = runtime.block_on(async {
            let all = async {
                let mut good = 0;
                for one in asking {
                    good += one.await.unwrap();
                }
                good
            };
            tokio::time::timeout(PATIENCE, all).await
        });
        done.store(true, Relaxed);
        good
    });
    let held = upstream.held.load(Relaxed);
    let refused = upstream.refused.load(Relaxed);
    assert_eq!(good.ok(), Some(requests), "{held} held, {refused} refused");
    assert_eq!(held, requests, "all were in flight at the same time");
    assert!(refused > 20, "keys died: {refused}");

    let stats = eventually("all of it is written", || {
        let stats: Value = glassway.api().json("/api/stats");
        (stats["calls"]["all"] == requests && stats["in_flight"] == 0).then_some(stats)
    });
    assert_eq!(stats["success_rate"], 1.0, "{stats}");
    assert_eq!(stats["lost"]["records_lost"], 0);
    let keys = glassway.api().json("/api/stats/keys");
    let sum = |field: &str| -> u64 {
        let items = keys["items"].as_array().unwrap();
        items.iter().map(|item| item[field].as_u64().unwrap()).sum()
    };
    assert_eq!((sum("calls"), sum("ok")), (requests as u64, requests as u64));
}
