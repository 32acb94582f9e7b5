//! A disk that fails while everything runs: errors, slowness, a file system that became
//! read-only, damaged pages.

use std::{
    fs,
    os::unix::fs::FileExt,
    time::{Duration, Instant},
};

use glassway_tests::{
    Client, Glassway, Upstream,
    client::{get, post},
    disk::SmallDisk,
    eventually,
    glassway::Which,
    inject::Injected,
    losses::{account_for, losses},
    process::Signal,
    upstream::json,
};

use super::{skip, until_recorded};

/// With a queue that is soon full.
fn small_queue(upstream: &Upstream) -> Glassway {
    Glassway::setup().upstream(&upstream.url()).set("record.queue_bytes", 262_144).start()
}

/// Every write fails this way for a while.
fn writes_fail(error: &str) {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = small_queue(&upstream);
    let mut client = glassway.client();
    client.ask(get("/v1/before"));
    glassway.finished(1);
    let pid = glassway.pid(Which::Proxy);
    let Some(failing) = Injected::into(pid, &format!("pwrite64:error={error}")) else {
        skip!("strace may not attach to a process here");
    };
    let body = format!(r#"{{"model":"gpt-4o","n":"{}"}}"#, "z".repeat(4_000));
    let mut made = 1;
    eventually("something is shed, and it is counted", || {
        for _ in 0..20 {
            assert_eq!(client.ask(post("/v1/failing", &body)).status(), 200);
            made += 1;
        }
        (losses(&glassway).0 > 0).then_some(())
    });
    assert!(glassway.log(Which::Proxy).contains("cannot write records; clients are served"));
    drop(failing);
    made += until_recorded(&glassway, "/v1/after");
    account_for(&glassway, made);
}

#[test]
fn io_errors_cost_no_client_anything_and_recording_goes_on() {
    writes_fail("EIO");
}

#[test]
fn a_file_system_that_became_read_only_costs_no_client_anything() {
    writes_fail("EROFS");
}

#[test]
fn a_start_on_a_read_only_file_system_is_refused_in_a_line() {
    let Some(disk) = SmallDisk::mount() else { skip!("mounting a small disk needs root") };
    let upstream = Upstream::answer(json("{}"));
    let path = disk.path("glassway.db");
    let setup =
        Glassway::setup().upstream(&upstream.url()).set("database.path", path.to_str().unwrap());
    let mut glassway = setup.start();
    glassway.client().ask(get("/v1/before"));
    glassway.finished(1);
    glassway.term(Which::Proxy);
    glassway.term(Which::Monitor);
    disk.read_only(true);
    for which in [Which::Proxy, Which::Monitor] {
        let mut process = glassway.spawn(which);
        let status = process.wait(Duration::from_secs(20)).expect("it gives up");
        assert_eq!(status.code(), Some(1), "{which:?}: {}", process.log());
        assert!(process.log().contains(disk.path("").to_str().unwrap()), "{}", process.log());
    }
    disk.read_only(false);
    glassway.start(Which::Proxy);
    glassway.start(Which::Monitor);
    glassway.connected();
    assert_eq!(glassway.finished(1).len(), 1);
}

#[test]
fn a_slow_disk_holds_up_no_client() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    let pid = glassway.pid(Which::Proxy);
    // Whoever writes records; half a second for each write is far more than an answer takes.
    let what = "fsync,fdatasync,pwrite64:delay_enter=500000";
    let Some(slow) = Injected::into_thread(pid, "journal", what) else {
        skip!("strace may not attach to a process here");
    };
    // And whoever brings them to the disk for sure, as it does in WAL mode.
    let what = "fsync,fdatasync:delay_enter=500000";
    let Some(slow_sync) = Injected::into_thread(pid, "checkpoint", what) else {
        skip!("strace may not attach to a process here");
    };
    let mut client = glassway.client();
    let since = Instant::now();
    for n in 0..60 {
        assert_eq!(client.ask(post(&format!("/v1/x/{n}"), "{}")).status(), 200);
    }
    let took = since.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}: answers wait for the disk");
    drop((slow, slow_sync));
    eventually("all of it is written", || {
        (glassway.api().json("/api/stats")["calls"]["all"] == 60).then_some(())
    });
    assert_eq!(losses(&glassway), (0, 0));
}

#[test]
fn a_damaged_database_costs_no_client_anything_and_is_named_at_the_next_start() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    let body = format!(r#"{{"model":"gpt-4o","n":"{}"}}"#, "z".repeat(12_000));
    for _ in 0..100 {
        glassway.client().ask(post("/v1/before", &body));
    }
    glassway.finished(100);
    // The last to close the database removes its log, whose pages would stand for the damaged
    // ones.
    glassway.term(Which::Proxy);
    glassway.term(Which::Monitor);
    assert!(!glassway.database().with_extension("db-wal").exists());
    glassway.start(Which::Proxy);
    glassway.start(Which::Monitor);
    glassway.connected();
    let file = fs::OpenOptions::new().write(true).open(glassway.database()).unwrap();
    let pages = file.metadata().unwrap().len() / 16_384;
    for page in 1..pages {
        file.write_all_at(&[0xa5; 4_096], page * 16_384).unwrap();
    }
    for _ in 0..200 {
        assert_eq!(glassway.client().ask(post("/v1/damaged", &body)).status(), 200);
    }
    eventually("the log says so", || {
        glassway.log(Which::Proxy).contains("cannot write records").then_some(())
    });
    // What cannot be written is told, and the next start says what to do.
    glassway.kill9(Which::Proxy);
    glassway.kill9(Which::Monitor);
    for which in [Which::Proxy, Which::Monitor] {
        let output = glassway.started_with().command(which).arg("check").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{which:?}: {said}");
        assert!(said.contains("glassway.db"), "{said}");
    }
}

#[test]
fn one_damaged_page_is_never_passed_over_in_silence() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    for n in 0..100 {
        glassway.client().ask(post(&format!("/v1/before/{n}"), r#"{"model":"gpt-4o"}"#));
    }
    glassway.finished(100);
    glassway.term(Which::Proxy);
    glassway.term(Which::Monitor);
    let file = fs::OpenOptions::new().write(true).open(glassway.database()).unwrap();
    let pages = file.metadata().unwrap().len() / 16_384;
    file.write_all_at(&[0xa5; 16_384], pages / 2 * 16_384).unwrap();
    // Either it is needed at once, or whoever looks finds it.
    let mut process = glassway.spawn(Which::Proxy);
    if let Ok(address) = process.listening() {
        for n in 0..20 {
            let mut client = Client::connect(address);
            assert_eq!(client.ask(get(&format!("/v1/damaged/{n}"))).status(), 200);
        }
        process.signal(Signal::SIGTERM);
        let status = process.wait(Duration::from_secs(60)).expect("it stops");
        let log = process.log();
        let told = log.contains("cannot write records") && log.contains("glassway.db");
        assert!(told || stored(&glassway, "/v1/damaged/") == 20, "{log}");
        assert_eq!(status.code(), Some(0), "{log}");
    } else {
        let status = process.wait(Duration::from_secs(60)).expect("it gives up");
        assert_eq!(status.code(), Some(1), "{}", process.log());
        assert!(process.log().contains("glassway.db"), "{}", process.log());
    }
    let output =
        glassway.started_with().command(Which::Monitor).arg("doctor").output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(0), "the doctor finds it: {said}");
}

/// Rows whose path begins so.
fn stored(glassway: &Glassway, path: &str) -> i64 {
    let database = rusqlite::Connection::open(glassway.database()).unwrap();
    let sql = "SELECT count(*) FROM exchanges WHERE path LIKE ?1 || '%'";
    database.query_row(sql, [path], |row| row.get(0)).unwrap()
}
