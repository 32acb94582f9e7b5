//! Makes `proxy/tokens/o200k.zst` from tiktoken's `o200k_base.tiktoken`:
//! `cargo run -p glassway-proxy --example pack_tokens -- FILE > o200k.zst`.

use std::io::Write;

use base64::{Engine, engine::general_purpose::STANDARD};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("usage: pack_tokens FILE")?;
    let mut raw = Vec::new();
    for (n, line) in std::fs::read_to_string(file)?.lines().enumerate() {
        let (token, rank) = line.split_once(' ').ok_or("a line is a token and its rank")?;
        if rank.parse::<usize>()? != n {
            return Err(format!("line {} has rank {rank}: ranks must rise by one", n + 1).into());
        }
        let token = STANDARD.decode(token)?;
        raw.push(u8::try_from(token.len())?);
        raw.extend(token);
    }
    std::io::stdout().write_all(&zstd::encode_all(&raw[..], 22)?)?;
    Ok(())
}
