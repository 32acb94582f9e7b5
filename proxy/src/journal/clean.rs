//! Takes out of a finished record what is never to be kept: the values and the text that
//! the configuration names, and the key that its upstream repeated. Compressed bodies are
//! looked into; where something was found they are kept decoded, and their headers say so.
//!
//! Off the data path, before anything of a body is on disk. `json` finds places, `stream`
//! goes through events and puts back together what a model said in pieces.

mod json;
mod stream;

use std::borrow::Cow;

use glassway_shared::{
    config,
    decode::{Decoded, Encoding, decode_stacked},
    headers,
    model::Side,
    redaction::{self, Paths},
    store::{
        bodies::{MessageKind, pack_message, packed_messages},
        record::{Marks, Message, Record},
    },
};
use regex::bytes::Regex;

use crate::{managed::scrub, snapshot::Key};

/// Stands where something was.
pub(super) const REDACTED: &str = "[redacted]";
/// Stands for a whole JSON body in which places could not be found.
const UNREADABLE: &[u8] =
    b"[redacted: a place in it could not be looked for, as it is cut or no JSON]";
/// Stands for a body that could not be looked into.
const UNDECODABLE: &[u8] =
    b"[redacted: it could not be looked into, as its content coding cannot be undone]";
/// JSON may begin with it all the same; what follows is what is meant.
const BOM: &[u8] = "\u{feff}".as_bytes();
/// What a decoded body was compressed with.
const WAS_ENCODED: &[u8] = b"x-glassway-content-encoding";
const DECODE_LIMIT: usize = 32 << 20;

/// The rules, compiled once.
pub struct Cleaner {
    paths: Paths,
    patterns: Vec<Regex>,
}

/// One body's text, cleaned: the text where it changed, and how many things were taken out.
type Cleaned = Option<(Vec<u8>, usize)>;

impl Cleaner {
    /// From `[record]`, whose rules were checked when it was read.
    pub fn new(record: &config::Record) -> Self {
        Self {
            paths: redaction::paths(&record.redact_json).unwrap_or_default(),
            patterns: redaction::patterns(&record.redact_patterns).unwrap_or_default(),
        }
    }

    fn is_on(&self) -> bool {
        !(self.paths.is_empty() && self.patterns.is_empty())
    }

    /// Cleans every body of the record. `key` served it; `brought` says that the key came
    /// along for it alone.
    pub fn clean(&self, record: &mut Record, key: Option<&Key>, brought: bool) {
        let secret = key.map(scrub::findable).unwrap_or_default();
        let job = Job { rules: self, secret, brought };
        let mut count = 0;
        if self.is_on() {
            count += job.request(&mut record.request);
            for said in &mut record.said {
                count += said.request.as_mut().map_or(0, |request| job.request(request));
            }
        }
        if self.is_on() || !secret.is_empty() {
            for said in &mut record.said {
                count += said.response.as_mut().map_or(0, |answer| job.message(answer, None));
            }
            if let Some(answer) = &mut record.response {
                count += job.message(answer, Some(&mut record.marks));
            }
            count += job.messages(&mut record.messages);
        }
        if self.is_on() {
            self.sentences(record);
        }
        if count > 0 {
            record.warnings.push(format!("redacted {count}"));
        }
    }

    /// What upstreams said of their errors stood in a body.
    fn sentences(&self, record: &mut Record) {
        for told in record.tries.iter_mut().flatten().filter(|told| told.status.is_some()) {
            if let Some(error) = told.error.as_mut().filter(|_| !self.paths.is_empty()) {
                REDACTED.clone_into(&mut error.message);
            }
        }
        let tries = record.tries.iter_mut().flatten().filter_map(|told| told.error.as_mut());
        for error in tries.chain(&mut record.error) {
            if let Some((clean, _)) = self.by_patterns(error.message.as_bytes()) {
                error.message = String::from_utf8_lossy(&clean).into_owned();
            }
        }
    }

    /// A text that is no stream. `cut`: more of it came than is here.
    fn text(&self, text: &[u8], cut: bool) -> Cleaned {
        let mut behind = text;
        while let Some(rest) = behind.strip_prefix(BOM) {
            behind = rest;
        }
        let marks = &text[..text.len() - behind.len()];
        self.unmarked(behind, cut).map(|(clean, n)| ([marks, &clean].concat(), n))
    }

    /// A text without byte order marks before it.
    fn unmarked(&self, text: &[u8], cut: bool) -> Cleaned {
        let mut count = 0;
        let mut now = Cow::Borrowed(text);
        let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
        if matches!(first, Some(b'{' | b'[' | b'"')) {
            match json::clean(&now, self) {
                Ok(None) => {}
                Ok(Some((clean, n))) => {
                    count += n;
                    now = clean.into();
                }
                Err(_) if self.paths.is_empty() => {}
                Err(_) => match lines(&now, self).filter(|_| !cut) {
                    Some((clean, n)) => {
                        count += n;
                        now = clean.into();
                    }
                    None => return Some((UNREADABLE.to_vec(), count + 1)),
                },
            }
        }
        if let Some((clean, n)) = self.by_patterns(&now) {
            count += n;
            now = clean.into();
        }
        (count > 0).then(|| (now.into_owned(), count))
    }

    fn by_patterns(&self, text: &[u8]) -> Cleaned {
        let mut count = 0;
        let mut now = Cow::Borrowed(text);
        for pattern in &self.patterns {
            let found = pattern.find_iter(&now).filter(|found| !found.is_empty()).count();
            if found > 0 {
                count += found;
                now = pattern
                    .replace_all(&now, regex::bytes::NoExpand(REDACTED.as_bytes()))
                    .into_owned()
                    .into();
            }
        }
        (count > 0).then(|| (now.into_owned(), count))
    }
}

/// A body of one JSON text per line; `None` where it is not.
fn lines(text: &[u8], rules: &Cleaner) -> Cleaned {
    let mut out = Vec::with_capacity(text.len());
    let mut count = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if line.trim_ascii().is_empty() {
            out.extend_from_slice(line);
            continue;
        }
        match json::clean(line, rules) {
            Err(_) => return None,
            Ok(None) => out.extend_from_slice(line),
            Ok(Some((clean, n))) => {
                count += n;
                out.extend_from_slice(&clean);
            }
        }
    }
    Some((out, count))
}

/// The rules on one record.
struct Job<'a> {
    rules: &'a Cleaner,
    /// Empty: there is none.
    secret: &'a [u8],
    brought: bool,
}

impl Job<'_> {
    /// What a client sent may hold anything of its own.
    fn request(&self, message: &mut Message) -> usize {
        Job { secret: &[], brought: false, ..*self }.message(message, None)
    }

    fn message(&self, message: &mut Message, marks: Option<&mut Marks>) -> usize {
        if message.body.is_empty() {
            return 0;
        }
        let encodings = Encoding::stacked(&message.headers);
        let plain = encodings.as_ref().is_none_or(Vec::is_empty);
        if plain && !self.rules.is_on() && !self.brought {
            scrub::overwrite(&mut message.body, self.secret);
            return 0;
        }
        let decoded = match &encodings {
            None => Some(Decoded { bytes: vec![], complete: false }),
            Some(none) if none.is_empty() => None,
            Some(all) => Some(decode_stacked(&message.body, all, DECODE_LIMIT)),
        };
        let unread = |decoded: &Decoded| !decoded.complete && decoded.bytes.is_empty();
        // Text all the same is not what its header says: it is looked at as it is.
        if decoded.as_ref().is_some_and(unread)
            && (self.rules.is_on() || self.brought)
            && std::str::from_utf8(&message.body).is_err()
        {
            message.body = UNDECODABLE.to_vec();
            message.headers = renamed(&message.headers);
            return 1;
        }
        let decoded = decoded.filter(|decoded| !unread(decoded));
        let cut = message.truncated || decoded.as_ref().is_some_and(|decoded| !decoded.complete);
        let (was_encoded, mut text) = match decoded {
            Some(decoded) => (true, decoded.bytes),
            None => (false, message.body.clone()),
        };
        let (raw, whole) = (message.body.len(), text.len());
        let mut changed = scrub::overwrite(&mut text, self.secret);
        // What lies behind the cut was not looked at; nor what a compressed file says beside its
        // text, such as the name of a file.
        changed |= was_encoded
            && self.rules.is_on()
            && (cut || self.rules.by_patterns(&message.body).is_some());
        let kind = headers::find(&message.headers, "content-type").unwrap_or_default();
        let mut count = 0;
        if kind.to_ascii_lowercase().starts_with(b"text/event-stream") {
            let stream = stream::Stream { job: self, scale: raw as f64 / whole.max(1) as f64 };
            if let Some((clean, arrivals, n)) = stream.clean(&text, marks.as_deref()) {
                (text, count, changed) = (clean, n, true);
                if let (Some(marks), Some(arrivals)) = (marks, arrivals) {
                    *marks = arrivals;
                }
            }
        } else if let Some((clean, n)) = self.rules.text(&text, cut) {
            (text, count, changed) = (clean, n, true);
        }
        if changed {
            message.body = text;
            if was_encoded {
                message.headers = renamed(&message.headers);
                message.truncated |= cut;
            }
        }
        count
    }

    /// Of a WebSocket, both directions.
    fn messages(&self, packed: &mut Vec<u8>) -> usize {
        if packed.is_empty() {
            return 0;
        }
        if !self.rules.is_on() && !self.brought {
            scrub::overwrite(packed, self.secret);
            return 0;
        }
        let mut all = packed_messages(packed);
        let mut count = 0;
        for message in &mut all {
            if message.side == Side::Response {
                scrub::overwrite(&mut message.data, self.secret);
            }
            if let Some((clean, n)) = self.rules.text(&message.data, false) {
                (message.data, count) = (clean, count + n);
            }
        }
        let said: Vec<usize> = (0..all.len())
            .filter(|n| all[*n].side == Side::Response && all[*n].kind == MessageKind::Text)
            .collect();
        let mut texts: Vec<String> =
            said.iter().map(|n| String::from_utf8_lossy(&all[*n].data).into_owned()).collect();
        count += stream::pieces(self, &mut texts);
        for (n, text) in said.into_iter().zip(texts) {
            all[n].data = text.into_bytes();
        }
        let mut out = Vec::with_capacity(packed.len());
        all.iter().for_each(|message| pack_message(&mut out, message));
        *packed = out;
        count
    }
}

/// The headers of a body that is kept decoded.
fn renamed(block: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(block.len() + WAS_ENCODED.len());
    for (name, value) in headers::lines(block) {
        let name = match name.eq_ignore_ascii_case(b"content-encoding") {
            true => WAS_ENCODED,
            false => name,
        };
        headers::push(&mut out, name, value);
    }
    out
}

#[cfg(test)]
mod tests;
