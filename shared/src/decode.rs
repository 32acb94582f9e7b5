//! Reading bodies that travelled compressed. Recording keeps the raw bytes; this
//! makes the text beside them, capped so that a small body cannot become a huge
//! one, and as far as it goes where the body was cut.

use std::io::{self, Read, Write};

use crate::headers;

/// A content-encoding that can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `gzip`, `x-gzip`
    Gzip,
    /// `deflate`: zlib, or raw as some servers send it.
    Deflate,
    /// `br`
    Br,
    /// `zstd`
    Zstd,
}

/// What could be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The decoded bytes.
    pub bytes: Vec<u8>,
    /// False where the input was cut or broken, or the limit was reached.
    pub complete: bool,
}

impl Encoding {
    /// From a stored header block; `None` for identity, unknown or stacked ones.
    pub fn of(block: &[u8]) -> Option<Self> {
        Self::named(headers::find(block, "content-encoding")?)
    }

    /// All that a stored header block names, in the order they were applied, over however
    /// many lines and without identity. `None` where one is unknown, or where there are more
    /// than anybody needs.
    pub fn stacked(block: &[u8]) -> Option<Vec<Self>> {
        let named = headers::lines(block)
            .filter(|(name, _)| name.eq_ignore_ascii_case(b"content-encoding"))
            .flat_map(|(_, value)| value.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case(b"identity"));
        let all: Vec<_> = named.map(Self::named).collect::<Option<_>>()?;
        (all.len() <= MOST_STACKED).then_some(all)
    }

    /// From a `Content-Encoding` value.
    pub fn named(value: &[u8]) -> Option<Self> {
        let is = |name: &str| value.trim_ascii().eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if is("gzip") || is("x-gzip") => Some(Self::Gzip),
            () if is("deflate") => Some(Self::Deflate),
            () if is("br") => Some(Self::Br),
            () if is("zstd") => Some(Self::Zstd),
            () => None,
        }
    }

    /// Its name in HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Br => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// Codings on top of each other that are undone.
const MOST_STACKED: usize = 3;

/// [`decode`] for codings on top of each other, the last one applied first.
pub fn decode_stacked(bytes: &[u8], encodings: &[Encoding], limit: usize) -> Decoded {
    let Some((last, before)) = encodings.split_last() else {
        return Decoded { bytes: bytes.to_vec(), complete: true };
    };
    before.iter().rev().fold(decode(bytes, *last, limit), |outer, encoding| {
        let inner = decode(&outer.bytes, *encoding, limit);
        Decoded { complete: inner.complete && outer.complete, ..inner }
    })
}

/// Decodes up to `limit` bytes; never fails, but says whether it was all: bytes behind the
/// end of what is compressed are more than was decoded.
pub fn decode(bytes: &[u8], encoding: Encoding, limit: usize) -> Decoded {
    let read = |reader: &mut dyn Read| {
        let mut out = Vec::new();
        let mut piece = [0; 16 * 1024];
        let complete = loop {
            match reader.read(&mut piece) {
                Ok(0) => break true,
                Ok(n) if out.len() + n > limit => {
                    out.extend_from_slice(&piece[..limit - out.len()]);
                    break false;
                }
                Ok(n) => out.extend_from_slice(&piece[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break false,
            }
        };
        Decoded { bytes: out, complete }
    };
    match encoding {
        Encoding::Gzip => read(&mut flate2::read::MultiGzDecoder::new(bytes)),
        Encoding::Deflate if is_zlib(bytes) => {
            let mut decoder = flate2::bufread::ZlibDecoder::new(bytes);
            read(&mut decoder).unless(!decoder.into_inner().is_empty())
        }
        Encoding::Deflate => {
            let mut decoder = flate2::bufread::DeflateDecoder::new(bytes);
            read(&mut decoder).unless(!decoder.into_inner().is_empty())
        }
        Encoding::Br => {
            let mut decoder = brotli::Decompressor::new(bytes, bytes.len().max(1));
            let decoded = read(&mut decoder);
            // Asked past its end it fails where something follows, as far as its buffer goes.
            decoded.unless(decoder.read(&mut [0]).is_err())
        }
        Encoding::Zstd => match zstd::stream::read::Decoder::with_buffer(bytes) {
            Ok(mut decoder) => {
                let _ = decoder.window_log_max(27);
                read(&mut decoder)
            }
            Err(_) => Decoded { bytes: vec![], complete: false },
        },
    }
}

impl Decoded {
    /// Not whole after all, where that is so.
    fn unless(self, incomplete: bool) -> Self {
        Self { complete: self.complete && !incomplete, ..self }
    }
}

fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [cmf, flg, ..]
        if cmf & 0x0f == 8 && (u16::from(*cmf) << 8 | u16::from(*flg)) % 31 == 0)
}

/// Decodes a stream piece by piece, for answers that are watched while they run.
pub struct Incremental {
    inner: Inner,
}

/// Takes what a decoder writes, up to a limit in all: a few bytes of a bomb decode to
/// gigabytes before the decoder comes back.
struct Bounded {
    bytes: Vec<u8>,
    room: usize,
}

impl Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let taken = piece.len().min(self.room);
        self.bytes.extend_from_slice(&piece[..taken]);
        self.room -= taken;
        match taken == piece.len() {
            true => Ok(taken),
            false => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Inner {
    Plain(Bounded),
    Gzip(flate2::write::MultiGzDecoder<Bounded>),
    Zlib(flate2::write::ZlibDecoder<Bounded>),
    Br(Box<brotli::DecompressorWriter<Bounded>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Bounded>>),
    Broken,
}

impl Incremental {
    /// For a body of this encoding; gives at most `limit` bytes in all.
    pub fn new(encoding: Option<Encoding>, limit: usize) -> Self {
        let out = Bounded { bytes: Vec::new(), room: limit };
        let inner = match encoding {
            None => Inner::Plain(out),
            Some(Encoding::Gzip) => Inner::Gzip(flate2::write::MultiGzDecoder::new(out)),
            Some(Encoding::Deflate) => Inner::Zlib(flate2::write::ZlibDecoder::new(out)),
            Some(Encoding::Br) => Inner::Br(Box::new(brotli::DecompressorWriter::new(out, 4096))),
            Some(Encoding::Zstd) => match zstd::stream::write::Decoder::new(out) {
                Ok(decoder) => Inner::Zstd(Box::new(decoder)),
                Err(_) => Inner::Broken,
            },
        };
        Self { inner }
    }

    /// Appends what this piece decodes to. After an error or the limit: nothing.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        fn feed<W: Write>(
            writer: &mut W,
            piece: &[u8],
            out: &mut Vec<u8>,
            inner: impl Fn(&mut W) -> &mut Bounded,
        ) -> io::Result<()> {
            let result = writer.write_all(piece).and_then(|()| writer.flush());
            out.append(&mut inner(writer).bytes);
            result
        }
        let result = match &mut self.inner {
            Inner::Plain(w) => feed(w, piece, out, |w| w),
            Inner::Gzip(w) => feed(w, piece, out, |w| w.get_mut()),
            Inner::Zlib(w) => feed(w, piece, out, |w| w.get_mut()),
            Inner::Br(w) => feed(w, piece, out, |w| w.get_mut()),
            Inner::Zstd(w) => feed(w, piece, out, |w| w.get_mut()),
            Inner::Broken => Ok(()),
        };
        if result.is_err() {
            self.inner = Inner::Broken;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "data: 狐狸 jumps\n\n";

    fn encode(encoding: Encoding, text: &[u8]) -> Vec<u8> {
        let mut out = vec![];
        match encoding {
            Encoding::Gzip => {
                let mut w = flate2::write::GzEncoder::new(&mut out, Default::default());
                w.write_all(text).unwrap();
                w.finish().unwrap();
            }
            Encoding::Deflate => {
                let mut w = flate2::write::ZlibEncoder::new(&mut out, Default::default());
                w.write_all(text).unwrap();
                w.finish().unwrap();
            }
            Encoding::Br => {
                brotli::CompressorWriter::new(&mut out, 4096, 5, 20).write_all(text).unwrap();
            }
            Encoding::Zstd => out = zstd::encode_all(text, 3).unwrap(),
        }
        out
    }

    const ALL: [Encoding; 4] = [Encoding::Gzip, Encoding::Deflate, Encoding::Br, Encoding::Zstd];

    #[test]
    fn every_encoding_is_undone_whole_cut_and_in_pieces() {
        let text = TEXT.repeat(500);
        for encoding in ALL {
            let packed = encode(encoding, text.as_bytes());
            let whole = decode(&packed, encoding, usize::MAX);
            assert_eq!((whole.bytes.as_slice(), whole.complete), (text.as_bytes(), true));
            let cut = decode(&packed[..packed.len() / 2], encoding, usize::MAX);
            assert!(!cut.complete && text.as_bytes().starts_with(&cut.bytes), "{encoding:?}");
            let more = [&packed[..], b"plain text behind it"].concat();
            let more = decode(&more, encoding, usize::MAX);
            assert!(more.bytes == text.as_bytes() && !more.complete, "{encoding:?}");
            let limited = decode(&packed, encoding, 100);
            assert_eq!((limited.bytes.len(), limited.complete), (100, false));

            let mut stream = Incremental::new(Some(encoding), usize::MAX);
            let mut out = vec![];
            packed.chunks(7).for_each(|piece| stream.push(piece, &mut out));
            assert_eq!(out, text.as_bytes(), "{encoding:?}");
        }
    }

    #[test]
    fn codings_on_top_of_each_other_are_undone() {
        let block = b"content-encoding: gzip, identity\r\nContent-Encoding: BR\r\n";
        let both = [Encoding::Gzip, Encoding::Br];
        assert_eq!(Encoding::stacked(block).unwrap(), both);
        let packed = encode(Encoding::Br, &encode(Encoding::Gzip, TEXT.as_bytes()));
        let whole = decode_stacked(&packed, &both, usize::MAX);
        assert_eq!((whole.bytes.as_slice(), whole.complete), (TEXT.as_bytes(), true));
        assert!(!decode_stacked(&packed[..packed.len() - 3], &both, usize::MAX).complete);
        for unknown in ["dcb", "gzip, aws-chunked", "gzip, gzip, gzip, gzip"] {
            let block = format!("content-encoding: {unknown}\r\n");
            assert_eq!(Encoding::stacked(block.as_bytes()), None, "{unknown}");
        }
        assert_eq!(Encoding::stacked(b"accept: */*\r\n").unwrap(), []);
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        for encoding in ALL {
            // Whole in one piece: the decoder itself must stop.
            let bomb = encode(encoding, &vec![0; 100_000_000]);
            let mut stream = Incremental::new(Some(encoding), 1000);
            let mut out = vec![];
            stream.push(&bomb, &mut out);
            stream.push(b"more", &mut out);
            assert_eq!(out.len(), 1000);
        }
    }

    proptest::proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>) {
            for encoding in ALL {
                decode(&bytes, encoding, 10_000);
                Incremental::new(Some(encoding), 10_000).push(&bytes, &mut vec![]);
            }
        }
    }
}
