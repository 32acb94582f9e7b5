//! Reads WebSocket messages out of one direction's bytes, any splitting:
//! <https://www.rfc-editor.org/rfc/rfc6455#section-5.2>, with permessage-deflate,
//! <https://www.rfc-editor.org/rfc/rfc7692>.

use std::sync::Arc;

use flate2::{Decompress, FlushDecompress};
use glassway_shared::{
    model::Side,
    store::bodies::{MessageKind, SocketMessage, pack_message},
};
use http::HeaderMap;

use crate::live::Live;

/// Most of one message that is kept.
const MAX_MESSAGE: usize = 1 << 20;

/// What the handshake agreed on about compression.
#[derive(Clone, Debug, Default)]
pub struct Deflate {
    on: bool,
    client_resets: bool,
    server_resets: bool,
}

impl Deflate {
    /// What the answer to the handshake says.
    pub fn negotiated(response: &HeaderMap) -> Self {
        let mut deflate = Self::default();
        for value in response.get_all("sec-websocket-extensions") {
            let Ok(value) = value.to_str() else { continue };
            for extension in value.split(',') {
                let mut parameters = extension.split(';').map(str::trim);
                if parameters.next() == Some("permessage-deflate") {
                    deflate.on = true;
                    for parameter in parameters {
                        deflate.client_resets |= parameter == "client_no_context_takeover";
                        deflate.server_resets |= parameter == "server_no_context_takeover";
                    }
                }
            }
        }
        deflate
    }
}

/// One direction's reader.
pub struct Observer {
    side: Side,
    live: Option<Arc<Live>>,
    inflate: Option<Decompress>,
    resets: bool,
    head: Vec<u8>,
    frame: Option<Frame>,
    /// The data message being put together; control frames may come in between.
    message: Option<(MessageKind, bool)>,
    payload: Vec<u8>,
    control: Vec<u8>,
    cut: bool,
    closing: bool,
}

struct Frame {
    fin: bool,
    opcode: u8,
    mask: Option<[u8; 4]>,
    left: u64,
    seen: u64,
}

impl Observer {
    /// Of the bytes of one side.
    pub fn new(side: Side, live: Option<Arc<Live>>, deflate: &Deflate) -> Self {
        Self {
            side,
            live,
            inflate: deflate.on.then(|| Decompress::new(false)),
            resets: match side {
                Side::Request => deflate.client_resets,
                Side::Response => deflate.server_resets,
            },
            head: Vec::with_capacity(14),
            frame: None,
            message: None,
            payload: Vec::new(),
            control: Vec::new(),
            cut: false,
            closing: false,
        }
    }

    /// Whether a close frame went by.
    pub fn closing(&self) -> bool {
        self.closing
    }

    /// Bytes flow past.
    pub fn see(&mut self, mut bytes: &[u8]) {
        if let Some(live) = &self.live {
            let mut state = live.state();
            match (self.side, &mut state.answer) {
                (Side::Request, _) => state.request.count(bytes.len()),
                (Side::Response, Some(answer)) => answer.body.count(bytes.len()),
                _ => {}
            }
        }
        while !bytes.is_empty() {
            if self.frame.is_none() {
                self.head.push(bytes[0]);
                bytes = &bytes[1..];
                if let Some(frame) = parse_head(&self.head) {
                    self.head.clear();
                    self.begin(&frame);
                    self.frame = Some(frame);
                    self.end_if_complete();
                }
                continue;
            }
            let frame = self.frame.as_mut().expect("checked above");
            let n = usize::try_from(frame.left).unwrap_or(usize::MAX).min(bytes.len());
            let (piece, rest) = bytes.split_at(n);
            bytes = rest;
            let target =
                if frame.opcode & 0x08 != 0 { &mut self.control } else { &mut self.payload };
            let room = MAX_MESSAGE.saturating_sub(target.len());
            self.cut |= n > room;
            let mask = frame.mask;
            let seen = frame.seen;
            target.extend(piece.iter().take(room).enumerate().map(|(i, byte)| match mask {
                Some(mask) => byte ^ mask[((seen + i as u64) % 4) as usize],
                None => *byte,
            }));
            frame.seen += n as u64;
            frame.left -= n as u64;
            self.end_if_complete();
        }
    }

    fn begin(&mut self, frame: &Frame) {
        let compressed = frame.opcode & 0x40 != 0;
        match frame.opcode & 0x0f {
            1 => self.message = Some((MessageKind::Text, compressed)),
            2 => self.message = Some((MessageKind::Binary, compressed)),
            _ => {}
        }
    }

    fn end_if_complete(&mut self) {
        let Some(frame) = self.frame.take_if(|frame| frame.left == 0) else { return };
        let opcode = frame.opcode & 0x0f;
        let control = match opcode {
            8 => Some(MessageKind::Close),
            9 => Some(MessageKind::Ping),
            10 => Some(MessageKind::Pong),
            _ => None,
        };
        if let Some(kind) = control {
            let data = std::mem::take(&mut self.control);
            return self.keep(kind, data);
        }
        if !frame.fin {
            return;
        }
        let mut data = std::mem::take(&mut self.payload);
        let cut = std::mem::take(&mut self.cut);
        let Some((kind, compressed)) = self.message.take() else { return };
        if compressed {
            match self.inflated(&data, cut) {
                Some(text) => data = text,
                // Unreadable: kept as the bytes it was.
                None => return self.keep(MessageKind::Binary, data),
            }
        }
        self.keep(kind, data);
    }

    fn inflated(&mut self, data: &[u8], cut: bool) -> Option<Vec<u8>> {
        let inflate = self.inflate.as_mut()?;
        let mut out = Vec::with_capacity(data.len().saturating_mul(3).clamp(256, MAX_MESSAGE));
        let mut broken = cut;
        for input in [data, &[0, 0, 0xff, 0xff]] {
            let mut at = 0;
            while at < input.len() && !broken {
                let before = (inflate.total_in(), out.len());
                if inflate.decompress_vec(&input[at..], &mut out, FlushDecompress::Sync).is_err() {
                    broken = true;
                }
                at += (inflate.total_in() - before.0) as usize;
                if out.len() == out.capacity() {
                    broken |= out.len() >= MAX_MESSAGE;
                    out.reserve(out.len().max(256));
                } else if inflate.total_in() == before.0 && out.len() == before.1 {
                    break;
                }
            }
        }
        if broken {
            // Later messages build on this one: without it they cannot be read.
            self.inflate = None;
            return None;
        }
        if self.resets {
            inflate.reset(false);
        }
        Some(out)
    }

    fn keep(&mut self, kind: MessageKind, data: Vec<u8>) {
        self.closing |= kind == MessageKind::Close;
        let Some(live) = &self.live else { return };
        let message = SocketMessage { at_us: live.elapsed_us(), side: self.side, kind, data };
        let mut packed = Vec::with_capacity(message.data.len() + 16);
        pack_message(&mut packed, &message);
        if let Some(messages) = &mut live.state().messages {
            messages.push(&packed, None);
        }
    }
}

/// The head once it is whole. The reserved bit for compression stays in `opcode`.
fn parse_head(head: &[u8]) -> Option<Frame> {
    let (&first, &second) = (head.first()?, head.get(1)?);
    let (extra, mut left) = match second & 0x7f {
        126 => (2, 0),
        127 => (8, 0),
        short => (0, u64::from(short)),
    };
    let masked = second & 0x80 != 0;
    let size = 2 + extra + if masked { 4 } else { 0 };
    if head.len() < size {
        return None;
    }
    for byte in &head[2..2 + extra] {
        left = left << 8 | u64::from(*byte);
    }
    let mask = masked.then(|| head[size - 4..size].try_into().expect("four bytes"));
    Some(Frame { fin: first & 0x80 != 0, opcode: first & 0x4f, mask, left, seen: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        capture::{Budget, Capture},
        live::Head,
    };
    use glassway_shared::{
        id::ExchangeId,
        model::{Mode, Origin},
    };

    fn live() -> Arc<Live> {
        let budget = Budget::new(1 << 20);
        let head = Head {
            method: http::Method::GET,
            target: "/v1/realtime".into(),
            version: http::Version::HTTP_11,
            client_ip: [127, 0, 0, 1].into(),
            headers: vec![],
            origin: Origin::Client,
            mode: Mode::Transparent,
            discretion: crate::discretion::Discretion::Open,
        };
        let capture = Capture::new(&budget, 1 << 20);
        let live =
            Live::new(ExchangeId::new(), std::time::Instant::now(), 0, 0, head, capture.emptied());
        live.state().messages = Some(capture);
        Arc::new(live)
    }

    fn frame(fin: bool, opcode: u8, mask: Option<[u8; 4]>, data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![opcode | if fin { 0x80 } else { 0 }];
        let masked = if mask.is_some() { 0x80 } else { 0 };
        match data.len() {
            n @ ..126 => bytes.push(masked | n as u8),
            n => {
                bytes.push(masked | 126);
                bytes.extend((n as u16).to_be_bytes());
            }
        }
        bytes.extend(mask.iter().flatten());
        let byte = |(i, b): (usize, &u8)| b ^ mask.map_or(0, |mask| mask[i % 4]);
        bytes.extend(data.iter().enumerate().map(byte));
        bytes
    }

    /// What is kept of these bytes, fed in pieces of `step`.
    fn seen(bytes: &[u8], step: usize, deflate: &Deflate) -> Vec<(MessageKind, Vec<u8>)> {
        let live = live();
        let mut observer = Observer::new(Side::Request, Some(live.clone()), deflate);
        bytes.chunks(step).for_each(|piece| observer.see(piece));
        let packed = live.state().messages.take().expect("set above").into_parts().0;
        let column = zstd::bulk::compress(&packed, 1).expect("memory");
        let messages = glassway_shared::store::bodies::unpack_messages(Some(&column));
        messages.expect("just packed").into_iter().map(|m| (m.kind, m.data)).collect()
    }

    #[test]
    fn messages_are_read_whatever_the_splitting() {
        let mask = Some([1, 2, 3, 4]);
        let long = "狐".repeat(200);
        let bytes = [
            frame(true, 1, mask, "hi".as_bytes()),
            frame(false, 1, mask, b"frag"),
            frame(true, 9, mask, b"ping between"),
            frame(true, 0, mask, b"mented"),
            frame(true, 2, None, long.as_bytes()),
            frame(true, 1, mask, b""),
            frame(true, 8, mask, &[3, 232]),
        ]
        .concat();
        let expected = [
            (MessageKind::Text, b"hi".to_vec()),
            (MessageKind::Ping, b"ping between".to_vec()),
            (MessageKind::Text, b"fragmented".to_vec()),
            (MessageKind::Binary, long.into_bytes()),
            (MessageKind::Text, vec![]),
            (MessageKind::Close, vec![3, 232]),
        ];
        for step in [1, 2, 3, 7, 1000, bytes.len()] {
            assert_eq!(seen(&bytes, step, &Deflate::default()), expected, "step {step}");
        }
    }

    #[test]
    fn compressed_messages_are_inflated_with_their_history() {
        let mut compress = flate2::Compress::new(flate2::Compression::default(), false);
        let mut packed = |text: &[u8]| {
            let mut out = Vec::with_capacity(text.len() + 100);
            compress.compress_vec(text, &mut out, flate2::FlushCompress::Sync).expect("memory");
            out.truncate(out.len() - 4);
            out
        };
        let text = b"the same words, the same words, the same words".repeat(20);
        let bytes =
            [frame(true, 0x41, None, &packed(&text)), frame(true, 0x41, None, &packed(&text))]
                .concat();
        let deflate = Deflate { on: true, ..Deflate::default() };
        let expected = vec![(MessageKind::Text, text.clone()); 2];
        for step in [1, 5, bytes.len()] {
            assert_eq!(seen(&bytes, step, &deflate), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>, step in 1usize..50) {
            seen(&bytes, step, &Deflate { on: true, ..Deflate::default() });
        }
    }
}
