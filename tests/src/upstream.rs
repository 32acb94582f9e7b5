//! An upstream scripted on a raw socket: it cuts, hangs, half-closes, resets and
//! frames badly for real, and keeps every byte it was sent.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    wait::eventually,
    wire::{Body, End, Head, Wire, locked},
};

/// One request as the upstream saw it.
#[derive(Debug, Clone)]
pub struct Request {
    /// Request line and headers.
    pub head: Head,
    /// Body and trailers.
    pub body: Body,
}

/// A listening upstream. Every connection runs the script on a thread of its own.
pub struct Upstream {
    addr: SocketAddr,
    seen: Arc<Seen>,
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    received: Mutex<Vec<Arc<Mutex<Vec<u8>>>>>,
    requests: Mutex<Vec<Request>>,
    scripts: Mutex<Vec<JoinHandle<()>>>,
    forgets: AtomicBool,
}

/// One connection as its script sees it.
pub struct Conn {
    wire: Wire,
    seen: Arc<Seen>,
    /// The how-manieth connection this is, from 0.
    pub number: usize,
}

impl Upstream {
    /// Runs `script` for each connection.
    pub fn script(script: impl Fn(&mut Conn) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        Self::on(listener, script)
    }

    /// [`Self::script`] on a listener that already exists.
    pub fn on(listener: TcpListener, script: impl Fn(&mut Conn) + Send + Sync + 'static) -> Self {
        let addr = listener.local_addr().expect("a listener has an address");
        let seen = Arc::new(Seen::default());
        let stop = Arc::new(AtomicBool::new(false));
        let script = Arc::new(script);
        let accepting = thread::spawn({
            let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let mut wire = Wire::new(stream);
                    if seen.forgets.load(Ordering::Relaxed) {
                        wire.forget_received();
                        locked(&seen.scripts).retain(|script| !script.is_finished());
                    }
                    let mut received = locked(&seen.received);
                    let mut conn = Conn { number: received.len(), seen: Arc::clone(&seen), wire };
                    received.push(conn.wire.received());
                    drop(received);
                    let script = Arc::clone(&script);
                    let running = thread::spawn(move || script(&mut conn));
                    locked(&seen.scripts).push(running);
                }
            }
        });
        Self { addr, seen, stop, accepting: Some(accepting) }
    }

    /// Answers every request of every connection with the same bytes.
    pub fn answer(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::respond(move |_| bytes.clone())
    }

    /// Answers every request of every connection with what `respond` makes of it.
    pub fn respond(respond: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::script(move |conn| {
            while let Some(request) = conn.try_request() {
                let answer = respond(&request);
                if conn.try_send(&answer).is_err() {
                    return;
                }
            }
        })
    }

    /// Keeps nothing of what comes from now on, for hours of load.
    pub fn forget(&self) {
        self.seen.forgets.store(true, Ordering::Relaxed);
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The requests that came whole, in the order of their ends.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        locked(&self.seen.requests).clone()
    }

    /// The only request that came; waits for it.
    pub fn only_request(&self) -> Request {
        let requests = eventually("a request at the upstream", || {
            Some(self.requests()).filter(|r| !r.is_empty())
        });
        assert_eq!(requests.len(), 1, "more than one request came: {requests:?}");
        requests[0].clone()
    }

    /// How many connections were opened to it.
    #[must_use]
    pub fn connections(&self) -> usize {
        locked(&self.seen.received).len()
    }

    /// Every byte that came on a connection.
    #[must_use]
    pub fn received(&self, connection: usize) -> Vec<u8> {
        let received = locked(&self.seen.received);
        locked(&received[connection]).clone()
    }

    /// Panics if a script did, with the same words.
    pub fn check(&self) {
        let scripts: Vec<_> = locked(&self.seen.scripts).drain(..).collect();
        for script in scripts {
            if script.is_finished()
                && let Err(panic) = script.join()
            {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // The accept loop looks at `stop` when a connection comes.
        let _ = std::net::TcpStream::connect_timeout(&self.addr, Duration::from_secs(1));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

impl Conn {
    /// Reads a request to its end; none where the connection was closed instead.
    pub fn try_request(&mut self) -> Option<Request> {
        let head = self.wire.try_head()?;
        Some(self.rest_of(head))
    }

    /// Reads a request to its end.
    pub fn request(&mut self) -> Request {
        self.try_request().expect("a request comes")
    }

    /// Reads the body behind a head that was read already.
    pub fn rest_of(&mut self, head: Head) -> Request {
        let body = self.wire.body(&head, false, false);
        let request = Request { head, body };
        if request.body.end == End::Clean && !self.seen.forgets.load(Ordering::Relaxed) {
            locked(&self.seen.requests).push(request.clone());
        }
        request
    }

    /// Sends a chunk of a chunked body.
    pub fn send_chunk(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
        framed.extend_from_slice(bytes);
        framed.extend_from_slice(b"\r\n");
        self.wire.send(framed);
    }

    /// Breaks the connection off with a reset once the script returns.
    pub fn reset(&mut self) {
        let socket = socket2::SockRef::from(self.wire.stream());
        let _ = socket.set_linger(Some(Duration::ZERO));
    }
}

impl std::ops::Deref for Conn {
    type Target = Wire;
    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl std::ops::DerefMut for Conn {
    fn deref_mut(&mut self) -> &mut Wire {
        &mut self.wire
    }
}

/// A 200 with a JSON body.
#[must_use]
pub fn json(body: &str) -> Vec<u8> {
    answer("200 OK", "application/json", body)
}

/// An answer with a body of known length.
#[must_use]
pub fn answer(status: &str, content_type: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The head of a chunked event stream.
pub const SSE_HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A whole chunked event stream of the given `data` lines.
#[must_use]
pub fn sse(events: &[&str]) -> Vec<u8> {
    let mut bytes = SSE_HEAD.as_bytes().to_vec();
    for event in events {
        let frame = format!("data: {event}\n\n");
        bytes.extend_from_slice(format!("{:x}\r\n{frame}\r\n", frame.len()).as_bytes());
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}
