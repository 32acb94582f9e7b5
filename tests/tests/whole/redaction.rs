//! A credential travels upstream and is kept nowhere: not in the database, not
//! in the flight file, not in a log, not in an answer of the API.

use std::{fs, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use glassway_tests::{Glassway, Upstream, glassway::Which, upstream::answer};

const SECRET: &str = "sk-proj-Zq8TgXw2Lm5Rv9Nk3Hb7";

/// Every file below a folder that contains the secret in any form it travels in.
fn leaks(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            leaks(&path, found);
        } else if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            for form in [SECRET.to_owned(), BASE64_STANDARD.encode(SECRET)] {
                if bytes.windows(form.len()).any(|w| w == form.as_bytes()) {
                    found.push(path.display().to_string());
                }
            }
        }
    }
}

#[test]
fn a_credential_is_nowhere_but_upstream() {
    let upstream = Upstream::respond(|_| {
        let text = String::from_utf8(answer("200 OK", "application/json", "{}")).unwrap();
        text.replacen("\r\n", &format!("\r\nSet-Cookie: session={SECRET}; Path=/\r\n"), 1).into()
    });
    let mut glassway =
        Glassway::setup().upstream(&upstream.url()).set("log.level", "trace").start();
    let carriers = [
        format!("Authorization: Bearer {SECRET}"),
        format!("authorization: {SECRET}"),
        format!("x-api-key: {SECRET}"),
        format!("Api-Key: {SECRET}"),
        format!("X-Goog-Api-Key: {SECRET}"),
        format!("Cookie: a=b; session={SECRET}"),
        format!("Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.{SECRET}"),
    ];
    let mut client = glassway.client();
    for carrier in &carriers {
        let answer = client.ask(format!("GET /v1/models HTTP/1.1\r\nHost: g\r\n{carrier}\r\n\r\n"));
        assert_eq!(answer.status(), 200);
        assert!(answer.head.raw.contains(SECRET), "the client gets its cookie");
    }
    for target in [
        format!("/v1/models?key={SECRET}"),
        format!("/v1/models?a=1&key={SECRET}&b=2"),
        format!("/v1/models?api_key={SECRET}"),
    ] {
        client.ask(format!("GET {target} HTTP/1.1\r\nHost: g\r\n\r\n"));
    }
    let basic = format!("Proxy-Authorization: Basic {}", BASE64_STANDARD.encode(SECRET));
    client.ask(format!("GET /v1/models HTTP/1.1\r\nHost: g\r\n{basic}\r\n\r\n"));

    let sent = upstream.requests();
    assert_eq!(sent.len(), carriers.len() + 4);
    for request in &sent[..sent.len() - 1] {
        assert!(request.head.raw.contains(SECRET), "lost on the way: {}", request.head.raw);
    }
    let api = glassway.api();
    for exchange in glassway.finished(sent.len()) {
        let id = exchange["id"].as_str().unwrap();
        let shown = api.request(id).to_string();
        assert!(!shown.contains(SECRET), "{shown}");
        assert!(!shown.contains(&BASE64_STANDARD.encode(SECRET)), "{shown}");
    }
    assert!(api.requests(&format!("?q={SECRET}")).is_empty());

    let mut found = Vec::new();
    leaks(&glassway.folder().join("data"), &mut found);
    assert!(found.is_empty(), "while running: {found:?}");
    for which in [Which::Monitor, Which::Proxy] {
        assert!(!glassway.log(which).contains(SECRET), "{which:?} logged it");
        let (_, log) = glassway.term(which);
        assert!(!log.contains(SECRET), "{which:?} logged it");
    }
    leaks(&glassway.folder().join("data"), &mut found);
    assert!(found.is_empty(), "after the end: {found:?}");
}

#[test]
fn the_rest_of_a_redacted_query_stays() {
    let upstream = Upstream::answer(glassway_tests::upstream::json("{}"));
    let glassway = Glassway::before(&upstream);
    let target = format!("/v1/models?before=1&key={SECRET}&after=2");
    glassway.client().ask(format!("GET {target} HTTP/1.1\r\nHost: g\r\n\r\n"));
    let exchange = glassway.only_exchange();
    let shown = exchange["target"].as_str().unwrap();
    assert!(shown.starts_with("/v1/models?before=1&key="), "{shown}");
    assert!(shown.ends_with("&after=2"), "{shown}");
    assert!(!exchange["curl"].as_str().unwrap().contains(SECRET));
    assert_eq!(exchange["path"], "/v1/models");
}

#[test]
fn data_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let upstream = Upstream::answer(glassway_tests::upstream::json("{}"));
    let glassway = Glassway::before(&upstream);
    glassway.client().ask(glassway_tests::client::get("/v1/x"));
    glassway.finished(1);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let data = glassway.folder().join("data");
    assert_eq!(mode(&data), 0o700);
    for entry in fs::read_dir(&data).unwrap().flatten() {
        let path = entry.path();
        let allowed = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&path) & !allowed, 0, "{} is {:o}", path.display(), mode(&path));
    }
}

#[test]
fn headers_named_in_the_configuration_are_redacted_too() {
    let upstream = Upstream::answer(glassway_tests::upstream::json("{}"));
    let glassway = Glassway::setup()
        .upstream(&upstream.url())
        .set("record.redact_headers", vec!["x-house-token"])
        .start();
    glassway.client().ask(format!(
        "GET /v1/x HTTP/1.1\r\nHost: g\r\nX-House-Token: {SECRET}\r\nX-Plain: seen\r\n\r\n"
    ));
    let shown = glassway.only_exchange()["request"]["headers"].to_string();
    assert!(!shown.contains(SECRET) && shown.contains("seen"), "{shown}");
}
