//! What calls cost: every rate that counts, what a cache saved, and the tokens of answers
//! whose upstream counted none or was not heard to the end.

use glassway_tests::{
    Glassway, Upstream, eventually,
    glassway::Setup,
    team::{ASK, from_clients, key_named, paste, paste_to, post, provider, token, with},
    upstream::{SSE_HEAD, json, sse},
};
use serde_json::{Value, json as value};

/// An answer of two tokens, by a vendor that counts none.
const UNCOUNTED: &str = r#"{"id":"c","object":"chat.completion","model":"gpt-4o","choices":[{"index":0,"message":{"content":"hello world"},"finish_reason":"stop"}]}"#;
/// "hello" and its role are a token each, a message three, and so is their beginning.
const ASKED: u64 = 2 + 3 + 3;

fn near(value: &Value, dollars: f64) {
    assert!((value.as_f64().unwrap() - dollars).abs() < 1e-12, "{value} is not {dollars}");
}

fn only_detail(glassway: &Glassway) -> Value {
    let one = from_clients(glassway, 1).remove(0);
    glassway.api().request(one["id"].as_str().unwrap())
}

/// One provider of this kind with one key, and nothing else.
fn only(setup: Setup, kind: &str, upstream: &Upstream) -> Glassway {
    let glassway = setup.set("upstream.allow", vec![upstream.addr().to_string()]).start();
    let id = provider(&glassway, "there", kind, &upstream.url());
    paste_to(&glassway, id, 0..1);
    glassway
}

#[test]
fn an_answer_without_usage_is_estimated_and_paid_for() {
    let upstream = Upstream::answer(json(UNCOUNTED));
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 1);
    let token = token(&glassway, &value!({"budget_usd": 0.000_06, "budget_period": "total"}));
    let ask = || {
        let request = with(&post("/v1/chat/completions", ASK), &token);
        glassway.client().ask(request).status()
    };
    assert_eq!(ask(), 200);
    let detail = only_detail(&glassway);
    let usage = &detail["usage"];
    assert_eq!(usage["source"], "estimated", "{usage}");
    assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&ASKED.into(), &2.into()));
    // gpt-4o: 2.50 and 10 dollars a million.
    let cost = (ASKED as f64 * 2.5 + 2.0 * 10.0) / 1e6;
    near(&detail["cost_usd"], cost);
    eventually("the key has paid", || {
        let spent = key_named(&glassway, "key0")["spent_usd"].as_f64();
        spent.filter(|spent| (spent - cost).abs() < 1e-12)
    });
    // 40 millionths are spent by the first, and more than the budget by the second.
    assert_eq!(ask(), 200);
    eventually("the budget is spent", || (ask() == 429).then_some(()));
}

#[test]
fn estimates_can_be_switched_off_and_spare_transparent_calls() {
    let upstream = Upstream::answer(json(UNCOUNTED));
    let setup = Glassway::setup().upstream(&upstream.url()).set("record.estimate_usage", "off");
    let glassway = setup.start();
    paste(&glassway, 1);
    assert_eq!(glassway.client().ask(post("/v1/chat/completions", ASK)).status(), 200);
    let detail = only_detail(&glassway);
    assert_eq!((&detail["usage"]["source"], &detail["cost_usd"]), (&"absent".into(), &Value::Null));

    let glassway = Glassway::before(&upstream);
    let request = with(&post("/v1/chat/completions", ASK), "sk-a-clients-own-0123456789");
    assert_eq!(glassway.client().ask(request).status(), 200);
    assert_eq!(glassway.only_exchange()["usage"]["source"], "absent");
}

#[test]
fn a_client_that_hangs_up_pays_for_the_text_that_came() {
    let upstream = Upstream::script(|conn| {
        let _ = conn.request();
        conn.send(SSE_HEAD);
        for word in ["hello", " world", " and", " more"] {
            conn.send_chunk(format!(
                "data: {{\"model\":\"gpt-4o\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{word}\"}}}}]}}\n\n"
            ));
        }
        conn.closed();
    });
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 1);
    let mut client = glassway.client();
    client.send(post("/v1/chat/completions", &ASK.replacen('{', r#"{"stream":true,"#, 1)));
    assert_eq!(client.head().status(), 200);
    let mut came = String::new();
    while !came.contains(" more") {
        came.push_str(&String::from_utf8(client.chunk().unwrap()).unwrap());
    }
    drop(client);
    let one = from_clients(&glassway, 1).remove(0);
    assert_eq!(one["outcome"], "client_closed", "{one}");
    assert_eq!(one["usage"]["source"], "estimated");
    assert_eq!(one["usage"]["prompt_tokens"], ASKED);
    assert_eq!(one["usage"]["completion_tokens"], 4);
    near(&one["cost_usd"], (ASKED as f64 * 2.5 + 4.0 * 10.0) / 1e6);
}

#[test]
fn what_a_stream_said_of_its_tokens_before_the_client_hung_up_is_kept() {
    let upstream = Upstream::script(|conn| {
        let _ = conn.request();
        conn.send(SSE_HEAD);
        for event in [
            r#"{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[],"usage":{"input_tokens":100,"cache_read_input_tokens":900,"cache_creation_input_tokens":0,"output_tokens":1}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hello world and more"}}"#,
        ] {
            conn.send_chunk(format!("data: {event}\n\n"));
        }
        conn.closed();
    });
    let glassway = only(Glassway::setup(), "anthropic", &upstream);
    let ask = r#"{"model":"claude-sonnet-4-5","max_tokens":99,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let request =
        post("/v1/messages", ask).replacen("\r\n", "\r\nanthropic-version: 2023-06-01\r\n", 1);
    let mut client = glassway.client();
    client.send(request);
    assert_eq!(client.head().status(), 200);
    let mut came = String::new();
    while !came.contains("more") {
        came.push_str(&String::from_utf8(client.chunk().unwrap()).unwrap());
    }
    drop(client);
    let usage = from_clients(&glassway, 1).remove(0)["usage"].clone();
    assert_eq!((&usage["prompt_tokens"], &usage["cached_tokens"]), (&1000.into(), &900.into()));
    // The stream's own count of the answer had only begun.
    assert_eq!((&usage["completion_tokens"], &usage["source"]), (&4.into(), &"estimated".into()));
}

#[test]
fn caches_are_paid_at_their_own_rates_and_what_they_saved_is_shown() {
    let answer = r#"{"id":"m","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":1000,"cache_read_input_tokens":5000,"cache_creation_input_tokens":700,"cache_creation":{"ephemeral_5m_input_tokens":300,"ephemeral_1h_input_tokens":400},"output_tokens":10}}"#;
    let upstream = Upstream::answer(json(answer));
    let glassway = only(Glassway::setup(), "anthropic", &upstream);
    let ask = r#"{"model":"claude-sonnet-4-5","max_tokens":99,"messages":[{"role":"user","content":"hi"}]}"#;
    let request =
        post("/v1/messages", ask).replacen("\r\n", "\r\nanthropic-version: 2023-06-01\r\n", 1);
    assert_eq!(glassway.client().ask(request).status(), 200);
    let detail = only_detail(&glassway);
    assert_eq!(detail["usage"]["prompt_tokens"], 6700);
    // Input 3, output 15, read 0.30, written 3.75 and 6 for an hour.
    near(
        &detail["cost_usd"],
        (1000.0 * 3.0 + 5000.0 * 0.3 + 300.0 * 3.75 + 400.0 * 6.0 + 10.0 * 15.0) / 1e6,
    );
    let price = &detail["price"];
    near(&price["cache_saved_usd"], (5000.0 * 2.7 - 300.0 * 0.75 - 400.0 * 3.0) / 1e6);
    assert_eq!(
        (&price["written_tokens"], &price["beside"]["written_1h_tokens"]),
        (&700.into(), &400.into())
    );
    assert_eq!(price["beside"]["cache_write_1h"], 6.0);
}

#[test]
fn sound_and_classes_of_service_have_their_rates() {
    let upstream = Upstream::respond(|request| {
        let asked: Value = serde_json::from_slice(&request.body.bytes).unwrap();
        match asked["model"].as_str().unwrap() {
            "gpt-5.4" => sse(&[
                r#"{"model":"gpt-5.4","service_tier":"flex","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}],"usage":null}"#,
                r#"{"model":"gpt-5.4","service_tier":"flex","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100}}"#,
                "[DONE]",
            ]),
            model => json(&format!(
                r#"{{"model":"{model}","choices":[],"usage":{{"prompt_tokens":100,"completion_tokens":50,"prompt_tokens_details":{{"audio_tokens":80}},"completion_tokens_details":{{"audio_tokens":40}}}}}}"#
            )),
        }
    });
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 1);
    for model in ["gpt-5.4", "gpt-realtime", "gpt-4o"] {
        let ask = ASK.replace("gpt-4o", model).replacen('{', r#"{"stream":true,"#, 1);
        assert_eq!(glassway.client().ask(post("/v1/chat/completions", &ask)).status(), 200);
    }
    let all = from_clients(&glassway, 3);
    let cost =
        |model: &str| all.iter().find(|one| one["model"] == model).unwrap()["cost_usd"].clone();
    near(&cost("gpt-5.4"), (1000.0 * 1.25 + 100.0 * 7.5) / 1e6);
    near(&cost("gpt-realtime"), (20.0 * 4.0 + 80.0 * 32.0 + 10.0 * 16.0 + 40.0 * 64.0) / 1e6);
    assert_eq!(cost("gpt-4o"), Value::Null, "nobody knows what its sound costs");
}
