//! A scripted proxy: the other end of the link, saying exactly what a test wants.

use std::{path::Path, time::Duration};

use futures_util::{SinkExt, StreamExt};
use glassway_shared::{
    feed::{LinkCommand, LinkEvent},
    model::Exchange,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

pub struct Proxy {
    listener: UnixListener,
}

/// The monitor's connection to the feed.
pub struct Connection(WebSocketStream<UnixStream>);

impl Proxy {
    pub fn listen(path: &Path) -> Self {
        let _ = std::fs::remove_file(path);
        Self { listener: UnixListener::bind(path).unwrap() }
    }

    /// The next connection to the feed; anything else is answered with `other`.
    pub async fn accept(&self, other: impl Fn(&str) -> (u16, String)) -> Connection {
        loop {
            let (mut stream, _) = self.listener.accept().await.unwrap();
            let head = head(&mut stream).await;
            let path = head.split(' ').nth(1).unwrap().to_owned();
            if path == "/feed" {
                let key = head
                    .lines()
                    .find_map(|line| {
                        let (name, value) = line.split_once(": ")?;
                        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.to_owned())
                    })
                    .unwrap();
                let answer = format!(
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                     Upgrade: websocket\r\nSec-WebSocket-Accept: {}\r\n\r\n",
                    derive_accept_key(key.as_bytes())
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
                return Connection(
                    WebSocketStream::from_raw_socket(stream, Role::Server, None).await,
                );
            }
            let (status, body) = other(&path);
            let answer = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    }

    pub async fn connected(&self) -> Connection {
        self.accept(|_| (404, String::new())).await
    }
}

async fn head(stream: &mut UnixStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

impl Connection {
    pub async fn say(&mut self, event: LinkEvent) {
        let text = serde_json::to_string(&event).unwrap();
        self.0.send(Message::text(text)).await.unwrap();
    }

    pub async fn say_all(&mut self, events: &[LinkEvent]) {
        let text = serde_json::to_string(events).unwrap();
        self.0.send(Message::text(text)).await.unwrap();
    }

    pub async fn hello(&mut self, instance: &str, cursor: i64, in_flight: Vec<Exchange>) {
        self.say(LinkEvent::Hello { instance: instance.into(), cursor, listen: None, in_flight })
            .await;
    }

    pub async fn started(&mut self, request: &Exchange) {
        self.say(LinkEvent::Started { request: request.clone() }).await;
    }

    pub async fn updated(&mut self, request: &Exchange) {
        self.say(LinkEvent::Updated { request: request.clone() }).await;
    }

    pub async fn committed(&mut self, cursor: i64) {
        self.say(LinkEvent::Committed { cursor }).await;
    }

    pub async fn command(&mut self) -> LinkCommand {
        let next = tokio::time::timeout(Duration::from_secs(5), self.0.next());
        let message = next.await.expect("a command").unwrap().unwrap();
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    }
}
