//! Server-sent events, read incrementally: any split of the bytes gives the same
//! events. <https://html.spec.whatwg.org/multipage/server-sent-events.html>
//!
//! Lines may end in LF, CRLF or CR. Comments and events without data are skipped,
//! as a browser would; `id` and `retry` are read past.

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

/// Bytes in, events out.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    event: Option<String>,
    data: Option<Vec<u8>>,
    at: u64,
    began: u64,
    after_cr: bool,
}

impl Parser {
    /// A line longer than this is cut: it can be no event of an LLM API.
    const MAX_LINE: usize = 16 << 20;

    /// Feeds a piece; calls `each` for every event it completes.
    pub fn push(&mut self, mut piece: &[u8], mut each: impl FnMut(Event)) {
        if self.after_cr && !piece.is_empty() {
            self.after_cr = false;
            if piece[0] == b'\n' {
                piece = &piece[1..];
                self.at += 1;
            }
        }
        while let Some(end) = memchr::memchr2(b'\n', b'\r', piece) {
            self.extend(&piece[..end]);
            self.at += end as u64 + 1;
            let cr = piece[end] == b'\r';
            piece = &piece[end + 1..];
            if cr {
                match piece.first() {
                    Some(b'\n') => {
                        piece = &piece[1..];
                        self.at += 1;
                    }
                    None => self.after_cr = true,
                    _ => {}
                }
            }
            if let Some(event) = self.end_line() {
                each(event);
            }
        }
        self.extend(piece);
        self.at += piece.len() as u64;
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = Self::MAX_LINE.saturating_sub(self.line.len());
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let mut line = &line[..];
        if self.began == 0 && self.at <= line.len() as u64 + 2 {
            line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        }
        if line.is_empty() {
            let began = std::mem::replace(&mut self.began, self.at);
            let event = self.event.take();
            let data = self.data.take()?;
            return Some(Event {
                event,
                data: text(data),
                end: self.at,
                bytes: (self.at - began) as usize,
            });
        }
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"data" => match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            },
            b"event" => self.event = Some(text(value.to_vec())),
            _ => {}
        }
        None
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
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
