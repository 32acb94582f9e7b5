//! Clients that never pause while services restart, and that take nothing lightly: a
//! refused connection, a connection closed under a request and a stream without its end
//! are failures, and none is tried again.

use std::{
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use glassway_tests::{
    Upstream,
    upstream::{SSE_HEAD, json},
    wire::{End, Wire, locked},
};

/// Events of a stream, and the time between them: longer than a restart takes otherwise.
const EVENTS: usize = 20;
const BETWEEN: Duration = Duration::from_millis(100);

/// What a client does.
#[derive(Clone, Copy)]
pub enum Kind {
    /// One request right after the other on a connection that is kept alive.
    Kept,
    /// The same with a long pause between them.
    Pausing,
    /// Each request on a connection of its own.
    Fresh,
    /// Streams.
    Streaming,
}

/// Clients at work.
pub struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    failures: Arc<Mutex<Vec<String>>>,
    clients: Vec<JoinHandle<()>>,
}

/// Answers JSON, and streams where it is asked for a stream.
pub fn upstream(listener: std::net::TcpListener) -> Upstream {
    Upstream::on(listener, |conn| {
        while let Some(request) = conn.try_request() {
            conn.forget_received();
            let sent = match request.head.first_line.contains("/stream") {
                false => conn.try_send(json(r#"{"answer":42}"#)).is_ok(),
                true => {
                    let mut ok = conn.try_send(SSE_HEAD).is_ok();
                    for n in 0..EVENTS {
                        let event = format!("data: {n}\n\n");
                        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
                        ok = ok && conn.try_send(chunk).is_ok();
                        thread::sleep(BETWEEN);
                    }
                    ok && conn.try_send("0\r\n\r\n").is_ok()
                }
            };
            if !sent {
                return;
            }
        }
    })
}

impl Load {
    /// Begins: `request` makes the bytes of a request to a path.
    pub fn start(
        address: SocketAddr,
        kinds: &[Kind],
        request: impl Fn(Kind) -> String + Clone + Send + 'static,
    ) -> Self {
        let load = Self {
            stop: Arc::default(),
            answered: Arc::default(),
            failures: Arc::default(),
            clients: Vec::new(),
        };
        let clients = kinds.iter().map(|&kind| {
            let (stop, answered) = (load.stop.clone(), load.answered.clone());
            let (failures, request) = (load.failures.clone(), request.clone());
            thread::spawn(move || {
                let mut kept = None;
                while !stop.load(Relaxed) {
                    match ask(&mut kept, address, kind, &request(kind)) {
                        Ok(()) => drop(answered.fetch_add(1, Relaxed)),
                        Err(why) => {
                            kept = None;
                            locked(&failures).push(why);
                            thread::sleep(Duration::from_millis(50));
                        }
                    }
                }
            })
        });
        let clients = clients.collect();
        Self { clients, ..load }
    }

    /// How many were answered so far.
    pub fn answered(&self) -> usize {
        self.answered.load(Relaxed)
    }

    /// Ends it: how many were answered, and every failure.
    pub fn end(self) -> (usize, Vec<String>) {
        self.stop.store(true, Relaxed);
        for client in self.clients {
            let _ = client.join();
        }
        let failures = std::mem::take(&mut *locked(&self.failures));
        (self.answered.load(Relaxed), failures)
    }
}

fn ask(
    kept: &mut Option<Wire>,
    address: SocketAddr,
    kind: Kind,
    request: &str,
) -> Result<(), String> {
    let reused = kept.is_some();
    let mut wire = match kept.take() {
        Some(wire) => wire,
        None => {
            let stream = TcpStream::connect_timeout(&address, Duration::from_secs(30));
            Wire::new(stream.map_err(|e| format!("not connected: {e}"))?)
        }
    };
    let where_to = if reused { "a kept connection" } else { "a new connection" };
    wire.try_send(request).map_err(|e| format!("not sent on {where_to}: {e}"))?;
    let head = wire.head_or_end().ok_or_else(|| format!("no answer on {where_to}"))?;
    if head.status() != 200 {
        return Err(format!("{} on {where_to}", head.status()));
    }
    let body = wire.body(&head, false, false);
    if body.end != End::Clean {
        return Err(format!("an answer was cut on {where_to}"));
    }
    if matches!(kind, Kind::Streaming) && body.text().matches("data: ").count() != EVENTS {
        return Err(format!("a stream lacks events: {}", body.text()));
    }
    let close = head.header("connection").is_some_and(|v| v.eq_ignore_ascii_case("close"));
    if !close && !matches!(kind, Kind::Fresh) {
        *kept = Some(wire);
    }
    thread::sleep(match kind {
        Kind::Pausing => Duration::from_millis(700),
        _ => Duration::from_millis(2),
    });
    Ok(())
}
