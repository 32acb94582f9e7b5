//! The realtime API: WebSockets pass through, both directions are recorded.

use std::{net::SocketAddr, net::TcpStream};

use glassway_tests::{Glassway, Upstream, upstream::answer};
use tungstenite::{
    ClientRequestBuilder, Message, WebSocket, accept_hdr,
    client::client,
    handshake::server::{Request, Response},
    http::HeaderValue,
};

const SECRET: &str = "sk-realtime-0123456789abcdef";

/// An upstream that echoes every message and offers the realtime protocol.
#[expect(clippy::result_large_err, reason = "the callback's type is tungstenite's")]
fn echo() -> Upstream {
    Upstream::script(|conn| {
        let stream = conn.stream().try_clone().unwrap();
        let protocol = |request: &Request, mut response: Response| {
            assert_eq!(request.uri().path(), "/v1/realtime");
            if request.headers().contains_key("sec-websocket-protocol") {
                let chosen = HeaderValue::from_static("realtime");
                response.headers_mut().insert("sec-websocket-protocol", chosen);
            }
            Ok(response)
        };
        let mut socket = accept_hdr(stream, protocol).unwrap();
        while let Ok(message) = socket.read() {
            if message.is_text() || message.is_binary() {
                socket.send(message).unwrap();
            }
        }
    })
}

fn connect(addr: SocketAddr) -> WebSocket<TcpStream> {
    let uri = format!("ws://{addr}/v1/realtime?model=gpt-realtime").parse().unwrap();
    let request = ClientRequestBuilder::new(uri)
        .with_sub_protocol("realtime")
        .with_sub_protocol(format!("openai-insecure-api-key.{SECRET}"));
    let (socket, response) = client(request, TcpStream::connect(addr).unwrap()).unwrap();
    assert_eq!(response.status(), 101);
    assert_eq!(response.headers()["sec-websocket-protocol"], "realtime");
    socket
}

#[test]
fn messages_of_both_directions_pass_and_are_recorded() {
    let upstream = echo();
    let glassway = Glassway::before(&upstream);
    let mut socket = connect(glassway.proxy_addr());
    for text in ["hello", "你好，狐狸"] {
        socket.send(Message::text(text)).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text(text));
    }
    socket.send(Message::binary(vec![0u8, 255, 1])).unwrap();
    assert_eq!(socket.read().unwrap(), Message::binary(vec![0u8, 255, 1]));
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
    drop(socket);

    let exchange = glassway.only_exchange();
    assert_eq!(exchange["status"], 101);
    assert_eq!(exchange["outcome"], "ok");
    let messages = exchange["messages"].as_array().unwrap();
    let told = |side: &str| -> Vec<(String, String)> {
        messages
            .iter()
            .filter(|m| m["side"] == side && (m["kind"] == "text" || m["kind"] == "binary"))
            .map(|m| (m["kind"].as_str().unwrap().into(), m["data"].as_str().unwrap().into()))
            .collect()
    };
    let expected = [("text", "hello"), ("text", "你好，狐狸"), ("binary", "AP8B")]
        .map(|(kind, data)| (kind.to_owned(), data.to_owned()));
    assert_eq!(told("request"), expected, "{messages:#?}");
    assert_eq!(told("response"), expected);
    assert!(messages.iter().any(|m| m["kind"] == "close"));
    let offsets: Vec<f64> = messages.iter().map(|m| m["offset_ms"].as_f64().unwrap()).collect();
    assert!(offsets.is_sorted(), "{offsets:?}");
    let seen = String::from_utf8_lossy(&upstream.received(0)).into_owned();
    assert!(seen.is_empty() || seen.contains(SECRET), "the credential travels on");
}

#[test]
fn large_messages_pass_whole() {
    let upstream = echo();
    let glassway = Glassway::before(&upstream);
    let mut socket = connect(glassway.proxy_addr());
    let large = "狐狸".repeat(300_000);
    socket.send(Message::text(large.clone())).unwrap();
    assert!(socket.read().unwrap() == Message::text(large));
}

#[test]
fn an_upgrade_the_upstream_refuses_is_an_ordinary_answer() {
    let upstream =
        Upstream::answer(answer("401 Unauthorized", "application/json", r#"{"error":{}}"#));
    let glassway = Glassway::before(&upstream);
    let refused = glassway.client().ask(
        "GET /v1/realtime HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.text(), r#"{"error":{}}"#);
    let got = upstream.only_request().head;
    assert_eq!(got.header("upgrade"), Some("websocket"));
    assert_eq!(glassway.only_exchange()["outcome"], "client_error");
}

#[test]
fn an_upstream_that_vanishes_ends_the_socket() {
    let upstream = Upstream::script(|conn| {
        let stream = conn.stream().try_clone().unwrap();
        let mut socket = tungstenite::accept(stream).unwrap();
        socket.send(Message::text("only this")).unwrap();
        conn.reset();
    });
    let glassway = Glassway::before(&upstream);
    let uri = format!("ws://{}/v1/realtime", glassway.proxy_addr()).parse().unwrap();
    let stream = TcpStream::connect(glassway.proxy_addr()).unwrap();
    let (mut socket, _) = client(ClientRequestBuilder::new(uri), stream).unwrap();
    while socket.read().is_ok() {}
    assert_eq!(glassway.only_exchange()["outcome"], "upstream_closed");
}

#[test]
fn a_client_that_vanishes_frees_the_upstream() {
    let upstream = echo();
    let glassway = Glassway::before(&upstream);
    let mut socket = connect(glassway.proxy_addr());
    socket.send(Message::text("x")).unwrap();
    socket.read().unwrap();
    drop(socket);
    assert_eq!(glassway.only_exchange()["outcome"], "client_closed");
}
