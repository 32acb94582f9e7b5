//! HTTP/1 as bytes: what a scripted upstream and a raw client both read with.
//!
//! It refuses nothing and corrects nothing, so that a test sees what travelled.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::wait::PATIENCE;

/// A connection, what was read ahead on it, and all it ever received.
pub struct Wire {
    stream: TcpStream,
    ahead: Vec<u8>,
    received: Arc<Mutex<Vec<u8>>>,
    keep_received: bool,
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As its framing says it must.
    Clean,
    /// The connection ended or broke first.
    Cut,
}

/// The first line and the headers of a message, as they came.
#[derive(Debug, Clone)]
pub struct Head {
    /// Everything up to and including the empty line.
    pub raw: String,
    /// The request line or status line.
    pub first_line: String,
    /// Names and values in their order and spelling.
    pub headers: Vec<(String, String)>,
}

/// A body, without its framing, and the trailers behind it.
#[derive(Debug, Clone)]
pub struct Body {
    /// The content.
    pub bytes: Vec<u8>,
    /// The sizes of the chunks it came in; empty without chunked framing.
    pub chunks: Vec<usize>,
    /// Trailer fields in their order and spelling.
    pub trailers: Vec<(String, String)>,
    /// Whether it is whole.
    pub end: End,
}

impl Head {
    /// The only value of a header whose name matches in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// All values of a header, in order.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
            .collect()
    }

    /// Header names, lower-cased and sorted, to compare sets of them.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.headers.iter().map(|(n, _)| n.to_ascii_lowercase()).collect();
        names.sort();
        names
    }

    /// The status of an answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.first_line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or_else(|| panic!("not a status line: {:?}", self.first_line))
    }

    fn parse(raw: &[u8]) -> Self {
        let raw = String::from_utf8_lossy(raw).into_owned();
        let mut lines = raw.split("\r\n");
        let first_line = lines.next().unwrap_or_default().to_owned();
        let headers = lines.take_while(|l| !l.is_empty()).map(field).collect();
        Self { raw, first_line, headers }
    }
}

fn field(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    (name.to_owned(), value.trim().to_owned())
}

impl Wire {
    /// Takes a connection over; reads give up after [`PATIENCE`].
    #[must_use]
    pub fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a positive timeout is valid");
        stream.set_nodelay(true).expect("a TCP socket has no delay");
        Self { stream, ahead: Vec::new(), received: Arc::default(), keep_received: true }
    }

    /// Stops keeping what is received, for bodies of hundreds of megabytes.
    pub fn forget_received(&mut self) {
        self.keep_received = false;
    }

    /// All bytes that have come so far, whether they were asked for or not.
    #[must_use]
    pub fn received(&self) -> Arc<Mutex<Vec<u8>>> {
        Arc::clone(&self.received)
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The other side is gone.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends bytes as they are, and panics where the other side is gone.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the other side takes bytes");
    }

    /// Reads a head; none where the connection ended before its first byte.
    pub fn try_head(&mut self) -> Option<Head> {
        let head = self.head_or_end();
        assert!(
            head.is_some() || self.ahead.is_empty(),
            "the connection ended inside a head: {:?}",
            String::from_utf8_lossy(&self.ahead)
        );
        head
    }

    /// Reads a head; none where the connection ended before it was whole.
    pub fn head_or_end(&mut self) -> Option<Head> {
        let mut from = 0;
        loop {
            if let Some(at) = find(&self.ahead[from..], b"\r\n\r\n") {
                let end = from + at + 4;
                let raw: Vec<u8> = self.ahead.drain(..end).collect();
                return Some(Head::parse(&raw));
            }
            from = self.ahead.len().saturating_sub(3);
            if !matches!(self.fill(), Ok(1..)) {
                return None;
            }
        }
    }

    /// Reads a head.
    pub fn head(&mut self) -> Head {
        self.try_head().expect("a message comes")
    }

    /// Reads the body a head announces. `bodiless` is for what only the other
    /// half of the exchange tells: the answer to a HEAD, a 204, a 304.
    pub fn body(&mut self, head: &Head, until_close: bool, bodiless: bool) -> Body {
        let chunked = head
            .values("transfer-encoding")
            .iter()
            .any(|v| v.to_ascii_lowercase().contains("chunked"));
        if bodiless {
            return Body::whole(Vec::new());
        }
        if chunked {
            return self.chunked();
        }
        match head.header("content-length") {
            Some(n) => self.sized(n.parse().expect("Content-Length is a number")),
            None if until_close => {
                let (bytes, end) = self.rest();
                Body { end, ..Body::whole(bytes) }
            }
            None => Body::whole(Vec::new()),
        }
    }

    /// Reads exactly `n` bytes, or what there is of them.
    pub fn sized(&mut self, n: usize) -> Body {
        while self.ahead.len() < n {
            if !matches!(self.fill(), Ok(1..)) {
                let bytes = std::mem::take(&mut self.ahead);
                return Body { end: End::Cut, ..Body::whole(bytes) };
            }
        }
        Body::whole(self.ahead.drain(..n).collect())
    }

    /// Reads one line without its line end.
    pub fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = find(&self.ahead, b"\r\n") {
                let line: Vec<u8> = self.ahead.drain(..at + 2).collect();
                return Some(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            if !matches!(self.fill(), Ok(1..)) {
                return None;
            }
        }
    }

    /// Reads the next chunk of a chunked body; empty at its end, none where it
    /// was cut. The trailers stay to be read.
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = self.line()?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16)
            .unwrap_or_else(|_| panic!("not a chunk size: {line:?}"));
        if size == 0 {
            return Some(Vec::new());
        }
        let body = self.sized(size);
        if body.end == End::Cut {
            return None;
        }
        self.line().map(|_| body.bytes)
    }

    fn chunked(&mut self) -> Body {
        let mut body = Body::whole(Vec::new());
        loop {
            match self.chunk() {
                Some(chunk) if chunk.is_empty() => break,
                Some(chunk) => {
                    body.chunks.push(chunk.len());
                    body.bytes.extend_from_slice(&chunk);
                }
                None => {
                    body.end = End::Cut;
                    return body;
                }
            }
        }
        loop {
            match self.line() {
                Some(line) if line.is_empty() => return body,
                Some(line) => body.trailers.push(field(&line)),
                None => {
                    body.end = End::Cut;
                    return body;
                }
            }
        }
    }

    /// Reads until the other side closes (`Clean`) or breaks off (`Cut`).
    pub fn rest(&mut self) -> (Vec<u8>, End) {
        let end = loop {
            match self.fill() {
                Ok(0) => break End::Clean,
                Ok(_) => {}
                Err(e) if is_timeout(&e) => panic!("the other side keeps the connection open"),
                Err(_) => break End::Cut,
            }
        };
        (std::mem::take(&mut self.ahead), end)
    }

    /// Reads and throws away, as slowly as asked: `pause` before each 64 KB.
    /// Gives the number of bytes until the end of the connection or `limit`.
    pub fn drain(&mut self, limit: usize, mut pause: impl FnMut()) -> usize {
        let mut total = self.ahead.len();
        self.ahead.clear();
        let mut buffer = vec![0; 64 * 1024];
        while total < limit {
            pause();
            let want = buffer.len().min(limit - total);
            match self.stream.read(&mut buffer[..want]) {
                Ok(0) | Err(_) => break,
                Ok(n) => total += n,
            }
        }
        total
    }

    /// Waits until the other side closes, resets or sends something.
    pub fn closed(&mut self) -> bool {
        !matches!(self.fill(), Ok(1..))
    }

    /// Says "I am done sending" and keeps reading.
    pub fn half_close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Breaks the connection off with a reset.
    pub fn reset(self) {
        let socket = socket2::Socket::from(self.stream);
        let _ = socket.set_linger(Some(Duration::ZERO));
    }

    /// The socket itself, to set options on.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 64 * 1024];
        let n = self.stream.read(&mut buffer)?;
        self.ahead.extend_from_slice(&buffer[..n]);
        if self.keep_received {
            locked(&self.received).extend_from_slice(&buffer[..n]);
        }
        Ok(n)
    }
}

impl Body {
    fn whole(bytes: Vec<u8>) -> Self {
        Self { bytes, chunks: Vec::new(), trailers: Vec::new(), end: End::Clean }
    }

    /// The content as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// A lock that outlives the panic of another thread.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_timeout(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}
