//! Bodies that go before the rest, and a budget of disk that holds.

#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

#[path = "support/kept.rs"]
mod kept;

use std::{fs, time::Duration};

use glassway_shared::{
    id::ExchangeId,
    store::{
        filter::Filter,
        record::Record,
        tend::{FINE_MINUTES, Limits, Tender},
    },
};
use kept::{START_US, Store, record};

fn bodies(seconds: u64) -> Limits {
    Limits { max_body_age: Some(Duration::from_secs(seconds)), ..Limits::NONE }
}

fn disk(max_disk_bytes: u64) -> Limits {
    Limits { max_disk_bytes, ..Limits::NONE }
}

/// Each of a model of its own, `m0` and on.
fn by_the_minute(count: usize) -> Vec<Record> {
    let one = |n: usize| Record {
        started_at_us: START_US + n as i64 * 60_000_000,
        model: Some(format!("m{n}")),
        ..record(n)
    };
    (0..count).map(one).collect()
}

impl Store {
    fn query(&self, sql: &str) -> i64 {
        let db = rusqlite::Connection::open(&self.path).unwrap();
        db.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[track_caller]
    fn is_stripped(&self, record: &Record) {
        let kept = self.stored(record.id).unwrap();
        assert!(kept.request.expired && kept.request.body.is_empty());
        assert_eq!(kept.request.body_bytes, record.request.body_bytes, "how much it was stays");
        assert_eq!(kept.request.headers, record.request.headers);
        assert_eq!(kept.said, []);
    }

    fn found(&self, words: &str) -> Vec<ExchangeId> {
        self.ids(&Filter { q: Some(words.into()), ..Filter::default() })
    }

    /// Moves the log into the file and says how large that is then.
    fn file_bytes(&self) -> u64 {
        let db = rusqlite::Connection::open(&self.path).unwrap();
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        fs::metadata(&self.path).unwrap().len()
    }
}

#[test]
fn bodies_go_before_the_rest_which_is_found_by_its_figures() {
    let mut store = Store::open();
    let records = by_the_minute(90);
    store.append(&records);
    store.now_us = START_US + 100 * 60_000_000;
    store.pin(records[3].id, true);
    store.retain(Limits::NONE);
    assert_eq!(store.found("100001"), [records[9].id], "only this one says that number");
    let chunks = store.chunks();

    store.retain(bodies(6_000));
    let cut = store.now_us - 6_000_000_000;
    let kept_from = records.iter().position(|r| r.started_at_us + 2_000 >= cut).unwrap();
    assert!((20..80).contains(&kept_from), "{kept_from}");
    assert_eq!(store.ids(&Filter::default()).len(), 90, "rows stay");
    for (n, record) in records.iter().enumerate() {
        match n {
            3 => store.is_whole(record),
            n if n < kept_from => store.is_stripped(record),
            _ => store.is_whole(record),
        }
    }
    assert_eq!(store.found("100001"), [], "nobody finds what was deleted");
    assert_eq!(store.found("m0"), [records[0].id]);
    assert!(store.chunks() < chunks, "{} of {chunks}", store.chunks());

    // Where the walk stands is remembered, and a pin that is taken back is seen to.
    store.tender = Tender::default();
    store.retain(bodies(6_000));
    store.is_whole(&records[3]);
    store.pin(records[3].id, false);
    store.retain(bodies(6_000));
    store.is_stripped(&records[3]);
    assert_eq!(store.query("SELECT count(*) FROM exchanges"), 90);
}

#[test]
fn a_budget_of_disk_takes_bodies_then_rows_and_the_file_shrinks() {
    let mut store = Store::open();
    let records: Vec<_> = (0..300).map(record).collect();
    store.append(&records);
    store.pin(records[0].id, true);
    store.retain(Limits::NONE);
    let bare = Store::open().file_bytes();
    let before = store.file_bytes();
    assert!(before > bare + (2 << 20), "{before} of {bare}");

    let budget = bare + (before - bare) / 2;
    store.retain(disk(budget));
    assert!(store.file_bytes() <= budget, "{} of {budget}", store.file_bytes());
    assert_eq!(store.ids(&Filter::default()).len(), 300, "bodies went, no row");
    store.is_whole(&records[0]);
    store.is_stripped(&records[1]);
    store.is_whole(&records[299]);
    let whole = records.iter().filter(|r| !store.stored(r.id).unwrap().request.expired).count();
    assert!(whole > 30, "no more went than had to: {whole} are left");

    let budget = bare + (128 << 10);
    store.retain(disk(budget));
    let left = store.ids(&Filter::default());
    assert!(left.len() < 300 && left.contains(&records[0].id), "{}", left.len());
    store.is_whole(&records[0]);
}

#[test]
fn retention_holds_while_rows_come_faster_than_they_can_be_indexed() {
    let mut store = Store::open();
    let limits = Limits { max_exchanges: 100, ..disk(store.file_bytes() + (1 << 20)) };
    for round in 0..150 {
        // One slice of idle work after each batch; the index would need all of them.
        store.append(&(0..8).map(|n| record(round * 8 + n)).collect::<Vec<_>>());
        store.now_us += 1_000_000;
        store.tender.slice(&mut store.writer, limits, store.now_us).unwrap();
    }
    let rows = store.query("SELECT count(*) FROM exchanges");
    assert!(rows < 300, "{rows} of 1200 rows are left, 100 wanted");
    let indexed = store.query("SELECT at FROM progress WHERE name = 'search'");
    assert!(indexed > 0, "the index waits for retention");
}

#[test]
fn what_several_tables_of_the_index_hold_is_found_and_goes() {
    let mut store = Store::open();
    let records = by_the_minute(12);
    store.append(&records[..5]);
    let db = rusqlite::Connection::open(&store.path).unwrap();
    db.execute("UPDATE sqlite_sequence SET seq = 65532 WHERE name = 'exchanges'", []).unwrap();
    store.append(&records[5..]);
    store.now_us = START_US + 20 * 60_000_000;
    store.retain(Limits::NONE);
    let ids = |range: std::ops::Range<usize>| -> Vec<_> {
        records[range].iter().rev().map(|record| record.id).collect()
    };
    assert_eq!(store.query("SELECT count(*) FROM search_00_docsize"), 8);
    assert_eq!(store.query("SELECT count(*) FROM search_01_docsize"), 4);
    assert_eq!(store.found("completions"), ids(0..12), "on both sides, the newest first");
    assert_eq!(store.found("100001"), ids(9..10));

    // Bodies of rows in both.
    let cut = store.now_us + 4 * 301_000_000 - (START_US + 9 * 60_000_000 + 30_000_000);
    store.retain(bodies(u64::try_from(cut).unwrap() / 1_000_000));
    assert_eq!(store.found("100001"), []);
    assert_eq!(store.found("m9"), ids(9..10));
    assert_eq!(store.found("110001"), ids(10..11));

    store.retain(Limits { max_exchanges: 2, ..Limits::NONE });
    assert_eq!(store.found("completions"), ids(10..12));
    assert_eq!(store.query("SELECT count(*) FROM search_00_docsize"), 0);
    assert_eq!(store.query("SELECT count(*) FROM search_01_docsize"), 2);
}

#[test]
fn minutes_go_when_the_quarters_tell_and_the_sums_stay() {
    let mut store = Store::open();
    let old: Vec<_> = (0..30)
        .map(|n| Record { started_at_us: START_US + n * 120_000_000, ..record(0) })
        .collect();
    store.append(&old);
    store.now_us = START_US + (FINE_MINUTES + 30) * 60_000_000;
    store.retain(Limits::NONE);
    let first = store.query("SELECT min(minute) FROM minute_totals");
    let now = store.now_us / 60_000_000;
    assert!((now - FINE_MINUTES..now).contains(&first), "{first}");
    assert!(store.query("SELECT min(minute) FROM minute_latency") >= now - FINE_MINUTES);
    assert_eq!(store.query("SELECT sum(calls) FROM quarter_totals"), 30);
    let ever = glassway_shared::store::stats::ever(&store.reader).unwrap();
    assert_eq!(ever.calls, 30);
}
