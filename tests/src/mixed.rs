//! Traffic as months bring it, one call at a time: JSON and streams of every dialect,
//! uploads, upstreams that fail, clients that leave.

use std::net::{SocketAddr, TcpStream};

use crate::{client::post, wire::Wire};

/// Bytes of an upload.
const UPLOAD: usize = 300_000;

/// The `n`th call of a worker, on a connection of its own; to [`crate::llm`]. One in seven
/// leaves before its answer has ended.
pub fn one(addr: SocketAddr, worker: usize, n: usize) {
    let (path, model, stream) = match n % 9 {
        0 => ("/v1/chat/completions", "gpt-4o", true),
        1 => ("/v1/messages", "claude-sonnet-5-5", true),
        2 => ("/v1/embeddings", "text-embedding-3-small", false),
        3 => ("/v1/chat/completions", "gpt-4o-cut", true),
        4 => ("/v1/responses", "gpt-5.2", true),
        5 => ("/v1/chat/completions", "gpt-4o-broken", false),
        6 => ("/v1/chat/completions", "gpt-4o-busy", false),
        _ => ("/v1/chat/completions", "gpt-4o", false),
    };
    let mut words = format!("{worker}/{n} 狐狸");
    if n % 9 == 7 {
        // Another every time, so that nothing of it is there already.
        words.extend((0..UPLOAD / 8).map(|piece| format!("{:7x} ", piece * (n + 1))));
    }
    let question = match path {
        "/v1/embeddings" | "/v1/responses" => format!(r#""input":"{words}""#),
        _ => format!(r#""max_tokens":99,"messages":[{{"role":"user","content":"{words}"}}]"#),
    };
    let body = format!(r#"{{"model":"{model}","stream":{stream},{question}}}"#);
    let ask = match path {
        "/v1/messages" => {
            post(path, &body).replacen("\r\n", "\r\nanthropic-version: 2023-06-01\r\n", 1)
        }
        _ => post(path, &body),
    };
    let mut wire = Wire::new(TcpStream::connect(addr).expect("the proxy accepts connections"));
    wire.forget_received();
    if wire.try_send(ask).is_err() {
        return;
    }
    let Some(head) = wire.head_or_end() else { return };
    if !n.is_multiple_of(7) {
        wire.body(&head, true, false);
    }
}
