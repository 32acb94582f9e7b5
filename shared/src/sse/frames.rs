//! Cuts a stream of server-sent events at its blank lines and reads each frame. A frame
//! that arrives whole is borrowed from the chunk; only one that is cut is held, up to a
//! limit. The bytes of all frames together are the stream's.

use std::borrow::Cow;

/// What stands between two blank lines, the second included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its bytes.
    pub raw: &'a [u8],
    /// The `event:` field.
    pub event: Option<Cow<'a, str>>,
    /// The `data:` lines, joined by line feeds; none in a comment.
    pub data: Option<Cow<'a, str>>,
}

/// A frame grew past the limit. What was held of it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Bytes in, frames out: the same whatever the split.
#[derive(Debug)]
pub struct Frames {
    held: Vec<u8>,
    /// Where in `held` the line that is not read yet begins.
    line: usize,
    /// Bytes of that line in which no end was found.
    clean: usize,
    limit: usize,
    begun: bool,
    after_cr: bool,
}

impl Frames {
    /// Holds at most `limit` bytes of an unfinished frame.
    pub fn new(limit: usize) -> Self {
        Self { held: Vec::new(), line: 0, clean: 0, limit, begun: false, after_cr: false }
    }

    /// Feeds a piece; calls `each` for every frame it completes.
    pub fn push(
        &mut self,
        mut piece: &[u8],
        mut each: impl FnMut(Frame<'_>),
    ) -> Result<(), TooLong> {
        if self.after_cr && !piece.is_empty() {
            self.after_cr = false;
            // The other half of the CRLF that ended the frame before.
            if piece[0] == b'\n' {
                each(Frame { raw: &piece[..1], event: None, data: None });
                piece = &piece[1..];
            }
        }
        if self.held.is_empty() {
            let used = self.cut(piece, &mut each);
            self.held.extend_from_slice(&piece[used..]);
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(piece);
            let used = self.cut(&held, &mut each);
            held.drain(..used);
            self.held = held;
        }
        if self.held.len() > self.limit {
            *self = Self { begun: true, ..Self::new(self.limit) };
            return Err(TooLong);
        }
        Ok(())
    }

    /// What is held of a frame that did not end.
    pub fn rest(&self) -> &[u8] {
        &self.held
    }

    /// Reads the frames in `work`; how many bytes they are. What is known of the rest
    /// is kept for the next time.
    fn cut(&mut self, work: &[u8], each: &mut impl FnMut(Frame<'_>)) -> usize {
        let mut from = 0;
        let (mut line, mut scan) = (self.line, self.line + self.clean);
        while let Some(step) = memchr::memchr2(b'\n', b'\r', &work[scan..]) {
            let end = scan + step;
            let mut next = end + 1;
            if work[end] == b'\r' {
                match work.get(next) {
                    Some(b'\n') => next += 1,
                    Some(_) => {}
                    // Whether a line feed follows matters only once the frame is over.
                    None if end == line => self.after_cr = true,
                    None => break,
                }
            }
            if end == line {
                each(read(&work[from..next], !self.begun));
                self.begun = true;
                from = next;
            }
            (line, scan) = (next, next);
            if scan == work.len() {
                break;
            }
        }
        let unread = work.len();
        self.line = line - from;
        self.clean = match work.last() {
            // It may be half a line end: looked at again.
            Some(b'\r') if line < unread => unread - 1 - line,
            _ => unread - line,
        };
        from
    }
}

fn read(raw: &[u8], first: bool) -> Frame<'_> {
    let mut frame = Frame { raw, event: None, data: None };
    let mut rest = raw;
    if first {
        rest = rest.strip_prefix("\u{feff}".as_bytes()).unwrap_or(rest);
    }
    while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        // The empty line between CR and LF says nothing.
        rest = after;
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        match &line[..colon] {
            b"data" => {
                frame.data = Some(match frame.data.take() {
                    None => value,
                    Some(data) => Cow::Owned(format!("{data}\n{value}")),
                });
            }
            b"event" => frame.event = Some(value),
            _ => {}
        }
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Event and data of frames that have some, and all bytes.
    fn fed<'b>(pieces: impl IntoIterator<Item = &'b [u8]>) -> (Vec<(String, String)>, Vec<u8>) {
        let (mut frames, mut read, mut raw) = (Frames::new(1 << 20), Vec::new(), Vec::new());
        for piece in pieces {
            let each = |frame: Frame<'_>| {
                raw.extend_from_slice(frame.raw);
                if let Some(data) = frame.data {
                    read.push((frame.event.unwrap_or_default().into(), data.into()));
                }
            };
            frames.push(piece, each).unwrap();
        }
        raw.extend_from_slice(frames.rest());
        (read, raw)
    }

    proptest::proptest! {
        #[test]
        fn any_split_gives_the_same_frames_and_every_byte(
            body in "\u{feff}?((data|event|id|)(: ?|:)?[a-z狐:]{0,4}(\n|\r|\r\n)){0,20}",
            cuts in proptest::collection::vec(0usize..200, 0..10),
        ) {
            let bytes = body.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|c| c.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces = fed(cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]));
            let single = fed(bytes.chunks(1));
            let whole = fed([bytes]);
            proptest::prop_assert_eq!(&whole.1, bytes);
            proptest::prop_assert_eq!(&pieces, &whole);
            proptest::prop_assert_eq!(&single, &whole);
        }

        #[test]
        fn hostile_bytes_never_panic(pieces: Vec<Vec<u8>>) {
            let mut frames = Frames::new(64);
            for piece in &pieces {
                let _ = frames.push(piece, |_| {});
                proptest::prop_assert!(frames.rest().len() <= 64);
            }
        }
    }

    #[test]
    fn a_frame_without_end_is_given_up_and_the_next_is_read() {
        let mut frames = Frames::new(16);
        assert_eq!(frames.push(b"data: 0123456789abcdef", |_| {}), Err(TooLong));
        let mut read = 0;
        assert_eq!(
            frames.push(b"ghi\n\ndata: x\n\n", |f| read += usize::from(f.data.is_some())),
            Ok(())
        );
        assert_eq!(read, 1);
    }
}
