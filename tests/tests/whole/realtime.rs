//! The realtime API with a client token: a key is picked for the WebSocket, and the
//! client's token stays here.

use std::{
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex},
};

use glassway_tests::{
    Glassway, Upstream, eventually,
    team::{key, paste, token},
};
use serde_json::{Value, json as value};
use tungstenite::{
    ClientRequestBuilder, Message, WebSocket, accept_hdr,
    client::client,
    handshake::server::{ErrorResponse, Request, Response},
    http::HeaderValue,
};

const DONE: &str = r#"{"type":"response.done","response":{"usage":{"total_tokens":1100,"input_tokens":1000,"output_tokens":100,"input_token_details":{"cached_tokens":0,"audio_tokens":0},"output_token_details":{"text_tokens":100,"audio_tokens":0}}}}"#;

type Seen = Arc<Mutex<Vec<(String, Vec<(String, String)>)>>>;

/// An upstream that refuses the first key, echoes, and counts tokens for each message.
/// It chooses the protocol `choose` makes of those offered.
#[expect(clippy::result_large_err, reason = "the callback's type is tungstenite's")]
fn upstream(choose: fn(&str) -> String) -> (Upstream, Seen) {
    let seen: Seen = Arc::default();
    let kept = seen.clone();
    let upstream = Upstream::script(move |conn| {
        let stream = conn.stream().try_clone().unwrap();
        let kept = kept.clone();
        let shake = move |request: &Request, mut response: Response| {
            let headers = request.headers().iter();
            let headers: Vec<_> = headers
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect();
            let refused = headers.iter().any(|(_, value)| value.contains(&key(0)));
            kept.lock().unwrap().push((request.uri().to_string(), headers));
            if refused {
                let body = r#"{"error":{"code":"insufficient_quota","message":"no"}}"#;
                let answer = tungstenite::http::Response::builder().status(429);
                return Err(answer.body(Some(body.to_owned())).unwrap() as ErrorResponse);
            }
            if let Some(offered) = request.headers().get("sec-websocket-protocol") {
                let chosen = HeaderValue::from_str(&choose(offered.to_str().unwrap())).unwrap();
                response.headers_mut().insert("sec-websocket-protocol", chosen);
            }
            Ok(response)
        };
        let Ok(mut socket) = accept_hdr(stream, shake) else { return };
        while let Ok(message) = socket.read() {
            if message.is_text() {
                socket.send(message).unwrap();
                socket.send(Message::text(DONE)).unwrap();
            }
        }
    });
    (upstream, seen)
}

fn open(
    addr: SocketAddr,
    build: impl FnOnce(ClientRequestBuilder) -> ClientRequestBuilder,
) -> (WebSocket<TcpStream>, tungstenite::handshake::client::Response) {
    let uri = format!("ws://{addr}/v1/realtime?model=gpt-4o").parse().unwrap();
    let request = build(ClientRequestBuilder::new(uri));
    client(request, TcpStream::connect(addr).unwrap()).unwrap()
}

fn say(socket: &mut WebSocket<TcpStream>, text: &str) {
    socket.send(Message::text(text)).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text(text));
    assert_eq!(socket.read().unwrap(), Message::text(DONE));
}

fn close(mut socket: WebSocket<TcpStream>) {
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
}

#[test]
fn a_bearer_token_gets_a_key_after_failover_and_everything_is_recorded() {
    let (upstream, seen) = upstream(|_| "realtime".into());
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 2);
    let token = token(&glassway, &value!({}));
    let bearer = format!("Bearer {token}");
    let (mut socket, response) = open(glassway.proxy_addr(), |request| {
        request.with_header("Authorization", bearer).with_sub_protocol("realtime")
    });
    assert_eq!(response.status(), 101);
    assert!(response.headers().contains_key("x-glassway-id"));
    say(&mut socket, "hello");
    say(&mut socket, "你好");
    eventually("it runs as long as it is open", || {
        let running = glassway.api().requests("");
        (running.len() == 1 && running[0]["outcome"] == "in_flight").then_some(())
    });
    close(socket);

    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 2, "{seen:?}");
    let told = format!("{seen:?}");
    assert!(!told.contains(&token), "{told}");
    assert!(seen[0].1.contains(&("authorization".into(), format!("Bearer {}", key(0)))));
    assert!(seen[1].1.contains(&("authorization".into(), format!("Bearer {}", key(1)))));

    let exchange = glassway.only_exchange();
    assert_eq!((&exchange["status"], &exchange["outcome"]), (&value!(101), &value!("ok")));
    assert_eq!((&exchange["mode"], &exchange["key"]), (&value!("managed"), &value!("key1")));
    assert_eq!(exchange["client_token"], "app");
    assert_eq!(exchange["attempts"], 2);
    assert_eq!(exchange["tries"][0]["status"], 429);
    let usage = &exchange["usage"];
    assert_eq!(usage["prompt_tokens"], 2000, "each answer counts");
    assert_eq!(usage["completion_tokens"], 200);
    assert_eq!(exchange["cost_usd"], 0.007);
    let sides = |side: &str| {
        let messages = exchange["messages"].as_array().unwrap();
        messages.iter().filter(|m| m["side"] == side && m["kind"] == "text").count()
    };
    assert_eq!((sides("request"), sides("response")), (2, 4));
    let refused = eventually("the refused key is out", || {
        let keys = glassway.api().json("/api/keys");
        let key = keys["items"].as_array().unwrap().iter().find(|k| k["name"] == "key0")?.clone();
        (key["status"] == "exhausted").then_some(key)
    });
    assert_eq!(refused["status_reason"], "insufficient_quota");
}

#[test]
fn a_token_among_the_protocols_is_replaced_and_the_key_never_comes_back() {
    // Careless: the upstream chooses the protocol with the key in it.
    let key_protocol = |offered: &str| {
        let found = offered.split(", ").find(|p| p.starts_with("openai-insecure-api-key."));
        found.unwrap_or("realtime").to_owned()
    };
    let (upstream, seen) = upstream(key_protocol);
    let glassway = Glassway::before(&upstream);
    let text = format!("other, {}", key(5));
    let reply = glassway.api().post("/api/keys/bulk", &value!({"text": text}));
    assert!(reply.status < 300, "{}", reply.text());
    let token = token(&glassway, &value!({}));
    let own = format!("openai-insecure-api-key.{token}");
    let (mut socket, response) = open(glassway.proxy_addr(), |request| {
        request.with_sub_protocol("realtime").with_sub_protocol(own.clone())
    });
    assert_eq!(response.headers()["sec-websocket-protocol"], own.as_str());
    assert!(!format!("{:?}", response.headers()).contains(&key(5)));
    say(&mut socket, "hello");
    close(socket);
    let seen = seen.lock().unwrap();
    let told = format!("{seen:?}");
    assert!(!told.contains(&token), "{told}");
    let offered = seen[0].1.iter().find(|(name, _)| name == "sec-websocket-protocol").unwrap();
    assert_eq!(offered.1, format!("realtime, openai-insecure-api-key.{}", key(5)));
    let exchange = glassway.only_exchange();
    let recorded = exchange.to_string();
    assert!(!recorded.contains(&key(5)) && !recorded.contains(&token), "{exchange:#}");
}

#[test]
fn azure_gets_its_own_header_and_address() {
    let (upstream, seen) = upstream(|_| "realtime".into());
    let glassway = Glassway::before(&upstream);
    let provider = value!({
        "name": "azure", "kind": "azure", "base_url": upstream.url(),
        "api_version": "2025-04-01-preview", "deployments": {"gpt-4o": "my-deployment"},
    });
    let reply = glassway.api().post("/api/providers", &provider);
    assert!(reply.status < 300, "{}", reply.text());
    let body: Value = value!({"provider_id": reply.json()["id"], "name": "az", "key_value": "azurekey0123456789abcdef"});
    let reply = glassway.api().post("/api/keys", &body);
    assert!(reply.status < 300, "{}", reply.text());
    let token = token(&glassway, &value!({}));
    let (mut socket, _) = open(glassway.proxy_addr(), |request| {
        request.with_header("api-key", token.clone()).with_sub_protocol("realtime")
    });
    say(&mut socket, "hello");
    close(socket);
    let seen = seen.lock().unwrap();
    let (uri, headers) = &seen[0];
    assert_eq!(uri, "/openai/realtime?deployment=my-deployment&api-version=2025-04-01-preview");
    assert!(
        headers.contains(&("api-key".into(), "azurekey0123456789abcdef".into())),
        "{headers:?}"
    );
    assert!(headers.iter().all(|(name, _)| name != "authorization"));
    assert!(!format!("{headers:?}").contains(&token));
}

#[test]
fn without_a_usable_key_nothing_is_upgraded() {
    let (upstream, _) = upstream(|_| "realtime".into());
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 1);
    let token = token(&glassway, &value!({}));
    let refused = glassway.client().ask(format!(
        "GET /v1/realtime?model=gpt-4o HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nAuthorization: Bearer {token}\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ));
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.json()["error"]["code"], "no_usable_key");
}
