//! Recorded bodies, as the journal and the search index read them: decoded, counted, put into
//! words. No panic, nothing beyond its limit, the same whole or in pieces.
#![no_main]

use glassway_proxy::{
    dialect::references,
    usage::{Answered, asked, may_hold_usage},
};
use glassway_shared::{
    content::{self, Indexed},
    decode::{Encoding, Incremental, decode},
    headers,
    store::{bodies::packed_messages, record::Marks},
};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 1 << 20;
const ENCODINGS: [Encoding; 4] = [Encoding::Gzip, Encoding::Deflate, Encoding::Br, Encoding::Zstd];

fuzz_target!(|input: &[u8]| {
    let [which, size, body @ ..] = input else { return };
    let encoding = ENCODINGS[usize::from(*which) % ENCODINGS.len()];
    assert!(decode(body, encoding, LIMIT).bytes.len() <= LIMIT);
    let (mut stream, mut out) = (Incremental::new(Some(encoding), LIMIT), Vec::new());
    body.chunks(usize::from(*size).max(1)).for_each(|piece| stream.push(piece, &mut out));
    assert!(out.len() <= LIMIT);

    let _ = asked(body, Some(b"application/json"), "/v1/chat/completions");
    let _ = asked(body, Some(b"multipart/form-data; boundary=a"), "/v1/audio/transcriptions");
    let mut answered = Answered::default();
    answered.read(body);
    let usage = answered.usage();
    let _ = answered.counts(&usage);
    if let Ok(text) = std::str::from_utf8(body) {
        let _ = (content::piece(text), may_hold_usage(text));
    }
    let _ = content::read("client", &["m", "/v1/x"], body, body, &mut Indexed::default());
    let _ = references::items(body);
    let most = body.len() + 4096;
    if let Ok(Some(resolved)) = references::resolve(body, most, |_| Some("{}".into())) {
        serde_json::from_slice::<serde::de::IgnoredAny>(&resolved).expect("it stays JSON");
    }
    // The stored forms, should a file be damaged.
    let _ = packed_messages(body);
    let marks = Marks::unpack(body);
    assert!(marks.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1));
    let _ = headers::pairs(body);
});
