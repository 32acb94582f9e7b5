//! What must not work on traces: forged ids and headers, floods, addresses inside, keys
//! that show. And the listener for images alone serves nothing else.

use std::{fs, net::TcpListener, path::Path};

use glassway_tests::{
    Glassway, Upstream, eventually,
    glassway::Which,
    relay::{fetch, fetching, images},
};
use serde_json::{Value, json as value};

const KEY: &str = "sk-typed-in-0123456789abcdefghij";

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// With the relay's address allowed, or nothing.
fn start(relay: Option<&Upstream>, trusted: &[&str]) -> (Glassway, String) {
    let port = free_port();
    let public = format!("http://127.0.0.1:{port}");
    let allow: Vec<String> = relay.iter().map(|relay| relay.addr().to_string()).collect();
    let trusted: Vec<String> = trusted.iter().map(|network| (*network).to_owned()).collect();
    let glassway = Glassway::setup()
        .set("monitor.trace_listen", format!("127.0.0.1:{port}"))
        .set("monitor.public_url", public.clone())
        .set("monitor.trusted_proxies", toml::Value::from(trusted))
        .set("upstream.allow", toml::Value::from(allow))
        .start();
    (glassway, public)
}

fn typed(relay: &Upstream) -> Value {
    value!({"base_url": relay.url(), "key_value": KEY, "model": "gpt-4o"})
}

fn traced(glassway: &Glassway, body: &Value, hits: u64) -> Value {
    let reply = glassway.api().post("/api/traces", body);
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert!(!reply.text().contains(KEY));
    let id = reply.json()["id"].clone();
    eventually("it ends", || {
        let trace = glassway.api().json(&format!("/api/traces/{id}"));
        let over = trace["status"] == "done" || trace["status"] == "failed";
        (over && trace["hit_count"].as_u64() >= Some(hits)).then_some(trace)
    })
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let (folders, mut all): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    all.retain(|path| path.is_file());
    all.extend(folders.iter().flat_map(|folder| files(folder)));
    all
}

#[test]
fn a_typed_in_key_reaches_its_address_and_nothing_else() {
    let relay = fetching(vec![fetch("127.0.0.2", "a")]);
    let (mut glassway, _) = start(Some(&relay), &[]);
    let trace = traced(&glassway, &typed(&relay), 1);
    assert_eq!(trace["status"], "done", "{trace:#}");
    assert_eq!((&trace["typed_in"], &trace["provider"]), (&value!(true), &value!("127.0.0.1")));
    let asked = relay.only_request();
    assert_eq!(asked.head.header("authorization"), Some(&format!("Bearer {KEY}")[..]));
    assert!(asked.head.header("x-glassway-sealed").is_none(), "{}", asked.head.raw);
    let exchange = glassway.finished(1).remove(0);
    assert_eq!((&exchange["origin"], &exchange["id"]), (&value!("trace"), &trace["request_id"]));
    // It is in no list, and routes nothing: without keys everything stays transparent.
    let api = glassway.api();
    assert_eq!(api.json("/api/keys")["total"], 0);
    assert_eq!(api.json("/api/providers")["total"], 1);
    for path in [
        format!("/api/traces/{}", trace["id"]),
        "/api/traces".to_owned(),
        "/api/traces/export".to_owned(),
        format!("/api/request/{}", trace["request_id"].as_str().unwrap()),
        "/api/requests".to_owned(),
        "/api/keys".to_owned(),
    ] {
        assert!(!api.get(&path).text().contains(KEY), "{path}");
    }
    for which in [Which::Proxy, Which::Monitor] {
        assert!(!glassway.log(which).contains(KEY));
    }
    // Sealed while the trace is there, gone with it.
    let sealed = || -> i64 {
        let database = rusqlite::Connection::open(glassway.database()).unwrap();
        let count = "SELECT count(*) FROM traces WHERE sealed IS NOT NULL";
        database.query_row(count, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(sealed(), 1);
    let path = format!("/api/traces/{}", trace["id"]);
    assert_eq!(api.call("DELETE", &path, &[], None).status, 204);
    assert_eq!(sealed(), 0);
    glassway.kill9(Which::Proxy);
    glassway.kill9(Which::Monitor);
    for file in files(glassway.folder()) {
        let bytes = fs::read(&file).unwrap();
        let found = bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes());
        assert!(!found, "{} holds the key", file.display());
    }
}

#[test]
fn a_relay_that_repeats_the_key_does_not_get_it_shown() {
    let good = Upstream::respond(|_| glassway_tests::relay::says(&format!("your key is {KEY}!")));
    let (glassway, _) = start(Some(&good), &[]);
    let trace = traced(&glassway, &typed(&good), 0);
    assert_eq!(trace["status"], "done");
    assert!(trace["answer"].as_str().unwrap().starts_with("your key is "), "{trace:#}");
    assert!(!trace.to_string().contains(KEY), "{trace:#}");

    let relay = Upstream::respond(|request| {
        assert!(!images(request).is_empty());
        let said = value!({"error": {"message": format!("bad key {KEY}"), "code": "x"}});
        glassway_tests::upstream::answer("401 Unauthorized", "application/json", &said.to_string())
    });
    let (glassway, _) = start(Some(&relay), &[]);
    let trace = traced(&glassway, &typed(&relay), 0);
    assert_eq!(trace["status"], "failed");
    assert!(!trace.to_string().contains(KEY), "{trace:#}");
    let id = trace["request_id"].as_str().unwrap();
    eventually("it is recorded", || {
        let reply = glassway.api().get(&format!("/api/request/{id}"));
        (reply.status == 200).then(|| assert!(!reply.text().contains(KEY), "{}", reply.text()))
    });
}

#[test]
fn addresses_inside_are_refused_before_anything_is_kept() {
    let inside = Upstream::answer(glassway_tests::relay::says("never"));
    let (glassway, _) = start(None, &[]);
    for url in [
        inside.url(),
        "http://169.254.169.254/latest".to_owned(),
        "https://10.0.0.1".to_owned(),
        "https://[::ffff:127.0.0.1]:443".to_owned(),
        "https://metadata.google.internal".to_owned(),
        "http://relay.example".to_owned(),
        "file:///etc/passwd".to_owned(),
        "https://user:pass@relay.example".to_owned(),
    ] {
        let body = value!({"base_url": url, "key_value": KEY, "model": "m"});
        let refused = glassway.api().post("/api/traces", &body);
        assert_eq!(refused.status, 400, "{url}: {}", refused.text());
        assert_eq!(refused.json()["errors"][0]["field"], "base_url");
        assert!(!refused.text().contains(KEY));
    }
    assert_eq!(glassway.api().json("/api/traces")["total"], 0);
    assert!(inside.requests().is_empty());
    // The proxy does not take the monitor's word for it.
    let mut socket =
        std::os::unix::net::UnixStream::connect(glassway.folder().join("data/glassway.sock"))
            .unwrap();
    let request = format!(
        "POST /sealed/1/v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         x-glassway-base-url: {}\r\nx-glassway-kind: openai\r\nx-glassway-sealed: AAAA\r\n\
         Content-Length: 2\r\n\r\n{{}}",
        inside.url()
    );
    std::io::Write::write_all(&mut socket, request.as_bytes()).unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut socket, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("allow = ["), "{answer}");
    assert!(inside.requests().is_empty());
}

#[test]
fn an_answer_that_leads_elsewhere_is_not_followed() {
    let elsewhere = Upstream::answer(glassway_tests::relay::says("never"));
    let to = elsewhere.url();
    let relay = Upstream::respond(move |_| {
        format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {to}/v1\r\nContent-Length: 0\r\n\r\n")
            .into_bytes()
    });
    let (glassway, _) = start(Some(&relay), &[]);
    let trace = traced(&glassway, &typed(&relay), 0);
    assert_eq!(trace["status"], "failed");
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn forged_headers_are_believed_from_trusted_proxies_alone() {
    for (trusted, ip, forwarded) in [
        (vec![], "127.0.0.2", value!([])),
        (vec!["127.0.0.2/32"], "203.0.113.7", value!(["203.0.113.7"])),
    ] {
        let claim = "X-Forwarded-For: 6.6.6.6, 203.0.113.7\r\n";
        let relay = fetching(vec![fetch("127.0.0.2", "a").with(claim)]);
        let (glassway, _) = start(Some(&relay), &trusted);
        let trace = traced(&glassway, &typed(&relay), 1);
        let hit = &trace["hits"][0];
        assert_eq!((&hit["ip"], &hit["peer"]), (&value!(ip), &value!("127.0.0.2")));
        assert_eq!(hit["forwarded"], forwarded);
    }
}

#[test]
fn forged_ids_get_an_image_and_leave_no_trace() {
    let relay = fetching(vec![]);
    let (glassway, public) = start(Some(&relay), &[]);
    let trace = traced(&glassway, &typed(&relay), 0);
    let name = trace["trace_id"].as_str().unwrap();
    let monitor = format!("http://{}", glassway.monitor_addr());
    for guess in [
        String::new(),
        "?traceid=".to_owned(),
        "?traceid=1".to_owned(),
        format!("?traceid={}", name.to_uppercase()),
        format!("?traceid={name}-2"),
        format!("?traceid={name}-1"),
        format!("?traceid=%27%3B--{name}"),
        format!("?traceid={}", "a".repeat(3000)),
    ] {
        for at in [&public, &monitor] {
            let got = fetch("127.0.0.1", "x").get(&format!("{at}/api/img{guess}"));
            assert_eq!(got.status, 200, "{guess}: {}", got.head);
            assert!(got.body.starts_with(b"\x89PNG"));
        }
    }
    // Found under whatever else is in the query, as relays add to it.
    let url = format!("{monitor}/api/img?w=1&traceid={name}&utm=x");
    assert_eq!(fetch("127.0.0.1", "x").get(&url).status, 200);
    let after = eventually("the one that is right", || {
        let trace = glassway.api().json(&format!("/api/traces/{}", trace["id"]));
        (trace["hit_count"] == 1).then_some(trace)
    });
    assert_eq!(after["hits"].as_array().unwrap().len(), 1);
}

#[test]
fn a_flood_fills_no_disk_hides_no_fetch_and_leaves_the_rest_alone() {
    let relay = fetching(vec![]);
    let (mut glassway, public) = start(Some(&relay), &[]);
    let trace = traced(&glassway, &typed(&relay), 0);
    let name = trace["trace_id"].as_str().unwrap().to_owned();
    let before = glassway.resident(Which::Monitor);
    let flood = |path: String| {
        let public = public.clone();
        std::thread::spawn(move || {
            let mut limited = 0;
            for n in 0..400 {
                let got = fetch("127.0.0.7", "flood").get(&format!("{public}{path}{n}"));
                assert!(matches!(got.status, 200 | 429), "{}", got.head);
                limited += usize::from(got.status == 429);
            }
            limited
        })
    };
    let floods: Vec<_> = (0..4)
        .map(|n| match n {
            0 => flood(format!("/api/img?traceid={name}&n=")),
            _ => flood(format!("/api/img?traceid=guess{n}")),
        })
        .collect();
    // Beside it, clients and pages are served as ever.
    for _ in 0..20 {
        assert_eq!(glassway.api().get("/api/traces").status, 200);
    }
    let limited: Vec<usize> = floods.into_iter().map(|flood| flood.join().unwrap()).collect();
    assert!(limited[1..].iter().sum::<usize>() > 300, "{limited:?}");
    let after = eventually("all of the flood is counted", || {
        let trace = glassway.api().json(&format!("/api/traces/{}", trace["id"]));
        let (kept, beyond) = (trace["hit_count"].as_u64()?, trace["hits_beyond"].as_u64()?);
        (kept + beyond == 400).then_some((kept, beyond))
    });
    assert_eq!(after, (20, 380), "so many of one address, the rest is counted");
    let database = rusqlite::Connection::open(glassway.database()).unwrap();
    let rows: i64 =
        database.query_row("SELECT count(*) FROM trace_hits", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 20);
    let grown = glassway.resident(Which::Monitor).saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes");
}

#[test]
fn the_listener_for_images_serves_nothing_else() {
    let (glassway, public) = start(None, &[]);
    let get = |path: &str| fetch("127.0.0.1", "x").get(&format!("{public}{path}"));
    for path in ["/", "/api/health", "/healthz", "/token", "/api/traces", "/openapi.json", "/docs"]
    {
        let got = get(path);
        assert_eq!((got.status, got.body.len()), (404, 0), "{path}: {}", got.head);
    }
    let foreign = fetch("127.0.0.1", "x").with("Host: whatever.example\r\n");
    assert_ne!(foreign.get(&format!("{public}/api/img")).status, 421);
    assert_eq!(fetch("127.0.0.1", "x").by("POST").get(&format!("{public}/api/img")).status, 405);
    let reach = glassway.api().json("/api/traces/reach");
    assert_eq!(reach["base"], public);
    assert_eq!(reach["addresses"][0]["scope"], "loopback");
    let notes = reach["notes"].as_array().unwrap();
    for note in ["works", "loopback", "plain_http"] {
        assert!(notes.contains(&value!(note)), "{reach:#}");
    }
    assert_eq!(glassway.api().json("/api/traces")["total"], 0, "the check leaves nothing");
}

#[test]
fn the_check_says_what_is_wrong_with_an_address() {
    let other = Upstream::answer(glassway_tests::upstream::json("{}"));
    let not_ours = Glassway::setup().set("monitor.public_url", other.url()).start();
    let reach = not_ours.api().json("/api/traces/reach");
    assert!(reach["notes"].as_array().unwrap().contains(&value!("not_ours")), "{reach:#}");
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let nobody = Glassway::setup().set("monitor.public_url", nobody).start();
    let reach = nobody.api().json("/api/traces/reach");
    assert!(reach["notes"].as_array().unwrap().contains(&value!("not_reached")), "{reach:#}");
    let unset = Glassway::setup().start();
    let reach = unset.api().json("/api/traces/reach");
    let notes = reach["notes"].as_array().unwrap();
    assert!(notes.contains(&value!("not_configured")) && notes.contains(&value!("works")));
}
