//! Event streams: each event's data like a body of its own, and then what the model said in
//! pieces, put together, since a name or a number rarely comes in one. The time each event
//! arrived goes with it to its new place. Pure.

use glassway_shared::{
    content::{self, Piece},
    sse,
    store::record::Marks,
};

use super::{Job, REDACTED, json};

/// One stream to be cleaned.
pub(super) struct Stream<'a> {
    pub(super) job: &'a Job<'a>,
    /// Bytes that travelled, for each of the text.
    pub(super) scale: f64,
}

impl Stream<'_> {
    /// The stream, where its events arrived, and how many things were taken out; `None`
    /// where nothing was.
    pub(super) fn clean(
        &self,
        text: &[u8],
        marks: Option<&Marks>,
    ) -> Option<(Vec<u8>, Option<Marks>, usize)> {
        let events = sse::events(text);
        let rules = self.job.rules;
        let mut count = 0;
        let mut data: Vec<String> = Vec::with_capacity(events.len());
        for event in &events {
            // The last word of many streams looks like JSON and is none.
            let cleaned = match event.data == "[DONE]" {
                true => None,
                false => rules.text(event.data.as_bytes(), false),
            };
            data.push(match cleaned {
                Some((clean, n)) => {
                    count += n;
                    String::from_utf8_lossy(&clean).into_owned()
                }
                None => event.data.clone(),
            });
        }
        count += pieces(self.job, &mut data);
        let arrivals = marks.map(|marks| Marks::unpack(marks.packed()));
        let at = |end: u64| {
            let raw = (end as f64 * self.scale).ceil() as u64;
            arrivals.as_ref().and_then(|all| Marks::arrival(all, raw.saturating_sub(1)))
        };
        let mut out = Vec::with_capacity(text.len());
        let mut moved = Marks::default();
        let mut from = 0;
        for (event, data) in events.iter().zip(&data) {
            let (begun, end) = (out.len(), event.end as usize);
            let start = end.saturating_sub(event.bytes).max(from);
            count += self.beside(&text[from..start], &mut out);
            match *data == event.data {
                // Its other fields may hold anything as well.
                true => count += self.beside(&text[start..end], &mut out),
                false => count += self.rewrite(&text[start..end], data, &mut out),
            }
            if let Some(at) = at(event.end) {
                moved.push(out.len() - begun, at);
            }
            from = end;
        }
        // An event that was cut cannot be read for what is to be hidden in it.
        match rules.paths.is_empty() {
            true => count += self.beside(&text[from..], &mut out),
            false if from < text.len() => count += 1,
            false => {}
        }
        (count > 0).then(|| (out, marks.map(|_| moved), count))
    }

    /// An event with other data; its other fields stay.
    fn rewrite(&self, frame: &[u8], data: &str, out: &mut Vec<u8>) -> usize {
        let frame = String::from_utf8_lossy(frame);
        // Before the first event there may be one, and its line is data all the same.
        let frame = frame.trim_start_matches('\u{feff}');
        let mut count = 0;
        for line in frame.split(['\r', '\n']).filter(|line| !line.is_empty()) {
            if !line.starts_with("data") {
                count += self.beside(line.as_bytes(), out);
                out.push(b'\n');
            }
        }
        for line in data.split('\n') {
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
        out.push(b'\n');
        count
    }

    /// What is no event's data: comments, names, ids.
    fn beside(&self, text: &[u8], out: &mut Vec<u8>) -> usize {
        match self.job.rules.by_patterns(text) {
            Some((clean, n)) => {
                out.extend_from_slice(&clean);
                n
            }
            None => {
                out.extend_from_slice(text);
                0
            }
        }
    }
}

/// Looks for patterns, and for a key that came along, in what all events say together.
pub(super) fn pieces(job: &Job<'_>, data: &mut [String]) -> usize {
    if job.rules.patterns.is_empty() && !job.brought {
        return 0;
    }
    let said: Vec<Option<Piece>> = data.iter().map(|data| content::piece(data)).collect();
    let mut count = 0;
    for kind in 0..3 {
        let of_kind = |piece: &Piece| match piece {
            Piece::Text(_) => 0,
            Piece::Reasoning(_) => 1,
            Piece::Tool(_) => 2,
        };
        // Where each piece stands in the whole.
        let mut whole = String::new();
        let mut places = Vec::new();
        for (n, piece) in said.iter().enumerate() {
            if let Some(piece) = piece.as_ref().filter(|piece| of_kind(piece) == kind) {
                places.push((whole.len(), n, piece.text()));
                whole.push_str(piece.text());
            }
        }
        let found = found(job, whole.as_bytes());
        count += found.len();
        for (start, n, text) in places {
            let end = start + text.len();
            let touched = found.iter().filter(|(from, to)| *from < end && *to > start);
            let Some(instead) = without(text, start, touched) else { continue };
            if let Some(clean) = json::replace(&data[n], text, &instead) {
                data[n] = clean;
            }
        }
    }
    count
}

/// Places that overlap nowhere, in order.
fn found(job: &Job<'_>, whole: &[u8]) -> Vec<(usize, usize)> {
    let mut all: Vec<(usize, usize)> = job
        .rules
        .patterns
        .iter()
        .flat_map(|pattern| pattern.find_iter(whole).map(|found| (found.start(), found.end())))
        .filter(|(from, to)| from < to)
        .collect();
    if job.brought && !job.secret.is_empty() {
        let secret = memchr::memmem::find_iter(whole, job.secret);
        all.extend(secret.map(|at| (at, at + job.secret.len())));
    }
    all.sort_unstable();
    let mut apart: Vec<(usize, usize)> = Vec::with_capacity(all.len());
    for (from, to) in all {
        match apart.last_mut() {
            Some(last) if from < last.1 => last.1 = last.1.max(to),
            _ => apart.push((from, to)),
        }
    }
    apart
}

/// A piece without what was found in it; the mark stands where a find begins.
fn without<'a>(
    text: &str,
    start: usize,
    touched: impl Iterator<Item = &'a (usize, usize)>,
) -> Option<String> {
    let mut out = String::new();
    let mut from = 0;
    let mut any = false;
    for (begin, end) in touched {
        any = true;
        let cut = |at: usize| text.floor_char_boundary(at.saturating_sub(start).min(text.len()));
        out.push_str(&text[from..cut(*begin).max(from)]);
        if *begin >= start {
            out.push_str(REDACTED);
        }
        from = cut(*end).max(from);
    }
    out.push_str(&text[from..]);
    any.then_some(out)
}
