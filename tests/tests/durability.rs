//! The disk and the database may fail: clients are served all the same, what is
//! lost is counted exactly, and recording recovers by itself.

#![allow(clippy::unwrap_used, reason = "what cannot be had fails the test")]

use std::{
    fs,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use glassway_tests::{
    Glassway, Upstream,
    client::{get, post},
    eventually,
    glassway::Which,
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

/// Numbers the monitor tells about losses: bodies, records.
fn losses(glassway: &Glassway) -> (u64, u64) {
    let lost = glassway.api().json("/api/stats")["lost"].clone();
    (lost["bodies_shed"].as_u64().unwrap(), lost["records_lost"].as_u64().unwrap())
}

/// Checks that rows and losses together are the requests made, and that shed
/// bodies are as many as were counted.
fn account_for(glassway: &Glassway, made: u64) {
    let (shed, lost) = eventually(format_args!("all {made} requests are accounted for"), || {
        let (shed, lost) = losses(glassway);
        let rows = glassway.api().json("/api/stats")["calls"]["all"].as_u64().unwrap();
        let in_flight = glassway.api().json("/api/stats")["in_flight"] == 0;
        (in_flight && rows + lost == made).then_some((shed, lost))
    });
    let api = glassway.api();
    let mut shed_shown = 0;
    let mut rows = 0;
    let mut query = "?limit=1000".to_owned();
    loop {
        let page = api.json(&format!("/api/requests{query}"));
        for item in page["items"].as_array().unwrap() {
            rows += 1;
            let detail = api.request(item["id"].as_str().unwrap());
            for side in ["request", "response"] {
                shed_shown += u64::from(detail[side]["shed"] == true);
            }
        }
        match page["next"].as_str() {
            Some(next) => query = format!("?limit=1000&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(rows + lost, made, "rows and counted losses");
    assert!(shed_shown <= shed, "{shed_shown} bodies are missing, {shed} were counted");
    let metrics = api.get("/metrics").text();
    assert!(metrics.contains(&format!("glassway_records_lost_total {lost}")), "{metrics}");
    assert!(metrics.contains(&format!("glassway_bodies_shed_total {shed}")), "{metrics}");
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

/// A small file system that goes when the test does.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::TempDir::with_prefix("glassway-disk-").unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then_some(Self(folder))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_costs_no_client_anything_and_heals() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: mounting a small disk needs root");
        return;
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
