//! Every exchange is recorded once, with how it ended, what it said, which
//! model it named and what that used.

use glassway_tests::{
    Glassway, Upstream,
    client::{get, post},
    eventually,
    upstream::{answer, json, sse},
};
use serde_json::{Value, json as value};

#[test]
fn an_exchange_is_shown_as_it_was() {
    let upstream = Upstream::answer(json(r#"{"model":"gpt-4o","choices":[]}"#));
    let glassway = Glassway::before(&upstream);
    let sent = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"你好"}]}"#;
    let answer = glassway.client().ask(format!(
        "POST /v1/chat/completions?tag=a HTTP/1.1\r\nHost: g\r\nX-Mine: yes\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{sent}",
        sent.len()
    ));
    assert_eq!(answer.status(), 200);
    let shown = glassway.only_exchange();
    let expected = value!({
        "method": "POST", "path": "/v1/chat/completions", "target": "/v1/chat/completions?tag=a",
        "origin": "client", "mode": "transparent", "client_ip": "127.0.0.1", "client_token": null,
        "provider": "openai", "key": null, "model": "gpt-4o", "upstream_model": "gpt-4o",
        "status": 200, "outcome": "ok", "error": null, "stream": false, "attempts": 1,
        "warnings": [], "pinned": false, "note": null, "http_version": "HTTP/1.1",
        "request_bytes": sent.len(), "response_bytes": 31, "events": [], "messages": []
    });
    for (name, expected) in expected.as_object().unwrap() {
        assert_eq!(&shown[name], expected, "{name} of {shown:#}");
    }
    assert_eq!(shown["upstream_url"], format!("{}/v1/chat/completions?tag=a", upstream.url()));
    assert_eq!(shown["request"]["body"], sent);
    assert_eq!(shown["request"]["body_encoding"], "utf8");
    assert_eq!(shown["request"]["truncated"], false);
    assert_eq!(shown["response"]["body"], r#"{"model":"gpt-4o","choices":[]}"#);
    let headers = shown["request"]["headers"].to_string().to_lowercase();
    assert!(headers.contains(r#"["x-mine","yes"]"#), "{headers}");
    let tries = shown["tries"].as_array().unwrap();
    assert_eq!(tries.len(), 1);
    assert_eq!((&tries[0]["status"], &tries[0]["n"]), (&value!(200), &value!(1)));
    let id = shown["id"].as_str().unwrap();
    assert_eq!((id.len(), &id[14..15]), (36, "7"), "a UUIDv7");
    let (ttfb, duration) = (&shown["ttfb_ms"], &shown["duration_ms"]);
    assert!(ttfb.as_f64().unwrap() <= duration.as_f64().unwrap());
    assert!(
        shown["curl"].as_str().unwrap().contains("$OPENAI_API_KEY")
            || !headers.contains("authorization")
    );
}

#[test]
fn outcomes_follow_the_status() {
    let upstream = Upstream::respond(|request| {
        let status = request.head.first_line.split(['/', ' ']).nth(2).unwrap();
        answer(&format!("{status} X"), "application/json", "{}")
    });
    let glassway = Glassway::before(&upstream);
    let cases = [
        (200, "ok"),
        (204, "ok"),
        (302, "ok"),
        (400, "client_error"),
        (404, "client_error"),
        (429, "client_error"),
        (500, "upstream_error"),
        (529, "upstream_error"),
    ];
    for (status, _) in cases {
        let mut client = glassway.client();
        client.send(get(&format!("/{status}")));
        assert_eq!(client.head().status(), status);
    }
    let recorded = glassway.finished(cases.len());
    for ((status, outcome), exchange) in cases.iter().zip(&recorded) {
        assert_eq!(exchange["status"], *status);
        assert_eq!(exchange["outcome"], *outcome, "{status}");
    }
}

#[test]
fn events_of_a_stream_are_kept_with_their_offsets() {
    let frames = [
        r#"{"model":"gpt-4o-2024","choices":[{"delta":{"content":"狐"}}]}"#,
        r#"{"choices":[{"delta":{"content":"狸"}}]}"#,
        "[DONE]",
    ];
    let upstream = Upstream::answer(sse(&frames));
    let glassway = Glassway::before(&upstream);
    let answer =
        glassway.client().ask(post("/v1/chat/completions", r#"{"model":"gpt-4o","stream":true}"#));
    assert_eq!(answer.status(), 200);
    let shown = glassway.only_exchange();
    assert_eq!(shown["stream"], true);
    let events = shown["events"].as_array().unwrap();
    let data: Vec<_> = events.iter().map(|e| e["data"].as_str().unwrap()).collect();
    assert_eq!(data, frames);
    assert_eq!(shown["events_total"], 3);
    let offsets: Vec<f64> = events.iter().map(|e| e["offset_ms"].as_f64().unwrap()).collect();
    assert!(offsets.is_sorted());
    assert!(offsets[2] <= shown["duration_ms"].as_f64().unwrap());
    assert!(shown["first_token_ms"].as_f64().unwrap() >= shown["ttfb_ms"].as_f64().unwrap());
}

#[test]
fn events_are_found_however_the_bytes_are_split() {
    let stream = "event: a\r\ndata: {\"x\":\"狐狸\"}\r\n\r\n: comment\n\ndata: one\ndata: two\n\nid: 7\ndata:three\r\r";
    for size in [1, 2, 3, 7] {
        let upstream = Upstream::script(move |conn| {
            conn.request();
            conn.send(glassway_tests::upstream::SSE_HEAD);
            for piece in stream.as_bytes().chunks(size) {
                conn.send_chunk(piece);
            }
            conn.send("0\r\n\r\n");
        });
        let glassway = Glassway::before(&upstream);
        assert_eq!(glassway.client().ask(post("/v1/x", "{}")).text(), stream);
        let shown = glassway.only_exchange();
        let events: Vec<_> = shown["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| (e["event"].clone(), e["data"].clone()))
            .collect();
        let expected = [
            (value!("a"), value!("{\"x\":\"狐狸\"}")),
            (Value::Null, value!("one\ntwo")),
            (Value::Null, value!("three")),
        ];
        assert_eq!(events, expected, "in pieces of {size}");
    }
}

#[test]
fn model_and_usage_are_read_in_every_dialect() {
    let openai = r#""usage":{"prompt_tokens":11,"completion_tokens":22,"total_tokens":33,"prompt_tokens_details":{"cached_tokens":5},"completion_tokens_details":{"reasoning_tokens":7}}"#;
    let responses = r#""usage":{"input_tokens":11,"output_tokens":22,"total_tokens":33,"input_tokens_details":{"cached_tokens":5},"output_tokens_details":{"reasoning_tokens":7}}"#;
    // Anthropic's input excludes what came from the cache: 6 + 5 = 11.
    let anthropic = r#""usage":{"input_tokens":6,"cache_read_input_tokens":5,"cache_creation_input_tokens":0,"output_tokens":22}"#;
    let cases: Vec<(&str, &str, Vec<u8>, [u64; 4])> = vec![
        (
            "chat",
            "/v1/chat/completions",
            json(&format!(r#"{{"model":"up-model",{openai}}}"#)),
            [11, 22, 5, 7],
        ),
        (
            "chat stream",
            "/v1/chat/completions",
            sse(&[
                r#"{"model":"up-model","choices":[{"delta":{"content":"x"}}],"usage":null}"#,
                &format!(r#"{{"model":"up-model","choices":[],{openai}}}"#),
                "[DONE]",
            ]),
            [11, 22, 5, 7],
        ),
        (
            "completions",
            "/v1/completions",
            json(
                r#"{"model":"up-model","usage":{"prompt_tokens":11,"completion_tokens":22,"total_tokens":33}}"#,
            ),
            [11, 22, 0, 0],
        ),
        (
            "embeddings",
            "/v1/embeddings",
            json(
                r#"{"model":"up-model","data":[],"usage":{"prompt_tokens":11,"total_tokens":11}}"#,
            ),
            [11, 0, 0, 0],
        ),
        (
            "responses",
            "/v1/responses",
            json(&format!(r#"{{"model":"up-model","object":"response",{responses}}}"#)),
            [11, 22, 5, 7],
        ),
        (
            "responses stream",
            "/v1/responses",
            sse(&[
                r#"{"type":"response.created","response":{"model":"up-model","usage":null}}"#,
                &format!(
                    r#"{{"type":"response.completed","response":{{"model":"up-model",{responses}}}}}"#
                ),
            ]),
            [11, 22, 5, 7],
        ),
        (
            "messages",
            "/v1/messages",
            json(&format!(r#"{{"model":"up-model","type":"message",{anthropic}}}"#)),
            [11, 22, 5, 0],
        ),
        (
            "messages stream",
            "/v1/messages",
            sse(&[
                r#"{"type":"message_start","message":{"model":"up-model","usage":{"input_tokens":6,"cache_read_input_tokens":5,"cache_creation_input_tokens":0,"output_tokens":1}}}"#,
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":10}}"#,
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":22}}"#,
                r#"{"type":"message_stop"}"#,
            ]),
            [11, 22, 5, 0],
        ),
    ];
    for (what, path, bytes, [prompt, completion, cached, reasoning]) in cases {
        let upstream = Upstream::answer(bytes);
        let glassway = Glassway::before(&upstream);
        let version =
            if path.ends_with("messages") { "anthropic-version: 2023-06-01\r\n" } else { "" };
        let body = r#"{"model":"asked-model","stream":true}"#;
        glassway.client().ask(format!(
            "POST {path} HTTP/1.1\r\nHost: g\r\n{version}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        let shown = glassway.only_exchange();
        assert_eq!(shown["model"], "asked-model", "{what}");
        assert_eq!(shown["upstream_model"], "up-model", "{what}");
        let usage = &shown["usage"];
        assert_eq!(usage["source"], "upstream", "{what}");
        // What was not told is null or 0.
        let told = ["prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens"]
            .map(|name| usage[name].as_u64().unwrap_or(0));
        assert_eq!(told, [prompt, completion, cached, reasoning], "{what}");
    }
}

#[test]
fn without_usage_none_is_claimed() {
    let upstream = Upstream::answer(json(r#"{"object":"list","data":[]}"#));
    let glassway = Glassway::before(&upstream);
    glassway.client().ask(get("/v1/models"));
    let usage = &glassway.only_exchange()["usage"];
    assert_eq!(usage["source"], "absent");
}

#[test]
fn bodies_that_are_not_text_are_kept_as_bytes() {
    let upstream = Upstream::answer(
        b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nContent-Length: 6\r\n\r\n\xff\xfb\x90\x00\x01\x02".to_vec(),
    );
    let glassway = Glassway::before(&upstream);
    glassway.client().ask(post("/v1/audio/speech", "{}"));
    let shown = glassway.only_exchange();
    assert_eq!(shown["response"]["body_encoding"], "base64");
    assert_eq!(shown["response"]["body"], "//uQAAEC");
    let path = format!("/api/request/{}/response-body", shown["id"].as_str().unwrap());
    let raw = glassway.api().get(&path);
    assert_eq!(raw.body, b"\xff\xfb\x90\x00\x01\x02");
    assert!(raw.header("content-disposition").unwrap().starts_with("attachment"));
    assert_eq!(raw.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(raw.header("content-security-policy"), Some("sandbox"));
}

#[test]
fn a_body_past_the_chunking_size_comes_back_exactly() {
    let large: String = (0..40_000).map(|i| format!("{i:x} ")).collect();
    let sent =
        value!({"model": "gpt-4o", "messages": [{"role": "user", "content": large}]}).to_string();
    let returned = sent.clone();
    let upstream = Upstream::answer(json(&returned));
    let glassway = Glassway::before(&upstream);
    let mut client = glassway.client();
    for _ in 0..3 {
        assert_eq!(client.ask(post("/v1/chat/completions", &sent)).text(), sent);
    }
    for exchange in glassway.finished(3) {
        let id = exchange["id"].as_str().unwrap();
        let shown = glassway.api().request(id);
        assert!(shown["request"]["body"] == sent, "the request's body changed");
        assert!(shown["response"]["body"] == sent, "the answer's body changed");
        let raw = glassway.api().get(&format!("/api/request/{id}/request-body"));
        assert!(raw.body == sent.as_bytes());
    }
}

#[test]
fn recording_can_be_switched_off() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup().upstream(&upstream.url()).set("record.enabled", false).start();
    for _ in 0..5 {
        assert_eq!(glassway.client().ask(post("/v1/x", "{}")).status(), 200);
    }
    assert!(glassway.api().requests("").iter().all(|e| e["request"].is_null()));
}

#[test]
fn the_oldest_go_first_past_the_cap() {
    let upstream = Upstream::answer(json("{}"));
    let glassway =
        Glassway::setup().upstream(&upstream.url()).set("record.max_exchanges", 10).start();
    let mut client = glassway.client();
    for n in 0..30 {
        client.ask(get(&format!("/v1/x/{n}")));
    }
    let kept = eventually("only ten are kept", || {
        let kept = glassway.api().requests("?limit=100");
        (kept.len() == 10
            && kept[0]["path"] == "/v1/x/29"
            && kept.iter().all(|e| e["outcome"] == "ok"))
        .then_some(kept)
    });
    assert_eq!(kept[9]["path"], "/v1/x/20");
    assert_eq!(glassway.api().json("/api/stats")["calls"]["all"], 30, "totals outlive rows");
}
