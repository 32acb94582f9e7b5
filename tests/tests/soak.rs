//! Long mixed load leaves nothing behind: `cargo xtask test --full`.

#![allow(clippy::unwrap_used, reason = "what cannot be had fails the test")]

use std::{fs, thread};

use glassway_tests::{
    Glassway, eventually,
    glassway::Which,
    llm::{self, Pace},
    wire::Wire,
};

const WORKERS: usize = 8;
const EACH: usize = 3_000;

#[test]
#[ignore = "takes minutes"]
fn mixed_load_leaves_no_memory_no_file_and_no_gap_behind() {
    let upstream = llm::start(Pace::INSTANT);
    let mut glassway =
        Glassway::setup().upstream(&upstream.url()).set("record.max_exchanges", 5_000).start();
    let addr = glassway.proxy_addr();
    let round = || {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| thread::spawn(move || (0..EACH).for_each(|n| one(addr, worker, n))))
            .collect();
        workers.into_iter().for_each(|w| w.join().unwrap());
    };
    round();
    let settled = |glassway: &Glassway| {
        eventually("nothing is in flight and nothing queued", || {
            let stats = glassway.api().json("/api/stats");
            let metrics = glassway.api().get("/metrics").text();
            let written = metrics.lines().any(|l| l == "glassway_queue_bytes 0");
            (stats["in_flight"] == 0 && written).then_some(())
        });
    };
    settled(&glassway);
    let files = |pid: u32| fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let memory = [Which::Proxy, Which::Monitor].map(|which| glassway.resident(which));
    let open = [Which::Proxy, Which::Monitor].map(|which| files(glassway.pid(which)));
    round();
    settled(&glassway);
    for (i, which) in [Which::Proxy, Which::Monitor].into_iter().enumerate() {
        let now = glassway.resident(which);
        assert!(now < memory[i] + (48 << 20), "{which:?} grew from {} to {now}", memory[i]);
        let now = files(glassway.pid(which));
        assert!(now < open[i] + 64, "{which:?} had {} files open and has {now}", open[i]);
    }
    let stats = glassway.api().json("/api/stats");
    assert_eq!(stats["calls"]["all"], 2 * WORKERS * EACH, "{stats:#}");
    assert_eq!(stats["lost"]["records_lost"], 0);
}

/// One call of one kind; some leave before their answer has ended.
fn one(addr: std::net::SocketAddr, worker: usize, n: usize) {
    let (path, model, stream) = match n % 6 {
        0 => ("/v1/chat/completions", "gpt-4o", true),
        1 => ("/v1/messages", "claude-sonnet-5-5", true),
        2 => ("/v1/embeddings", "text-embedding-3-small", false),
        3 => ("/v1/chat/completions", "gpt-4o-cut", true),
        4 => ("/v1/responses", "gpt-5.2", true),
        _ => ("/v1/chat/completions", "gpt-4o", false),
    };
    let question = match path {
        "/v1/embeddings" | "/v1/responses" => format!(r#""input":"{worker}/{n}""#),
        _ => format!(
            r#""max_tokens":99,"messages":[{{"role":"user","content":"{worker}/{n} 狐狸"}}]"#
        ),
    };
    let body = format!(r#"{{"model":"{model}","stream":{stream},{question}}}"#);
    let ask = match path {
        "/v1/messages" => as_anthropic(&glassway_tests::client::post(path, &body)),
        _ => glassway_tests::client::post(path, &body),
    };
    let mut wire = Wire::new(std::net::TcpStream::connect(addr).unwrap());
    wire.forget_received();
    wire.send(ask);
    if n.is_multiple_of(7) {
        wire.head_or_end();
        return;
    }
    if let Some(head) = wire.head_or_end() {
        wire.body(&head, true, false);
    }
}

fn as_anthropic(ask: &str) -> String {
    ask.replacen("\r\n", "\r\nanthropic-version: 2023-06-01\r\n", 1)
}
