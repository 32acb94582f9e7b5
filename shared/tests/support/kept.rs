//! A store of large requests, each with an attempt that sent something else, on which
//! idle work runs by a clock of its own.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::path::PathBuf;

use glassway_shared::{
    feed::Losses,
    id::ExchangeId,
    model::{Mode, Outcome},
    store::{
        annotations::{Annotation, Change},
        exchanges,
        filter::Filter,
        read::Reader,
        record::{Attempt, AttemptBody, Message, Record, Times},
        settings::Settings,
        stored::{Stored, stored},
        tend::{Limits, Tender},
        write::Writer,
    },
};

pub const START_US: i64 = 1_700_000_000_000_000;

/// A large request that shares its beginning with every other, and no bytes with none.
pub fn record(n: usize) -> Record {
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
        http_version: "HTTP/1.1".into(),
        mode: Mode::Managed,
        status: Some(200),
        outcome: Outcome::Ok,
        times: Times { duration_us: Some(2000), ..Times::default() },
        reused: true,
        attempts: 1,
        request: message(body),
        response: Some(message("{}".into())),
        said: vec![attempt],
        ..Record::begun(ExchangeId::new(), START_US, "POST", "/v1/chat/completions", "127.0.0.1")
    }
}

pub struct Store {
    pub dir: tempfile::TempDir,
    pub path: PathBuf,
    pub writer: Writer,
    pub settings: Settings,
    pub reader: Reader,
    pub tender: Tender,
    pub now_us: i64,
}

impl Store {
    pub fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("glassway.db");
        Self {
            writer: Writer::open(&path).unwrap(),
            settings: Settings::open(&path).unwrap(),
            reader: Reader::open(&path).unwrap(),
            tender: Tender::default(),
            now_us: START_US + 100_000_000,
            path,
            dir,
        }
    }

    pub fn append(&mut self, records: &[Record]) {
        self.writer.append(records, Losses::default()).unwrap();
    }

    pub fn pin(&mut self, id: ExchangeId, pinned: bool) -> Option<Annotation> {
        self.settings.annotate(id, false, Change { pinned: Some(pinned), note: None }).unwrap()
    }

    /// Idle work until nothing is left of it; long enough for chunks to go, too.
    pub fn retain(&mut self, limits: Limits) {
        for _ in 0..4 {
            self.now_us += 301_000_000;
            while self.tender.slice(&mut self.writer, limits, self.now_us).unwrap() {}
        }
    }

    pub fn ids(&self, filter: &Filter) -> Vec<ExchangeId> {
        let page = exchanges::page(&self.reader, filter, None, 1000).unwrap();
        page.into_iter().map(|found| found.exchange.id).collect()
    }

    pub fn stored(&self, id: ExchangeId) -> Option<Stored> {
        stored(&self.reader, id).unwrap()
    }

    pub fn chunks(&self) -> i64 {
        let db = rusqlite::Connection::open(&self.path).unwrap();
        db.query_row("SELECT count(*) FROM chunk_data", [], |row| row.get(0)).unwrap()
    }

    #[track_caller]
    pub fn is_whole(&self, record: &Record) {
        let kept = self.stored(record.id).unwrap();
        assert_eq!(kept.request.body, record.request.body);
        let attempt = record.said[0].request.as_ref().unwrap();
        assert_eq!(kept.said[0].request.as_ref().unwrap().body, attempt.body);
    }
}
