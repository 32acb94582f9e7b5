//! Writes JSON and server-sent events into a buffer. Commas set themselves: one is
//! due unless the last byte opens something, so the callers read like the document.

use bytes::{BufMut, BytesMut};

/// A place to write to. What it writes is well-formed as long as `open` and `close`
/// pair up and `raw` gets JSON.
pub(super) struct Writer<'b> {
    out: &'b mut BytesMut,
}

impl<'b> Writer<'b> {
    pub(super) fn new(out: &'b mut BytesMut) -> Self {
        Self { out }
    }

    fn separate(&mut self) -> &mut Self {
        // A space or line feed last is the start of an event's data.
        if !matches!(self.out.last(), None | Some(b'{' | b'[' | b':' | b' ' | b'\n')) {
            self.out.put_u8(b',');
        }
        self
    }

    /// `{`
    pub(super) fn open(&mut self) -> &mut Self {
        self.separate().out.put_u8(b'{');
        self
    }

    /// `}`
    pub(super) fn close(&mut self) -> &mut Self {
        self.out.put_u8(b'}');
        self
    }

    /// `[`
    pub(super) fn list(&mut self) -> &mut Self {
        self.separate().out.put_u8(b'[');
        self
    }

    /// `]`
    pub(super) fn end(&mut self) -> &mut Self {
        self.out.put_u8(b']');
        self
    }

    /// A name of ours: nothing in it needs an escape.
    pub(super) fn key(&mut self, key: &str) -> &mut Self {
        self.separate().out.put_u8(b'"');
        self.out.put_slice(key.as_bytes());
        self.out.put_slice(b"\":");
        self
    }

    /// Somebody else's name.
    pub(super) fn name(&mut self, name: &str) -> &mut Self {
        self.text(name).out.put_u8(b':');
        self
    }

    /// JSON that is there already: a value, or fields without their braces. Nothing, if
    /// it is empty.
    pub(super) fn raw(&mut self, json: &str) -> &mut Self {
        if !json.is_empty() {
            self.separate().out.put_slice(json.as_bytes());
        }
        self
    }

    /// A string.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.separate().out.put_u8(b'"');
        self.more(text);
        self.out.put_u8(b'"');
        self
    }

    /// A string put together from parts.
    pub(super) fn texts<'t>(&mut self, parts: impl IntoIterator<Item = &'t str>) -> &mut Self {
        self.separate().out.put_u8(b'"');
        parts.into_iter().for_each(|part| self.more(part));
        self.out.put_u8(b'"');
        self
    }

    fn more(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while let Some(at) = rest.iter().position(|b| *b < 0x20 || *b == b'"' || *b == b'\\') {
            self.out.put_slice(&rest[..at]);
            match rest[at] {
                b'\n' => self.out.put_slice(b"\\n"),
                b'\r' => self.out.put_slice(b"\\r"),
                b'\t' => self.out.put_slice(b"\\t"),
                byte @ (b'"' | b'\\') => self.out.put_slice(&[b'\\', byte]),
                byte => {
                    let hex = |n: u8| b"0123456789abcdef"[usize::from(n)];
                    let escape = [b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)];
                    self.out.put_slice(&escape);
                }
            }
            rest = &rest[at + 1..];
        }
        self.out.put_slice(rest);
    }

    /// A whole number.
    pub(super) fn number(&mut self, mut n: u64) -> &mut Self {
        let mut digits = [0; 20];
        let mut from = digits.len();
        loop {
            from -= 1;
            digits[from] = b'0' + (n % 10) as u8;
            n /= 10;
            if n == 0 {
                break;
            }
        }
        self.separate().out.put_slice(&digits[from..]);
        self
    }

    /// An event's start; its data follows, then [`Writer::send`].
    pub(super) fn event(&mut self, name: &str) -> &mut Self {
        self.out.put_slice(b"event: ");
        self.out.put_slice(name.as_bytes());
        self.out.put_slice(b"\ndata: ");
        self
    }

    /// The start of an event without a name.
    pub(super) fn data(&mut self) -> &mut Self {
        self.out.put_slice(b"data: ");
        self
    }

    /// The blank line that sends an event.
    pub(super) fn send(&mut self) {
        self.out.put_slice(b"\n\n");
    }

    /// Bytes that are an event, or several.
    pub(super) fn verbatim(&mut self, bytes: &[u8]) {
        self.out.put_slice(bytes);
    }
}

/// JSON made by `write`, as text.
pub(super) fn json(write: impl FnOnce(&mut Writer<'_>)) -> String {
    let mut out = BytesMut::new();
    write(&mut Writer::new(&mut out));
    String::from_utf8(out.to_vec()).expect("only text is written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_and_escapes_are_right() {
        let made = json(|w| {
            w.open().key("a").list().number(0).number(u64::MAX).raw("{}").end();
            w.key("b").text("q\"\\\n\u{1}狐").key("c").open().close();
            w.key("d").texts(["x", "\ty"]).raw("\"e\":1").raw("").close();
        });
        let value: serde_json::Value = serde_json::from_str(&made).unwrap();
        let expected = serde_json::json!({
            "a": [0, u64::MAX, {}], "b": "q\"\\\n\u{1}狐", "c": {}, "d": "x\ty", "e": 1,
        });
        assert_eq!(value, expected, "{made}");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_written_as_serde_json_reads_it(text: String, n: u64) {
            let made = json(|w| { w.list().text(&text).number(n).end(); });
            let value: serde_json::Value = serde_json::from_str(&made).unwrap();
            proptest::prop_assert_eq!(value, serde_json::json!([text, n]));
        }
    }
}
