//! What the proxy hands the store for one ended exchange: everything known, in
//! plain owned fields, credentials already redacted.

use std::borrow::Cow;

use crate::{
    id::ExchangeId,
    model::{Failure, Mode, Origin, Outcome, PriceUsed, Try, Usage},
};

/// One ended exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// UUIDv7.
    pub id: ExchangeId,
    /// Unix microseconds.
    pub started_at_us: i64,
    /// As sent.
    pub method: Cow<'static, str>,
    /// Path without the query.
    pub path: String,
    /// Path and query, credentials redacted.
    pub target: String,
    /// Such as `HTTP/1.1`.
    pub http_version: Cow<'static, str>,
    /// Who caused it.
    pub origin: Origin,
    /// Whose credential travelled.
    pub mode: Mode,
    /// The peer.
    pub client_ip: String,
    /// The client token's name.
    pub client_token: Option<String>,
    /// The provider's name.
    pub provider: Option<String>,
    /// The key's name.
    pub key: Option<String>,
    /// As the client named it.
    pub model: Option<String>,
    /// As the upstream knows it.
    pub upstream_model: Option<String>,
    /// Where it went.
    pub upstream_url: Option<String>,
    /// What the client got.
    pub status: Option<u16>,
    /// How it ended; never `in_flight`.
    pub outcome: Outcome,
    /// What went wrong.
    pub error: Option<Failure>,
    /// Whether the answer is a stream.
    pub stream: bool,
    /// Offsets from the start, in microseconds.
    pub times: Times,
    /// Whether the upstream connection had served before.
    pub reused: bool,
    /// Tokens.
    pub usage: Usage,
    /// Nano-dollars; `None` = unknown.
    pub cost_nano: Option<i64>,
    /// What it was computed by.
    pub price: Option<PriceUsed>,
    /// Upstream tries.
    pub attempts: u32,
    /// What was dropped or guessed.
    pub warnings: Vec<String>,
    /// From the client.
    pub request: Message,
    /// To the client; `None` where none began.
    pub response: Option<Message>,
    /// When each piece of a streamed answer arrived.
    pub marks: Marks,
    /// WebSocket messages, one after the other as [`crate::store::bodies::pack_message`] writes them.
    pub messages: Vec<u8>,
    /// Where there was more than the one attempt that the fields above tell.
    pub tries: Option<Vec<Try>>,
    /// What attempts said and were told, where that differs from the client's.
    pub said: Vec<Attempt>,
}

impl Record {
    /// One of which only this is known: from a client, with nothing come of it.
    pub fn begun(
        id: ExchangeId,
        started_at_us: i64,
        method: impl Into<Cow<'static, str>>,
        path: &str,
        client_ip: &str,
    ) -> Self {
        Self {
            id,
            started_at_us,
            method: method.into(),
            path: path.into(),
            target: path.into(),
            http_version: "".into(),
            origin: Origin::Client,
            mode: Mode::Transparent,
            client_ip: client_ip.into(),
            client_token: None,
            provider: None,
            key: None,
            model: None,
            upstream_model: None,
            upstream_url: None,
            status: None,
            outcome: Outcome::Interrupted,
            error: None,
            stream: false,
            times: Times::default(),
            reused: false,
            usage: Usage::ABSENT,
            cost_nano: None,
            price: None,
            attempts: 0,
            warnings: vec![],
            request: Message::default(),
            response: None,
            marks: Marks::default(),
            messages: vec![],
            tries: None,
            said: vec![],
        }
    }
}

/// What one attempt said to its upstream and was told by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// As [`Try::n`].
    pub n: u32,
    /// What was sent, where that differs from what the client sent.
    pub request: Option<Message>,
    /// Where the request's body is.
    pub body: AttemptBody,
    /// What came back, where that is not what the client got.
    pub response: Option<Message>,
}

/// Bodies are kept once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AttemptBody {
    /// In the attempt.
    #[default]
    Own,
    /// It is the client's.
    Client,
    /// It is that of the last attempt that had its own.
    AsBefore,
}

/// Offsets from an exchange's start, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Until a new connection was ready; `None` on a reused one.
    pub connect_us: Option<u32>,
    /// Until the request's last byte was taken from the client.
    pub request_sent_us: Option<u64>,
    /// Until the answer's head.
    pub ttfb_us: Option<u64>,
    /// Until the first piece of content.
    pub first_token_us: Option<u64>,
    /// Until its end.
    pub duration_us: Option<u64>,
}

/// Headers and body of one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// `name: value\r\n`…, credentials redacted, bytes as they travelled.
    pub headers: Vec<u8>,
    /// The same form; empty = none.
    pub trailers: Vec<u8>,
    /// What was kept of the body.
    pub body: Vec<u8>,
    /// What travelled.
    pub body_bytes: u64,
    /// Longer than `record.max_body_bytes`.
    pub truncated: bool,
    /// Dropped, wholly or from some point, because memory for recording was full.
    pub shed: bool,
}

/// Arrivals of a body's pieces: up to which byte, and when. Bounded; beyond the
/// bound pieces are merged into the last one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    packed: Vec<u8>,
    count: u32,
    end: u64,
    at_us: u64,
}

impl Marks {
    const MAX: u32 = 100_000;

    /// A piece of `len` bytes arrived `at_us` microseconds after the start.
    pub fn push(&mut self, len: usize, at_us: u64) {
        self.end += len as u64;
        if self.count >= Self::MAX {
            return;
        }
        self.count += 1;
        put_varint(&mut self.packed, len as u64);
        put_varint(&mut self.packed, at_us.saturating_sub(self.at_us));
        self.at_us = self.at_us.max(at_us);
    }

    /// The stored form.
    pub fn packed(&self) -> &[u8] {
        &self.packed
    }

    /// Heap bytes held.
    pub fn capacity(&self) -> usize {
        self.packed.capacity()
    }

    /// Reads the stored form: (end offset in bytes, arrival in microseconds), rising.
    pub fn unpack(packed: &[u8]) -> Vec<(u64, u64)> {
        let mut rest = packed;
        let (mut end, mut at) = (0u64, 0u64);
        let mut marks = Vec::new();
        while let (Some(len), Some(gap)) = (take_varint(&mut rest), take_varint(&mut rest)) {
            end = end.saturating_add(len);
            at = at.saturating_add(gap);
            marks.push((end, at));
        }
        marks
    }

    /// When byte number `offset` (counted from 0) arrived.
    pub fn arrival(marks: &[(u64, u64)], offset: u64) -> Option<u64> {
        let at = marks.partition_point(|&(end, _)| end <= offset);
        marks.get(at).or(marks.last()).map(|&(_, us)| us)
    }
}

/// LEB128.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The next LEB128 number; `None` at the end or in a broken one.
pub(crate) fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_back_and_answer_when_a_byte_arrived() {
        let mut marks = Marks::default();
        for (len, at) in [(5, 100), (1, 100), (300, 90_000_000)] {
            marks.push(len, at);
        }
        let unpacked = Marks::unpack(marks.packed());
        assert_eq!(unpacked, [(5, 100), (6, 100), (306, 90_000_000)]);
        assert_eq!(Marks::arrival(&unpacked, 0), Some(100));
        assert_eq!(Marks::arrival(&unpacked, 6), Some(90_000_000));
        assert_eq!(Marks::arrival(&unpacked, 9999), Some(90_000_000));
        assert_eq!(Marks::arrival(&[], 0), None);
    }

    proptest::proptest! {
        #[test]
        fn unpacking_hostile_bytes_never_panics(bytes: Vec<u8>) {
            Marks::unpack(&bytes);
        }
    }
}
