//! A PNG with a palette, as small as it gets: eight bits per pixel, deflated fast. One
//! text chunk is left open, so that a finished picture can be given another each time it
//! is served without being drawn again. <https://www.w3.org/TR/png-3/>

use std::io::Write;

use flate2::{Compression, Crc, write::ZlibEncoder};

/// Red, green, blue of each index.
pub type Palette = Vec<[u8; 3]>;

/// A finished picture, save for its text.
pub struct Picture {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Picture {
    /// From one palette index per pixel.
    pub fn new(width: usize, height: usize, palette: &Palette, pixels: &[u8]) -> Self {
        let mut before = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut header = Vec::with_capacity(13);
        for side in [width, height] {
            header.extend(u32::try_from(side).unwrap_or(u32::MAX).to_be_bytes());
        }
        // Eight bits, palette, deflate, no filter, not interlaced.
        header.extend([8, 3, 0, 0, 0]);
        chunk(b"IHDR", &header, &mut before);
        chunk(b"PLTE", &palette.concat(), &mut before);
        let mut after = Vec::new();
        chunk(b"IDAT", &deflated(width, pixels), &mut after);
        chunk(b"IEND", &[], &mut after);
        Self { before, after }
    }

    /// The file, with this text in it.
    pub fn file(&self, text: &str) -> Vec<u8> {
        let mut file = Vec::with_capacity(self.before.len() + self.after.len() + 64);
        file.extend(&self.before);
        chunk(b"tEXt", &[b"Comment\0", text.as_bytes()].concat(), &mut file);
        file.extend(&self.after);
        file
    }
}

fn deflated(width: usize, pixels: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    let mut write = |bytes: &[u8]| encoder.write_all(bytes).expect("writing to memory");
    for row in pixels.chunks(width) {
        write(&[0]);
        write(row);
    }
    encoder.finish().expect("writing to memory")
}

fn chunk(kind: &[u8; 4], data: &[u8], to: &mut Vec<u8>) {
    let mut sum = Crc::new();
    sum.update(kind);
    sum.update(data);
    to.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
    to.extend(kind);
    to.extend(data);
    to.extend(sum.sum().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_its_chunks_with_right_sums_and_another_text_each_time() {
        let picture = Picture::new(3, 2, &vec![[255; 3], [0; 3]], &[0, 1, 0, 1, 0, 1]);
        let file = picture.file("one");
        assert_ne!(file, picture.file("two"));
        let mut rest = file.strip_prefix(b"\x89PNG\r\n\x1a\n").unwrap();
        let mut kinds = Vec::new();
        while !rest.is_empty() {
            let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
            let mut sum = Crc::new();
            sum.update(&rest[4..8 + length]);
            assert_eq!(rest[8 + length..12 + length], sum.sum().to_be_bytes());
            kinds.push(String::from_utf8(rest[4..8].to_vec()).unwrap());
            rest = &rest[12 + length..];
        }
        assert_eq!(kinds, ["IHDR", "PLTE", "tEXt", "IDAT", "IEND"]);
    }
}
