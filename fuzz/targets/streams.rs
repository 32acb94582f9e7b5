//! The stream machines: no panic, the same for any split, JSON only, nothing after the
//! end.
#![no_main]

use bytes::BytesMut;
use glassway_proxy::dialect::{
    self, Capabilities, Context, Conversion, Fresh, Options,
    stream::{End, Stream},
    strip::UsageStrip,
};
use libfuzzer_sys::fuzz_target;

const ALL: [Conversion; 4] = [
    Conversion::ChatOverMessages,
    Conversion::MessagesOverChat,
    Conversion::ResponsesOverChat,
    Conversion::ResponsesOverMessages,
];

fn context(conversion: Conversion) -> Context {
    let body = br#"{"model":"m","max_tokens":5,"input":"x","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"x"}]}"#;
    let made = dialect::request(conversion, body, Capabilities::builtin(), &Options::default());
    made.expect("the request is valid").context
}

fn through<'p>(context: &Context, pieces: impl Iterator<Item = &'p [u8]>) -> (BytesMut, End) {
    let fresh = Fresh { id: "0".to_owned(), created: 1 };
    let (mut stream, mut out) = (Stream::new(context.clone(), &fresh), BytesMut::new());
    for piece in pieces {
        stream.push(piece, &mut out);
    }
    let end = stream.finish(&mut out);
    let length = out.len();
    stream.push(b"data: {}\n\n", &mut out);
    stream.ping(&mut out);
    assert_eq!(out.len(), length, "something followed the end");
    (out, end)
}

fuzz_target!(|input: &[u8]| {
    let [which, size, body @ ..] = input else { return };
    let context = context(ALL[usize::from(*which) % ALL.len()]);
    let whole = through(&context, std::iter::once(body));
    let split = through(&context, body.chunks(usize::from(*size).max(1)));
    assert_eq!(whole, split);
    let text = std::str::from_utf8(&whole.0).expect("text is written");
    for data in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let json = serde_json::from_str::<serde_json::Value>(data);
        assert!(data == "[DONE]" || json.is_ok() || lone_surrogate(data), "{data}");
    }
    let (mut strip, mut out) = (UsageStrip::default(), BytesMut::new());
    body.chunks(usize::from(*size).max(1)).for_each(|piece| strip.push(piece, &mut out));
    strip.finish(&mut out);
    assert!(out.len() <= body.len());
});

/// Literals go across as they are, and `serde_json` refuses half a pair.
fn lone_surrogate(data: &str) -> bool {
    data.contains("\\ud") || data.contains("\\uD")
}
