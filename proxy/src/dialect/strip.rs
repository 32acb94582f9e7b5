//! The usage chunk that only Glassway asked for is taken out of a chat stream again;
//! every other byte goes through as it came, comments included.

use bytes::BytesMut;
use glassway_shared::sse::{Frame, Frames};

use super::json::{self, Kind};
use crate::usage::may_hold_usage;

/// A frame that is longer is no usage chunk: it goes through in pieces.
const LONGEST: usize = 1 << 20;

/// One stream on its way.
#[derive(Debug)]
pub struct UsageStrip {
    frames: Frames,
    stripped: Option<Vec<u8>>,
}

impl Default for UsageStrip {
    fn default() -> Self {
        Self { frames: Frames::new(usize::MAX), stripped: None }
    }
}

impl UsageStrip {
    /// Takes a chunk, appends what the client gets: whole frames.
    pub fn push(&mut self, chunk: &[u8], out: &mut BytesMut) {
        let stripped = &mut self.stripped;
        let each = |frame: Frame<'_>| match is_usage_chunk(&frame) {
            true => *stripped = frame.data.map(|data| data.into_owned().into_bytes()),
            false => out.extend_from_slice(frame.raw),
        };
        // Without a limit it never fails.
        let _ = self.frames.push(chunk, each);
        if self.frames.rest().len() > LONGEST {
            self.flush(out);
        }
    }

    /// The stream ended: what is left of it.
    pub fn finish(&mut self, out: &mut BytesMut) {
        self.flush(out);
    }

    /// The data of the chunk that was taken out: what the record reads usage from.
    pub fn stripped(&self) -> Option<&[u8]> {
        self.stripped.as_deref()
    }

    fn flush(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(self.frames.rest());
        self.frames = Frames::new(usize::MAX);
    }
}

/// `"choices":[]` and a usage that is not null.
fn is_usage_chunk(frame: &Frame<'_>) -> bool {
    let Some(data) = frame.data.as_deref() else { return false };
    // Most chunks have a null there, once usage was asked for.
    if !may_hold_usage(data) {
        return false;
    }
    let Ok(root) = json::parse(data.as_bytes()) else { return false };
    let no_choices = root.get("choices").is_some_and(|choices| match &choices.kind {
        Kind::Array(items) => items.is_empty(),
        _ => false,
    });
    no_choices && root.get("usage").is_some() && root.get("prompt_filter_results").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = concat!(
        ": hello\r\n\r\n",
        "data: {\"choices\":[],\"prompt_filter_results\":[],\"usage\":null}\n\n",
        "data:  {\"choices\":[{\"delta\":{\"content\":\"usage \\\"usage\\\"\"}}], \"usage\":null}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n",
        "data: [DONE]\n\n",
        "data: tail",
    );

    fn through(pieces: impl IntoIterator<Item = Vec<u8>>) -> (String, Option<Vec<u8>>) {
        let (mut strip, mut out) = (UsageStrip::default(), BytesMut::new());
        pieces.into_iter().for_each(|piece| strip.push(&piece, &mut out));
        strip.finish(&mut out);
        let taken = strip.stripped().map(<[u8]>::to_vec);
        (String::from_utf8(out.to_vec()).unwrap(), taken)
    }

    #[test]
    fn only_the_usage_chunk_goes() {
        let expected =
            STREAM.replace("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n", "");
        let (out, taken) = through([STREAM.as_bytes().to_vec()]);
        assert_eq!(out, expected);
        assert_eq!(
            taken.as_deref(),
            Some(&b"{\"choices\":[],\"usage\":{\"prompt_tokens\":1}}"[..])
        );
        assert_eq!(through(STREAM.bytes().map(|b| vec![b])).0, expected);
    }

    #[test]
    fn a_frame_without_end_goes_through() {
        let long = format!("data: {}", "x".repeat(3 << 20));
        let pieces = long.as_bytes().chunks(1 << 16).map(<[u8]>::to_vec);
        assert_eq!(through(pieces).0, long);
    }
}
