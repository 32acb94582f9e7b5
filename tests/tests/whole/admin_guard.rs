//! What keeps a stranger's page, name, guess or bomb from doing anything on port 8081: by the
//! API's own description, on every path that changes something, and on every kind of answer.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    time::{Duration, Instant},
};

use flate2::{Compression, write::GzEncoder};
use glassway_tests::{
    Glassway, Upstream, eventually,
    glassway::{ADMIN_KEY, Which},
    team::{post, token, with},
    upstream::{SSE_HEAD, json},
    wait::Gate,
};
use serde_json::json as value;

fn started() -> (Upstream, Glassway) {
    let upstream = Upstream::answer(json("{\"data\":[]}"));
    let glassway = Glassway::before(&upstream);
    (upstream, glassway)
}

/// Sends exactly this and gives what comes until the end.
fn raw(to: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap();
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn session(glassway: &Glassway) -> String {
    let signed = glassway.api().anonymous().post("/token", &value!({"api_key": ADMIN_KEY}));
    signed.json()["access_token"].as_str().unwrap().to_owned()
}

/// Method and path of every operation that changes something.
fn changing(glassway: &Glassway) -> Vec<(String, String)> {
    let spec = glassway.api().json("/openapi.json");
    let mut all = Vec::new();
    for (path, operations) in spec["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            if matches!(&method[..], "post" | "put" | "delete" | "patch") {
                let path = path.replace("{id}", "1").replace("{model}", "m").replace("{name}", "m");
                all.push((method.to_uppercase(), path));
            }
        }
    }
    assert!(all.len() > 35);
    all
}

fn ask(method: &str, path: &str, headers: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\n{headers}Content-Type: application/json\r\nContent-Length: 2\r\n\
         Connection: close\r\n\r\n{{}}"
    )
}

#[test]
fn no_page_elsewhere_acts_with_a_persons_cookie() {
    let (_upstream, glassway) = started();
    let to = glassway.monitor_addr();
    let session = session(&glassway);
    let cookie = format!("Host: {to}\r\nCookie: glassway_session={session}\r\n");
    for (method, path) in changing(&glassway) {
        for foreign in [
            "Origin: https://evil.example\r\n",
            "Origin: null\r\n",
            "Origin: http://127.0.0.1:1\r\n",
            "Sec-Fetch-Site: cross-site\r\n",
            "Sec-Fetch-Site: same-site\r\n",
        ] {
            let said = raw(to, &ask(&method, &path, &format!("{cookie}{foreign}")));
            assert_eq!(status(&said), 403, "{method} {path} {foreign}: {said}");
        }
    }
    // The feed, by its handshake; with a bearer too, as no page can set one.
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    let feed = |headers: &str| {
        raw_head(to, &format!("GET /api/feed HTTP/1.1\r\n{cookie}{upgrade}{headers}\r\n"))
    };
    assert_eq!(status(&feed("Origin: https://evil.example\r\n")), 403);
    assert_eq!(status(&feed("Sec-Fetch-Site: cross-site\r\n")), 403);
    assert_eq!(status(&feed(&format!("Origin: http://{to}\r\n"))), 101);
    // Its own page may, and nothing of the above has ended its session.
    let own = format!("{cookie}Origin: http://{to}\r\nSec-Fetch-Site: same-origin\r\n");
    assert_eq!(status(&raw(to, &ask("PUT", "/api/settings", &own))), 200);
}

/// The head of an answer after which the connection may stay open.
fn raw_head(to: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        answer.push(byte[0]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_name_that_points_here_gets_nothing() {
    let (_upstream, glassway) = started();
    let to = glassway.monitor_addr();
    let bearer = format!("Authorization: Bearer {ADMIN_KEY}\r\n");
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/api/requests"),
        ("PUT", "/api/settings"),
        ("POST", "/token"),
        ("GET", "/api/feed"),
        ("GET", "/api/img?traceid=1"),
        ("GET", "/healthz"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
    ] {
        for host in
            ["evil.example", "evil.example:8081", "localhost.evil.example", "127.0.0.1.nip.io", ""]
        {
            let said = raw(to, &ask(method, path, &format!("Host: {host}\r\n{bearer}")));
            assert_eq!(status(&said), 421, "{method} {path} for {host}: {said}");
        }
        // The target's own authority counts before the header.
        let absolute = format!("http://evil.example{path}");
        let said = raw(to, &ask(method, &absolute, &format!("Host: localhost\r\n{bearer}")));
        assert_eq!(status(&said), 421, "{absolute}: {said}");
    }
    for host in ["localhost", "LOCALHOST:8081", "127.0.0.1", "[::1]:8081", "x.localhost"] {
        assert_eq!(status(&raw(to, &ask("GET", "/healthz", &format!("Host: {host}\r\n")))), 200);
    }
}

/// From where a policy lets scripts come: the directive that counts, whole.
fn scripts_of(policy: &str) -> &str {
    let sources = |wanted: &str| {
        let mut directives = policy.split(';').filter_map(|one| one.trim().split_once(' '));
        directives.find(|(name, _)| *name == wanted).map(|(_, from)| from.trim())
    };
    // These would count before `script-src`.
    assert!(!policy.contains("script-src-"), "{policy}");
    sources("script-src").or_else(|| sources("default-src")).expect("it speaks of scripts")
}

#[test]
fn scripts_are_found_whole() {
    assert_eq!(scripts_of("default-src 'none'; frame-ancestors 'none'"), "'none'");
    assert_eq!(
        scripts_of("default-src 'none'; script-src 'self' 'unsafe-inline'; img-src 'self'"),
        "'self' 'unsafe-inline'"
    );
}

#[test]
fn every_kind_of_answer_carries_the_headers_that_guard_a_browser() {
    let (_upstream, glassway) = started();
    let to = glassway.monitor_addr();
    let own = format!("Host: {to}\r\n");
    let bearer = format!("{own}Authorization: Bearer {ADMIN_KEY}\r\n");
    let page = raw(to, &ask("GET", "/", &own));
    let asset = page.split("src=\"").nth(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    let asset = asset.unwrap_or_else(|| "/favicon.svg".to_owned());
    let asset = format!("/{}", asset.trim_start_matches(['.', '/']));
    let large = "x".repeat(2 << 20);
    let cases = [
        (200, ask("GET", "/", &own)),
        (200, ask("GET", &asset, &own)),
        (200, ask("GET", "/docs", &bearer)),
        (200, ask("GET", "/openapi.json", &bearer)),
        (200, ask("GET", "/api/requests", &bearer)),
        (200, ask("GET", "/healthz", &own)),
        (200, ask("GET", "/metrics", &bearer)),
        (200, ask("GET", "/api/img?traceid=1", &own)),
        (400, ask("GET", "/api/requests?limit=x", &bearer)),
        (400, ask("PUT", "/api/client-tokens/x", &bearer)),
        (401, ask("GET", "/api/requests", &own)),
        (403, ask("POST", "/token", &format!("{own}Origin: https://evil.example\r\n"))),
        (404, ask("GET", "/api/nothing", &bearer)),
        (404, ask("GET", "/assets/nothing.js", &own)),
        (405, ask("PATCH", "/api/keys", &bearer)),
        (421, ask("GET", "/", "Host: evil.example\r\n")),
        (426, ask("GET", "/api/feed", &bearer)),
        (
            413,
            format!(
                "PUT /api/settings HTTP/1.1\r\n{bearer}Content-Type: application/json\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n{large}",
                large.len()
            ),
        ),
    ];
    for (expected, request) in cases {
        let said = raw(to, &request);
        let line = request.lines().next().unwrap();
        assert_eq!(status(&said), expected, "{line}: {}", &said[..said.len().min(300)]);
        let policy = header(&said, "content-security-policy");
        let expected = [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
        ];
        for (name, value) in expected {
            assert_eq!(header(&said, name), Some(value), "{line}: {name}");
        }
        assert!(header(&said, "permissions-policy").unwrap().contains("camera=()"), "{line}");
        let policy = policy.unwrap_or_else(|| panic!("{line}: no policy"));
        assert!(policy.contains("frame-ancestors 'none'"), "{line}: {policy}");
        let scripts = scripts_of(policy);
        assert!(matches!(scripts, "'self'" | "'none'"), "{line}: scripts from {scripts}: {policy}");
    }
}

fn bomb(megabytes: usize) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    let zeros = vec![b'0'; 1 << 20];
    for _ in 0..megabytes {
        packed.write_all(&zeros).unwrap();
    }
    packed.finish().unwrap()
}

#[test]
fn bombs_stay_small_however_they_come() {
    const MANY: usize = 512;
    let packed = bomb(MANY);
    let mut brotli = Vec::new();
    {
        let mut to = brotli::CompressorWriter::new(&mut brotli, 1 << 16, 1, 22);
        let zeros = vec![b'0'; 1 << 20];
        (0..MANY).for_each(|_| to.write_all(&zeros).unwrap());
    }
    let gate = Gate::new();
    let upstream = Upstream::script({
        let (gate, packed, brotli) = (gate.clone(), packed.clone(), brotli.clone());
        move |conn| {
            let Some(request) = conn.try_request() else { return };
            let (coding, body) = match request.head.first_line.contains("/v1/br") {
                true => ("br", &brotli),
                false => ("gzip", &packed),
            };
            let head =
                SSE_HEAD.replace("\r\n\r\n", &format!("\r\nContent-Encoding: {coding}\r\n\r\n"));
            conn.send(head);
            conn.send_chunk(body);
            gate.wait();
            conn.send("0\r\n\r\n");
        }
    });
    // Patterns make the journal look into them, too.
    let mut glassway = Glassway::setup()
        .upstream(&upstream.url())
        .set("record.redact_patterns", vec!["nothing of this"])
        .start();
    let before = [Which::Proxy, Which::Monitor].map(|which| glassway.resident(which));
    let mut feed = glassway.feed();
    let clients: Vec<_> = ["/v1/gz", "/v1/br"]
        .map(|path| {
            let mut client = glassway.client();
            client.send(with(&post(path, "{}"), "sk-own"));
            client
        })
        .into();
    let api = glassway.api();
    eventually("both have come", || {
        let all = api.requests("");
        let here = all.iter().filter(|one| one["response_bytes"].as_u64() > Some(100)).count();
        (here == 2).then(|| {
            for one in &all {
                feed.send(&value!({"watch": one["id"]}));
                let began = Instant::now();
                let detail = api.get(&format!("/api/request/{}", one["id"].as_str().unwrap()));
                assert_eq!(detail.status, 200);
                assert!(began.elapsed() < Duration::from_secs(10));
            }
        })
    });
    gate.open();
    drop(clients);
    let all = glassway.finished(2);
    for one in &all {
        let detail = api.request(one["id"].as_str().unwrap());
        let body = &detail["response"];
        assert_eq!(body["truncated"], true, "decoded as far as the limit");
        assert!(body["body"].as_str().unwrap().len() <= 32 << 20);
        for path in ["/api/export.har", "/api/export.jsonl"] {
            assert_eq!(api.get(path).status, 200);
        }
    }
    // The monitor undoes no request's encoding: what is packed is no JSON.
    let to = glassway.monitor_addr();
    let mut stream = TcpStream::connect(to).unwrap();
    let head = format!(
        "PUT /api/settings HTTP/1.1\r\nHost: {to}\r\nAuthorization: Bearer {ADMIN_KEY}\r\n\
         Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        packed.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let _ = stream.write_all(&packed);
    let mut said = String::new();
    let _ = stream.read_to_string(&mut said);
    assert!(matches!(status(&said), 400 | 413 | 415), "{said}");
    for (which, before) in [Which::Proxy, Which::Monitor].into_iter().zip(before) {
        let grown = glassway.resident(which).saturating_sub(before) >> 20;
        // Far less than the two of them take when they go off, decoded and exported.
        assert!(grown < 640, "{which:?} has grown by {grown} MiB");
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let (folders, mut all): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    all.retain(|path| path.is_file() && path.file_name().unwrap() != "config.toml");
    all.extend(folders.iter().flat_map(|folder| self::files(folder)));
    all
}

#[test]
fn a_key_that_was_made_is_in_no_file_once_somebody_has_signed_in() {
    let mut glassway = Glassway::setup()
        .upstream("http://127.0.0.1:1")
        .set("log.level", "trace")
        .unset("monitor.admin_key")
        .start();
    let link = glassway.folder().join("data/sign-in");
    let key = std::fs::read_to_string(&link).unwrap();
    let key = key.trim().split_once("/#key=").unwrap().1.to_owned();
    let api = glassway.api().with_bearer(&key);
    let sign_in = |key: &str| api.anonymous().post("/token", &value!({"api_key": key})).status;
    assert_eq!(sign_in("gwadmin-a-wrong-one"), 401);
    assert_eq!(api.get("/api/keys").status, 200);
    assert!(link.exists(), "nobody has signed in yet");
    assert_eq!(sign_in(&key), 200);
    assert!(!link.exists(), "the key is still there in the clear");
    // As where nobody signed in before the key is changed.
    std::fs::write(&link, "left over").unwrap();
    let next = "another-key-0123456789";
    let change = value!({"current_key": key, "new_key": next});
    assert_eq!(api.call("PUT", "/api/admin-key", &[], Some(&change)).status, 200);
    assert!(!link.exists(), "the old key is still there");
    assert_eq!(sign_in(next), 200);
    let logs: String = [Which::Proxy, Which::Monitor].map(|which| glassway.term(which).1).concat();
    for secret in [&key[..], next] {
        assert!(!logs.contains(secret));
        for file in files(glassway.folder()) {
            let bytes = std::fs::read(&file).unwrap();
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "{} holds {secret}", file.display());
        }
    }
}

#[test]
fn what_signs_people_and_clients_in_is_in_no_log_and_no_file() {
    let upstream = Upstream::answer(json("{\"data\":[]}"));
    let mut glassway =
        Glassway::setup().upstream(&upstream.url()).set("log.level", "trace").start();
    let api = glassway.api();
    let page = session(&glassway);
    let client = token(&glassway, &value!({}));
    let wrong = "wrong-but-nearly-right-0123456789";
    assert_eq!(api.with_bearer(wrong).get("/api/keys").status, 401);
    assert_eq!(api.anonymous().post("/token", &value!({"api_key": wrong})).status, 401);
    let to = glassway.monitor_addr();
    let cookie = format!("Host: {to}\r\nCookie: glassway_session={page}\r\n");
    assert_eq!(status(&raw(to, &ask("GET", "/api/session", &cookie))), 200);
    let typo = raw(to, &ask("PUT", "/api/admin-key", &cookie));
    assert_eq!(status(&typo), 400);
    // Over HTTP/2, whose library logs much.
    let proxy = glassway.proxy_addr();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let io = tokio::net::TcpStream::connect(proxy).await.unwrap();
        let (mut send, connection) = hyper::client::conn::http2::handshake(
            hyper_util::rt::TokioExecutor::new(),
            hyper_util::rt::TokioIo::new(io),
        )
        .await
        .unwrap();
        tokio::spawn(connection);
        let request =
            http::Request::post(format!("http://{proxy}/v1/chat/completions?key={client}"))
                .header("authorization", format!("Bearer {client}"))
                .header("cookie", format!("glassway_session={page}"))
                .body(http_body_util::Full::new(bytes::Bytes::from_static(b"{\"model\":\"m\"}")))
                .unwrap();
        assert!(send.send_request(request).await.unwrap().status().as_u16() >= 400);
    });
    let mut feed = glassway.feed();
    feed.send(&value!({"filter": {}}));
    let shown: String = [
        "/api/requests",
        "/api/audit",
        "/api/sessions",
        "/api/settings",
        "/metrics",
        "/api/export.har",
    ]
    .iter()
    .map(|path| api.get(path).text())
    .collect();
    let secrets = [ADMIN_KEY, &page, &client, wrong];
    let logs: String = [Which::Proxy, Which::Monitor].map(|which| glassway.term(which).1).concat();
    assert!(logs.contains("connected to the proxy"), "the logs say what happened: {logs}");
    for secret in secrets {
        assert!(!shown.contains(secret), "shown: {secret}");
        let line = logs.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{}", line.unwrap());
        for file in files(glassway.folder()) {
            let bytes = std::fs::read(&file).unwrap();
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "{} holds {secret}", file.display());
        }
    }
}
