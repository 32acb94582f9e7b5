//! What drives the peers: wrk at saturation, a fixed rate, event streams, held
//! streams, and a long conversation of an agent.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream as Blocking},
    path::Path,
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use glassway_tests::wire::Wire;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Builder,
    time::{MissedTickBehavior, interval_at},
};

/// The core of load and upstream.
pub const CORE: &str = "1";
const CONNECTIONS: u64 = 32;

/// A request of about 2 KB; `n` makes it one of its kind.
fn body(n: u64) -> String {
    let text = "Please look at the failing test and tell me what is wrong with it. ".repeat(26);
    format!(
        r#"{{"model":"gpt-4o","user":"{n:016x}","messages":[{{"role":"user","content":"{text}"}}]}}"#
    )
}

fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer sk-bench-0123456789\r\n\
         User-Agent: OpenAI/Python 3.51.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Writes the script that makes wrk send what everybody else here sends.
pub fn wrk_script(folder: &Path) -> Result<()> {
    let script = format!(
        r#"wrk.method = "POST"
wrk.path = "/v1/chat/completions"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer sk-bench-0123456789"
wrk.headers["User-Agent"] = "OpenAI/Python 3.51.0"
local before, after = [[{}]], [[{}]]
local n = 0
request = function()
  n = n + 1
  return wrk.format(nil, nil, nil, before .. string.format("%016x", n) .. after)
end
"#,
        &body(0).split("0000000000000000").next().unwrap_or_default(),
        &body(0).split("0000000000000000").nth(1).unwrap_or_default(),
    );
    Ok(std::fs::write(folder.join("post.lua"), script)?)
}

/// One slice of wrk; gives the number of answers.
pub fn saturate(folder: &Path, to: SocketAddr, seconds: u64) -> Result<u64> {
    let output = Command::new("taskset")
        .args([
            "-c",
            CORE,
            "wrk",
            "-t1",
            "-c",
            &CONNECTIONS.to_string(),
            "-d",
            &format!("{seconds}s"),
            "-s",
        ])
        .arg(folder.join("post.lua"))
        .arg(format!("http://{to}"))
        .output()
        .context("cannot start wrk")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().find(|line| line.contains(" requests in "));
    let answers = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    ensure!(!said.contains("Non-2xx"), "not every answer was a 200:\n{said}");
    answers.with_context(|| format!("wrk says nothing of requests:\n{said}"))
}

/// Asks at a fixed rate and prints how many answers came.
pub fn rate(to: SocketAddr, rps: u64, seconds: u64) -> Result<()> {
    let per_connection = Duration::from_secs_f64(CONNECTIONS as f64 / rps as f64);
    let rounds = rps * seconds / CONNECTIONS;
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let start = tokio::time::Instant::now();
        let mut asking = tokio::task::JoinSet::new();
        for connection in 0..CONNECTIONS {
            let first = start + per_connection.mul_f64(connection as f64 / CONNECTIONS as f64);
            asking.spawn(async move {
                let mut stream = TcpStream::connect(to).await?;
                stream.set_nodelay(true)?;
                let mut tick = interval_at(first, per_connection);
                tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
                let mut buffer = vec![0; 16 * 1024];
                for round in 0..rounds {
                    tick.tick().await;
                    let request = post("/v1/chat/completions", &body(connection << 32 | round));
                    stream.write_all(request.as_bytes()).await?;
                    read_sized(&mut stream, &mut buffer).await?;
                }
                anyhow::Ok(rounds)
            });
        }
        let mut answers = 0;
        while let Some(asked) = asking.join_next().await {
            answers += asked??;
        }
        println!("{answers}");
        Ok(())
    })
}

/// Reads an answer with a Content-Length.
async fn read_sized(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<()> {
    let mut filled = 0;
    loop {
        let n = stream.read(&mut buffer[filled..]).await?;
        ensure!(n > 0, "the connection ended inside an answer");
        filled += n;
        let text = String::from_utf8_lossy(&buffer[..filled]).to_ascii_lowercase();
        let Some((head, rest)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        ensure!(head.starts_with("http/1.1 200"), "{head}");
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .and_then(|n| n.parse().ok())
            .context("an answer without a length")?;
        if rest.len() >= length {
            return Ok(());
        }
    }
}

/// Reads event streams, all at once, and prints how many chunks were asked for.
pub fn streams(to: SocketAddr, streams: usize, chunks: usize, gap_ms: u64) -> Result<()> {
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut reading = tokio::task::JoinSet::new();
        for n in 0..streams {
            reading.spawn(async move {
                let mut stream = TcpStream::connect(to).await?;
                let request = post(&format!("/sse/{chunks}/{gap_ms}"), &body(n as u64));
                stream.write_all(request.as_bytes()).await?;
                let mut buffer = vec![0; 64 * 1024];
                let mut tail = Vec::new();
                while !tail.ends_with(b"0\r\n\r\n") {
                    let n = stream.read(&mut buffer).await?;
                    ensure!(n > 0, "a stream was cut");
                    tail.extend_from_slice(&buffer[..n]);
                    tail.drain(..tail.len().saturating_sub(5));
                }
                anyhow::Ok(())
            });
        }
        while let Some(read) = reading.join_next().await {
            read??;
        }
        println!("{}", streams * chunks);
        Ok(())
    })
}

/// Runs a load of this program on its core; gives the number it prints.
pub fn part(arguments: &[String]) -> Result<u64> {
    let output = Command::new("taskset")
        .args(["-c", CORE])
        .arg(std::env::current_exe()?)
        .args(arguments)
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(said.trim().parse()?)
}

/// Opens streams that stay open after their first chunk.
pub fn hold(to: SocketAddr, n: usize) -> Result<Vec<Blocking>> {
    let mut held = Vec::with_capacity(n);
    for i in 0..n {
        let mut stream = Blocking::connect(to)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(post("/hold", &body(i as u64)).as_bytes())?;
        let mut seen = Vec::new();
        let mut buffer = [0; 4096];
        while !seen.windows(5).any(|w| w == b"data:") {
            let n = stream.read(&mut buffer)?;
            ensure!(n > 0, "a held stream was closed");
            seen.extend_from_slice(&buffer[..n]);
        }
        held.push(stream);
    }
    Ok(held)
}

/// Reads short streams one after the other on one connection.
pub fn one_after_the_other(to: SocketAddr, streams: usize) -> Result<()> {
    let mut wire = Wire::new(Blocking::connect(to)?);
    for n in 0..streams {
        wire.try_send(post("/sse/3/0", &body(n as u64)))?;
        let head = wire.head();
        let body = wire.body(&head, false, false);
        ensure!(body.end == glassway_tests::wire::End::Clean, "a stream was cut");
    }
    Ok(())
}

/// How many connections the upstream has accepted so far.
pub fn connections(upstream: SocketAddr) -> Result<u64> {
    let mut wire = Wire::new(Blocking::connect(upstream)?);
    wire.try_send("GET /connections HTTP/1.1\r\nHost: bench\r\n\r\n")?;
    let head = wire.head();
    Ok(wire.body(&head, false, false).text().parse()?)
}

/// An agent's conversation: every turn sends the whole history again. Gives the
/// bytes of all bodies that travelled.
pub fn conversation(to: SocketAddr, turns: usize) -> Result<u64> {
    let mut words = Words(0x9E37_79B9_7F4A_7C15);
    let system = words.text(900);
    let mut history = vec![format!(r#"{{"role":"system","content":"{system}"}}"#)];
    let mut raw = 0;
    let mut wire = Wire::new(Blocking::connect(to)?);
    for turn in 0..turns {
        history.push(format!(
            r#"{{"role":"assistant","content":null,"tool_calls":[{{"id":"call_{turn}","type":"function","function":{{"name":"read_file","arguments":"{{\"path\":\"{}\"}}"}}}}]}}"#,
            words.text(4)
        ));
        history.push(format!(
            r#"{{"role":"tool","tool_call_id":"call_{turn}","content":"{}"}}"#,
            words.text(400)
        ));
        let body = format!(r#"{{"model":"gpt-4o","messages":[{}]}}"#, history.join(","));
        wire.try_send(post("/v1/chat/completions", &body))?;
        let head = wire.head();
        let answer = wire.body(&head, false, false);
        ensure!(head.status() == 200, "{}", head.first_line);
        raw += (body.len() + answer.bytes.len()) as u64;
    }
    Ok(raw)
}

/// Text that compresses about as well as prose and source code do, the same in
/// every run.
struct Words(u64);

impl Words {
    fn next(&mut self) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn text(&mut self, words: usize) -> String {
        const SYLLABLES: [&str; 32] = [
            "re", "con", "ta", "ble", "pro", "xy", "str", "eam", "ing", "to", "ken", "lo", "ad",
            "er", "un", "de", "fer", "al", "que", "ue", "in", "dex", "ma", "tch", "fn", "let",
            "mut", "se", "lf", "ok", "err", "io",
        ];
        let mut text = String::new();
        for _ in 0..words {
            // A vocabulary of a few thousand words, the frequent ones short.
            let rare = self.next() % 4_096;
            let mut word = rare * rare / 4_096;
            loop {
                text.push_str(SYLLABLES[(word % 32) as usize]);
                word /= 32;
                if word == 0 {
                    break;
                }
            }
            text.push(if self.next().is_multiple_of(12) { '.' } else { ' ' });
        }
        text
    }
}
