//! An upstream that costs little: it reads a request and answers with bytes made
//! beforehand. `/sse/{chunks}/{gap in ms}` streams, `/hold` streams one chunk and
//! then nothing, `/connections` tells how many connections it has accepted.

use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Builder,
};

static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);
const STREAM: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Serves until it is killed.
pub fn run() -> Result<()> {
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        eprintln!("upstream listening on http://{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            CONNECTIONS.fetch_add(1, Ordering::Relaxed);
            stream.set_nodelay(true)?;
            tokio::spawn(serve(stream));
        }
    })
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    let answer = answer();
    let mut buffer = vec![0; 64 * 1024];
    let mut filled = 0;
    loop {
        let n = stream.read(&mut buffer[filled..]).await?;
        if n == 0 {
            return Ok(());
        }
        filled += n;
        while let Some((path, length)) = request(&buffer[..filled]) {
            buffer.copy_within(length..filled, 0);
            filled -= length;
            match path {
                Path::Plain => stream.write_all(&answer).await?,
                Path::Connections => {
                    let n = CONNECTIONS.load(Ordering::Relaxed).to_string();
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{n}", n.len());
                    stream.write_all(head.as_bytes()).await?;
                }
                Path::Hold => {
                    stream.write_all(STREAM.as_bytes()).await?;
                    stream.write_all(&chunk()).await?;
                }
                Path::Stream { chunks, gap } => events(&mut stream, chunks, gap).await?,
            }
        }
        if filled == buffer.len() {
            buffer.resize(filled * 2, 0);
        }
    }
}

async fn events(stream: &mut TcpStream, chunks: usize, gap: Duration) -> io::Result<()> {
    stream.write_all(STREAM.as_bytes()).await?;
    let chunk = chunk();
    for _ in 0..chunks {
        if !gap.is_zero() {
            tokio::time::sleep(gap).await;
        }
        stream.write_all(&chunk).await?;
    }
    stream.write_all(b"0\r\n\r\n").await
}

enum Path {
    Plain,
    Connections,
    Hold,
    Stream { chunks: usize, gap: Duration },
}

/// A whole request at the start of `bytes`: what it asks and how long it is.
fn request(bytes: &[u8]) -> Option<(Path, usize)> {
    let head = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).ok()?;
    let body = text
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap_or(0));
    if bytes.len() < head + body {
        return None;
    }
    let target = text.split(' ').nth(1).unwrap_or("/");
    let parts: Vec<&str> = target.split('/').collect();
    let path = match parts[..] {
        [_, "sse", chunks, gap] => Path::Stream {
            chunks: chunks.parse().unwrap_or(1),
            gap: Duration::from_millis(gap.parse().unwrap_or(0)),
        },
        [_, "hold"] => Path::Hold,
        [_, "connections"] => Path::Connections,
        _ => Path::Plain,
    };
    Some((path, head + body))
}

/// About 1 KB of a chat completion.
fn answer() -> Vec<u8> {
    let text = "All the tests pass after the change to the fixture. ".repeat(12);
    let body = format!(
        r#"{{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":500,"completion_tokens":150,"total_tokens":650}}}}"#
    );
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: req_0123456789abcdef\r\n\
         openai-processing-ms: 312\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// One token of a stream in its chunk.
fn chunk() -> Vec<u8> {
    let event = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4o\",\
                 \"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"},\"finish_reason\":null}]}\n\n";
    format!("{:x}\r\n{event}\r\n", event.len()).into_bytes()
}
