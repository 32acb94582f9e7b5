//! Answers of upstreams that went wrong: what they say of the key, how long to wait, and the error
//! that a client of another dialect gets. No panic; no wait beyond a day; an error stays JSON.
#![no_main]

use std::time::Duration;

use glassway_proxy::{
    dialect::{Conversion, error},
    pool::signal::{Heard, read, wait},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

const CONVERSIONS: [Conversion; 4] = [
    Conversion::ChatOverMessages,
    Conversion::MessagesOverChat,
    Conversion::ResponsesOverChat,
    Conversion::ResponsesOverMessages,
];
const DAY: Duration = Duration::from_secs(86_400);

fuzz_target!(|input: &[u8]| {
    // The status, headers a line each, an empty line, the body.
    let [high, low, rest @ ..] = input else { return };
    let status = 400 + (u16::from(*high) << 8 | u16::from(*low)) % 200;
    let (mut headers, mut body) = (HeaderMap::new(), rest);
    while let Some(end) = body.iter().position(|byte| *byte == b'\n') {
        let line = &body[..end];
        body = &body[end + 1..];
        if line.is_empty() {
            break;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let now = Timestamp::from_second(1_763_000_000).expect("a time");
    let _ = read(Heard { status, headers: &headers, body }, now).name();
    assert!(wait(&headers, now).is_none_or(|wait| wait <= DAY));
    let status = StatusCode::from_u16(status).expect("400 to 599");
    for conversion in CONVERSIONS {
        let answer = error::convert(conversion, status, &headers, body);
        assert!(answer.status.as_u16() >= 400, "{conversion:?}: {}", answer.status);
        serde_json::from_slice::<serde_json::Value>(&answer.body).expect("it is JSON");
        let _ = error::headers(conversion, &headers);
    }
});
