//! What is taken out of a record before it reaches disk: no panic, the rest stays, and a pattern
//! that is to be redacted is found in nothing that is kept, whatever it was wrapped in.
#![no_main]

use std::sync::LazyLock;

use glassway_proxy::journal::clean::Cleaner;
use glassway_shared::{
    config,
    decode::{Encoding, decode},
    headers,
    id::ExchangeId,
    store::record::{Message, Record},
};
use libfuzzer_sys::fuzz_target;

static CLEANER: LazyLock<Cleaner> = LazyLock::new(|| {
    Cleaner::new(&config::Record {
        redact_json: vec!["$.user".into(), "messages[*].name".into(), "..email".into()],
        redact_patterns: vec!["hush-[0-9]{4}".into()],
        ..config::Record::default()
    })
});
const KINDS: [&str; 5] =
    ["application/json", "text/event-stream", "application/jsonl", "text/plain", "x"];
const CODINGS: [&str; 6] = ["", "gzip", "deflate", "br", "zstd", "gzip, br"];

fuzz_target!(|input: &[u8]| {
    let [kind, coding, truncated, body @ ..] = input else { return };
    let kind = KINDS[usize::from(*kind) % KINDS.len()];
    let coding = CODINGS[usize::from(*coding) % CODINGS.len()];
    let mut head = format!("content-type: {kind}\r\n");
    if !coding.is_empty() {
        head += &format!("content-encoding: {coding}\r\n");
    }
    let message = Message {
        headers: head.into_bytes(),
        body: body.to_vec(),
        body_bytes: body.len() as u64,
        truncated: truncated & 1 == 1,
        ..Message::default()
    };
    let mut record = Record::begun(ExchangeId::new(), 0, "POST", "/v1/chat/completions", "::1");
    record.request = message.clone();
    record.response = Some(message);
    CLEANER.clean(&mut record, None, false);
    for kept in [Some(&record.request), record.response.as_ref()].into_iter().flatten() {
        let shown = match Encoding::of(&kept.headers) {
            Some(encoding) => decode(&kept.body, encoding, 32 << 20).bytes,
            None => kept.body.clone(),
        };
        assert!(!hushed(&shown), "{kind} {coding}");
        // As it stands, too: a stored block of deflate is plain text.
        assert!(!hushed(&kept.body), "{kind} {coding}");
    }
    // What was cut within a content coding is kept decoded: what lies behind was not looked at.
    let decoded = headers::find(&record.request.headers, "x-glassway-content-encoding").is_some();
    if record.warnings.is_empty() && !decoded {
        assert_eq!(record.request.body, body, "what was not redacted stays as it came");
    }
});

fn hushed(text: &[u8]) -> bool {
    text.windows(9)
        .any(|part| part.starts_with(b"hush-") && part[5..].iter().all(u8::is_ascii_digit))
}
