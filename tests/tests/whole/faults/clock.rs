//! A wall clock that jumps, both ways: durations stay true, order stays the order of
//! ending, and nothing is taken for old that is not.

use std::{fs, path::Path, time::Duration};

use glassway_tests::{
    Glassway, Upstream, client::get, eventually, glassway::Which, upstream::json,
};

use super::skip;

/// Where Debian puts it, by machine.
fn library() -> Option<String> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten();
    let mut found = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    found.find(|path| path.exists()).map(|path| path.display().to_string())
}

/// Seconds from the true time, from now on.
fn jump(clock: &Path, seconds: i64) {
    let next = clock.with_extension("next");
    fs::write(&next, format!("{seconds:+}")).unwrap();
    fs::rename(next, clock).unwrap();
}

#[test]
fn a_clock_that_jumps_spoils_no_duration_no_order_and_no_key() {
    let Some(library) = library() else { skip!("faketime is not installed") };
    let upstream = Upstream::answer(json("{}"));
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    jump(&clock, 0);
    let mut glassway = Glassway::setup()
        .upstream(&upstream.url())
        .env("LD_PRELOAD", &library)
        .env("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap())
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .start();
    let mut n = 0;
    for hours in [0, 3, -5, 0] {
        jump(&clock, hours * 3600);
        for _ in 0..5 {
            n += 1;
            assert_eq!(glassway.client().ask(get(&format!("/v1/x/{n}"))).status(), 200);
        }
        glassway.finished(n);
    }
    let recorded = glassway.finished(n);
    for (at, exchange) in recorded.iter().enumerate() {
        assert_eq!(exchange["path"], format!("/v1/x/{}", at + 1), "in the order of their ends");
        let ms = exchange["duration_ms"].as_f64().unwrap();
        assert!((0.0..60_000.0).contains(&ms), "{ms}");
    }
    // Indexing goes on, whatever the clock says.
    eventually("the last one is found", || {
        (glassway.api().requests("?q=x%2F20").len() == 1).then_some(())
    });
    assert_eq!(glassway.term(Which::Proxy).0.code(), Some(0));
    glassway.start(Which::Proxy);
    assert!(glassway.wait(Which::Proxy, Duration::from_millis(300)).is_none());
}

#[test]
fn a_clock_that_jumps_ahead_takes_no_record_by_its_age() {
    let Some(library) = library() else { skip!("faketime is not installed") };
    let upstream = Upstream::answer(json("{}"));
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    jump(&clock, 0);
    let mut glassway = Glassway::setup()
        .upstream(&upstream.url())
        .set("record.max_age", "30d")
        .env("LD_PRELOAD", &library)
        .env("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap())
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .start();
    for n in 0..5 {
        assert_eq!(glassway.client().ask(get(&format!("/v1/x/{n}"))).status(), 200);
    }
    glassway.finished(5);
    jump(&clock, 40 * 86_400);
    eventually("it is said", || glassway.log(Which::Proxy).contains("jumped ahead").then_some(()));
    // Retention looks every second. Nor does another process believe it, which finds a record of
    // the wrong time as well.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(glassway.client().ask(get("/v1/x/5")).status(), 200);
    glassway.finished(6);
    glassway.term(Which::Proxy);
    glassway.start(Which::Proxy);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(glassway.api().requests("").len(), 6);
    let minutes = |glassway: &Glassway| -> i64 {
        let database = rusqlite::Connection::open(glassway.database()).unwrap();
        let sql = "SELECT sum(calls) FROM minute_totals";
        database.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(minutes(&glassway), 6, "statistics by the minute stay as well");
    // Begun with a wrong clock, a day or more after the newest record.
    glassway.term(Which::Proxy);
    let database = rusqlite::Connection::open(glassway.database()).unwrap();
    let sql = "DELETE FROM progress WHERE name = 'clock'; DELETE FROM exchanges WHERE seq = 6";
    database.execute_batch(sql).unwrap();
    drop(database);
    glassway.start(Which::Proxy);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(glassway.api().requests("").len(), 5);
    // Set right, it is believed at once.
    jump(&clock, 0);
    eventually("it is believed", || {
        let database = rusqlite::Connection::open(glassway.database()).unwrap();
        let sql = "SELECT count(*) FROM progress WHERE name = 'clock'";
        (database.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() == 0).then_some(())
    });
    assert_eq!(glassway.api().requests("").len(), 5);
}
