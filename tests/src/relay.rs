//! A relay station as a trace meets it: it takes chat requests, fetches the images in
//! them as a script says, and answers. And an OCR, which stands for a model that sees.

use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json as value};
use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    Upstream,
    upstream::{Request, answer},
    wait::PATIENCE,
};

/// How an image is fetched.
#[derive(Clone)]
pub struct Fetch {
    /// The address that it comes from.
    pub from: IpAddr,
    /// As it calls itself; empty: it does not.
    pub agent: String,
    /// `GET` or `HEAD`.
    pub method: &'static str,
    /// Further header lines, each ended.
    pub headers: String,
}

/// A GET from this loopback address.
#[must_use]
pub fn fetch(from: &str, agent: &str) -> Fetch {
    let from = from.parse().expect("an address");
    Fetch { from, agent: agent.to_owned(), method: "GET", headers: String::new() }
}

/// What a fetch brought.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Status code; 0 where the connection broke.
    pub status: u16,
    /// The head as it came.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Fetch {
    /// With these further header lines, each ended.
    #[must_use]
    pub fn with(self, headers: &str) -> Self {
        Self { headers: headers.to_owned(), ..self }
    }

    /// By another method.
    #[must_use]
    pub fn by(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    /// Fetches `http://host:port/path`; from an IPv6 address at `[::1]` of that port.
    #[must_use]
    pub fn get(&self, url: &str) -> Fetched {
        let rest = url.strip_prefix("http://").expect("tests are plain http");
        let (host, path) = rest.split_at(rest.find('/').expect("a path"));
        let to: SocketAddr = host.parse().expect("an address with a port");
        let to =
            if self.from.is_ipv6() { ([0, 0, 0, 0, 0, 0, 0, 1], to.port()).into() } else { to };
        let domain = Domain::for_address(to);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP)).expect("a socket");
        socket.bind(&SocketAddr::new(self.from, 0).into()).expect("loopback addresses are ours");
        socket.set_read_timeout(Some(PATIENCE)).expect("a positive timeout");
        socket.connect(&to.into()).unwrap_or_else(|e| panic!("{to}: {e}"));
        let mut stream = TcpStream::from(socket);
        let agent = match self.agent.is_empty() {
            true => String::new(),
            false => format!("User-Agent: {}\r\n", self.agent),
        };
        let Self { method, headers, .. } = self;
        let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{agent}{headers}\r\n");
        stream.write_all(request.as_bytes()).expect("it takes a request");
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(bytes.len());
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        Fetched { status, head, body: bytes.get(end + 4..).unwrap_or_default().to_vec() }
    }
}

/// The addresses of the images in a chat request, in either dialect.
#[must_use]
pub fn images(request: &Request) -> Vec<String> {
    let body: Value = serde_json::from_slice(&request.body.bytes).expect("a chat request");
    let content = body["messages"][0]["content"].as_array().cloned().unwrap_or_default();
    let url = |part: &Value| {
        let url = part["image_url"]["url"].as_str().or(part["source"]["url"].as_str());
        url.map(str::to_owned)
    };
    content.iter().filter_map(url).collect()
}

/// A chat completion that says this.
#[must_use]
pub fn says(text: &str) -> Vec<u8> {
    let body = value!({
        "id": "chatcmpl-CEJ2NKLV5vrqrmcHJ8MuGem3fnYVV", "object": "chat.completion",
        "model": "gpt-4o-2024-08-06", "system_fingerprint": "fp_cbf1785567",
        "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 480, "completion_tokens": 8},
    });
    let bytes = answer("200 OK", "application/json", &body.to_string());
    let text = String::from_utf8(bytes).expect("it was text");
    text.replacen("\r\n", "\r\nX-Oneapi-Request-Id: 2026\r\nServer: nginx\r\n", 1).into_bytes()
}

/// A relay that does with each request what `each` says; that gives its answer.
pub fn relay(each: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> Upstream {
    Upstream::respond(each)
}

/// Fetches each image so, one after the other, and says nothing of them.
pub fn fetching(fetches: Vec<Fetch>) -> Upstream {
    relay(move |request| {
        for url in images(request) {
            for fetch in &fetches {
                assert_eq!(fetch.get(&url).status, 200);
                // In this order, to the millisecond.
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        says("I cannot open links.")
    })
}

/// Reads a picture's letters, as Debian's tesseract sees them.
#[must_use]
pub fn ocr(png: &[u8]) -> String {
    let mut child = Command::new("tesseract")
        .args(["stdin", "stdout", "--psm", "7", "-c"])
        .arg("tessedit_char_whitelist=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|e| panic!("tesseract: {e} (Debian: tesseract-ocr)"));
    child.stdin.take().expect("it was piped").write_all(png).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout);
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}
