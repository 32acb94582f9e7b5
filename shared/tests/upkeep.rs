//! Copies of a database in use, with and without what was said; restoring them; shrinking;
//! and what an examination finds on damaged pages.

#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

#[path = "support/kept.rs"]
mod kept;

use std::{
    fs,
    os::unix::fs::{FileExt, PermissionsExt},
    path::Path,
};

use glassway_shared::{
    model::{Failure, Try},
    store::{
        StoreError,
        filter::Filter,
        read::Reader,
        settings::{Settings, session},
        stored::stored,
        tend::Limits,
        upkeep::{Bodies, Thorough, backup, examine, restore, vacuum},
    },
};
use kept::{Store, record};

fn filled(rows: usize) -> (Store, Vec<glassway_shared::store::record::Record>) {
    let mut store = Store::open();
    let records: Vec<_> = (0..rows).map(record).collect();
    store.append(&records);
    store.retain(Limits::NONE);
    (store, records)
}

const SAID: &str = "hedgehogs";
const TRACE: &str = "INSERT INTO traces (trace_id, series, provider, key, base_url, kind, model,
    prompt, images, image_base, status, error, created_at, answer) VALUES ('t', 1, 'p', 'k',
    'https://a.example', 'openai', 'm', 'of hedgehogs', 1, '', 'failed', 'no hedgehogs', 1, 'hedgehogs')";

/// Refused by its upstream in its own words, and then answered.
fn failed() -> glassway_shared::store::record::Record {
    let error = Failure { code: "upstream_error".into(), message: format!("no {SAID}") };
    let first = Try {
        n: 1,
        provider: None,
        key: None,
        reason: "first".into(),
        url: "https://a.example/v1".into(),
        status: Some(500),
        error: Some(error.clone()),
        start_ms: 0.125,
        connect_ms: None,
        reused: false,
        ttfb_ms: None,
        duration_ms: None,
    };
    let second = Try { n: 2, error: None, ..first.clone() };
    glassway_shared::store::record::Record {
        error: Some(error),
        tries: Some(vec![first, second]),
        ..record(9)
    }
}

fn sound(path: &Path) -> Vec<String> {
    examine(path, Limits::NONE, 0, Thorough::Full).unwrap().wrong
}

#[test]
fn a_backup_of_a_database_in_use_holds_what_was_committed_and_is_private() {
    let (mut store, records) = filled(20);
    let to = store.path.with_file_name("copy.db");
    std::thread::scope(|scope| {
        let going_on = scope.spawn(|| {
            for n in 100..160 {
                store.append(&[record(n)]);
            }
        });
        let database = to.with_file_name("glassway.db");
        backup(&database, &to, Bodies::With).unwrap();
        going_on.join().unwrap();
    });
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(sound(&to), [""; 0]);
    let copy = Reader::open(&to).unwrap();
    for record in &records {
        let kept = stored(&copy, record.id).unwrap().unwrap();
        assert_eq!(kept.request.body, record.request.body);
    }
    let error = backup(&store.path, &to, Bodies::With).unwrap_err();
    assert!(error.to_string().contains("copy.db"), "{error}");
}

#[test]
fn a_backup_without_bodies_has_the_figures_and_not_a_word() {
    let (mut store, mut records) = filled(9);
    records.push(failed());
    store.append(&records[9..]);
    store.retain(Limits::NONE);
    let traces = rusqlite::Connection::open(&store.path).unwrap();
    traces.execute_batch(TRACE).unwrap();
    drop(traces);
    store.pin(records[2].id, true);
    let to = store.path.with_file_name("figures.db");
    backup(&store.path, &to, Bodies::Without).unwrap();
    let full = store.path.with_file_name("full.db");
    backup(&store.path, &full, Bodies::With).unwrap();
    assert!(fs::metadata(&to).unwrap().len() < fs::metadata(&full).unwrap().len());
    assert_eq!(sound(&to), [""; 0]);
    let holds = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        bytes.windows(SAID.len()).any(|piece| piece == SAID.as_bytes())
    };
    assert!(holds(&full) && !holds(&to));

    // It is a database like any other: restored, indexed, pruned.
    let mut other = Store::open();
    drop_users(&mut other);
    restore(&other.path, &to, "x").unwrap();
    reopen(&mut other);
    other.retain(Limits::NONE);
    assert_eq!(other.ids(&Filter::default()).len(), 10);
    let kept = other.stored(records[2].id).unwrap();
    assert!(kept.request.expired && kept.exchange.pinned);
    assert_eq!(kept.request.body_bytes, records[2].request.body_bytes);
    let failed = other.stored(records[9].id).unwrap();
    assert_eq!(failed.exchange.error.unwrap().code, "upstream_error");
    let tries = failed.tries.unwrap();
    let codes: Vec<_> = tries.iter().map(|t| t.error.as_ref().map(|e| &e.code[..])).collect();
    assert_eq!(codes, [Some("upstream_error"), None]);
    assert_eq!(tries[0].start_ms, 0.125);
    let by_path = Filter { q: Some("completions".into()), ..Filter::default() };
    assert_eq!(other.ids(&by_path).len(), 10);
    other.append(&[record(50)]);
    assert_eq!(other.writer.cursor().unwrap(), 11, "numbers go on");
}

#[test]
fn a_restore_waits_for_nobody_keeps_what_was_there_and_refuses_what_is_not_sound() {
    let (mut store, records) = filled(5);
    let copy = store.path.with_file_name("copy.db");
    Settings::open(&store.path).unwrap().add_session(&[7; 32], 1, i64::MAX, "::1").unwrap();
    backup(&store.path, &copy, Bodies::With).unwrap();
    store.append(&[record(70)]);
    let error = restore(&store.path, &copy, "t").unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    assert_eq!(store.ids(&Filter::default()).len(), 6);

    let path = store.path.clone();
    drop_users(&mut store);
    let broken = path.with_file_name("broken.db");
    fs::copy(&copy, &broken).unwrap();
    damage(&broken);
    let error = restore(&path, &broken, "t").unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    let missing = restore(&path, &path.with_file_name("no.db"), "t").unwrap_err();
    assert!(missing.to_string().contains("no.db"), "{missing}");

    let done = restore(&path, &copy, "20260101T000000Z").unwrap();
    assert_eq!((done.exchanges, done.due), (5, 0));
    let kept = done.kept.unwrap();
    assert!(kept.ends_with("glassway.db.before-restore-20260101T000000Z"));
    let reader = Reader::open(&path).unwrap();
    assert!(stored(&reader, records[4].id).unwrap().is_some());
    assert!(session(&reader, &[7; 32], 2).unwrap().is_none(), "a session that had ended is back");
    assert!(session(&Reader::open(&copy).unwrap(), &[7; 32], 2).unwrap().is_some());
    let count = |path: &Path| examine(path, Limits::NONE, 0, Thorough::Quick).unwrap().exchanges;
    assert_eq!((count(&path), count(&kept)), (5, 6));
    assert!(!path.with_file_name("glassway.db.restoring").exists());
}

#[test]
fn a_damaged_database_can_be_replaced_and_is_kept() {
    let (mut store, _) = filled(5);
    let copy = store.path.with_file_name("copy.db");
    backup(&store.path, &copy, Bodies::With).unwrap();
    let path = store.path.clone();
    drop_users(&mut store);
    damage(&path);
    assert_ne!(sound(&path), [""; 0]);
    let kept = restore(&path, &copy, "t").unwrap().kept.unwrap();
    assert_eq!(sound(&path), [""; 0]);
    assert_ne!(sound(&kept), [""; 0]);
}

#[test]
fn a_vacuum_beside_the_services_gives_free_pages_back_and_alone_rewrites() {
    let (mut store, records) = filled(60);
    let db = rusqlite::Connection::open(&store.path).unwrap();
    db.execute_batch("DELETE FROM chunk_data; DELETE FROM chunks;").unwrap();
    let beside = vacuum(&store.path).unwrap();
    assert!(!beside.whole && beside.after < beside.before, "{beside:?}");
    drop(db);
    assert!(store.stored(records[0].id).is_some());
    let path = store.path.clone();
    drop_users(&mut store);
    let alone = vacuum(&path).unwrap();
    assert!(alone.whole && alone.after <= beside.after, "{alone:?}");
    assert_eq!(fs::metadata(&path).unwrap().len(), alone.after);
}

#[test]
fn an_examination_says_what_retention_will_take() {
    let (store, records) = filled(30);
    let limits = Limits { max_exchanges: 25, ..Limits::NONE };
    let now = records[0].started_at_us + 1_000_000;
    let found = examine(&store.path, limits, now, Thorough::Full).unwrap();
    assert_eq!(found.wrong, [""; 0]);
    assert_eq!((found.exchanges, found.fate.rows_now, found.fate.rows_in_a_day), (30, 5, 30));
    let age = Some(std::time::Duration::from_secs(3600));
    let limits = Limits { max_age: age, max_body_age: age, max_disk_bytes: 1000, ..Limits::NONE };
    let found = examine(&store.path, limits, now, Thorough::Quick).unwrap().fate;
    assert_eq!((found.rows_now, found.rows_in_a_day, found.bodies_now), (0, 30, 0));
    assert!(found.bytes_over > 100_000);

    let db = rusqlite::Connection::open(&store.path).unwrap();
    db.execute_batch("DELETE FROM contents WHERE seq = 3; DELETE FROM chunk_data WHERE id = 1;")
        .unwrap();
    let wrong = sound(&store.path);
    assert!(wrong[0].contains("1 exchanges have no contents"), "{wrong:?}");
    assert!(wrong[1].contains("miss a piece"), "{wrong:?}");
}

/// Overwrites pages in the middle of the file.
fn damage(path: &Path) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    let pages = file.metadata().unwrap().len() / 16384;
    for page in pages / 4..pages {
        file.write_all_at(&[0xa5; 4096], page * 16384).unwrap();
    }
}

/// Closes every connection of the store, as both services do when they stop.
fn drop_users(store: &mut Store) {
    let elsewhere = Store::open();
    store.writer = elsewhere.writer;
    store.settings = elsewhere.settings;
    store.reader = elsewhere.reader;
}

fn reopen(store: &mut Store) {
    store.writer = glassway_shared::store::write::Writer::open(&store.path).unwrap();
    store.settings = glassway_shared::store::settings::Settings::open(&store.path).unwrap();
    store.reader = Reader::open(&store.path).unwrap();
    store.tender = Default::default();
}
