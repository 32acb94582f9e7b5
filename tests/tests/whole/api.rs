//! The monitor's API as scripts and browsers meet it: who is let in, how errors
//! look, and what the paths of the seed answer.

use glassway_tests::{
    Client, Glassway, Upstream,
    client::{get, post},
    glassway::{ADMIN_KEY, Which},
    upstream::json,
};
use serde_json::json as value;

fn running() -> (Upstream, Glassway) {
    let upstream = Upstream::answer(json(r#"{"model":"gpt-4o"}"#));
    let glassway = Glassway::before(&upstream);
    (upstream, glassway)
}

#[test]
fn nothing_but_the_door_is_open() {
    let (_upstream, glassway) = running();
    let nobody = glassway.api().anonymous();
    for path in [
        "/api/requests",
        "/api/request/x",
        "/api/stats",
        "/api/settings",
        "/api/session",
        "/metrics",
        "/openapi.json",
        "/api/stats/overview",
    ] {
        let reply = nobody.get(path);
        assert_eq!(reply.status, 401, "{path}");
        assert!(
            reply.header("content-type").unwrap().starts_with("application/problem+json"),
            "{path}"
        );
        assert!(reply.header("www-authenticate").is_some(), "{path}");
        assert_eq!(reply.json()["status"], 401);
        assert_eq!(glassway.api().with_bearer("wrong").get(path).status, 401, "{path}");
    }
    for path in ["/healthz", "/api/health", "/"] {
        assert_eq!(nobody.get(path).status, 200, "{path}");
    }
    for path in
        ["/api/requests", "/api/stats", "/api/settings", "/metrics", "/openapi.json", "/docs"]
    {
        assert_eq!(glassway.api().get(path).status, 200, "{path}");
    }
}

#[test]
fn a_token_is_a_session() {
    let (_upstream, glassway) = running();
    let nobody = glassway.api().anonymous();
    let json = nobody.post("/token", &value!({"api_key": ADMIN_KEY}));
    assert_eq!(json.status, 200, "{}", json.text());
    assert_eq!(json.json()["token_type"], "bearer");
    assert!(json.json()["expires_in"].as_i64().unwrap() > 0);
    let cookie = json.header("set-cookie").unwrap().to_owned();
    for part in ["glassway_session=", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let token = json.json()["access_token"].as_str().unwrap().to_owned();
    let session = glassway.api().with_bearer(&token);
    assert_eq!(session.json("/api/session")["signed_in"], true);
    assert_eq!(session.call("DELETE", "/api/session", &[], None).status, 204);
    assert_eq!(session.get("/api/session").status, 401);

    let mut form = Client::connect(glassway.monitor_addr());
    let body = format!("username=admin&password={ADMIN_KEY}");
    let answer = form.ask(format!(
        "POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    assert_eq!(answer.status(), 200);
    assert_eq!(nobody.post("/token", &value!({"api_key": "wrong"})).status, 401);
}

#[test]
fn guessing_is_slowed_down_and_a_right_bearer_is_not() {
    let (_upstream, glassway) = running();
    let nobody = glassway.api().anonymous();
    let limited = (0..50)
        .map(|_| nobody.post("/token", &value!({"api_key": "guess"})))
        .find(|reply| reply.status == 429)
        .expect("guessing is limited");
    assert!(limited.header("retry-after").is_some());
    assert_eq!(glassway.api().get("/api/requests").status, 200);
}

#[test]
fn a_foreign_host_is_misdirected() {
    let (_upstream, glassway) = running();
    let ask = |host: &str| {
        let request =
            format!("GET /api/health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        Client::connect(glassway.monitor_addr()).ask(request).status()
    };
    assert_eq!(ask("evil.example"), 421);
    assert_eq!(ask("evil.example:8081"), 421);
    for host in ["localhost", "localhost:8081", "127.0.0.1:8081", "[::1]:8081", "192.168.1.5"] {
        assert_eq!(ask(host), 200, "{host}");
    }
}

#[test]
fn a_cookie_counts_only_from_our_own_pages() {
    let (_upstream, glassway) = running();
    let reply = glassway.api().anonymous().post("/token", &value!({"api_key": ADMIN_KEY}));
    let cookie = reply.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let ask = |method: &str, path: &str, origin: &str, body: &str| {
        let host = glassway.monitor_addr();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n{origin}\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        Client::connect(host).ask(request).status()
    };
    let own = format!("Origin: http://{}\r\n", glassway.monitor_addr());
    let foreign = "Origin: https://evil.example\r\n";
    assert_eq!(ask("GET", "/api/requests", &own, ""), 200);
    assert_eq!(ask("PUT", "/api/settings", &own, r#"{"max_attempts":4}"#), 200);
    for refused in [
        ask("PUT", "/api/settings", foreign, r#"{"max_attempts":5}"#),
        ask("GET", "/api/requests", foreign, ""),
    ] {
        assert!(refused == 401 || refused == 403, "{refused}");
    }
    assert_eq!(glassway.api().json("/api/settings")["max_attempts"], 4);
}

#[test]
fn what_does_not_exist_is_a_problem_in_json() {
    let (_upstream, glassway) = running();
    let cases = [
        ("GET", "/api/request/00000000-0000-7000-8000-000000000000", 404),
        ("GET", "/api/request/nonsense", 400),
        ("GET", "/api/no-such-path", 404),
        ("DELETE", "/api/requests", 405),
        ("GET", "/api/requests?limit=0", 400),
        ("GET", "/api/requests?limit=1001", 400),
        ("GET", "/api/requests?limit=x", 400),
        ("GET", "/api/requests?status=9xx", 400),
        ("GET", "/api/requests?since=yesterday", 400),
        ("GET", "/api/requests?cursor=!!", 400),
    ];
    for (method, path, status) in cases {
        let reply = glassway.api().call(method, path, &[], None);
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.text());
        let kind = reply.header("content-type").unwrap();
        assert!(kind.starts_with("application/problem+json"), "{path}: {kind}");
        let problem = reply.json();
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string(), "{problem}");
    }
    let unknown =
        glassway.api().call("PUT", "/api/settings", &[], Some(&value!({"no_such_field": 1})));
    assert!(unknown.status == 400 || unknown.status == 422, "{}", unknown.text());
}

#[test]
fn settings_tell_the_instance_and_keep_what_is_put() {
    let (upstream, mut glassway) = running();
    let settings = glassway.api().json("/api/settings");
    assert_eq!(settings["strategy"], "round_robin");
    assert_eq!(settings["max_attempts"], 3);
    assert_eq!(
        settings["instance"]["upstream_base_url"].as_str().unwrap().trim_end_matches('/'),
        upstream.url()
    );
    let put =
        glassway.api().call("PUT", "/api/settings", &[], Some(&value!({"strategy": "random"})));
    assert_eq!(put.status, 200, "{}", put.text());
    glassway.term(Which::Monitor);
    glassway.start(Which::Monitor);
    assert_eq!(glassway.api().json("/api/settings")["strategy"], "random");
    let wrong =
        glassway.api().call("PUT", "/api/settings", &[], Some(&value!({"strategy": "psychic"})));
    assert!(wrong.status == 400 || wrong.status == 422);
}

#[test]
fn bodies_are_served_in_ranges() {
    let (_upstream, glassway) = running();
    glassway.client().ask(post("/v1/x", "0123456789"));
    let id = glassway.only_exchange()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/request/{id}/request-body");
    let part = glassway.api().call("GET", &path, &[("range", "bytes=2-5")], None);
    assert_eq!(part.status, 206);
    assert_eq!(part.text(), "2345");
    assert_eq!(part.header("content-range"), Some("bytes 2-5/10"));
    let past = glassway.api().call("GET", &path, &[("range", "bytes=50-")], None);
    assert_eq!(past.status, 416);
    let head = glassway.api().call("HEAD", &path, &[], None);
    assert_eq!((head.status, head.header("content-length")), (200, Some("10")));
}

#[test]
fn metrics_have_their_names() {
    let (_upstream, glassway) = running();
    glassway.client().ask(get("/v1/x"));
    glassway.finished(1);
    let text = glassway.api().get("/metrics").text();
    for name in [
        "glassway_bodies_shed_total",
        "glassway_records_lost_total",
        "glassway_requests_total",
        "glassway_request_duration_seconds",
        "glassway_time_to_first_token_seconds",
        "glassway_queue_bytes",
        "glassway_in_flight",
    ] {
        assert!(text.contains(name), "{name} is missing in\n{text}");
    }
}

#[test]
fn the_page_is_served_and_the_proxy_serves_nothing_else() {
    let (_upstream, glassway) = running();
    let page = glassway.api().anonymous().get("/");
    assert!(page.text().to_lowercase().contains("<!doctype html"));
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    assert!(page.header("content-security-policy").is_some());
    // Port 8080 knows no API of the monitor's: it goes upstream like anything.
    assert_eq!(glassway.client().ask(get("/api/requests")).text(), r#"{"model":"gpt-4o"}"#);
}

#[test]
fn the_link_can_be_asked_with_curl() {
    use std::{
        io::{Read, Write},
        os::unix::net::UnixStream,
    };
    let (_upstream, glassway) = running();
    for path in ["/health", "/in-flight", "/state", "/metrics"] {
        let mut link = UnixStream::connect(glassway.folder().join("data/glassway.sock")).unwrap();
        write!(link, "GET {path} HTTP/1.1\r\nHost: link\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        link.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
}
