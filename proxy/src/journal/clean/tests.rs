use std::io::Write;

use flate2::{Compression, write::GzEncoder};

use super::*;

const KEY: &[u8] = b"sk-0123456789abcdefwxyz";

fn rules(json: &[&str], patterns: &[&str]) -> Cleaner {
    let list = |rules: &[&str]| rules.iter().map(|rule| (*rule).to_owned()).collect();
    Cleaner::new(&config::Record {
        redact_json: list(json),
        redact_patterns: list(patterns),
        ..config::Record::default()
    })
}

fn body(kind: &str, encoding: Option<&str>, bytes: &[u8]) -> Message {
    let mut headers = format!("content-type: {kind}\r\n");
    if let Some(encoding) = encoding {
        headers += &format!("content-encoding: {encoding}\r\n");
    }
    Message {
        headers: headers.into_bytes(),
        body: bytes.to_vec(),
        body_bytes: bytes.len() as u64,
        ..Message::default()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn cleaned(rules: &Cleaner, mut message: Message) -> (String, usize) {
    let count = Job { rules, secret: KEY, brought: false }.message(&mut message, None);
    (String::from_utf8(message.body).unwrap(), count)
}

#[test]
fn values_go_by_their_place_and_every_other_byte_stays() {
    let rules = rules(&["$.metadata.user_id", "messages[*].content", "..email"], &[]);
    let text = r#"{ "metadata":{"user_id" : {"a":[1]},"k":1.50}, "messages":[{"role":"user","content":"hi"},
  {"role":"x","content":[{"type":"text"}]}],"tools":[{"p":{"email":"a@b"}}],"content":"stays"}"#;
    let expected = r#"{ "metadata":{"user_id" : "[redacted]","k":1.50}, "messages":[{"role":"user","content":"[redacted]"},
  {"role":"x","content":"[redacted]"}],"tools":[{"p":{"email":"[redacted]"}}],"content":"stays"}"#;
    let (clean, count) = cleaned(&rules, body("application/json", None, text.as_bytes()));
    assert_eq!((clean.as_str(), count), (expected, 4));
    let lines = format!("{}\n{}\n", r#"{"email":1}"#, r#"{"b":2}"#);
    let (clean, count) = cleaned(&rules, body("application/jsonl", None, lines.as_bytes()));
    assert_eq!((clean.as_str(), count), ("{\"email\":\"[redacted]\"}\n{\"b\":2}\n", 1));
}

#[test]
fn json_in_which_places_cannot_be_found_is_not_kept() {
    let paths = rules(&["..email"], &["secret"]);
    let deep = format!("{}{{\"email\":1}}{}", "[".repeat(200), "]".repeat(200));
    let mut cut = body("application/json", None, b"{\"email\":\"a@b");
    cut.truncated = true;
    for message in [cut, body("application/json", None, deep.as_bytes())] {
        let (clean, count) = cleaned(&paths, message);
        assert!(clean.starts_with("[redacted: ") && !clean.contains("email"), "{clean}");
        assert_eq!(count, 1);
    }
    // What never was JSON is looked at by patterns.
    let (clean, _) = cleaned(&paths, body("text/plain", None, b"a secret email"));
    assert_eq!(clean, "a [redacted] email");
}

#[test]
fn patterns_are_found_behind_escapes_and_compression() {
    let rules = rules(&[], &[r"\d{3}-\d{2}-\d{4}", "Ä+"]);
    let text = r#"{"a":"\u0031\u0032\u0033-45-6789 x","b":"n 123-45-6789","c":"\u00c4Ä"}"#;
    let expected = r#"{"a":"[redacted] x","b":"n [redacted]","c":"[redacted]"}"#;
    let plain = body("application/json", None, text.as_bytes());
    assert_eq!(cleaned(&rules, plain), (expected.to_owned(), 3));
    let packed = body("application/json", Some("gzip"), &gzip(text.as_bytes()));
    let mut message = packed.clone();
    let count = Job { rules: &rules, secret: b"", brought: false }.message(&mut message, None);
    assert_eq!((message.body, count), (expected.as_bytes().to_vec(), 3));
    assert_eq!(Encoding::of(&message.headers), None, "kept decoded, and said so");
    let was = headers::find(&message.headers, "x-glassway-content-encoding");
    assert_eq!(was, Some(&b"gzip"[..]));
    assert_eq!(message.body_bytes, packed.body_bytes, "what travelled");
    // Nothing found: kept as it came.
    let mut other = body("application/json", Some("gzip"), &gzip(b"{}"));
    let came = other.clone();
    assert_eq!(Job { rules: &rules, secret: b"", brought: false }.message(&mut other, None), 0);
    assert_eq!(other, came);
}

#[test]
fn what_cannot_be_looked_into_is_not_kept() {
    let said = b"{\"email\":\"a@b\",\"number\":\"078-05-1120\"}";
    let mut inner = flate2::write::ZlibEncoder::new(Vec::new(), Compression::default());
    inner.write_all(said).unwrap();
    let stacked = gzip(&inner.finish().unwrap());
    for rules in [rules(&["..email"], &[]), rules(&[], &[r"\d{3}-\d{2}-\d{4}"])] {
        let (clean, count) =
            cleaned(&rules, body("application/json", Some("deflate, gzip"), &stacked));
        assert_eq!((clean.matches(REDACTED).count(), count), (1, 1), "{clean}");
        for (coding, packed) in [("dcb", gzip(said)), ("gzip, rot13", stacked.clone())] {
            let mut message = body("application/json", Some(coding), &packed);
            message.body.push(0xff);
            let job = Job { rules: &rules, secret: KEY, brought: false };
            assert_eq!(job.message(&mut message, None), 1, "{coding}");
            assert_eq!(message.body, UNDECODABLE, "{coding}");
            assert_eq!(Encoding::stacked(&message.headers).unwrap(), [], "it is said as it is");
        }
        // Named as compressed, and not what the name says.
        let (clean, _) = cleaned(&rules, body("application/json", Some("gzip"), said));
        assert!(clean.contains(REDACTED), "{clean}");
    }
}

#[test]
fn a_byte_order_mark_hides_nothing() {
    let rules = rules(&["..email"], &[]);
    let json = "\u{feff}{\"email\":\"a@b\"}";
    let (clean, count) = cleaned(&rules, body("application/json", None, json.as_bytes()));
    assert_eq!((&clean[..], count), ("\u{feff}{\"email\":\"[redacted]\"}", 1));
    let many = "\u{feff}".repeat(1_000_000) + "{\"email\":1}";
    let (clean, count) = cleaned(&rules, body("application/json", None, many.as_bytes()));
    assert!(clean.ends_with("{\"email\":\"[redacted]\"}") && count == 1);
    let stream = "\u{feff}data: {\"email\":\"a@b\"}\n\n";
    let (clean, count) = cleaned(&rules, body("text/event-stream", None, stream.as_bytes()));
    assert!(!clean.contains("a@b") && count == 1, "{clean}");
}

#[test]
fn a_repeated_key_is_masked_in_what_is_kept_compressed() {
    let none = rules(&[], &[]);
    let text = [&b"your key is "[..], KEY, b"!"].concat();
    let (clean, count) = cleaned(&none, body("text/plain", Some("gzip"), &gzip(&text)));
    assert_eq!((clean.as_str(), count), ("your key is *******************wxyz!", 0));
    let (clean, _) = cleaned(&none, body("text/plain", None, &text));
    assert_eq!(clean, "your key is *******************wxyz!");
}

fn chunk(text: &str) -> String {
    let chunk = serde_json::json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    format!("data: {chunk}\n\n")
}

#[test]
fn what_a_model_says_in_pieces_is_put_together_and_keeps_its_times() {
    let rules = rules(&["..fingerprint"], &[r"\d{3}-\d{2}-\d{4}"]);
    let parts = ["My number is 1", "23", "-45-67", "89, ok?"];
    let mut text = String::from(": hello\n\n");
    let mut marks = Marks::default();
    marks.push(text.len(), 5);
    for (n, part) in parts.iter().enumerate() {
        let chunk = chunk(part);
        marks.push(chunk.len(), 10 * (n as u64 + 1));
        text += &chunk;
    }
    let last = "event: end\nid: 7\ndata: {\"fingerprint\":\"fp\"}\n\n";
    marks.push(last.len(), 100);
    text += last;
    text += "data: [DONE]\n\n";
    marks.push(14, 110);
    text += "data: {\"finger";
    let mut message = body("text/event-stream", None, text.as_bytes());
    let job = Job { rules: &rules, secret: KEY, brought: false };
    let count = job.message(&mut message, Some(&mut marks));
    let clean = String::from_utf8(message.body).unwrap();
    let said: String = glassway_shared::sse::events(clean.as_bytes())
        .iter()
        .filter_map(|event| Some(glassway_shared::content::piece(&event.data)?.text().to_owned()))
        .collect();
    assert_eq!(said, "My number is [redacted], ok?");
    assert!(clean.starts_with(": hello\n\n"));
    let end = "event: end\nid: 7\ndata: {\"fingerprint\":\"[redacted]\"}\n\ndata: [DONE]\n\n";
    assert!(clean.ends_with(end), "{clean}");
    assert_eq!(count, 3, "a number, a place, and an event that was cut");
    let marks = Marks::unpack(marks.packed());
    let arrivals: Vec<_> = glassway_shared::sse::events(clean.as_bytes())
        .iter()
        .map(|event| Marks::arrival(&marks, event.end - 1).unwrap())
        .collect();
    assert_eq!(arrivals, [10, 20, 30, 40, 100, 110]);
}

#[test]
fn a_key_that_came_along_is_found_in_pieces_too() {
    let none = rules(&[], &[]);
    let text: String = ["it is sk-012345", "6789abcdefwx", "yz."].map(chunk).concat();
    let mut message = body("text/event-stream", None, text.as_bytes());
    let count = Job { rules: &none, secret: KEY, brought: true }.message(&mut message, None);
    let clean = String::from_utf8(message.body).unwrap();
    assert_eq!(count, 1);
    assert!(!clean.contains("012345") && !clean.contains("6789abcdef"), "{clean}");
}

#[test]
fn socket_messages_are_cleaned_one_by_one() {
    let rules = rules(&["..transcript"], &["hunter2"]);
    let mut packed = Vec::new();
    for (side, text) in [
        (Side::Request, r#"{"text":"my hunter2"}"#),
        (Side::Response, r#"{"transcript":"said","k":1}"#),
    ] {
        let data = text.as_bytes().to_vec();
        let message = glassway_shared::store::bodies::SocketMessage {
            at_us: 1,
            side,
            kind: MessageKind::Text,
            data,
        };
        pack_message(&mut packed, &message);
    }
    let count = Job { rules: &rules, secret: KEY, brought: false }.messages(&mut packed);
    let texts: Vec<_> = packed_messages(&packed).into_iter().map(|m| m.data).collect();
    assert_eq!(count, 2);
    assert_eq!(texts[0], br#"{"text":"my [redacted]"}"#);
    assert_eq!(texts[1], br#"{"transcript":"[redacted]","k":1}"#);
}

proptest::proptest! {
    #[test]
    fn whatever_the_bytes_nothing_panics_and_no_pattern_stays(
        bytes: Vec<u8>,
        text in r#"(data: |[\[\]{}:,"\n ]|\\u0073ecret|secret|sec|ret|"email":"x"|\\|é){0,40}"#,
    ) {
        let rules = rules(&["..email"], &["secret"]);
        for kind in ["application/json", "text/event-stream", "text/plain"] {
            for encoding in [None, Some("gzip"), Some("br")] {
                cleaned_bytes(&rules, body(kind, encoding, &bytes));
            }
            let clean = cleaned_bytes(&rules, body(kind, None, text.as_bytes()));
            let found = clean.windows(6).any(|part| part == b"secret");
            proptest::prop_assert!(!found, "{kind}: {text:?} became {:?}", String::from_utf8_lossy(&clean));
        }
    }
}

fn cleaned_bytes(rules: &Cleaner, mut message: Message) -> Vec<u8> {
    Job { rules, secret: KEY, brought: true }.message(&mut message, None);
    message.body
}

#[test]
fn what_stands_beside_the_compressed_text_is_not_kept() {
    let rules = rules(&["..email"], &["hush-[0-9]+"]);
    let job = Job { rules: &rules, secret: b"", brought: false };
    let text = br#"{"a":1}"#;
    let mut named = flate2::GzBuilder::new()
        .filename(&b"hush-1234.json"[..])
        .write(Vec::new(), Compression::default());
    named.write_all(text).unwrap();
    let behind = [&gzip(text)[..], b"hush-1234"].concat();
    for packed in [named.finish().unwrap(), behind] {
        let mut message = body("application/json", Some("gzip"), &packed);
        job.message(&mut message, None);
        assert_eq!(message.body, text);
        assert!(headers::find(&message.headers, "content-encoding").is_none());
    }
    // As it came where there is nothing of the kind.
    let mut message = body("application/json", Some("gzip"), &gzip(text));
    job.message(&mut message, None);
    assert_eq!(message.body, gzip(text));
}
