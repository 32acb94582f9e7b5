//! How many tokens a text is, by OpenAI's vocabulary `o200k`: an estimate for whatever
//! model, made by the journal where an upstream counted nothing.
//!
//! Only counts are wanted, of text that anybody may have made up: the well-known crates
//! give ids, at 4 to 8 MB of program and tens of MB of memory, and match with an engine
//! that may give up on long runs of spaces. Here it is 1 MB of program, 5 MB once the first
//! estimate is made, and time that is bounded whatever the text is.

mod split;

use std::sync::OnceLock;

/// Bytes of one text that are looked at; the rest is taken to be like them.
const LOOKED_AT: usize = 256 << 10;
/// Longer pieces than the longest token are cut, so that merging stays cheap.
const PIECE: usize = 128;
/// No token.
const NONE: u32 = u32::MAX;

/// About how many tokens these texts are together.
pub fn count<'a>(texts: impl IntoIterator<Item = &'a str>) -> u64 {
    static VOCABULARY: OnceLock<Vocabulary> = OnceLock::new();
    let vocabulary = VOCABULARY.get_or_init(|| {
        let packed = include_bytes!("../tokens/o200k.zst");
        Vocabulary::unpack(packed).expect("the embedded vocabulary is packed and tested by us")
    });
    let (mut tokens, mut looked_at, mut all) = (0_u64, 0_usize, 0_usize);
    for text in texts {
        all += text.len();
        let end = text.floor_char_boundary(LOOKED_AT.saturating_sub(looked_at));
        let text = &text[..end];
        looked_at += text.len();
        tokens += split::pieces(text).map(|piece| vocabulary.count(piece.as_bytes())).sum::<u64>();
    }
    match looked_at {
        0 => 0,
        some => (u128::from(tokens) * all as u128 / some as u128) as u64,
    }
}

/// Tokens by rank, and ranks by token.
struct Vocabulary {
    bytes: Vec<u8>,
    /// Where each token begins; one more at the end.
    starts: Vec<u32>,
    /// Ranks, at the place their token's hash says or the next free one.
    slots: Vec<u32>,
}

impl Vocabulary {
    fn unpack(packed: &[u8]) -> std::io::Result<Self> {
        let raw = zstd::decode_all(packed)?;
        let mut vocabulary = Self {
            bytes: Vec::with_capacity(raw.len()),
            starts: vec![0],
            slots: vec![NONE; 1 << 19],
        };
        let mut rest = &raw[..];
        while let Some((length, after)) = rest.split_first() {
            let Some((token, after)) = after.split_at_checked(usize::from(*length)) else {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            };
            vocabulary.bytes.extend_from_slice(token);
            let rank = vocabulary.starts.len() as u32 - 1;
            vocabulary.starts.push(vocabulary.bytes.len() as u32);
            let mut slot = vocabulary.slot(token);
            while vocabulary.slots[slot] != NONE {
                slot = (slot + 1) % vocabulary.slots.len();
            }
            vocabulary.slots[slot] = rank;
            rest = after;
        }
        Ok(vocabulary)
    }

    fn slot(&self, token: &[u8]) -> usize {
        let hash = token.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        (hash ^ (hash >> 32)) as usize % self.slots.len()
    }

    fn rank(&self, token: &[u8]) -> u32 {
        let mut slot = self.slot(token);
        loop {
            let rank = self.slots[slot];
            if rank == NONE {
                return NONE;
            }
            let at = rank as usize;
            if self.bytes[self.starts[at] as usize..self.starts[at + 1] as usize] == *token {
                return rank;
            }
            slot = (slot + 1) % self.slots.len();
        }
    }

    fn count(&self, piece: &[u8]) -> u64 {
        piece.chunks(PIECE).map(|piece| self.merged(piece)).sum()
    }

    /// Merges the neighbours of lowest rank until none can be: byte-pair encoding.
    fn merged(&self, piece: &[u8]) -> u64 {
        if piece.len() < 2 || self.rank(piece) != NONE {
            return 1;
        }
        // Where each part begins, and the rank it would have with the next one.
        let mut parts: Vec<(usize, u32)> = (0..=piece.len()).map(|at| (at, NONE)).collect();
        let joined = |parts: &[(usize, u32)], at: usize| match parts.get(at + 2) {
            Some((end, _)) => self.rank(&piece[parts[at].0..*end]),
            None => NONE,
        };
        for at in 0..parts.len() {
            parts[at].1 = joined(&parts, at);
        }
        while let Some((at, (_, rank))) = parts.iter().enumerate().min_by_key(|(_, part)| part.1)
            && *rank != NONE
        {
            parts.remove(at + 1);
            parts[at].1 = joined(&parts, at);
            if at > 0 {
                parts[at - 1].1 = joined(&parts, at - 1);
            }
        }
        parts.len() as u64 - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What tiktoken counts.
    #[rstest::rstest]
    #[case("hello world", 2)]
    #[case("Hello, world! It's 12345 o'clock.", 11)]
    #[case("camelCase HTTPServer_x2 => foo->bar();", 11)]
    #[case("def f(x):\n    return x + 1\n\n\nprint(f(2))\n", 16)]
    #[case("你好，世界！今天的天气怎么样？", 9)]
    #[case("Über naïve façade — Привет, мир", 9)]
    #[case("{\"a\": [1, 2.5, null], \"url\": \"https://example.com/x?y=1\"}", 27)]
    #[case("   leading and trailing   ", 5)]
    #[case("antidisestablishmentarianism", 6)]
    #[case("日本語のテキスト 👍🏽", 9)]
    fn counts_as_its_vocabulary_does(#[case] text: &str, #[case] tokens: u64) {
        assert_eq!(count([text]), tokens, "{text:?}");
    }

    #[test]
    fn long_texts_are_counted_by_their_beginning() {
        let text = "The quick brown fox jumps over the lazy dog. ".repeat(60_000);
        let tokens = count([&text[..]]);
        assert!((590_000..=610_000).contains(&tokens), "{tokens}");
        let started = std::time::Instant::now();
        count([&"a".repeat(1 << 20)[..], &" ".repeat(1 << 20)]);
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_at_most_as_many_tokens_as_bytes(text: String) {
            let tokens = count([&text[..]]);
            proptest::prop_assert!(tokens <= text.len() as u64);
            proptest::prop_assert_eq!(tokens == 0, text.is_empty());
        }
    }
}
