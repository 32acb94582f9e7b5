//! What is pinned outlives retention, whole, and goes like anything else once it is not
//! pinned any more.

#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

use std::path::PathBuf;

use glassway_shared::{
    feed::Losses,
    id::ExchangeId,
    model::{Mode, Origin, Outcome, Usage},
    store::{
        annotations::{self, Annotation, Change},
        exchanges,
        filter::Filter,
        read::Reader,
        record::{Attempt, AttemptBody, Marks, Message, Record, Times},
        settings::Settings,
        stored::{Stored, stored},
        tend::{Limits, Tender},
        write::Writer,
    },
};

const START_US: i64 = 1_700_000_000_000_000;

/// A large request that shares its beginning with every other, and no bytes with none.
fn record(n: usize) -> Record {
    let words = |from: usize| (from..from + 6000).map(|w| format!("{w} ")).collect::<String>();
    let body = format!("{{\"messages\":\"{}{}\"}}", words(0), words(10_000 * (n + 1)));
    let message = |body: String| Message {
        headers: b"content-type: application/json\r\n".to_vec(),
        body_bytes: body.len() as u64,
        body: body.into_bytes(),
        ..Message::default()
    };
    let attempt = Attempt {
        n: 1,
        request: Some(message(body.replace("messages", "renamed"))),
        body: AttemptBody::Own,
        response: None,
    };
    Record {
        id: ExchangeId::new(),
        started_at_us: START_US,
        method: "POST".into(),
        path: "/v1/chat/completions".into(),
        target: "/v1/chat/completions".into(),
        http_version: "HTTP/1.1".into(),
        origin: Origin::Client,
        mode: Mode::Managed,
        client_ip: "127.0.0.1".into(),
        client_token: None,
        provider: None,
        key: None,
        model: None,
        upstream_model: None,
        upstream_url: None,
        status: Some(200),
        outcome: Outcome::Ok,
        error: None,
        stream: false,
        times: Times { duration_us: Some(2000), ..Times::default() },
        reused: true,
        usage: Usage::ABSENT,
        cost_nano: None,
        price: None,
        attempts: 1,
        warnings: vec![],
        request: message(body),
        response: Some(message("{}".into())),
        marks: Marks::default(),
        messages: vec![],
        tries: None,
        said: vec![attempt],
    }
}

struct Store {
    _dir: tempfile::TempDir,
    path: PathBuf,
    writer: Writer,
    settings: Settings,
    reader: Reader,
    tender: Tender,
    now_us: i64,
}

impl Store {
    fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("glassway.db");
        Self {
            writer: Writer::open(&path).unwrap(),
            settings: Settings::open(&path).unwrap(),
            reader: Reader::open(&path).unwrap(),
            tender: Tender::default(),
            now_us: START_US + 100_000_000,
            path,
            _dir: dir,
        }
    }

    fn append(&mut self, records: &[Record]) {
        self.writer.append(records, Losses::default()).unwrap();
    }

    fn pin(&mut self, id: ExchangeId, pinned: bool) -> Option<Annotation> {
        self.settings.annotate(id, false, Change { pinned: Some(pinned), note: None }).unwrap()
    }

    /// Idle work until nothing is left of it.
    fn retain(&mut self, max_exchanges: u64) {
        let limits = Limits { max_exchanges, max_age: None };
        for _ in 0..3 {
            self.now_us += 2_000_000;
            while self.tender.slice(&mut self.writer, limits, self.now_us).unwrap() {}
        }
    }

    fn ids(&self, filter: &Filter) -> Vec<ExchangeId> {
        let page = exchanges::page(&self.reader, filter, None, 1000).unwrap();
        page.into_iter().map(|found| found.exchange.id).collect()
    }

    fn stored(&self, id: ExchangeId) -> Option<Stored> {
        stored(&self.reader, id).unwrap()
    }

    fn chunks(&self) -> i64 {
        let db = rusqlite::Connection::open(&self.path).unwrap();
        db.query_row("SELECT count(*) FROM chunk_data", [], |row| row.get(0)).unwrap()
    }

    #[track_caller]
    fn is_whole(&self, record: &Record) {
        let kept = self.stored(record.id).unwrap();
        assert_eq!(kept.request.body, record.request.body);
        let attempt = record.said[0].request.as_ref().unwrap();
        assert_eq!(kept.said[0].request.as_ref().unwrap().body, attempt.body);
    }
}

#[test]
fn pinned_exchanges_stay_whole_while_retention_takes_the_rest_and_its_chunks() {
    let mut store = Store::open();
    let records: Vec<_> = (0..40).map(record).collect();
    store.append(&records);
    // More than one slice makes whole, some of them neighbors, one that stays anyway.
    let pinned = [0, 1, 2, 3, 4, 5, 17, 20, 39];
    for n in pinned {
        assert!(store.pin(records[n].id, true).unwrap().pinned);
    }
    store.retain(3);
    let kept = [39, 38, 37, 20, 17, 5, 4, 3, 2, 1, 0];
    assert_eq!(store.ids(&Filter::default()), kept.map(|n| records[n].id));
    for n in kept {
        store.is_whole(&records[n]);
    }

    // With the last of the unpinned go the last chunks; what is pinned needs none.
    let limits = Limits { max_exchanges: 0, max_age: Some(std::time::Duration::from_secs(1)) };
    for _ in 0..3 {
        store.now_us += 2_000_000;
        while store.tender.slice(&mut store.writer, limits, store.now_us).unwrap() {}
    }
    assert_eq!(store.ids(&Filter::default()).len(), pinned.len());
    assert_eq!(store.chunks(), 0);
    for n in pinned {
        store.is_whole(&records[n]);
    }
}

#[test]
fn an_old_exchange_goes_once_it_is_not_pinned_any_more() {
    let mut store = Store::open();
    let records: Vec<_> = (0..10).map(record).collect();
    store.append(&records);
    store.pin(records[0].id, true);
    store.retain(2);
    store.is_whole(&records[0]);
    store.pin(records[0].id, false);
    store.retain(2);
    assert!(store.stored(records[0].id).is_none());
    assert_eq!(store.pin(records[0].id, true), None, "what is gone cannot be pinned");
}

#[test]
fn a_pin_survives_another_start_of_the_proxy_in_the_middle_of_retention() {
    let mut store = Store::open();
    let records: Vec<_> = (0..12).map(record).collect();
    store.append(&records);
    for record in &records[..6] {
        store.pin(record.id, true);
    }
    store.retain(1);
    store.tender = Tender::default();
    store.append(&[record(50), record(51)]);
    store.retain(1);
    for record in &records[..6] {
        store.is_whole(record);
    }
}

#[test]
fn what_retention_has_kept_since_says_nothing_of_pins() {
    let mut store = Store::open();
    let mut records: Vec<_> = (0..5).map(record).collect();
    for (n, record) in records.iter_mut().enumerate() {
        record.started_at_us += n as i64;
    }
    store.append(&records);
    store.pin(records[0].id, true);
    store.retain(2);
    assert_eq!(store.writer.kept_since_us().unwrap(), Some(START_US + 3));
}

#[test]
fn pins_and_notes_are_read_with_the_exchange_and_found_by_it() {
    let mut store = Store::open();
    let records: Vec<_> = (0..3).map(record).collect();
    store.append(&records);
    let note = |text: &str| Change { pinned: None, note: Some(Some(text.to_owned())) };
    store.pin(records[1].id, true);
    let said = store.settings.annotate(records[1].id, false, note("看这里")).unwrap().unwrap();
    assert_eq!(said, Annotation { pinned: true, note: Some("看这里".into()) });
    let find = |store: &Store, n: usize| {
        exchanges::find(&store.reader, records[n].id).unwrap().unwrap().exchange
    };
    assert_eq!(find(&store, 1).note.as_deref(), Some("看这里"));
    assert!(find(&store, 1).pinned);
    assert_eq!((find(&store, 0).pinned, find(&store, 0).note), (false, None));
    let pinned = |pinned| Filter { pinned: Some(pinned), ..Filter::default() };
    assert_eq!(store.ids(&pinned(true)), [records[1].id]);
    assert_eq!(store.ids(&pinned(false)), [records[2].id, records[0].id]);
    // Nothing but blanks is no note.
    let said = store.settings.annotate(records[1].id, false, note(" \n")).unwrap().unwrap();
    assert_eq!(said, Annotation { pinned: true, note: None });
}

#[test]
fn one_that_still_runs_can_be_pinned_before_it_has_a_row() {
    let mut store = Store::open();
    let late = record(1);
    let change = Change { pinned: Some(true), note: None };
    assert_eq!(store.settings.annotate(late.id, false, change.clone()).unwrap(), None);
    store.settings.annotate(late.id, true, change).unwrap().unwrap();
    let waiting = annotations::of_running(&store.reader).unwrap();
    assert_eq!(waiting, [(late.id, Annotation { pinned: true, note: None })]);
    store.append(std::slice::from_ref(&late));
    assert!(exchanges::find(&store.reader, late.id).unwrap().unwrap().exchange.pinned);
    assert_eq!(annotations::of_running(&store.reader).unwrap(), []);
}
