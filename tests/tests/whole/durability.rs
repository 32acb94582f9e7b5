//! The disk and the database may fail: clients are served all the same, what is
//! lost is counted exactly, and recording recovers by itself.

use std::{
    fs,
    time::{Duration, Instant},
};

use glassway_tests::{
    Glassway, Upstream,
    client::{get, post},
    disk::SmallDisk,
    eventually,
    glassway::Which,
    losses::{account_for, losses},
    refused::passes_by,
    upstream::json,
};
use rusqlite::Connection;

#[test]
fn before_end_means_that_what_was_answered_is_stored() {
    let upstream = Upstream::answer(json(r#"{"answer":42}"#));
    let mut glassway =
        Glassway::setup().upstream(&upstream.url()).set("record.durability", "before_end").start();
    for n in 1..=5 {
        let answer = glassway.client().ask(post(&format!("/v1/x/{n}"), "{}"));
        assert_eq!(answer.text(), r#"{"answer":42}"#);
        glassway.kill9(Which::Proxy);
        glassway.start(Which::Proxy);
        let recorded = glassway.finished(n);
        assert_eq!(recorded[n - 1]["path"], format!("/v1/x/{n}"));
        assert_eq!(recorded[n - 1]["outcome"], "ok");
    }
}

#[test]
fn a_foreign_lock_costs_no_client_anything_and_losses_are_exact() {
    let upstream = Upstream::answer(json(&format!(r#"{{"text":"{}"}}"#, "y".repeat(20_000))));
    let glassway =
        Glassway::setup().upstream(&upstream.url()).set("record.queue_bytes", 1_048_576).start();
    let mut client = glassway.client();
    let body = format!(r#"{{"model":"gpt-4o","text":"{}"}}"#, "x".repeat(20_000));
    client.ask(post("/v1/before", &body));
    glassway.finished(1);

    let foreign = Connection::open(glassway.database()).unwrap();
    foreign.busy_timeout(Duration::from_secs(10)).unwrap();
    foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
    let locked_at = Instant::now();
    let mut made = 1;
    // The lock outlasts every busy timeout on the way.
    while locked_at.elapsed() < Duration::from_secs(15) || made < 300 {
        assert_eq!(client.ask(post("/v1/locked", &body)).status(), 200);
        made += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    foreign.execute_batch("ROLLBACK").unwrap();
    drop(foreign);
    eventually("recording goes on by itself", || {
        assert_eq!(client.ask(get("/v1/after")).status(), 200);
        made += 1;
        (!glassway.api().requests("?path=/v1/after").is_empty()).then_some(())
    });
    account_for(&glassway, made);
    assert!(losses(&glassway).0 > 0, "a queue of 1 MB held all of it?");
}

#[test]
fn a_full_disk_costs_no_client_anything_and_heals() {
    let Some(disk) = SmallDisk::mount() else {
        return passes_by("mounting a small disk needs root");
    };
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup()
        .upstream(&upstream.url())
        .set("database.path", disk.path("glassway.db").to_str().unwrap())
        .set("record.queue_bytes", 262_144)
        .start();
    let mut client = glassway.client();
    client.ask(get("/v1/before"));
    glassway.finished(1);
    fs::write(disk.path("ballast"), vec![0u8; 64 << 20]).unwrap_err();

    let mut made = 1;
    let body = format!(r#"{{"model":"gpt-4o","n":"{}"}}"#, "z".repeat(4_000));
    eventually("losses are counted", || {
        for _ in 0..50 {
            assert_eq!(client.ask(post("/v1/full", &body)).status(), 200);
            made += 1;
        }
        let (shed, lost) = losses(&glassway);
        (shed > 0 && made > 500).then_some(lost)
    });
    assert_eq!(glassway.client().ask(get("/healthz")).status(), 200);
    fs::remove_file(disk.path("ballast")).unwrap();
    eventually("recording goes on by itself", || {
        assert_eq!(client.ask(get("/v1/after")).status(), 200);
        made += 1;
        (!glassway.api().requests("?path=/v1/after").is_empty()).then_some(())
    });
    account_for(&glassway, made);
    drop(glassway);
}
