//! One interface over every vendor: a client speaks its own dialect, the upstream hears
//! and answers in its own, and the record shows both.

use glassway_tests::{
    Glassway, Upstream,
    team::{from_clients, key, paste_to, post, provider, put, token, with},
    upstream::{Request, answer, json, sse},
};
use serde_json::{Value, json as value};

const MESSAGE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[{"type":"text","text":"Guten Tag"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":10,"cache_read_input_tokens":90,"output_tokens":5}}"#;

/// A provider of this kind with one key, and nothing else.
fn only(kind: &str, upstream: &Upstream) -> Glassway {
    let glassway =
        Glassway::setup().set("upstream.allow", vec![upstream.addr().to_string()]).start();
    let id = provider(&glassway, "there", kind, &upstream.url());
    paste_to(&glassway, id, 0..1);
    glassway
}

fn target(request: &Request) -> &str {
    request.head.first_line.split(' ').nth(1).unwrap()
}

fn data(text: &str) -> Vec<Value> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

fn messages_stream() -> Vec<u8> {
    sse(&[
        r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Guten"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" Tag"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":7}}"#,
        r#"{"type":"message_stop"}"#,
    ])
}

fn chat_stream(usage: bool) -> Vec<u8> {
    let mut events = vec![
        r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"},"finish_reason":null}],"usage":null}"#,
        r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":null}],"usage":null}"#,
        r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#,
    ];
    if usage {
        events.push(r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100}}"#);
    }
    events.push("[DONE]");
    sse(&events)
}

#[test]
fn a_chat_client_is_served_by_anthropic_and_both_sides_are_kept() {
    let upstream = Upstream::answer(json(MESSAGE));
    let glassway = only("anthropic", &upstream);
    let ask = r#"{"model":"claude-sonnet-4-5","seed":7,"messages":[{"role":"system","content":"Be brief"},{"role":"user","content":"hello"}]}"#;
    let got = glassway.client().ask(post("/v1/chat/completions", ask));
    assert_eq!(got.status(), 200, "{}", got.text());
    assert_eq!(got.head.header("x-glassway-warnings"), Some("dropped=seed"));
    let body = got.json();
    assert_eq!(body["choices"][0]["message"]["content"], "Guten Tag");
    assert_eq!(body["usage"]["prompt_tokens"], 100);
    assert_eq!(body["usage"]["prompt_tokens_details"]["cached_tokens"], 90);

    let request = upstream.only_request();
    assert_eq!(target(&request), "/v1/messages");
    assert_eq!(request.head.header("x-api-key"), Some(&*key(0)));
    assert!(request.head.header("anthropic-version").is_some());
    let sent: Value = serde_json::from_slice(&request.body.bytes).unwrap();
    assert_eq!(sent["system"], "Be brief");
    assert!(sent["max_tokens"].as_i64().unwrap() > 0, "{sent}");
    assert_eq!(sent.get("seed"), None);

    let one = from_clients(&glassway, 1).remove(0);
    assert_eq!(one["outcome"], "ok");
    assert_eq!(one["warnings"], value!(["dropped seed"]));
    assert_eq!(one["usage"]["prompt_tokens"], 100);
    assert_eq!(one["usage"]["cached_tokens"], 90);
    assert!(one["cost_usd"].as_f64().unwrap() > 0.0, "{one}");
    let detail = glassway.api().request(one["id"].as_str().unwrap());
    assert!(detail["request"]["body"].as_str().unwrap().contains("\"seed\":7"));
    assert!(detail["response"]["body"].as_str().unwrap().contains("chat.completion"));
    let attempt = &detail["tries"][0];
    assert!(attempt["request"]["body"].as_str().unwrap().contains("\"system\":\"Be brief\""));
    assert_eq!(attempt["response"]["body"], MESSAGE, "{attempt:#}");
}

#[test]
fn a_streaming_chat_client_is_served_by_anthropic() {
    let upstream = Upstream::answer(messages_stream());
    let glassway = only("anthropic", &upstream);
    let ask = r#"{"model":"claude-sonnet-4-5","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
    let got = glassway.client().ask(post("/v1/chat/completions", ask));
    assert_eq!(got.status(), 200, "{}", got.text());
    assert!(got.text().trim_end().ends_with("data: [DONE]"), "{}", got.text());
    let chunks = data(&got.text());
    let said: String =
        chunks.iter().filter_map(|c| c["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(said, "Guten Tag");
    assert!(chunks.iter().all(|c| c["usage"].is_null()), "the client asked for no usage");

    let one = from_clients(&glassway, 1).remove(0);
    assert_eq!((&one["outcome"], &one["stream"]), (&value!("ok"), &value!(true)));
    assert_eq!(one["usage"]["completion_tokens"], 7, "{one}");
    assert!(one["first_token_ms"].is_number());
    let detail = glassway.api().request(one["id"].as_str().unwrap());
    assert!(detail["response"]["body"].as_str().unwrap().contains("[DONE]"));
    let theirs = &detail["tries"][0]["response"];
    assert!(theirs["body"].as_str().unwrap().contains("message_stop"), "{detail:#}");
}

#[test]
fn a_messages_client_is_served_by_an_openai_upstream() {
    for stream in [false, true] {
        let upstream = Upstream::answer(match stream {
            true => chat_stream(true),
            false => json(glassway_tests::team::ANSWER),
        });
        let glassway = only("openai", &upstream);
        let ask = value!({
            "model": "gpt-4o", "max_tokens": 100, "stream": stream, "system": "Be brief",
            "messages": [{"role": "user", "content": "hello"}],
        });
        let got = glassway.client().ask(post("/v1/messages", &ask.to_string()));
        assert_eq!(got.status(), 200, "{}", got.text());
        let request = upstream.only_request();
        assert_eq!(target(&request), "/v1/chat/completions");
        assert_eq!(request.head.header("anthropic-version"), None);
        let sent: Value = serde_json::from_slice(&request.body.bytes).unwrap();
        assert_eq!(sent["messages"][0], value!({"role": "system", "content": "Be brief"}));
        if stream {
            assert_eq!(sent["stream_options"]["include_usage"], true);
            let events = data(&got.text());
            let kinds: Vec<_> = events.iter().map(|e| e["type"].as_str().unwrap()).collect();
            assert_eq!(kinds.first(), Some(&"message_start"));
            assert_eq!(kinds.last(), Some(&"message_stop"), "{}", got.text());
            let last = events.iter().find(|e| e["type"] == "message_delta").unwrap();
            assert_eq!(last["usage"]["output_tokens"], 100);
        } else {
            assert_eq!(got.json()["content"][0]["text"], "hi");
            assert_eq!(got.json()["stop_reason"], "end_turn");
        }
        let one = from_clients(&glassway, 1).remove(0);
        assert_eq!(one["usage"]["prompt_tokens"], 1000, "{one}");
        assert!(one["cost_usd"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn usage_that_only_we_asked_for_reaches_the_record_and_not_the_client() {
    let upstream = Upstream::answer(chat_stream(true));
    let glassway = only("openai", &upstream);
    let ask = r#"{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
    let got = glassway.client().ask(post("/v1/chat/completions", ask));
    assert!(!got.text().contains("prompt_tokens"), "{}", got.text());
    assert!(got.text().ends_with("data: [DONE]\n\n"));
    let sent = upstream.only_request().body.bytes;
    let sent = String::from_utf8(sent).unwrap();
    assert!(sent.ends_with(&ask[1..]), "edited in place: {sent}");
    assert!(sent.contains("include_usage"));
    let one = from_clients(&glassway, 1).remove(0);
    assert_eq!(one["usage"]["completion_tokens"], 100, "{one}");
    assert_eq!(one["usage"]["source"], "upstream");
}

#[test]
fn an_upstream_without_stream_options_is_asked_without_and_remembered() {
    let upstream = Upstream::respond(|request| {
        match String::from_utf8_lossy(&request.body.bytes).contains("stream_options") {
            true => answer(
                "400 Bad Request",
                "application/json",
                r#"{"error":{"message":"Unknown field: stream_options","code":null}}"#,
            ),
            false => chat_stream(false),
        }
    });
    let glassway = only("openai", &upstream);
    let ask = r#"{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
    for _ in 0..2 {
        let got = glassway.client().ask(post("/v1/chat/completions", ask));
        assert_eq!(got.status(), 200, "{}", got.text());
        assert!(got.text().contains("Hel"));
    }
    assert_eq!(upstream.requests().len(), 3, "refused once, then remembered");
}

#[test]
fn responses_are_answered_by_an_upstream_that_only_knows_chat() {
    let upstream = Upstream::respond(|request| match target(request) {
        "/v1/chat/completions" => json(glassway_tests::team::ANSWER),
        _ => answer("404 Not Found", "text/html", "<h1>nginx</h1>"),
    });
    let glassway = only("openai", &upstream);
    let ask = r#"{"model":"gpt-4o","input":"hello"}"#;
    for _ in 0..2 {
        let got = glassway.client().ask(post("/v1/responses", ask));
        assert_eq!(got.status(), 200, "{}", got.text());
        let body = got.json();
        assert_eq!(body["object"], "response");
        assert_eq!(body["output"][0]["content"][0]["text"], "hi");
    }
    assert_eq!(upstream.requests().len(), 3, "asked in vain once");
    let refused = r#"{"model":"gpt-4o","input":"hello","previous_response_id":"resp_1"}"#;
    let got = glassway.client().ask(post("/v1/responses", refused));
    assert_eq!(got.status(), 400, "{}", got.text());
    assert_eq!(got.json()["error"]["code"], "unsupported_parameter");
    assert_eq!(got.json()["error"]["param"], "previous_response_id");
}

#[test]
fn earlier_items_may_be_named_instead_of_sent_again_by_who_was_given_them() {
    for stream in [false, true] {
        let upstream = Upstream::respond(move |_| match stream {
            true => messages_stream(),
            false => json(MESSAGE),
        });
        let glassway = only("anthropic", &upstream);
        let ask = |input: &Value, store: bool| {
            let body = value!({"model": "claude-sonnet-4-5", "stream": stream, "store": store, "input": input});
            glassway.client().ask(post("/v1/responses", &body.to_string()))
        };
        let id = |got: &glassway_tests::client::Answer| -> String {
            let whole = match stream {
                true => data(&got.text()).pop().unwrap()["response"].clone(),
                false => got.json(),
            };
            whole["output"][0]["id"].as_str().unwrap().to_owned()
        };
        let first = id(&ask(&value!("hello"), true));
        let next = value!([{"role": "user", "content": "hello"}, {"type": "item_reference", "id": first},
            {"role": "user", "content": "again"}]);
        let got = ask(&next, true);
        assert_eq!(got.status(), 200, "{}", got.text());
        let sent: Value = serde_json::from_slice(&upstream.requests()[1].body.bytes).unwrap();
        assert_eq!(sent["messages"][1]["content"][0]["text"], "Guten Tag", "{sent}");
        // Not where the client wanted nothing kept, and for nobody else.
        let private = id(&ask(&value!("hello"), false));
        let token = token(&glassway, &value!({"name": "other"}));
        for (name, token) in [(&private, None), (&first, Some(&token))] {
            let body = value!({"model": "claude-sonnet-4-5", "input": [{"type": "item_reference", "id": name}]});
            let mut request = post("/v1/responses", &body.to_string());
            if let Some(token) = token {
                request = with(&request, token);
            }
            let got = glassway.client().ask(request);
            assert_eq!(got.status(), 400, "{}", got.text());
            assert_eq!(got.json()["error"]["param"], "input[0].id");
        }
    }
}

#[test]
fn a_stream_that_was_asked_for_is_one_although_the_upstream_answers_whole() {
    let cases = [
        ("anthropic", "/v1/chat/completions", MESSAGE, "Guten Tag", "[DONE]"),
        ("openai", "/v1/messages", glassway_tests::team::ANSWER, "hi", "message_stop"),
        ("anthropic", "/v1/responses", MESSAGE, "Guten Tag", "response.completed"),
    ];
    for (kind, path, whole, said, end) in cases {
        let upstream = Upstream::answer(json(whole));
        let glassway = only(kind, &upstream);
        let body = value!({"model": "claude-sonnet-4-5", "max_tokens": 9, "stream": true,
            "messages": [{"role": "user", "content": "x"}], "input": "x"});
        let mut body = body.as_object().unwrap().clone();
        body.retain(|name, _| match path {
            "/v1/responses" => !matches!(&**name, "messages" | "max_tokens"),
            _ => name != "input",
        });
        let got = glassway.client().ask(post(path, &Value::Object(body).to_string()));
        assert_eq!(got.status(), 200, "{}", got.text());
        assert_eq!(got.head.header("content-type"), Some("text/event-stream"));
        assert!(got.text().contains(said) && got.text().contains(end), "{}", got.text());
        let one = glassway.finished(1).pop().unwrap();
        assert_eq!((&one["outcome"], &one["stream"]), (&value!("ok"), &value!(true)), "{one}");
        assert_eq!(one["usage"]["source"], "upstream", "{one}");
    }
}

#[test]
fn what_cannot_be_said_there_is_refused_with_its_name() {
    let upstream = Upstream::answer(json(MESSAGE));
    let glassway = only("anthropic", &upstream);
    let ask = r#"{"model":"claude-sonnet-4-5","n":2,"messages":[{"role":"user","content":"x"}]}"#;
    let got = glassway.client().ask(post("/v1/chat/completions", ask));
    assert_eq!(got.status(), 400, "{}", got.text());
    assert_eq!(got.json()["error"]["code"], "unsupported_parameter");
    assert_eq!(got.json()["error"]["param"], "n");
    assert_eq!(upstream.requests().len(), 0);
}

#[test]
fn an_upstream_s_error_comes_in_the_client_s_shape() {
    let upstream = Upstream::answer(answer(
        "400 Bad Request",
        "application/json",
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages: too long"},"request_id":"req_1"}"#,
    ));
    let glassway = only("anthropic", &upstream);
    let ask = r#"{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":"x"}]}"#;
    let got = glassway.client().ask(post("/v1/chat/completions", ask));
    assert_eq!(got.status(), 400);
    assert_eq!(got.json()["error"]["type"], "invalid_request_error");
    assert_eq!(got.json()["error"]["message"], "messages: too long");
}

#[test]
fn nonsense_for_an_answer_is_a_bad_gateway_and_kept() {
    let upstream = Upstream::answer(answer("200 OK", "text/html", "<h1>hello</h1>"));
    let glassway = only("anthropic", &upstream);
    let ask = r#"{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":"x"}]}"#;
    let got = glassway.client().ask(post("/v1/chat/completions", ask));
    assert_eq!(got.status(), 502, "{}", got.text());
    assert_eq!(got.json()["error"]["code"], "upstream_invalid_response");
    let one = from_clients(&glassway, 1).remove(0);
    let detail = glassway.api().request(one["id"].as_str().unwrap());
    assert_eq!(detail["tries"][0]["response"]["body"], "<h1>hello</h1>", "{detail:#}");
}

#[test]
fn a_stream_that_is_cut_ends_in_an_error_of_the_client_s_dialect() {
    let upstream = Upstream::script(|conn| {
        conn.request();
        let whole = String::from_utf8(messages_stream()).unwrap();
        let half = whole.split(" Tag").next().unwrap().to_owned();
        conn.send(half.replace("Connection: close\r\n", ""));
        conn.reset();
    });
    let glassway = only("anthropic", &upstream);
    let ask =
        r#"{"model":"claude-sonnet-4-5","stream":true,"messages":[{"role":"user","content":"x"}]}"#;
    let got = glassway.client().ask(post("/v1/chat/completions", ask));
    let text = got.text();
    assert!(text.contains("Guten") && !text.contains("[DONE]"), "{text}");
    assert!(data(&text).last().unwrap()["error"]["message"].is_string(), "{text}");
    let one = from_clients(&glassway, 1).remove(0);
    assert_eq!(one["outcome"], "upstream_closed", "{one}");
}

#[test]
fn providers_of_the_client_s_own_dialect_go_first_and_others_step_in() {
    let claude = Upstream::answer(json(MESSAGE));
    let open = Upstream::respond(|_| json(glassway_tests::team::ANSWER));
    let allow = vec![claude.addr().to_string(), open.addr().to_string()];
    let glassway = Glassway::setup().set("upstream.allow", allow).start();
    let anthropic = provider(&glassway, "claude", "anthropic", &claude.url());
    let openai = provider(&glassway, "open", "openai", &open.url());
    put(&glassway, &format!("/api/providers/{anthropic}"), &value!({"priority": 100}));
    paste_to(&glassway, anthropic, 0..1);
    let added = paste_to(&glassway, openai, 1..2);
    let ask = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"x"}]}"#;
    let said = |glassway: &Glassway| {
        let got = glassway.client().ask(post("/v1/chat/completions", ask));
        got.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
    };
    assert_eq!(said(&glassway), "hi");
    let id = added[0]["id"].as_i64().unwrap();
    put(&glassway, &format!("/api/keys/{id}/status"), &value!({"status": "inactive"}));
    assert_eq!(said(&glassway), "Guten Tag");
}

#[test]
fn tokens_are_estimated_where_no_provider_counts_them() {
    let upstream = Upstream::answer(json(glassway_tests::team::ANSWER));
    let glassway = only("openai", &upstream);
    let ask =
        r#"{"model":"gpt-4o","messages":[{"role":"user","content":"讲一个关于狐狸的小故事。"}]}"#;
    let got = glassway.client().ask(post("/v1/messages/count_tokens", ask));
    assert_eq!(got.status(), 200, "{}", got.text());
    assert!((8..30).contains(&got.json()["input_tokens"].as_i64().unwrap()), "{}", got.text());
    assert_eq!(got.head.header("x-glassway-warnings"), Some("estimated=input_tokens"));
    assert_eq!(upstream.requests().len(), 0);
    let one = from_clients(&glassway, 1).remove(0);
    assert_eq!(one["warnings"], value!(["estimated input_tokens"]));

    let claude = Upstream::answer(json(r#"{"input_tokens":42}"#));
    let glassway = only("anthropic", &claude);
    let got = glassway.client().ask(post("/v1/messages/count_tokens", ask));
    assert_eq!(got.json()["input_tokens"], 42, "whoever counts is asked");
}

#[test]
fn a_thread_is_refused_in_words_that_anthropic_s_sdks_go_on_without_it() {
    let upstream = Upstream::answer(json(glassway_tests::team::ANSWER));
    let glassway = only("openai", &upstream);
    let ask = r#"{"model":"gpt-4o","max_tokens":9,"thread":{"type":"create"},"messages":[{"role":"user","content":"x"}]}"#;
    let got = glassway.client().ask(post("/v1/messages?beta=true", ask));
    assert_eq!(got.status(), 400, "{}", got.text());
    let details = value!({"error_code": "thread_unsupported_request", "unsupported": ["thread"]});
    assert_eq!(got.json()["error"]["details"], details);
    assert_eq!(upstream.requests().len(), 0);
}
