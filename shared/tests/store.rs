//! The writing side of the store on a real file: what goes in comes back, is found,
//! counted once, deduplicated, and expires.

#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

use std::time::Duration;

use glassway_shared::{
    feed::Losses,
    id::ExchangeId,
    model::{Outcome, Side, Usage, UsageSource},
    store::{
        bodies::{self, Form, MessageKind, SocketMessage},
        record::{Message, Record, Times},
        tend::{Limits, Tender},
        write::Writer,
    },
};
use rusqlite::Connection;

fn record(request: &[u8], response: &[u8]) -> Record {
    let message = |body: &[u8]| Message {
        headers: b"content-type: application/json\r\n".to_vec(),
        body: body.to_vec(),
        body_bytes: body.len() as u64,
        ..Message::default()
    };
    Record {
        http_version: "HTTP/1.1".into(),
        provider: Some("openai".into()),
        model: Some("gpt-4o".into()),
        status: Some(200),
        outcome: Outcome::Ok,
        times: Times { ttfb_us: Some(1000), duration_us: Some(2000), ..Times::default() },
        reused: true,
        usage: Usage {
            prompt_tokens: Some(3),
            completion_tokens: Some(4),
            source: UsageSource::Upstream,
            ..Usage::ABSENT
        },
        attempts: 1,
        request: message(request),
        response: Some(message(response)),
        ..Record::begun(
            ExchangeId::new(),
            1_700_000_000_000_000,
            "POST",
            "/v1/chat/completions",
            "127.0.0.1",
        )
    }
}

fn open() -> (tempfile::TempDir, Writer, Connection) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("glassway.db");
    let writer = Writer::open(&path).unwrap();
    let reader = Connection::open(&path).unwrap();
    (dir, writer, reader)
}

fn count(db: &Connection, sql: &str) -> i64 {
    db.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn request_body(db: &Connection, seq: i64) -> Vec<u8> {
    let sql = "SELECT request_body, request_form FROM contents WHERE seq = ?1";
    let (column, form): (Option<Vec<u8>>, i64) =
        db.query_row(sql, [seq], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    bodies::unpack(db, column.as_deref(), Form::from_column(form)).unwrap()
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let next = |state: &mut u64| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        b' ' + (*state % 90) as u8
    };
    (0..len).map(|_| next(&mut state)).collect()
}

#[test]
fn a_batch_is_written_once_and_counted_once() {
    let (_dir, mut writer, reader) = open();
    let records = [record(b"{}", b"{}"), record(b"", b"{}")];
    assert_eq!(writer.append(&records, Losses::default()).unwrap(), 2);
    let losses = Losses { bodies_shed: 2, records_lost: 1 };
    assert_eq!(writer.append(&records, losses).unwrap(), 2, "known ids are skipped");
    assert_eq!(count(&reader, "SELECT sum(calls) FROM minute_totals"), 2);
    assert_eq!(count(&reader, "SELECT sum(prompt_tokens) FROM minute_totals"), 6);
    assert_eq!(count(&reader, "SELECT sum(calls) FROM minute_latency WHERE metric = 0"), 2);
    for coarse in ["quarter_totals", "quarter_latency"] {
        let minutes = coarse.replace("quarter", "minute");
        let sum = |table: &str| count(&reader, &format!("SELECT sum(calls) FROM {table}"));
        assert_eq!(sum(coarse), sum(&minutes));
    }
    assert_eq!(count(&reader, "SELECT records_lost FROM minute_losses"), 1);
    assert!(writer.contains(records[0].id).unwrap());
    assert!(!writer.contains(ExchangeId::new()).unwrap());
}

#[test]
fn a_history_sent_again_is_stored_once() {
    let (_dir, mut writer, reader) = open();
    let mut history = Vec::new();
    let mut raw = 0;
    let records: Vec<_> = (0..30)
        .map(|turn| {
            history.extend(noise(turn, 4000));
            raw += history.len();
            record(&history, b"{}")
        })
        .collect();
    writer.append(&records, Losses::default()).unwrap();
    for (n, record) in records.iter().enumerate() {
        assert_eq!(request_body(&reader, n as i64 + 1), record.request.body);
    }
    let kept = count(&reader, "SELECT sum(length(data)) FROM chunk_data") as usize;
    // Incompressible text: what remains is one history and the cut at each turn's end.
    assert!(kept * 4 < raw, "{kept} of {raw}");
}

#[test]
fn answers_and_messages_come_back() {
    let (_dir, mut writer, reader) = open();
    let large = b"data: {\"x\":1}\n\n".repeat(3000);
    let said = SocketMessage {
        at_us: 77,
        side: Side::Response,
        kind: MessageKind::Text,
        data: "嗨".into(),
    };
    let mut record = record(b"{}", &large);
    bodies::pack_message(&mut record.messages, &said);
    writer.append(&[record], Losses::default()).unwrap();
    let (column, form, messages): (Vec<u8>, i64, Vec<u8>) = reader
        .query_row("SELECT response_body, response_form, messages FROM contents", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert!(column.len() < large.len() / 10);
    assert_eq!(bodies::unpack(&reader, Some(&column), Form::from_column(form)).unwrap(), large);
    assert_eq!(bodies::unpack_messages(Some(&messages)).unwrap(), [said]);
}

#[test]
fn idle_work_indexes_then_expires_and_frees_chunks() {
    let (_dir, mut writer, reader) = open();
    let mut tender = Tender::default();
    let body = |n: u64| {
        let text = String::from_utf8(noise(n, 40_000)).unwrap();
        serde_json::json!({"messages": [{"role": "user", "content": text}]}).to_string()
    };
    let records: Vec<_> =
        (0..100).map(|n| record(body(n).as_bytes(), "{\"a\":\"狐狸\"}".as_bytes())).collect();
    writer.append(&records, Losses::default()).unwrap();
    let limits = Limits::NONE;
    let mut now = 1_700_000_100_000_000;
    // Work comes in rhythms: what gathers, and what is looked at now and then.
    let mut tend = |writer: &mut Writer, limits| {
        for _ in 0..3 {
            now += 601_000_000;
            while tender.slice(writer, limits, now).unwrap() {}
        }
    };
    tend(&mut writer, limits);
    let matches = "SELECT count(*) FROM search_00 WHERE search_00 MATCH '狐狸'";
    assert_eq!(count(&reader, matches), 100);
    let chunks = count(&reader, "SELECT count(*) FROM chunk_data");

    let limits = Limits { max_exchanges: 10, ..Limits::NONE };
    tend(&mut writer, limits);
    assert_eq!(count(&reader, "SELECT count(*) FROM exchanges"), 10);
    assert_eq!(count(&reader, "SELECT min(seq) FROM contents"), 91);
    assert_eq!(count(&reader, matches), 10);
    let left = count(&reader, "SELECT count(*) FROM chunk_data");
    assert!(left * 9 < chunks, "{left} of {chunks}");
    assert_eq!(request_body(&reader, 100), records[99].request.body);
    assert_eq!(count(&reader, "SELECT sum(calls) FROM minute_totals"), 100, "totals outlive rows");

    let limits = Limits { max_age: Some(Duration::from_secs(1)), ..Limits::NONE };
    tend(&mut writer, limits);
    assert_eq!(count(&reader, "SELECT count(*) FROM exchanges"), 0);
    assert_eq!(count(&reader, "SELECT count(*) FROM chunks"), 0);
    assert_eq!(writer.cursor().unwrap(), 100, "a cursor never falls");
}
