//! A client of the live feed.

use std::{collections::VecDeque, io, net::SocketAddr, net::TcpStream, time::Duration};

use serde_json::Value;
use tungstenite::{
    ClientRequestBuilder, Error, Message, WebSocket, client, http::Uri, protocol::WebSocketConfig,
};

use crate::wait::PATIENCE;

/// A connection to the feed. Events come one by one, however they were batched.
pub struct Feed {
    socket: WebSocket<TcpStream>,
    waiting: VecDeque<Value>,
    /// The first message.
    pub hello: Value,
}

impl Feed {
    /// Connects with a bearer and reads `hello`.
    #[must_use]
    pub fn connect(addr: SocketAddr, bearer: &str) -> Self {
        let stream = TcpStream::connect(addr).expect("the monitor accepts connections");
        stream.set_read_timeout(Some(PATIENCE)).expect("a positive timeout is valid");
        let uri: Uri = format!("ws://{addr}/api/feed").parse().expect("a URI");
        let request =
            ClientRequestBuilder::new(uri).with_header("Authorization", format!("Bearer {bearer}"));
        let config = WebSocketConfig::default();
        let (socket, _) = client::client_with_config(request, stream, Some(config))
            .unwrap_or_else(|e| panic!("the feed upgrades: {e}"));
        let mut feed = Self { socket, waiting: VecDeque::new(), hello: Value::Null };
        feed.hello = feed.receive();
        assert_eq!(feed.hello["type"], "hello", "{}", feed.hello);
        feed
    }

    /// Sends a command: `filter`, `watch`, `unwatch`, `resume_after`.
    pub fn send(&mut self, command: &Value) {
        self.socket.send(Message::text(command.to_string())).expect("the feed takes commands");
    }

    /// The same; an error where the feed was closed.
    pub fn try_send(&mut self, command: &Value) -> Result<(), Box<Error>> {
        self.socket.send(Message::text(command.to_string())).map_err(Box::new)
    }

    /// The next event.
    pub fn receive(&mut self) -> Value {
        self.try_next(PATIENCE).unwrap_or_else(|| panic!("the feed is silent or closed"))
    }

    /// The next event, unless none comes in time or the feed closes.
    pub fn try_next(&mut self, patience: Duration) -> Option<Value> {
        let _ = self.socket.get_ref().set_read_timeout(Some(patience));
        while self.waiting.is_empty() {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    match serde_json::from_str(&text).expect("the feed speaks JSON") {
                        Value::Array(events) => self.waiting.extend(events),
                        event => self.waiting.push_back(event),
                    }
                }
                Ok(_) => {}
                Err(Error::Io(e)) if e.kind() == io::ErrorKind::WouldBlock => return None,
                Err(_) => return None,
            }
        }
        self.waiting.pop_front()
    }

    /// The next event that `pick` takes; what comes before it is passed over.
    pub fn until<T>(&mut self, what: &str, mut pick: impl FnMut(&Value) -> Option<T>) -> T {
        let start = std::time::Instant::now();
        let mut passed_over = Vec::new();
        while start.elapsed() < PATIENCE {
            let Some(event) = self.try_next(Duration::from_secs(5)) else {
                continue;
            };
            if let Some(found) = pick(&event) {
                return found;
            }
            passed_over.push(event.to_string());
        }
        panic!("the feed never said: {what}; it said\n{}", passed_over.join("\n"));
    }

    /// The next event of a type.
    pub fn event(&mut self, kind: &str) -> Value {
        self.until(kind, |e| (e["type"] == kind).then(|| e.clone()))
    }
}
