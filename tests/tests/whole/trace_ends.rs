//! How traces end other than by an answer, how many may wait, what their requests look like
//! meanwhile, and what is said of replays where the proxy goes away between two of them.

use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    time::Duration,
};

use glassway_tests::{
    Gate, Glassway, Upstream, eventually,
    glassway::Which,
    relay::{fetch, fetching, says},
    team::{ANSWER, ASK, from_clients, paste, post},
    upstream::{answer, json},
};
use serde_json::{Value, json as value};
use socket2::{Domain, SockAddr, Socket, Type};

const KEY: &str = "sk-typed-in-0123456789abcdefghij";

fn start(relay: &Upstream) -> Glassway {
    Glassway::setup().set("upstream.allow", vec![relay.addr().to_string()]).start()
}

fn begin(glassway: &Glassway, relay: &Upstream, more: &Value) -> glassway_tests::api::Reply {
    let mut body = value!({"base_url": relay.url(), "key_value": KEY, "model": "gpt-4o"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    glassway.api().post("/api/traces", &body)
}

fn until(glassway: &Glassway, id: &Value, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || {
        let trace = glassway.api().json(&format!("/api/traces/{id}"));
        is(&trace).then_some(trace)
    })
}

#[test]
fn no_more_than_so_many_wait_for_their_turn() {
    let gate = Gate::new();
    let relay = Upstream::script({
        let gate = gate.clone();
        move |conn| {
            if conn.try_request().is_some() {
                gate.wait();
                conn.send(says("no"));
            }
        }
    });
    let glassway = start(&relay);
    let mut begun = 0;
    let refused = loop {
        let reply = begin(&glassway, &relay, &value!({"repeat": 20}));
        if reply.status != 201 {
            break reply;
        }
        begun += 20;
        assert!(begun <= 520, "{begun}");
    };
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert!(refused.header("retry-after").is_some());
    assert!(refused.text().contains("500") && !refused.text().contains(KEY), "{}", refused.text());
    // A few may have ended their wait and run.
    assert!((480..=520).contains(&begun), "{begun}");
    assert_eq!(glassway.api().json("/api/traces")["total"], begun);
    gate.open();
}

#[test]
fn a_running_trace_shows_its_request_and_deleting_it_ends_that() {
    let (asked, gone) = (Gate::new(), Gate::new());
    let relay = Upstream::script({
        let (asked, gone) = (asked.clone(), gone.clone());
        move |conn| {
            if conn.try_request().is_some() {
                asked.open();
                assert!(conn.closed());
                gone.open();
            }
        }
    });
    let glassway = start(&relay);
    let begun = begin(&glassway, &relay, &value!({})).json();
    asked.wait();
    let running = until(&glassway, &begun["id"], "it runs", |trace| {
        trace["status"] == "running" && trace["request_id"].is_string()
    });
    let path = format!("/api/request/{}", running["request_id"].as_str().unwrap());
    let live = eventually("its request shows", || {
        let reply = glassway.api().get(&path);
        (reply.status == 200).then(|| reply.json())
    });
    assert_eq!((&live["origin"], &live["outcome"]), (&value!("trace"), &value!("in_flight")));
    assert!(!live.to_string().contains(KEY));
    let trace = format!("/api/traces/{}", begun["id"]);
    assert_eq!(glassway.api().call("DELETE", &trace, &[], None).status, 204);
    gone.wait();
    let ended = eventually("its request has ended", || {
        let reply = glassway.api().get(&path);
        (reply.status == 200).then(|| reply.json()).filter(|one| one["outcome"] != "in_flight")
    });
    assert_eq!(ended["outcome"], "client_closed");
    assert_eq!(glassway.api().get(&trace).status, 404);
}

#[test]
fn a_failed_trace_leads_to_its_request() {
    let relay = Upstream::answer(answer("500 Internal Server Error", "text/plain", "broken"));
    let glassway = start(&relay);
    let begun = begin(&glassway, &relay, &value!({})).json();
    let failed = until(&glassway, &begun["id"], "it fails", |trace| trace["status"] == "failed");
    let path = format!("/api/request/{}", failed["request_id"].as_str().unwrap());
    let kept = eventually("its request is kept", || {
        let reply = glassway.api().get(&path);
        (reply.status == 200).then(|| reply.json()).filter(|one| one["outcome"] != "in_flight")
    });
    assert_eq!((&kept["status"], &kept["outcome"]), (&value!(500), &value!("upstream_error")));
    assert_eq!(kept["response"]["body"], "broken");
}

#[test]
fn a_model_that_read_a_copy_beyond_the_record_has_seen_it() {
    // One address fetches more than is kept of it, and reads the last copy.
    let relay = fetching(vec![]);
    let glassway = start(&relay);
    let begun = begin(&glassway, &relay, &value!({})).json();
    let trace = until(&glassway, &begun["id"], "it ends", |trace| trace["status"] == "done");
    let url = trace["image_url"].as_str().unwrap();
    let fetcher = fetch("127.0.0.9", "many");
    let codes: Vec<String> =
        (0..25).map(|_| glassway_tests::relay::ocr(&fetcher.get(url).body)).collect();
    let full = until(&glassway, &begun["id"], "all are counted", |trace| {
        trace["hits_beyond"].as_u64() >= Some(5)
    });
    assert_eq!(full["hits"].as_array().unwrap().len(), 20);
    // Those beyond share one code, those on record none.
    let letters =
        |text: &String| text.chars().filter(char::is_ascii_alphabetic).collect::<String>();
    let beyond: Vec<String> = codes[20..].iter().map(letters).collect();
    let common = beyond
        .iter()
        .find(|code| code.len() == 8 && beyond.iter().filter(|c| c == code).count() >= 2);
    let code = common.unwrap_or_else(|| panic!("{beyond:?}")).clone();
    assert!(!codes[..20].iter().map(letters).any(|other| other == code));
    assert_eq!(full["saw_image"], false);
    let database = rusqlite::Connection::open(glassway.database()).unwrap();
    database
        .execute(
            "UPDATE traces SET answer = ?1 WHERE id = ?2",
            (format!("It says {code}."), begun["id"].as_i64()),
        )
        .unwrap();
    let seen = glassway.api().json(&format!("/api/traces/{}", begun["id"]));
    assert_eq!(seen["saw_image"], true, "{seen:#}");
    let finding =
        seen["verdict"].as_array().unwrap().iter().find(|one| one["kind"] == "code").unwrap();
    assert_eq!(finding["finding"], "read_beyond");
}

/// A link that says it is well and then has room for one connection more.
fn crowded_link(path: &std::path::Path) {
    let _ = std::fs::remove_file(path);
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    socket.bind(&SockAddr::unix(path).unwrap()).unwrap();
    socket.listen(0).unwrap();
    let listener = UnixListener::from(socket);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            if !head(&mut stream).starts_with("GET /health ") {
                continue;
            }
            let body = r#"{"status":"ok","recording":true}"#;
            let said = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(said.as_bytes());
            std::thread::sleep(Duration::from_millis(500));
        }
    });
}

fn head(stream: &mut UnixStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

#[test]
fn replays_that_could_not_all_be_begun_are_said_to_be_fewer() {
    let upstream = Upstream::answer(json(ANSWER));
    let mut glassway = Glassway::before(&upstream);
    let keys = paste(&glassway, 3);
    assert_eq!(glassway.client().ask(post("/v1/chat/completions", ASK)).status(), 200);
    let id = from_clients(&glassway, 1)[0]["id"].as_str().unwrap().to_owned();
    glassway.kill9(Which::Proxy);
    crowded_link(&glassway.folder().join("data/glassway.sock"));
    let targets: Vec<Value> = keys.iter().map(|key| value!({"key_id": key["id"]})).collect();
    // Whoever else knocks may take the one place: then nothing is sent, and that is said.
    let reply = eventually("one is begun", || {
        let path = format!("/api/request/{id}/replay");
        let reply = glassway.api().post(&path, &value!({"targets": targets}));
        assert!(matches!(reply.status, 202 | 429 | 503), "{}", reply.text());
        (reply.status == 202).then_some(reply)
    });
    assert!(reply.json()["ids"].as_array().unwrap().len() < 3, "{}", reply.text());
    assert_eq!(reply.header("x-glassway-warnings"), Some("not_all_sent"));
}
