//! A pooled key and a client's token go where they must and nowhere else, however an
//! upstream misbehaves: everything that was written, said, shown or sent is searched for
//! them, in the clear and in base64.

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use glassway_tests::{
    Glassway, Upstream,
    glassway::Which,
    process::Signal,
    team::{ANSWER, ASK, bearer, from_clients, key, paste, pasted, post, put, token, with},
};
use serde_json::json as value;

const KEYS: usize = 9;

/// Every way of repeating a key that a relay could think of.
fn careless(n: usize, key: &str) -> Vec<u8> {
    let said = value!({"error": {"message": format!("Incorrect API key provided: {key}."),
        "type": key, "param": key, "code": "invalid_api_key"}})
    .to_string();
    let whole = |status: &str, headers: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    match n {
        0 => whole(
            "401 Unauthorized",
            &format!("X-Echo: {key}\r\nWWW-Authenticate: Bearer {key}\r\n"),
            said.as_bytes(),
        ),
        1 => whole("500 Internal Server Error", "", format!("panicked with {key}").as_bytes()),
        2 => {
            let mut packed = GzEncoder::new(Vec::new(), Compression::best());
            let said = said.replace("invalid_api_key", "insufficient_quota");
            packed.write_all(said.as_bytes()).unwrap();
            let packed = packed.finish().unwrap();
            whole("429 Too Many Requests", "Content-Encoding: gzip\r\n", &packed)
        }
        3 => format!("HTTP/1.1 200 OK\r\nbad {key}\u{1}: x\r\n\r\n").into_bytes(),
        4 => format!("HTTP/1.1 200 OK\r\nX-Echo: {key}").into_bytes(),
        5 => whole("400 Bad Request", &format!("Set-Cookie: k={key}\r\n"), said.as_bytes()),
        6 => whole("302 Found", &format!("Location: https://relay.example/?key={key}\r\n"), b""),
        7 => format!("HTTP/1.1 {key} nonsense\r\n\r\n").into_bytes(),
        _ => whole("200 OK", &format!("X-Echo: {key}\r\n"), ANSWER.as_bytes()),
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let (folders, mut all): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    all.retain(|path| path.is_file());
    all.extend(folders.iter().flat_map(|folder| files(folder)));
    all
}

/// What the link says to whoever may open its socket.
fn linked(glassway: &Glassway, path: &str) -> Vec<u8> {
    let mut socket = UnixStream::connect(glassway.folder().join("data/glassway.sock")).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: link\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{path}: {}", String::from_utf8_lossy(&answer));
    answer
}

/// Who said what.
#[derive(Default)]
struct Heard(Vec<(String, Vec<u8>)>);

impl Heard {
    fn note(&mut self, who: impl Into<String>, what: impl Into<Vec<u8>>) {
        self.0.push((who.into(), what.into()));
    }

    fn assert_free_of(&self, secrets: &[String]) {
        for (who, what) in &self.0 {
            for secret in secrets {
                for form in [secret.clone(), BASE64_STANDARD.encode(secret)] {
                    let found = what.windows(form.len()).any(|part| part == form.as_bytes());
                    assert!(!found, "{who} holds {form}");
                }
            }
        }
    }
}

#[test]
fn keys_and_tokens_are_in_nothing_that_is_kept_or_shown() {
    let upstream = Upstream::script(|conn| {
        while let Some(request) = conn.try_request() {
            let n = pasted(&request).unwrap();
            let ends = matches!(n, 3 | 4 | 7);
            let probed = request.head.first_line.starts_with("GET");
            let answer = if probed {
                careless(if n == 0 { 0 } else { 8 }, &key(n))
            } else {
                careless(n, &key(n))
            };
            if conn.try_send(answer).is_err() || ends {
                return;
            }
        }
    });
    let mut glassway =
        Glassway::setup().upstream(&upstream.url()).set("log.level", "trace").start();
    let mut heard = Heard::default();
    let mut feed = glassway.feed();
    let added = paste(&glassway, KEYS);
    heard.note("pasting", value!(added).to_string());
    let token = token(&glassway, &value!({}));
    let mut secrets: Vec<String> = (0..KEYS).map(key).collect();
    secrets.push(token.clone());
    let api = glassway.api();

    // Each key in its turn, alone, so that what it says is what the client hears.
    for n in 0..KEYS {
        for (other, added) in added.iter().enumerate() {
            let status = if other == n { "active" } else { "inactive" };
            let path = format!("/api/keys/{}/status", added["id"]);
            put(&glassway, &path, &value!({"status": status}));
        }
        let answer = glassway.client().ask(with(&post("/v1/chat/completions", ASK), &token));
        heard.note(format!("the answer to a client by key {n}"), answer.head.raw.clone());
        heard.note(format!("the body of it by key {n}"), answer.body.bytes.clone());
        let test = api.post(&format!("/api/keys/{}/test", added[n]["id"]), &value!({}));
        heard.note(format!("testing key {n}"), test.text());
    }
    // The token in every place that a client may put it.
    let plain = post("/v1/chat/completions", ASK);
    for request in [
        plain.replacen("\r\n", &format!("\r\nx-api-key: {token}\r\n"), 1),
        plain.replacen("\r\n", &format!("\r\napi-key: {token}\r\n"), 1),
        plain.replacen("completions ", &format!("completions?key={token} "), 1),
    ] {
        assert_eq!(glassway.client().ask(request).status(), 200);
    }
    heard.note("validating", api.post("/api/validate_keys", &value!({})).text());
    heard.note("chat", api.post("/api/chat", &serde_json::from_str(ASK).unwrap()).text());
    let again =
        api.post("/api/keys/bulk", &value!({"text": format!("a, {}\nb c d {}\n", key(0), key(1))}));
    heard.note("pasting again", again.text());
    for body in [
        value!({"name": "x", "key_value": key(0), "bogus": 1}),
        value!({"name": "x", "key_value": [key(0)]}),
        value!({"name": "x", "key_value": format!("{}\n", key(0)), "provider_id": 99}),
    ] {
        let refused = api.post("/api/keys", &body);
        assert!(refused.status >= 400, "{}", refused.text());
        heard.note("a refused key", refused.text());
    }

    let asked = KEYS + 3;
    let all = from_clients(&glassway, asked);
    let sent: Vec<String> = upstream.requests().iter().map(bearer).collect();
    assert!(!sent.contains(&token), "a token never travels upstream");
    for request in upstream.requests() {
        heard.note("what went upstream, beside its key", {
            let own = bearer(&request);
            request.head.raw.replace(&own, "")
        });
    }

    // All that the API and the link have to say, bodies unpacked.
    for one in api.requests("?limit=1000") {
        let id = one["id"].as_str().unwrap();
        for path in ["", "/request-body", "/response-body", "/curl"] {
            let reply = api.get(&format!("/api/request/{id}{path}"));
            heard.note(format!("{path} of {}", one["path"]), reply.body);
        }
    }
    for path in [
        "/api/requests?limit=1000",
        "/api/requests?q=Incorrect",
        "/api/export.har?limit=1000",
        "/api/keys?limit=1000",
        "/api/keys/paginated",
        "/api/keys/1",
        "/api/groups",
        "/api/proxies",
        "/api/providers",
        "/api/providers/1",
        "/api/models",
        "/api/routes",
        "/api/client-tokens",
        "/api/settings",
        "/api/prices",
        "/api/presets",
        "/api/stats",
        "/api/stats/keys",
        "/api/stats/models",
        "/api/stats/overview",
        "/api/stats/usage",
        "/api/stats/hourly",
        "/api/chat/history",
        "/api/traces",
        "/api/health",
        "/metrics",
        "/openapi.json",
    ] {
        heard.note(path, api.get(path).body);
    }
    for path in ["/health", "/in-flight", "/state", "/metrics", "/public-key"] {
        heard.note(format!("the link's {path}"), linked(&glassway, path));
    }
    while let Some(event) = feed.try_next(Duration::from_millis(300)) {
        heard.note("the feed", event.to_string());
    }
    assert!(all.iter().all(|one| one["mode"] == "managed"), "{all:?}");

    // Dead in the middle, so that the write-ahead log and the flight file stay as they are.
    heard.note("the proxy's log", glassway.log(Which::Proxy));
    heard.note("the monitor's log", glassway.log(Which::Monitor));
    glassway.kill9(Which::Proxy);
    glassway.kill9(Which::Monitor);
    let written = files(glassway.folder());
    assert!(written.iter().any(|file| file.ends_with("glassway.db-wal")), "{written:?}");
    for file in written {
        heard.note(file.display().to_string(), fs::read(&file).unwrap());
    }
    heard.assert_free_of(&secrets);
}

#[test]
fn a_running_request_shows_no_key_either() {
    let held = AtomicBool::new(false);
    let upstream = Upstream::script(move |conn| {
        conn.request();
        if !held.swap(true, Relaxed) {
            conn.closed();
        }
    });
    let mut glassway = Glassway::before(&upstream);
    paste(&glassway, 1);
    let token = token(&glassway, &value!({}));
    let mut client = glassway.client();
    client.send(with(&post("/v1/chat/completions", ASK), &token));
    upstream.only_request();
    let mut heard = Heard::default();
    let running = glassway_tests::eventually("it runs", || {
        let all = glassway.api().requests("?limit=10");
        all.into_iter().find(|one| one["outcome"] == "in_flight")
    });
    let id = running["id"].as_str().unwrap();
    heard.note("the live detail", glassway.api().get(&format!("/api/request/{id}")).body);
    heard.note("the link's list", linked(&glassway, "/in-flight"));
    // A crash writes what it can; what is in the folder then must be clean.
    glassway.signal(Which::Proxy, Signal::SIGABRT);
    let _ = glassway.wait(Which::Proxy, Duration::from_secs(30));
    for file in files(glassway.folder()) {
        heard.note(file.display().to_string(), fs::read(&file).unwrap());
    }
    heard.assert_free_of(&[key(0), token]);
}
