//! A client that sends exact bytes and reads exact bytes.

use std::{
    net::{SocketAddr, TcpStream},
    ops::{Deref, DerefMut},
};

use crate::wire::{Body, End, Head, Wire};

/// One connection to the proxy.
pub struct Client(Wire);

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// Status line and headers.
    pub head: Head,
    /// Body and trailers.
    pub body: Body,
}

impl Client {
    /// Opens a connection.
    #[must_use]
    pub fn connect(addr: SocketAddr) -> Self {
        Self(Wire::new(TcpStream::connect(addr).expect("the proxy accepts connections")))
    }

    /// Reads a final answer (1xx are passed over) to a request that was no HEAD.
    pub fn answer(&mut self) -> Answer {
        let mut head = self.head();
        while head.status() / 100 == 1 && head.status() != 101 {
            head = self.head();
        }
        let bodiless = matches!(head.status(), 101 | 204 | 304);
        let body = self.body(&head, true, bodiless);
        Answer { head, body }
    }

    /// Sends a request and reads its answer.
    pub fn ask(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.send(request);
        self.answer()
    }
}

/// Sends one request on a connection of its own.
pub fn ask(addr: SocketAddr, request: impl AsRef<[u8]>) -> Answer {
    Client::connect(addr).ask(request)
}

/// A POST of JSON as HTTP/1.1.
#[must_use]
pub fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: glassway\r\nAuthorization: Bearer sk-test-0123456789\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A GET as HTTP/1.1.
#[must_use]
pub fn get(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: glassway\r\nAuthorization: Bearer sk-test-0123456789\r\n\r\n"
    )
}

impl Answer {
    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The body as text; panics where it is not whole.
    #[must_use]
    pub fn text(&self) -> String {
        assert_eq!(self.body.end, End::Clean, "the answer was cut: {self:?}");
        self.body.text()
    }

    /// The body as JSON; panics where it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text()).unwrap_or_else(|e| panic!("not JSON ({e}): {self:?}"))
    }
}

impl Deref for Client {
    type Target = Wire;
    fn deref(&self) -> &Wire {
        &self.0
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Wire {
        &mut self.0
    }
}

impl From<Client> for Wire {
    fn from(client: Client) -> Self {
        client.0
    }
}
