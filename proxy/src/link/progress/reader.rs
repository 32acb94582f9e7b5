//! Reads one running exchange: what is new of each capture becomes progress (model, text,
//! pieces, speed) and text deltas, the secret masked in both.

use std::collections::VecDeque;

use glassway_shared::{
    content,
    decode::{Encoding, Incremental},
    feed::BodyDelta,
    headers,
    model::{Progress, Side},
    sse,
    store::record::Marks,
};

use crate::{
    live::{Live, ms},
    managed::scrub,
    usage,
};

/// Progress of one exchange is announced at most this often.
const ANNOUNCE_US: u64 = 240_000;
/// Bytes of one answer read per tick.
const STEP: usize = 256 * 1024;
const TAIL: usize = 160;
const DECODE_LIMIT: usize = 32 << 20;

/// How far one exchange was read.
#[derive(Default)]
pub(super) struct Reader {
    asked: bool,
    answered: bool,
    /// Request and response of an exchange that somebody watches.
    passages: Option<Box<[Passage; 2]>>,
    text: Text,
    announced_us: u64,
    dirty: bool,
}

/// One body's way out as text deltas.
#[derive(Default)]
struct Passage {
    at: usize,
    from: u64,
    decoder: Option<Incremental>,
    partial: Vec<u8>,
}

impl Passage {
    /// New whole characters since the last call, the secret masked: its beginning waits
    /// until it is known to be none.
    fn next(
        &mut self,
        kept: &[u8],
        encoding: Option<Encoding>,
        secret: &[u8],
    ) -> Option<(usize, u64, String)> {
        let piece = kept.get(self.at..)?;
        let piece = &piece[..piece.len().min(STEP)];
        if piece.is_empty() {
            return None;
        }
        let at = self.at;
        self.at += piece.len();
        let decoder = self.decoder.get_or_insert_with(|| Incremental::new(encoding, DECODE_LIMIT));
        decoder.push(piece, &mut self.partial);
        scrub::overwrite(&mut self.partial, secret);
        let waits = self.partial.len() - scrub::begun(&self.partial, secret);
        let waiting = self.partial.split_off(waits);
        let text = take_text(&mut self.partial);
        self.partial.extend(waiting);
        if text.is_empty() {
            return None;
        }
        let from = self.from;
        self.from += text.len() as u64;
        Some((at, from, text))
    }
}

/// Whole characters from the front; a cut one stays, broken bytes become U+FFFD.
fn take_text(bytes: &mut Vec<u8>) -> String {
    let end = match std::str::from_utf8(bytes) {
        Ok(text) => text.len(),
        Err(e) if e.error_len().is_none() => e.valid_up_to(),
        Err(_) => bytes.len(),
    };
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    bytes.drain(..end);
    text
}

#[derive(Default)]
struct Text {
    at: usize,
    wire: u64,
    decoder: Option<Incremental>,
    parser: sse::Parser,
    tail: String,
    tokens: u64,
    last_us: Option<u64>,
    /// (arrival, count) of the last seconds.
    window: VecDeque<(u64, u64)>,
}

impl Text {
    /// The end of what was said, the secret masked wherever it came in pieces.
    fn shown(&mut self, secret: &[u8]) -> String {
        let mut bytes = std::mem::take(&mut self.tail).into_bytes();
        scrub::overwrite(&mut bytes, secret);
        let waiting = scrub::begun(&bytes, secret);
        self.tail = String::from_utf8(bytes).unwrap_or_default();
        let excess = self.tail.chars().count().saturating_sub(TAIL + waiting);
        if excess > 0 {
            self.tail = self.tail.chars().skip(excess).collect();
        }
        self.tail[..self.tail.floor_char_boundary(self.tail.len() - waiting)].to_owned()
    }
}

impl Reader {
    /// Nobody watches it, or somebody anew, who is to have it from the first byte.
    pub(super) fn forget_passages(&mut self) {
        self.passages = None;
    }

    /// What is new of both bodies, for those who watch.
    pub(super) fn deltas(&mut self, live: &Live) -> Vec<BodyDelta> {
        if !live.head.discretion.shows_bodies() {
            return Vec::new();
        }
        let [request, response] = &mut **self.passages.get_or_insert_default();
        let state = live.state();
        let mut deltas = Vec::new();
        let encoding = Encoding::of(&live.head.headers);
        if let Some((_, from, data)) = request.next(state.request.kept(), encoding, b"") {
            deltas.push(BodyDelta { id: live.id, side: Side::Request, offset_ms: 0.0, from, data });
        }
        if let Some(answer) = &state.answer {
            let encoding = Encoding::of(&answer.headers);
            if let Some((at, from, data)) =
                response.next(answer.body.kept(), encoding, state.secret())
            {
                let marks = Marks::unpack(answer.marks.packed());
                let arrived = Marks::arrival(&marks, at as u64);
                let offset_ms = ms(arrived.unwrap_or(answer.ttfb_us));
                deltas.push(BodyDelta { id: live.id, side: Side::Response, offset_ms, from, data });
            }
        }
        deltas
    }

    /// Updates what lists show; true where it is time to announce it.
    pub(super) fn read(&mut self, live: &Live) -> bool {
        if !self.asked {
            let mut state = live.state();
            if state.request_sent_us.is_some() || state.answer.is_some() {
                self.asked = true;
                let kept = state.request.kept().to_vec();
                drop(state);
                let kind = headers::find(&live.head.headers, "content-type");
                let model = usage::asked(&kept, kind, &live.head.target).model;
                state = live.state();
                state.model = model;
                self.dirty = state.model.is_some();
            }
        }
        let head = !self.answered && live.state().answer.is_some();
        self.answered |= head;
        self.dirty |= head;
        self.read_text(live);
        let now = live.elapsed_us();
        // The model and the answer's head are worth telling at once.
        let due =
            head || self.announced_us == 0 || now.saturating_sub(self.announced_us) >= ANNOUNCE_US;
        if self.dirty && due {
            self.dirty = false;
            self.announced_us = now.max(1);
            return true;
        }
        false
    }

    fn read_text(&mut self, live: &Live) {
        let shows = live.head.discretion.shows_bodies();
        let (piece, encoding, arrived, secret) = {
            let state = live.state();
            let Some(answer) = state.answer.as_ref().filter(|answer| answer.stream) else { return };
            let kept = answer.body.kept();
            let Some(new) = kept.get(self.text.at..).filter(|new| !new.is_empty()) else { return };
            let piece = new[..new.len().min(STEP)].to_vec();
            let marks = Marks::unpack(answer.marks.packed());
            let end = (self.text.at + piece.len()) as u64;
            let arrived = Marks::arrival(&marks, end - 1).unwrap_or_else(|| live.elapsed_us());
            (piece, Encoding::of(&answer.headers), arrived, state.secret().to_vec())
        };
        let text = &mut self.text;
        text.at += piece.len();
        text.wire += piece.len() as u64;
        let decoder = text.decoder.get_or_insert_with(|| Incremental::new(encoding, DECODE_LIMIT));
        let mut plain = Vec::with_capacity(piece.len());
        decoder.push(&piece, &mut plain);
        let (tail, mut pieces) = (&mut text.tail, 0);
        text.parser.push(&plain, |event| {
            if let Some(piece) = content::piece(&event.data) {
                if shows {
                    tail.push_str(piece.text());
                }
                pieces += 1;
            }
        });
        if pieces == 0 {
            return;
        }
        let shown = text.shown(&secret);
        text.tokens += pieces;
        text.last_us = Some(arrived);
        text.window.push_back((arrived, pieces));
        while text.window.front().is_some_and(|(at, _)| at + 3_000_000 < arrived) {
            text.window.pop_front();
        }
        let progress = Progress {
            text_tail: shown,
            tokens: text.tokens,
            tokens_per_s: speed(&text.window),
            last_token_ms: text.last_us.map(ms),
        };
        let mut state = live.state();
        // Within a tick; the record has it exactly.
        state.first_token_us.get_or_insert(arrived);
        state.progress = Some(progress);
        self.dirty = true;
    }
}

/// Pieces per second over the window, once it spans half a second.
fn speed(window: &VecDeque<(u64, u64)>) -> Option<f64> {
    let (first, last) = (window.front()?, window.back()?);
    let span = last.0 - first.0;
    let pieces: u64 = window.iter().skip(1).map(|(_, n)| n).sum();
    (span >= 500_000).then(|| (pieces as f64 * 1e7 / span as f64).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_never_splits_a_character() {
        let text = "狐狸 jumps é";
        for cut in 0..text.len() {
            let mut side = Passage::default();
            let bytes = text.as_bytes();
            let first = side.next(&bytes[..cut], None, b"").map(|(_, _, t)| t).unwrap_or_default();
            let (_, from, second) = side.next(bytes, None, b"").expect("there is more");
            assert_eq!(format!("{first}{second}"), text);
            assert_eq!(from as usize, first.len());
        }
    }

    #[test]
    fn a_secret_never_shows_however_it_is_cut() {
        let secret = b"sk-0123456789abcdefwxyz";
        let text = b"data: {\"content\":\"a sk-0123456789abcdefwxyz, and sk-01 b\"}\n\n";
        for cut in 0..text.len() {
            let (mut side, mut tail) = (Passage::default(), Text::default());
            let mut seen = String::new();
            for end in [cut, text.len()] {
                seen.extend(side.next(&text[..end], None, secret).map(|(_, _, text)| text));
                tail.tail.push_str(std::str::from_utf8(&text[tail.at..end]).unwrap());
                tail.at = end;
                let shown = tail.shown(secret);
                assert!(!shown.contains("sk-0123") && !seen.contains("sk-0123"), "{shown} {seen}");
            }
            assert!(seen.ends_with("wxyz, and sk-01 b\"}\n\n"), "{seen}");
        }
    }

    #[test]
    fn broken_bytes_are_shown_as_such() {
        let mut bytes = b"a\xff\xfeb".to_vec();
        assert_eq!(take_text(&mut bytes), "a\u{fffd}\u{fffd}b");
    }

    #[test]
    fn speed_needs_a_span() {
        let window = |pairs: &[(u64, u64)]| pairs.iter().copied().collect::<VecDeque<_>>();
        assert_eq!(speed(&window(&[(0, 5)])), None);
        assert_eq!(speed(&window(&[(0, 1), (1_000_000, 20), (2_000_000, 20)])), Some(20.0));
    }
}
