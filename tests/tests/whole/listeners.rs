//! What both listeners ask of a connection before they read a request of it: TLS, with
//! certificates that change while they serve, and who may connect at all.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use glassway_tests::{
    Glassway, Upstream,
    api::Api,
    eventually,
    glassway::{ADMIN_KEY, Which},
    process::Signal,
    wait::Gate,
};
use http_body_util::{BodyExt, Full};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, pki_types::CertificateDer,
};

/// An authority of our own, and what it signs.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), root }
    }

    /// Certificate and key, as PEM.
    fn sign(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".into()]).unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        (cert.pem(), key.serialize_pem())
    }

    fn config(&self, protocols: &[&str]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
        // Each connection shows its own certificate.
        config.resumption = rustls::client::Resumption::disabled();
        Arc::new(config)
    }

    /// A connection after its handshake.
    fn connect(&self, addr: SocketAddr) -> StreamOwned<ClientConnection, TcpStream> {
        let name = "localhost".try_into().unwrap();
        let tls = ClientConnection::new(self.config(&["http/1.1"]), name).unwrap();
        let tcp = TcpStream::connect(addr).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut stream = StreamOwned::new(tls, tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).unwrap();
        }
        stream
    }

    fn get(&self, addr: SocketAddr, request: &str) -> String {
        let mut stream = self.connect(addr);
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

fn served(stream: &StreamOwned<ClientConnection, TcpStream>) -> CertificateDer<'static> {
    stream.conn.peer_certificates().unwrap()[0].clone().into_owned()
}

struct Files {
    cert: PathBuf,
    key: PathBuf,
}

impl Files {
    fn put(folder: &Path, name: &str, (cert, key): &(String, String)) -> Self {
        let files = Self {
            cert: folder.join(format!("{name}.pem")),
            key: folder.join(format!("{name}.key")),
        };
        fs::write(&files.cert, cert).unwrap();
        fs::write(&files.key, key).unwrap();
        files
    }

    fn text(path: &Path) -> String {
        path.to_str().unwrap().to_owned()
    }
}

fn with_tls(upstream: &Upstream, authority: &Authority) -> (Glassway, Files, Files) {
    let setup = Glassway::setup().upstream(&upstream.url()).set("proxy.header_timeout", "2s");
    let proxy = Files::put(setup.folder(), "proxy", &authority.sign());
    let monitor = Files::put(setup.folder(), "monitor", &authority.sign());
    let mut glassway = setup
        .set("proxy.tls_cert", Files::text(&proxy.cert))
        .set("proxy.tls_key", Files::text(&proxy.key))
        .set("monitor.tls_cert", Files::text(&monitor.cert))
        .set("monitor.tls_key", Files::text(&monitor.key))
        .start_nothing();
    glassway.start(Which::Proxy);
    glassway.start(Which::Monitor);
    (glassway, proxy, monitor)
}

const ASK: &str = "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sk-own\r\n\
     Connection: close\r\n\r\n";

#[test]
fn both_listeners_speak_tls_with_either_version_of_http() {
    let upstream = Upstream::answer(glassway_tests::upstream::answer(
        "200 OK",
        "application/json",
        "{\"data\":[]}",
    ));
    let authority = Authority::new();
    let (glassway, ..) = with_tls(&upstream, &authority);
    let said = authority.get(glassway.proxy_addr(), ASK);
    assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("{\"data\":[]}"), "{said}");
    // HTTP/2, by ALPN.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let body = runtime.block_on(async {
        let connector = tokio_rustls::TlsConnector::from(authority.config(&["h2", "http/1.1"]));
        let tcp = tokio::net::TcpStream::connect(glassway.proxy_addr()).await.unwrap();
        let tls = connector.connect("localhost".try_into().unwrap(), tcp).await.unwrap();
        assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let executor = hyper_util::rt::TokioExecutor::new();
        let io = hyper_util::rt::TokioIo::new(tls);
        let (mut send, connection) =
            hyper::client::conn::http2::handshake(executor, io).await.unwrap();
        tokio::spawn(connection);
        let request = http::Request::get("https://localhost/v1/models")
            .header("authorization", "Bearer sk-own")
            .body(Full::<bytes::Bytes>::default())
            .unwrap();
        let answer = send.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.into_body().collect().await.unwrap().to_bytes()
    });
    assert_eq!(&body[..], b"{\"data\":[]}");
    // The monitor: its session cookie is for TLS alone.
    let key = format!("{{\"api_key\":\"{ADMIN_KEY}\"}}");
    let said = authority.get(
        glassway.monitor_addr(),
        &format!(
            "POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{key}",
            key.len()
        ),
    );
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    let cookie = said.lines().find(|l| l.to_ascii_lowercase().starts_with("set-cookie")).unwrap();
    assert!(cookie.contains("; Secure") && cookie.contains("; HttpOnly"), "{cookie}");
    assert!(!said.to_ascii_lowercase().contains("strict-transport-security"));
    // Who speaks plainly gets nothing.
    let mut plain = TcpStream::connect(glassway.monitor_addr()).unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
}

#[test]
fn a_handshake_that_has_begun_when_the_proxy_stops_is_finished_and_its_request_answered() {
    let upstream = Upstream::answer(glassway_tests::upstream::json("{\"data\":[]}"));
    let authority = Authority::new();
    let (mut glassway, ..) = with_tls(&upstream, &authority);
    let name = "localhost".try_into().unwrap();
    let mut tls = ClientConnection::new(authority.config(&["http/1.1"]), name).unwrap();
    let mut hello = Vec::new();
    tls.write_tls(&mut hello).unwrap();
    let (begin, rest) = hello.split_at(9);
    let mut tcp = TcpStream::connect(glassway.proxy_addr()).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    tcp.write_all(begin).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    glassway.signal(Which::Proxy, Signal::SIGTERM);
    std::thread::sleep(Duration::from_millis(400));
    tcp.write_all(rest).unwrap();
    let mut stream = StreamOwned::new(tls, tcp);
    stream.write_all(ASK.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("{\"data\":[]}"), "{answer}");
    let status = glassway.wait(Which::Proxy, Duration::from_secs(60)).unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_changed_certificate_is_served_and_a_broken_one_is_not() {
    let (asked, go) = (Gate::new(), Gate::new());
    let upstream = Upstream::script({
        let (asked, go) = (asked.clone(), go.clone());
        move |conn| {
            if conn.try_request().is_some() {
                asked.open();
                go.wait();
                conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            }
        }
    });
    let authority = Authority::new();
    let (glassway, proxy, monitor) = with_tls(&upstream, &authority);
    let addr = glassway.proxy_addr();
    let first = served(&authority.connect(addr));
    // One connection runs through all of it.
    let mut running = authority.connect(addr);
    running.write_all(ASK.as_bytes()).unwrap();
    asked.wait();

    let wrong_key = authority.sign().1;
    fs::write(&proxy.key, wrong_key).unwrap();
    eventually("the proxy says that the key is wrong", || {
        let log = glassway.log(Which::Proxy);
        let file = proxy.key.to_str().unwrap();
        (log.contains(file) && log.contains("is not the key of the certificate")).then_some(())
    });
    assert_eq!(served(&authority.connect(addr)), first, "the old one is served on");

    Files::put(proxy.cert.parent().unwrap(), "proxy", &authority.sign());
    let second = eventually("the new certificate is served", || {
        let now = served(&authority.connect(addr));
        (now != first).then_some(now)
    });
    go.open();
    let mut answer = String::new();
    let _ = running.read_to_string(&mut answer);
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    assert_eq!(served(&running), first, "what ran kept its own");

    fs::write(&proxy.cert, "no certificate").unwrap();
    eventually("the proxy says so", || {
        glassway.log(Which::Proxy).contains("holds no certificate").then_some(())
    });
    assert_eq!(served(&authority.connect(addr)), second);
    let before = served(&authority.connect(glassway.monitor_addr()));
    Files::put(monitor.cert.parent().unwrap(), "monitor", &authority.sign());
    eventually("the monitor serves its new one", || {
        (served(&authority.connect(glassway.monitor_addr())) != before).then_some(())
    });
}

#[test]
fn slow_handshakes_end_by_the_clock_and_hold_nobody_up() {
    let upstream = Upstream::answer(glassway_tests::upstream::answer("200 OK", "text/plain", "x"));
    let authority = Authority::new();
    let (glassway, ..) = with_tls(&upstream, &authority);
    let addr = glassway.proxy_addr();
    let mut slow: Vec<_> = (0..50).map(|_| TcpStream::connect(addr).unwrap()).collect();
    for one in &mut slow {
        // The beginning of a handshake.
        one.write_all(&[0x16, 3, 1]).unwrap();
    }
    let began = Instant::now();
    assert!(authority.get(addr, ASK).starts_with("HTTP/1.1 200"));
    assert!(began.elapsed() < Duration::from_secs(2));
    for one in &mut slow {
        one.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut rest = Vec::new();
        assert!(
            !matches!(one.read_to_end(&mut rest), Err(e) if e.kind() == std::io::ErrorKind::WouldBlock)
        );
    }
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[test]
fn a_start_without_a_usable_certificate_names_file_and_key() {
    let authority = Authority::new();
    let (cert, key) = authority.sign();
    let other = authority.sign();
    for (section, which) in [("proxy", Which::Proxy), ("monitor", Which::Monitor)] {
        for (files, named, says) in [
            (Some((cert.clone(), other.1.clone())), "tls_key", "is not the key of the certificate"),
            (Some(("x".into(), key.clone())), "tls_cert", "holds no certificate"),
            (Some((cert.clone(), cert.clone())), "tls_key", "holds no private key"),
            (None, "tls_cert", "cannot be read"),
        ] {
            let setup = Glassway::setup();
            let folder = setup.folder().to_owned();
            if let Some(files) = &files {
                Files::put(&folder, "server", files);
            }
            let setup = setup
                .set(&format!("{section}.tls_cert"), "server.pem")
                .set(&format!("{section}.tls_key"), "server.key");
            setup.write_config();
            for arguments in [&["check"][..], &[]] {
                let output = setup.command(which).args(arguments).output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                let line = said.lines().last().unwrap_or_default();
                assert_eq!(
                    output.status.code(),
                    Some(if arguments.is_empty() { 2 } else { 1 }),
                    "{said}"
                );
                assert!(line.contains(says) && line.contains("server."), "{line}");
                assert!(line.contains(&format!("{section}.{named}")), "{line}");
            }
        }
        let setup = Glassway::setup().set(&format!("{section}.tls_cert"), "server.pem");
        setup.write_config();
        let output = setup.command(which).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(&format!("{section}.tls_key")), "{said}");
    }
}

/// Asks from an address of one's own.
fn from(local: [u8; 4], to: SocketAddr, request: &str) -> std::io::Result<String> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::from(local), 0)).into())?;
    socket.connect(&to.into())?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn who_is_not_allowed_is_closed_unread() {
    let upstream = Upstream::answer(glassway_tests::upstream::answer("200 OK", "text/plain", "x"));
    let mut glassway = Glassway::setup()
        .upstream(&upstream.url())
        .set("proxy.allowed_clients", vec!["127.0.0.2/32"])
        .set("monitor.allowed_clients", vec!["127.0.0.3", "203.0.113.0/24"])
        .set("monitor.trusted_proxies", vec!["127.0.0.4"])
        .start_nothing();
    glassway.start(Which::Proxy);
    glassway.start(Which::Monitor);
    let (proxy, monitor) = (glassway.proxy_addr(), glassway.monitor_addr());
    let nothing = |answer: std::io::Result<String>| answer.map_or(true, |text| text.is_empty());
    assert!(from([127, 0, 0, 2], proxy, ASK).unwrap().starts_with("HTTP/1.1 200"));
    for other in [[127, 0, 0, 1], [127, 0, 0, 3]] {
        assert!(nothing(from(other, proxy, ASK)), "loopback, too, must be named");
    }
    assert_eq!(upstream.requests().len(), 1);

    let health = |more: &str| {
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{more}Connection: close\r\n\r\n")
    };
    assert!(from([127, 0, 0, 3], monitor, &health("")).unwrap().starts_with("HTTP/1.1 200"));
    assert!(nothing(from([127, 0, 0, 1], monitor, &health(""))));
    // A trusted proxy speaks for those it names, and for itself where it names nobody.
    for (forwarded, status) in [
        ("X-Forwarded-For: 203.0.113.9\r\n", 200),
        ("X-Forwarded-For: 203.0.113.9, 198.51.100.1\r\n", 403),
        ("X-Forwarded-For: 198.51.100.1\r\n", 403),
        ("", 403),
    ] {
        let said = from([127, 0, 0, 4], monitor, &health(forwarded)).unwrap();
        assert!(said.starts_with(&format!("HTTP/1.1 {status}")), "{forwarded}: {said}");
    }
    // Nobody else's claim counts.
    let claim = health("X-Forwarded-For: 203.0.113.9\r\n");
    assert!(nothing(from([127, 0, 0, 1], monitor, &claim)));
    let anyone = Api::new(monitor, ADMIN_KEY);
    assert!(anyone.try_call("GET", "/api/session", &[], None).is_err());
}
