//! Server-sent events, read incrementally: any split of the bytes gives the same
//! events. <https://html.spec.whatwg.org/multipage/server-sent-events.html>
//!
//! Lines may end in LF, CRLF or CR. Comments and events without data are skipped,
//! as a browser would; `id` and `retry` are read past.

use std::borrow::Cow;

mod frames;

pub use frames::{Frame, Frames, TooLong};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The `event:` field.
    pub event: Option<String>,
    /// The `data:` lines, joined by line feeds.
    pub data: String,
    /// Offset in the stream just after the blank line that ended it.
    pub end: u64,
    /// Bytes of the stream it took.
    pub bytes: usize,
}

/// Bytes in, owned events out.
#[derive(Debug)]
pub struct Parser {
    frames: Frames,
    at: u64,
}

impl Default for Parser {
    fn default() -> Self {
        Self { frames: Frames::new(Self::MAX_FRAME), at: 0 }
    }
}

impl Parser {
    /// A frame longer than this is left out: it can be no event of an LLM API.
    const MAX_FRAME: usize = 16 << 20;

    /// Feeds a piece; calls `each` for every event it completes.
    pub fn push(&mut self, piece: &[u8], mut each: impl FnMut(Event)) {
        let (at, held) = (&mut self.at, self.frames.rest().len());
        let mut read = 0;
        let cut = self.frames.push(piece, |frame| {
            read += frame.raw.len();
            *at += frame.raw.len() as u64;
            let Some(data) = frame.data else { return };
            let event = frame.event.map(Cow::into_owned);
            each(Event { event, data: data.into_owned(), end: *at, bytes: frame.raw.len() });
        });
        if cut.is_err() {
            *at += (held + piece.len() - read) as u64;
        }
    }
}

/// Every event of a whole (or cut) body.
pub fn events(body: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    Parser::default().push(body, |event| events.push(event));
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(body: &str) -> Vec<(Option<String>, String)> {
        events(body.as_bytes()).into_iter().map(|e| (e.event, e.data)).collect()
    }

    #[test]
    fn reads_what_apis_send() {
        let one = |d: &str| vec![(None, d.to_owned())];
        assert_eq!(data("data: {\"a\":1}\n\n"), one("{\"a\":1}"));
        assert_eq!(data("data:x\r\n\r\n"), one("x"));
        assert_eq!(data("data: x\r\r"), one("x"));
        assert_eq!(data("\u{feff}data: x\n\n"), one("x"));
        assert_eq!(data("data: a\ndata: b\n\n"), one("a\nb"));
        assert_eq!(data(": ping\n\nid: 3\n\ndata: x\n\ndata: cut"), one("x"));
        let named = vec![(Some("message_stop".to_owned()), "{}".to_owned())];
        assert_eq!(data("event: message_stop\ndata: {}\n\n"), named);
    }

    #[test]
    fn offsets_say_where_events_end() {
        let ends: Vec<_> = events(b"data: a\n\n: c\n\ndata: bb\r\n\r\n")
            .into_iter()
            .map(|e| (e.end, e.bytes))
            .collect();
        assert_eq!(ends, [(9, 9), (26, 12)]);
    }

    proptest::proptest! {
        #[test]
        fn any_split_gives_the_same_events(
            body in "((data|event|id|)(: ?|:)?[a-z狐:]{0,4}(\n|\r|\r\n)){0,20}",
            cuts in proptest::collection::vec(0usize..200, 0..10),
        ) {
            let bytes = body.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|c| c.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut parser = Parser::default();
            let mut pieces = Vec::new();
            for pair in cuts.windows(2) {
                parser.push(&bytes[pair[0]..pair[1]], |event| pieces.push(event));
            }
            // A CR at the very end of a piece is known to be alone only later, so the
            // offset may be one short of the whole's.
            let strip = |events: Vec<Event>| {
                events.into_iter().map(|e| (e.event, e.data)).collect::<Vec<_>>()
            };
            proptest::prop_assert_eq!(strip(pieces), strip(events(bytes)));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>) {
            events(&bytes);
        }
    }
}
