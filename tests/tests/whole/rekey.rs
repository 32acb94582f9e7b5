//! A new private key, whatever runs and whatever dies; and a proxy that keeps its memory
//! to itself.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    process::Output,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use glassway_tests::{
    Glassway, Upstream, eventually,
    glassway::Which,
    team::{key, paste_to},
    upstream::{Request, json},
};
use serde_json::{Value, json as value};

const ASK: &str = r#"{"model":"gpt-4o","messages":[]}"#;

fn run(glassway: &Glassway, command: &str) -> Output {
    glassway.started_with().command(Which::Proxy).arg(command).output().unwrap()
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn ask(glassway: &Glassway) -> u16 {
    let post = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{ASK}",
        ASK.len()
    );
    glassway.client().ask(post).status()
}

fn bearers(upstream: &Upstream) -> Vec<String> {
    let bearer = |request: &Request| request.head.header("authorization").unwrap().to_owned();
    upstream.requests().iter().map(bearer).collect()
}

fn statuses(glassway: &Glassway) -> Vec<Value> {
    let keys = glassway.api().json("/api/keys?limit=100");
    keys["items"].as_array().unwrap().iter().map(|key| key["status"].clone()).collect()
}

fn sealed(glassway: &Glassway) -> Vec<Vec<u8>> {
    let database = rusqlite::Connection::open(glassway.database()).unwrap();
    let mut query = database.prepare("SELECT sealed FROM keys ORDER BY id").unwrap();
    query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_running_proxy_goes_on_with_the_new_key_and_so_does_the_next_one() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    paste_to(&glassway, 1, 0..3);
    assert_eq!(ask(&glassway), 200);
    let file = glassway.folder().join("data/glassway.key");
    let (before, sealed_before) = (fs::read_to_string(&file).unwrap(), sealed(&glassway));

    let done = run(&glassway, "rekey");
    assert!(done.status.success(), "{}", text(&done));
    assert!(text(&done).contains("3 keys are sealed anew"), "{}", text(&done));
    let after = fs::read_to_string(&file).unwrap();
    assert_ne!(before, after);
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    assert!(!glassway.folder().join("data/glassway.key.next").exists());
    let sealed_after = sealed(&glassway);
    assert!(sealed_before.iter().all(|old| !sealed_after.contains(old)));

    // The running proxy, and a key that is pasted now.
    paste_to(&glassway, 1, 3..4);
    for _ in 0..8 {
        assert_eq!(ask(&glassway), 200);
    }
    assert!(bearers(&upstream).contains(&format!("Bearer {}", key(3))));
    assert_eq!(statuses(&glassway), vec![value!("active"); 4]);
    let checked = run(&glassway, "check");
    assert!(checked.status.success(), "{}", text(&checked));
    assert!(text(&checked).contains("4 keys, all of which can be opened"), "{}", text(&checked));

    glassway.kill9(Which::Proxy);
    glassway.start(Which::Proxy);
    glassway.connected();
    assert_eq!(ask(&glassway), 200);
    let written = run(&glassway, "rekey");
    assert!(text(&written).contains("4 keys"), "{}", text(&written));
    for private in [&before, &after] {
        assert!(!text(&done).contains(private.as_str()));
    }
}

#[test]
fn a_death_between_commit_and_rename_is_made_good() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    paste_to(&glassway, 1, 0..2);
    glassway.term(Which::Proxy);
    let file = glassway.folder().join("data/glassway.key");
    let old = fs::read_to_string(&file).unwrap();
    assert!(run(&glassway, "rekey").status.success());
    let new = fs::read_to_string(&file).unwrap();
    // As a death right after the commit leaves it.
    let next = glassway.folder().join("data/glassway.key.next");
    fs::write(&next, &new).unwrap();
    fs::write(&file, &old).unwrap();
    let checked = run(&glassway, "check");
    assert!(checked.status.success(), "{}", text(&checked));
    assert!(next.exists(), "check changes nothing");
    glassway.start(Which::Proxy);
    glassway.connected();
    assert_eq!(ask(&glassway), 200);
    assert_eq!(fs::read_to_string(&file).unwrap(), new);
    assert!(!next.exists());

    // As a death right before the commit leaves it.
    glassway.term(Which::Proxy);
    fs::write(&next, old).unwrap();
    glassway.start(Which::Proxy);
    glassway.connected();
    assert_eq!(ask(&glassway), 200);
    assert_eq!(fs::read_to_string(&file).unwrap(), new);
    assert!(run(&glassway, "rekey").status.success(), "a leftover is in nobody's way");
    assert_eq!(ask(&glassway), 200);
}

/// As the units have it: a folder of its own, which the monitor's hides from the monitor.
#[test]
fn a_key_beside_the_database_moves_to_the_place_that_is_configured() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    paste_to(&glassway, 1, 0..2);
    let old = glassway.folder().join("data/glassway.key");
    let key = fs::read_to_string(&old).unwrap();
    glassway.term(Which::Proxy);
    let new = glassway.folder().join("data/secret/glassway.key");
    glassway.reconfigure("secrets.private_key", new.to_str().unwrap());
    let checked = run(&glassway, "check");
    assert!(text(&checked).contains("2 keys, all of which can be opened"), "{}", text(&checked));
    assert!(old.exists() && !new.exists(), "check changes nothing");
    assert!(run(&glassway, "rekey").status.success(), "it is found where it is");
    assert_ne!(fs::read_to_string(&old).unwrap(), key);
    glassway.start(Which::Proxy);
    glassway.connected();
    assert_eq!(ask(&glassway), 200);
    assert!(new.exists() && !old.exists());
    assert_eq!(fs::metadata(new.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
    assert!(run(&glassway, "rekey").status.success());
    assert_eq!(ask(&glassway), 200);
    assert_eq!(statuses(&glassway), vec![value!("active"); 2]);
    assert!(!old.exists());
}

#[test]
fn check_counts_keys_that_cannot_be_opened() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    paste_to(&glassway, 1, 0..3);
    glassway.term(Which::Proxy);
    let file = glassway.folder().join("data/glassway.key");
    let moved = glassway.folder().join("moved.key");
    fs::rename(&file, &moved).unwrap();
    let missing = run(&glassway, "check");
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing).contains("3 of 3 keys cannot be opened"), "{}", text(&missing));
    assert!(text(&missing).contains("is missing"), "{}", text(&missing));
    assert!(!file.exists(), "check changes nothing");
    let refused = run(&glassway, "rekey");
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused).contains("there is no private key"), "{}", text(&refused));

    fs::rename(&moved, &file).unwrap();
    let database = rusqlite::Connection::open(glassway.database()).unwrap();
    database.execute("UPDATE keys SET sealed = zeroblob(80) WHERE name = 'key1'", []).unwrap();
    let one = run(&glassway, "check");
    assert_eq!(one.status.code(), Some(1));
    assert!(text(&one).contains("1 of 3 keys cannot be opened"), "{}", text(&one));
    assert!(text(&one).contains("(key1)"), "{}", text(&one));
    let rest = run(&glassway, "rekey");
    assert!(rest.status.success(), "{}", text(&rest));
    assert!(text(&rest).contains("2 keys are sealed anew"), "{}", text(&rest));
    assert!(text(&rest).contains("key1"), "{}", text(&rest));
}

#[test]
fn a_key_from_the_environment_cannot_be_replaced() {
    let upstream = Upstream::answer(json("{}"));
    let setup = Glassway::setup().upstream(&upstream.url());
    let glassway = setup.env("GLASSWAY_PRIVATE_KEY", &"11".repeat(32)).start();
    let refused = run(&glassway, "rekey");
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused).contains("GLASSWAY_PRIVATE_KEY"), "{}", text(&refused));
}

#[test]
fn the_proxy_leaves_no_core_dump() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    let pid = glassway.pid(Which::Proxy);
    let limits =
        eventually("the limits", || fs::read_to_string(format!("/proc/{pid}/limits")).ok());
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let values: Vec<_> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(values, ["0", "0"], "{core}");
}

#[test]
fn no_client_notices_a_new_key() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::before(&upstream);
    paste_to(&glassway, 1, 0..30);
    let stop = AtomicBool::new(false);
    let asked = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut statuses = Vec::new();
            while !stop.load(Relaxed) {
                statuses.push(ask(&glassway));
            }
            statuses
        });
        for _ in 0..5 {
            let done = run(&glassway, "rekey");
            assert!(text(&done).contains("30 keys are sealed anew"), "{}", text(&done));
            // The monitor has the proxy take notice, and seals a key with the new half.
            let reply = glassway.api().call(
                "PUT",
                "/api/settings",
                &[],
                Some(&value!({"strategy": "random"})),
            );
            assert_eq!(reply.status, 200, "{}", reply.text());
            assert_eq!(statuses(&glassway), vec![value!("active"); 30]);
        }
        stop.store(true, Relaxed);
        asking.join().unwrap()
    });
    assert!(asked.len() > 20 && asked.iter().all(|status| *status == 200), "{asked:?}");
    assert!(!glassway.log(Which::Proxy).contains("is left out"));
}

#[test]
fn a_key_typed_in_for_a_trace_is_sealed_anew_too() {
    let gate = glassway_tests::Gate::new();
    let held = gate.clone();
    let relay = Upstream::respond(move |_| {
        held.wait();
        glassway_tests::relay::says("no")
    });
    let glassway = Glassway::setup()
        .set("upstream.allow", toml::Value::from(vec![relay.addr().to_string()]))
        .start();
    let body = value!({"base_url": relay.url(), "key_value": key(0), "model": "m", "repeat": 2});
    assert_eq!(glassway.api().post("/api/traces", &body).status, 201);
    relay.only_request();
    // The second run waits for the first; its key is sealed for the next key pair by then.
    let done = run(&glassway, "rekey");
    assert!(text(&done).contains("2 keys are sealed anew"), "{}", text(&done));
    gate.open();
    eventually("both runs are answered", || {
        let all = glassway.api().json("/api/traces")["items"].as_array().unwrap().clone();
        assert!(all.iter().all(|trace| trace["status"] != "failed"), "{all:#?}");
        all.iter().all(|trace| trace["status"] == "done").then_some(())
    });
    assert_eq!(bearers(&relay), vec![format!("Bearer {}", key(0)); 2]);
}
