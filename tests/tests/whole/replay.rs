//! Recorded exchanges sent again: as they were, changed, to other keys and providers, many
//! at once; and what cannot be sent again says why.

use std::sync::atomic::{AtomicUsize, Ordering};

use glassway_tests::{
    Gate, Glassway, Upstream,
    api::Reply,
    eventually,
    glassway::Which,
    team::{ANSWER, ASK, bearer, from_clients, key, paste, paste_to, pasted, post, provider, with},
    upstream::{SSE_HEAD, answer, json},
};
use serde_json::{Value, json as value};

const CHAT: &str = "/v1/chat/completions";
const CLAUDE: &str = r#"{"id":"m","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[{"type":"text","text":"bonjour"}],"stop_reason":"end_turn","usage":{"input_tokens":7,"output_tokens":3}}"#;

fn replay(glassway: &Glassway, id: &str, body: &Value) -> Reply {
    glassway.api().post(&format!("/api/request/{id}/replay"), body)
}

#[track_caller]
fn started(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 202, "{}", reply.text());
    let ids = reply.json()["ids"].as_array().unwrap().clone();
    ids.into_iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// The exchange once it has ended.
fn whole(glassway: &Glassway, id: &str) -> Value {
    eventually("the replay ends", || {
        let reply = glassway.api().get(&format!("/api/request/{id}"));
        (reply.status == 200).then(|| reply.json()).filter(|one| one["outcome"] != "in_flight")
    })
}

fn only(glassway: &Glassway) -> String {
    from_clients(glassway, 1)[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_managed_exchange_is_sent_again_as_it_was() {
    let upstream = Upstream::answer(json(ANSWER));
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 1);
    let odd = r#"{"model":"gpt-4o", "zeta":1.50, "messages":[{"role":"user","content":"hello"}],"alpha":12345678901234567890}"#;
    let request = post(CHAT, odd).replacen("\r\n", "\r\nX-Mine: yes\r\nOpenAI-Beta: b\r\n", 1);
    assert_eq!(glassway.client().ask(request).status(), 200);
    let id = only(&glassway);
    let ids = started(&replay(&glassway, &id, &value!({})));
    assert_eq!(ids.len(), 1);
    let again = whole(&glassway, &ids[0]);
    assert_eq!((&again["origin"], &again["mode"]), (&"replay".into(), &"managed".into()));
    assert_eq!((&again["status"], &again["key"]), (&200.into(), &"key0".into()));
    assert!(again["cost_usd"].as_f64().unwrap() > 0.0);
    let sent = upstream.requests();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].body.bytes, sent[1].body.bytes, "byte for byte");
    assert_eq!(sent[1].head.header("x-mine"), Some("yes"));
    assert_eq!(bearer(&sent[1]), key(0));
    let ours = |name: &str| name.to_ascii_lowercase().starts_with("x-glassway");
    assert!(!sent[1].head.headers.iter().any(|(name, _)| ours(name)), "nothing of ours goes up");
    assert_eq!(glassway.api().requests("?origin=replay").len(), 1);
}

#[test]
fn one_is_sent_to_many_keys_models_and_vendors_at_once() {
    let upstream = Upstream::respond(|request| match pasted(request) {
        Some(0) => json(ANSWER),
        Some(1) => answer(
            "401 Unauthorized",
            "application/json",
            r#"{"error":{"message":"no","code":"invalid_api_key"}}"#,
        ),
        _ => json(CLAUDE),
    });
    let setup = Glassway::setup().upstream(&upstream.url());
    let glassway = setup.set("upstream.allow", vec![upstream.addr().to_string()]).start();
    let keys = paste(&glassway, 2);
    let other = provider(&glassway, "claude", "anthropic", &upstream.url());
    let theirs = paste_to(&glassway, other, 5..6);
    let path = "/api/chat/completions?provider=openai";
    assert_eq!(glassway.client().ask(post(path, ASK)).status(), 200);
    let id = only(&glassway);
    let body = value!({"model": "gpt-4o-mini", "targets": [
        {"key_id": keys[0]["id"]},
        {"key_id": keys[1]["id"]},
        {"provider_id": other, "model": "claude-sonnet-4-5"},
        {"key_id": theirs[0]["id"], "model": "claude-sonnet-4-5"},
        {},
    ]});
    let ids = started(&replay(&glassway, &id, &body));
    let all: Vec<Value> = ids.iter().map(|id| whole(&glassway, id)).collect();
    let told =
        |n: usize| (all[n]["key"].as_str(), all[n]["model"].as_str(), all[n]["status"].as_u64());
    assert_eq!(told(0), (Some("key0"), Some("gpt-4o-mini"), Some(200)));
    // Exactly that key: it fails, and no other steps in.
    assert_eq!(told(1), (Some("key1"), Some("gpt-4o-mini"), Some(401)));
    assert_eq!(all[1]["attempts"], 1);
    // Another dialect is converted, for a provider and for a key.
    for n in [2, 3] {
        assert_eq!(told(n), (Some("key5"), Some("claude-sonnet-4-5"), Some(200)));
        assert!(all[n]["response"]["body"].as_str().unwrap().contains("chat.completion"));
    }
    assert_eq!(told(4).1, Some("gpt-4o-mini"));
    let converted =
        upstream.requests().into_iter().find(|r| r.head.first_line.contains("/messages"));
    assert_eq!(bearer(&converted.unwrap()), key(5));
}

#[test]
fn an_edited_body_goes_as_it_stands_or_as_json() {
    let upstream = Upstream::answer(json(ANSWER));
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 1);
    assert_eq!(glassway.client().ask(post(CHAT, ASK)).status(), 200);
    let id = only(&glassway);
    let text = r#"{ "model":"gpt-4o","temperature":0.10,"messages":[] }"#;
    let ids = started(&replay(&glassway, &id, &value!({"body": text})));
    whole(&glassway, &ids[0]);
    let ids = started(&replay(&glassway, &id, &value!({"body": {"model": "m", "messages": []}})));
    whole(&glassway, &ids[0]);
    let sent = upstream.requests();
    assert_eq!(sent[1].body.text(), text);
    let json: Value = serde_json::from_slice(&sent[2].body.bytes).unwrap();
    assert_eq!(json, value!({"model": "m", "messages": []}));
    // Larger than other bodies of this API may be.
    let long = "x".repeat(3 << 20);
    let body = value!({"model": "gpt-4o", "messages": [{"role": "user", "content": long}]});
    let ids = started(&replay(&glassway, &id, &value!({"body": body.to_string()})));
    assert_eq!(whole(&glassway, &ids[0])["status"], 200);
}

#[test]
fn a_replay_streams_to_whoever_watches_and_outlives_whoever_asked() {
    let gate = Gate::new();
    let upstream = Upstream::script({
        let (gate, asked) = (gate.clone(), AtomicUsize::new(0));
        move |conn| {
            let Some(_) = conn.try_request() else { return };
            let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
            conn.send(SSE_HEAD);
            conn.send_chunk(
                "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"first\"}}]}\n\n",
            );
            if !first {
                gate.wait();
            }
            conn.send_chunk("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" last\"}}]}\n\ndata: [DONE]\n\n");
            conn.send_chunk("");
        }
    });
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 1);
    let body = ASK.replacen('{', r#"{"stream":true,"#, 1);
    let mut client = glassway.client();
    client.send(post(CHAT, &body));
    assert_eq!(client.head().status(), 200);
    let id = only(&glassway);

    let mut feed = glassway.feed();
    // Before anything has come of it, its id is known and can be watched.
    let ids = started(&replay(&glassway, &id, &value!({})));
    feed.send(&value!({"watch": ids[0]}));
    feed.until("the first words", |event| {
        let mine = event["type"] == "body.delta"
            && event["id"] == ids[0][..]
            && event["side"] == "response";
        (mine && event["data"].as_str().unwrap().contains("first")).then_some(())
    });
    gate.open();
    let again = whole(&glassway, &ids[0]);
    assert_eq!(again["outcome"], "ok");
    assert!(again["response"]["body"].as_str().unwrap().contains(" last"));
}

#[test]
fn a_replay_is_stopped() {
    let upstream = Upstream::script({
        let asked = AtomicUsize::new(0);
        move |conn| {
            let Some(_) = conn.try_request() else { return };
            match asked.fetch_add(1, Ordering::Relaxed) {
                0 => conn.send(json(ANSWER)),
                _ => drop(conn.closed()),
            }
        }
    });
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 1);
    assert_eq!(glassway.client().ask(post(CHAT, ASK)).status(), 200);
    let id = only(&glassway);
    let stop = |id: &str| {
        glassway.api().call("DELETE", &format!("/api/request/{id}/replay"), &[], None).status
    };
    let ids = started(&replay(&glassway, &id, &value!({})));
    assert_eq!(glassway.api().request(&ids[0])["outcome"], "in_flight");
    assert_eq!(stop(&ids[0]), 204);
    assert_eq!(whole(&glassway, &ids[0])["outcome"], "client_closed");
    assert_eq!(stop(&ids[0]), 404);
    assert_eq!(stop(&id), 404, "it is no replay");
}

#[test]
fn a_transparent_exchange_needs_a_key_of_the_pool() {
    let upstream = Upstream::answer(json(ANSWER));
    let glassway = Glassway::before(&upstream);
    let added = paste(&glassway, 1);
    let request = with(
        &post(&format!("{CHAT}?key=sk-secret0123456789abcdef&a=1"), ASK),
        "sk-a-clients-own-0123456789",
    );
    let request =
        request.replacen("\r\n", "\r\nOpenAI-Organization: org-theirs\r\nCookie: a=b\r\n", 1);
    assert_eq!(glassway.client().ask(request).status(), 200);
    let id = only(&glassway);
    let reply = replay(&glassway, &id, &value!({}));
    assert_eq!((reply.status, &reply.json()["errors"][0]["field"]), (409, &"targets".into()));
    assert!(reply.json()["detail"].as_str().unwrap().contains("never keeps"), "{}", reply.text());
    assert_eq!(upstream.requests().len(), 1, "nothing was sent");

    let body = value!({"targets": [{"key_id": added[0]["id"]}]});
    let again = whole(&glassway, &started(&replay(&glassway, &id, &body))[0]);
    assert_eq!((&again["status"], &again["mode"]), (&200.into(), &"managed".into()));
    let sent = upstream.requests().remove(1);
    assert_eq!(bearer(&sent), key(0));
    assert_eq!(sent.head.first_line, "POST /v1/chat/completions?a=1 HTTP/1.1");
    for name in ["openai-organization", "cookie"] {
        assert_eq!(sent.head.header(name), None, "{name} was about somebody else's account");
    }
}

#[test]
fn what_was_not_kept_is_not_made_up() {
    let upstream = Upstream::answer(json(ANSWER));
    let setup = Glassway::setup().upstream(&upstream.url()).set("record.max_body_bytes", 64);
    let mut glassway = setup.start();
    paste(&glassway, 1);
    assert_eq!(glassway.client().ask(post(CHAT, ASK)).status(), 200);
    let id = only(&glassway);
    let refused = |glassway: &Glassway, body: Value, status: u16, field: &str| {
        let reply = replay(glassway, &id, &body);
        assert_eq!(
            (reply.status, &reply.json()["errors"][0]["field"]),
            (status, &field.into()),
            "{}",
            reply.text()
        );
    };
    refused(&glassway, value!({}), 409, "body");
    refused(&glassway, value!({"body": "not json", "model": "m"}), 409, "model");
    refused(
        &glassway,
        value!({"body": ASK, "targets": [{"key_id": 99}]}),
        400,
        "targets[0].key_id",
    );
    refused(
        &glassway,
        value!({"body": ASK, "targets": [{"provider_id": 99}]}),
        400,
        "targets[0].provider_id",
    );
    refused(
        &glassway,
        value!({"body": ASK, "targets": [{"provider_id": 1, "key_id": 1}]}),
        400,
        "targets[0].key_id",
    );
    refused(&glassway, value!({"targets": []}), 400, "targets");
    refused(&glassway, value!({"bodi": 1}), 400, "bodi");
    let nobody = replay(&glassway, "01890000-0000-7000-8000-000000000000", &value!({}));
    assert_eq!(nobody.status, 404);
    assert_eq!(upstream.requests().len(), 1, "nothing was sent");

    // Whole again with a body; and without the proxy nothing is promised.
    started(&replay(&glassway, &id, &value!({"body": ASK})));
    glassway.term(Which::Proxy);
    let reply = replay(&glassway, &id, &value!({"body": ASK}));
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert!(reply.json()["detail"].as_str().unwrap().contains("nothing was sent"));
}
