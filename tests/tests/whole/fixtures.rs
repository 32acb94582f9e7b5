//! The fixtures themselves: what they claim to send and to see is true without a
//! proxy in between.

use glassway_tests::{
    Client, Upstream,
    client::{get, post},
    llm::{self, Pace},
    process::listening_address,
    upstream::{SSE_HEAD, json, sse},
    wire::End,
};

#[test]
fn a_scripted_upstream_sees_and_sends_exact_bytes() {
    let upstream = Upstream::answer(json("{}"));
    let mut client = Client::connect(upstream.addr());
    assert_eq!(client.ask(post("/a", "one")).text(), "{}");
    assert_eq!(client.ask(get("/b")).text(), "{}");
    let expected = [post("/a", "one"), get("/b")].concat();
    assert_eq!(upstream.received(0), expected.as_bytes());
    assert_eq!((upstream.requests().len(), upstream.connections()), (2, 1));
    assert_eq!(upstream.requests()[0].body.text(), "one");
}

#[test]
fn a_cut_body_is_told_from_a_whole_one() {
    let upstream = Upstream::script(|conn| {
        conn.request();
        conn.send(SSE_HEAD);
        conn.send_chunk("data: 1\n\n");
        if conn.number == 1 {
            conn.reset();
        }
    });
    for _ in 0..2 {
        let mut client = Client::connect(upstream.addr());
        client.send(get("/"));
        if let Some(head) = client.try_head() {
            assert_eq!(client.body(&head, false, false).end, End::Cut);
        }
    }
    let whole = Upstream::answer(sse(&["1", "2"]));
    let answer = Client::connect(whole.addr()).ask(get("/"));
    assert_eq!((answer.body.end, answer.body.chunks.len()), (End::Clean, 2));
}

#[test]
fn the_vendor_answers_in_both_dialects() {
    let upstream = llm::start(Pace::INSTANT);
    let mut client = Client::connect(upstream.addr());
    let ask = |stream: bool, model: &str| {
        format!(
            r#"{{"model":"{model}","max_tokens":99,"stream":{stream},"messages":[{{"role":"user","content":"讲个故事"}}]}}"#
        )
    };
    let whole = client.ask(post("/v1/chat/completions", &ask(false, "gpt-4o"))).json();
    let text = whole["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    let streamed = client.ask(post("/v1/chat/completions", &ask(true, "gpt-4o"))).text();
    let pieces: String = streamed
        .lines()
        .filter_map(|line| line.strip_prefix("data: {"))
        .map(|rest| serde_json::from_str::<serde_json::Value>(&format!("{{{rest}")).unwrap())
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(pieces, text);
    assert!(streamed.ends_with("data: [DONE]\n\n"));

    let messages = |stream: bool| {
        let ask = post("/v1/messages", &ask(stream, "claude-sonnet-5-5"));
        ask.replacen("\r\n", "\r\nanthropic-version: 2023-06-01\r\n", 1)
    };
    let message = client.ask(messages(false)).json();
    assert_eq!(message["content"][0]["text"], text.as_str());
    let events = client.ask(messages(true)).text();
    assert!(events.starts_with("event: message_start\n"));
    assert!(events.ends_with("data: {\"type\":\"message_stop\"}\n\n"));

    let refused = ask(false, "gpt-4o").replace("\"user\"", "\"tool\"");
    let refused = client.ask(post("/v1/chat/completions", &refused));
    assert_eq!(refused.status(), 400, "a result that nobody called for: {}", refused.text());

    assert_eq!(client.ask(post("/v1/chat/completions", &ask(true, "gpt-4o-busy"))).status(), 429);
    assert_eq!(client.ask(post("/v1/chat/completions", &ask(true, "gpt-4o-broken"))).status(), 500);
    let cut = client.ask(post("/v1/chat/completions", &ask(true, "gpt-4o-cut")));
    assert_eq!(cut.body.end, End::Cut);
}

#[test]
fn a_listening_line_is_read_in_any_dress() {
    for line in [
        "proxy listening on http://127.0.0.1:8080",
        "2026-01-01T00:00:00Z  INFO proxy listening on http://127.0.0.1:8080 threads=2",
        r#"{"message":"proxy listening on http://127.0.0.1:8080"}"#,
        "proxy listening on http://127.0.0.1:8080\u{1b}[0m",
    ] {
        assert_eq!(listening_address(line), "127.0.0.1:8080".parse().ok(), "{line}");
    }
    assert_eq!(listening_address("listening on http://[::1]:8081/"), "[::1]:8081".parse().ok());
    assert_eq!(listening_address("something else"), None);
}
