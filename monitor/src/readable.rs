//! A recorded body as a person can read it: its content-encoding undone as far as it
//! can be.

use glassway_shared::{
    decode::{Encoding, decode},
    store::stored::StoredMessage,
};

/// A body is shown up to this many decoded bytes.
const DECODE_LIMIT: usize = 32 << 20;

/// A body ready to be read.
pub struct Readable {
    /// Decoded where it could be.
    pub bytes: Vec<u8>,
    /// What it was compressed with.
    pub encoding: Option<Encoding>,
    /// Whether `bytes` is all that was kept, decoded.
    pub complete: bool,
}

impl Readable {
    /// Decodes what can be decoded.
    pub fn of(message: &StoredMessage) -> Self {
        Self::read(&message.headers, &message.body)
    }

    /// A body's bytes under these headers, decoded where they can be.
    pub fn decoded(headers: &[u8], body: &[u8]) -> Vec<u8> {
        Self::read(headers, body).bytes
    }

    fn read(headers: &[u8], body: &[u8]) -> Self {
        match Encoding::of(headers) {
            Some(encoding) if !body.is_empty() => {
                let decoded = decode(body, encoding, DECODE_LIMIT);
                match decoded.bytes.is_empty() && !decoded.complete {
                    // Not what its header says: better the bytes than nothing.
                    true => Self { bytes: body.to_vec(), encoding: None, complete: true },
                    false => Self {
                        bytes: decoded.bytes,
                        encoding: Some(encoding),
                        complete: decoded.complete,
                    },
                }
            }
            _ => Self { bytes: body.to_vec(), encoding: None, complete: true },
        }
    }

    /// The body as text, if it is text; a character cut at the end is left out.
    pub fn text(&self, cut: bool) -> Option<&str> {
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => Some(text),
            Err(e) if (cut || !self.complete) && e.error_len().is_none() => {
                std::str::from_utf8(&self.bytes[..e.valid_up_to()]).ok()
            }
            Err(_) => None,
        }
    }
}
