//! HTTP/2 and TLS: h2c clients, https upstreams with HTTP/1.1 and HTTP/2, their
//! certificates, and outbound proxies.

use std::{
    convert::Infallible,
    fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use glassway_tests::{
    Glassway, Upstream,
    client::{get, post},
    glassway::Setup,
    upstream::{json, sse},
};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_rustls::TlsAcceptor;

/// An https upstream on localhost that tells in JSON what it saw.
struct Https {
    addr: SocketAddr,
    ca_pem: String,
    handshakes: Arc<AtomicUsize>,
    _runtime: Runtime,
}

impl Https {
    fn start(alpn: &[&str]) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let addr = listener.local_addr().unwrap();
        let handshakes = Arc::new(AtomicUsize::new(0));
        runtime.spawn(accept(
            listener,
            TlsAcceptor::from(Arc::new(config)),
            Arc::clone(&handshakes),
        ));
        Self { addr, ca_pem: made.cert.pem(), handshakes, _runtime: runtime }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.addr.port())
    }

    /// A setup whose proxy trusts this upstream.
    fn trusted(&self) -> Setup {
        let setup = Glassway::setup().upstream(&self.url());
        let ca = setup.folder().join("ca.pem");
        fs::write(&ca, &self.ca_pem).unwrap();
        setup.env("SSL_CERT_FILE", ca.to_str().unwrap())
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, handshakes: Arc<AtomicUsize>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, handshakes) = (acceptor.clone(), Arc::clone(&handshakes));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            handshakes.fetch_add(1, Ordering::Relaxed);
            let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let io = TokioIo::new(stream);
            let service = service_fn(tell);
            if h2 {
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(io, service).await;
            } else {
                let server = hyper::server::conn::http1::Builder::new();
                let _ = server.serve_connection(io, service).await;
            }
        });
    }
}

async fn tell(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let host = parts.uri.authority().map(ToString::to_string);
    let host = host.or_else(|| Some(parts.headers.get("host")?.to_str().ok()?.to_owned()));
    let names: Vec<&str> = parts.headers.keys().map(http::HeaderName::as_str).collect();
    let body = body.collect().await.map(|b| b.to_bytes().len()).unwrap_or_default();
    let text = serde_json::json!({
        "version": format!("{:?}", parts.version), "method": parts.method.as_str(),
        "target": parts.uri.path_and_query().map(ToString::to_string),
        "host": host, "names": names, "body": body,
    });
    let answer = Response::builder().header("content-type", "application/json");
    Ok(answer.body(Full::from(text.to_string())).unwrap())
}

#[test]
fn an_https_upstream_speaks_http_2_where_it_can() {
    for (alpn, version) in
        [(&["h2", "http/1.1"][..], "HTTP/2.0"), (&["http/1.1"], "HTTP/1.1"), (&[], "HTTP/1.1")]
    {
        let https = Https::start(alpn);
        let glassway = https.trusted().start();
        let answer = glassway.client().ask(post("/v1/a%2Fb?x=%20", "hello"));
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let seen = answer.json();
        assert_eq!(seen["version"], version);
        assert_eq!(seen["target"], "/v1/a%2Fb?x=%20");
        assert_eq!(seen["host"], format!("localhost:{}", https.addr.port()));
        assert_eq!(seen["body"], 5);
        let exchange = glassway.only_exchange();
        assert_eq!(exchange["outcome"], "ok");
        assert_eq!(exchange["upstream_url"], format!("{}/v1/a%2Fb?x=%20", https.url()));
    }
}

#[test]
fn https_connections_are_used_again() {
    for alpn in [&["h2"][..], &["http/1.1"]] {
        let https = Https::start(alpn);
        let glassway = https.trusted().set("proxy.threads", 1).start();
        for _ in 0..20 {
            assert_eq!(glassway.client().ask(post("/v1/x", "{}")).status(), 200);
        }
        assert_eq!(https.handshakes.load(Ordering::Relaxed), 1, "{alpn:?}");
    }
}

#[test]
fn an_upstream_with_an_unknown_certificate_is_refused() {
    let https = Https::start(&["h2"]);
    let glassway = Glassway::setup().upstream(&https.url()).start();
    let answer = glassway.client().ask(post("/v1/x", "{}"));
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.json()["error"]["code"], "upstream_connect");
    assert_eq!(glassway.only_exchange()["error"]["code"], "upstream_connect");
}

#[test]
fn an_https_upstream_is_reached_through_the_proxy_of_the_environment() {
    let https = Https::start(&["h2", "http/1.1"]);
    let to = https.addr;
    let corporate = Upstream::script(move |conn| relay(conn, to));
    let glassway = https.trusted().env("HTTPS_PROXY", &corporate.url()).start();
    let answer = glassway.client().ask(post("/v1/x", "{}"));
    assert_eq!(answer.status(), 200, "{answer:?}");
    let head = String::from_utf8_lossy(&corporate.received(0)).into_owned();
    let expected = format!("CONNECT localhost:{} HTTP/1.1\r\n", https.addr.port());
    assert!(head.starts_with(&expected), "{head}");
}

#[test]
fn no_proxy_goes_around_the_proxy_of_the_environment() {
    let https = Https::start(&["http/1.1"]);
    let corporate = Upstream::answer("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    let glassway = https
        .trusted()
        .env("HTTPS_PROXY", &corporate.url())
        .env("NO_PROXY", "example.com,localhost")
        .start_proxy();
    assert_eq!(glassway.client().ask(post("/v1/x", "{}")).status(), 200);
    assert_eq!(corporate.connections(), 0);
}

#[test]
fn all_proxy_serves_where_https_proxy_is_not_set() {
    let https = Https::start(&["http/1.1"]);
    let to = https.addr;
    let corporate = Upstream::script(move |conn| relay(conn, to));
    let glassway = https.trusted().env("ALL_PROXY", &corporate.url()).start_proxy();
    assert_eq!(glassway.client().ask(post("/v1/x", "{}")).status(), 200);
    assert_eq!(corporate.connections(), 1);
}

#[test]
fn a_proxy_that_refuses_is_a_502_that_says_so() {
    let corporate =
        Upstream::answer("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    let glassway = Glassway::setup()
        .upstream("https://upstream.invalid")
        .env("HTTPS_PROXY", &corporate.url())
        .start_proxy();
    let answer = glassway.client().ask(post("/v1/x", "{}"));
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.json()["error"]["code"], "upstream_connect");
}

/// Plays an outbound proxy: answers CONNECT and copies both ways.
fn relay(conn: &mut glassway_tests::upstream::Conn, to: SocketAddr) {
    let head = conn.head();
    assert!(head.first_line.starts_with("CONNECT "), "{head:?}");
    conn.send("HTTP/1.1 200 Connection established\r\n\r\n");
    let mut here = conn.stream().try_clone().unwrap();
    let mut there = std::net::TcpStream::connect(to).unwrap();
    let (mut here_again, mut there_again) = (here.try_clone().unwrap(), there.try_clone().unwrap());
    let up = std::thread::spawn(move || std::io::copy(&mut here, &mut there));
    let _ = std::io::copy(&mut there_again, &mut here_again);
    let _ = here_again.shutdown(std::net::Shutdown::Both);
    let _ = there_again.shutdown(std::net::Shutdown::Both);
    let _ = up.join();
}

/// Speaks HTTP/2 without TLS to the proxy.
fn h2c<T>(
    addr: SocketAddr,
    requests: Vec<Request<Full<Bytes>>>,
    read: impl Fn(Response<Bytes>) -> T,
) -> Vec<T> {
    Runtime::new().unwrap().block_on(async {
        let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        tokio::spawn(connection);
        let mut answers = Vec::new();
        for request in requests {
            let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            answers.push(read(Response::from_parts(parts, body)));
        }
        answers
    })
}

#[test]
fn an_h2c_client_reaches_an_http_1_upstream() {
    let upstream = Upstream::respond(|request| {
        if request.head.first_line.starts_with("GET") {
            return sse(&["1", "2", "[DONE]"]);
        }
        json(r#"{"ok":true}"#)
    });
    let glassway = Glassway::before(&upstream);
    let addr = glassway.proxy_addr();
    let asked = Request::builder().header("authorization", "Bearer sk-h2c");
    let post = asked
        .method("POST")
        .uri(format!("http://{addr}/v1/a%2Fb?x=1"))
        .body(Full::from("hello"))
        .unwrap();
    let stream =
        Request::builder().uri(format!("http://{addr}/v1/stream")).body(Full::default()).unwrap();
    let answers = h2c(addr, vec![post, stream], |a| (a.status().as_u16(), a.into_body()));
    assert_eq!(answers[0], (200, Bytes::from(r#"{"ok":true}"#)));
    assert_eq!(answers[1], (200, Bytes::from("data: 1\n\ndata: 2\n\ndata: [DONE]\n\n")));

    let got = &upstream.requests()[0];
    assert_eq!(got.head.first_line, "POST /v1/a%2Fb?x=1 HTTP/1.1");
    assert_eq!(got.head.values("host"), [upstream.addr().to_string()]);
    assert_eq!(got.head.header("authorization"), Some("Bearer sk-h2c"));
    assert_eq!(got.body.text(), "hello");
    let recorded = glassway.finished(2);
    let detail = glassway.api().request(recorded[0]["id"].as_str().unwrap());
    assert_eq!(detail["http_version"], "HTTP/2");
    assert_eq!(detail["outcome"], "ok");
}

#[test]
fn an_h2c_client_reaches_an_http_2_upstream() {
    let https = Https::start(&["h2"]);
    let glassway = https.trusted().start_proxy();
    let addr = glassway.proxy_addr();
    let request = Request::builder()
        .method("POST")
        .uri(format!("http://{addr}/v1/x"))
        .body(Full::from("hello"))
        .unwrap();
    let answers = h2c(addr, vec![request], Response::into_body);
    let seen: serde_json::Value = serde_json::from_slice(&answers[0]).unwrap();
    assert_eq!(seen["version"], "HTTP/2.0");
    assert_eq!(seen["host"], format!("localhost:{}", https.addr.port()));
}

#[test]
fn http_1_upgrade_to_h2c_is_not_offered() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let answer = glassway.client().ask(
        "GET /v1/x HTTP/1.1\r\nHost: g\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n",
    );
    assert_eq!(answer.status(), 200);
    assert_eq!(upstream.only_request().head.header("upgrade"), None);
    assert_eq!(glassway.client().ask(get("/v1/x")).status(), 200);
}
