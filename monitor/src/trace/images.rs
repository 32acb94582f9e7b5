//! `GET /api/img?traceid=…`: an image for everybody who asks, a record where the name is a
//! trace's. The listener `monitor.trace_listen` serves this and nothing else.
//!
//! What is no trace's costs next to nothing: the picture is one of a few drawn beforehand,
//! and nothing is written. Range requests are answered whole, as RFC 9110 allows: no two
//! pictures are alike, so that pieces of them would not fit together.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use glassway_shared::{config::Config, store::traces::Hit};
use jiff::Timestamp;
use poem::{
    Request, Response,
    http::{Method, StatusCode, Version, header},
};
use rand::Rng;
use tokio::sync::mpsc;

use super::{
    code, draw,
    forwarded::Trusted,
    known::{Known, Mark},
    limit::Limit,
    png::Picture,
};

/// The one address.
pub const PATH: &str = "/api/img";
/// Pictures drawn beforehand.
const DECOYS: usize = 16;
/// Header fields kept of a fetch, and bytes of one value and of all of them.
const MOST_FIELDS: usize = 64;
const MOST_VALUE: usize = 1024;
const MOST_HEADERS: usize = 8192;

/// See the module.
pub struct Images {
    known: Arc<Known>,
    trusted: Trusted,
    redacted: Vec<String>,
    limit: Mutex<Limit>,
    decoys: Vec<Picture>,
    turn: AtomicUsize,
    hits: mpsc::Sender<Hit>,
    /// Codes of fetches that are counted alone.
    pub beyond: code::Beyond,
}

impl Images {
    /// Fetches of what is known go to `hits`.
    pub fn new(
        config: &Config,
        known: Arc<Known>,
        hits: mpsc::Sender<Hit>,
        beyond: code::Beyond,
    ) -> Self {
        let redacted = config.record.redact_headers.iter().map(|name| name.to_ascii_lowercase());
        Self {
            known,
            trusted: Trusted::of(config),
            redacted: redacted.collect(),
            limit: Mutex::new(Limit::new(Instant::now())),
            decoys: (0..DECOYS).map(|_| picture(&code::random())).collect(),
            turn: AtomicUsize::new(0),
            hits,
            beyond,
        }
    }

    /// Whether this peer speaks for others.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted.holds(peer)
    }

    /// Answers a request for [`PATH`].
    pub fn serve(&self, request: &Request, peer: SocketAddr) -> Response {
        let method = request.method();
        if !matches!(*method, Method::GET | Method::HEAD) {
            let answer = Response::builder().status(StatusCode::METHOD_NOT_ALLOWED);
            return answer
                .header(header::ALLOW, "GET, HEAD")
                .header(header::CONNECTION, "close")
                .finish();
        }
        let now = Instant::now();
        let file = match name(request).and_then(|name| self.known.find(&name)) {
            Some((mark, image)) => match mark.admit(now) {
                true => Some(self.fetched(&mark, image, request, peer)),
                false => {
                    self.count(&mark);
                    None
                }
            },
            None => self.admit(request, peer, now).then(|| self.decoy()),
        };
        let Some(file) = file else {
            let answer = Response::builder().status(StatusCode::TOO_MANY_REQUESTS);
            return answer
                .header(header::RETRY_AFTER, "1")
                .header(header::CONNECTION, "close")
                .finish();
        };
        let answer = Response::builder()
            .content_type("image/png")
            .header(header::CACHE_CONTROL, "no-store, no-cache, must-revalidate, max-age=0")
            .header(header::EXPIRES, "0")
            // Pages elsewhere may show it, as relays do.
            .header("cross-origin-resource-policy", "cross-origin")
            // Nobody holds a connection for one image.
            .header(header::CONNECTION, "close");
        match *method {
            // hyper sends no body after HEAD; its length would be another picture's.
            Method::HEAD => answer.finish(),
            _ => answer.body(file),
        }
    }

    fn admit(&self, request: &Request, peer: SocketAddr, now: Instant) -> bool {
        let client = self.trusted.chain(peer.ip(), forwarded(request)).client;
        self.limit.lock().unwrap_or_else(PoisonError::into_inner).admit(client, now)
    }

    fn decoy(&self) -> Vec<u8> {
        let turn = self.turn.fetch_add(1, Relaxed);
        self.decoys[turn % DECOYS].file(&nonce())
    }

    fn count(&self, mark: &Mark) {
        mark.overflow.fetch_add(1, Relaxed);
        self.known.overflow.fetch_add(1, Relaxed);
    }

    fn fetched(&self, mark: &Mark, image: u32, request: &Request, peer: SocketAddr) -> Vec<u8> {
        let seen = *request.method() == Method::GET;
        let client = self.trusted.chain(peer.ip(), forwarded(request)).client;
        if !mark.has_room(client) {
            return self.unrecorded(mark, image, request);
        }
        // A code is one fetch's alone.
        let drawn = code::random();
        let mut hit = self.hit(mark.id, image, request, peer);
        hit.code = seen.then(|| drawn.clone());
        if mark.id == 0 {
            mark.tell(hit);
        } else if self.hits.try_send(hit).is_err() {
            return self.unrecorded(mark, image, request);
        }
        picture(&drawn).file(&nonce())
    }

    /// Of a fetch that is counted alone: a model that reads it has seen the image all the
    /// same.
    fn unrecorded(&self, mark: &Mark, image: u32, request: &Request) -> Vec<u8> {
        self.count(mark);
        let name = name(request).unwrap_or_default();
        let trace = name.split('-').next().unwrap_or_default();
        picture(&self.beyond.code(trace, image)).file(&nonce())
    }

    fn hit(&self, trace: i64, image: u32, request: &Request, peer: SocketAddr) -> Hit {
        let chain = self.trusted.chain(peer.ip(), forwarded(request));
        let agent = request.header(header::USER_AGENT.as_str());
        Hit {
            id: 0,
            trace,
            image,
            at: Timestamp::now().as_microsecond(),
            method: request.method().to_string(),
            ip: chain.client.to_canonical().to_string(),
            peer: peer.ip().to_canonical().to_string(),
            port: peer.port(),
            forwarded: chain.named.iter().map(|ip| ip.to_canonical().to_string()).collect(),
            version: version(request.version()).to_owned(),
            user_agent: agent.map(|agent| clipped(agent, MOST_VALUE)),
            headers: self.headers(request),
            code: None,
        }
    }

    fn headers(&self, request: &Request) -> Vec<[String; 2]> {
        let mut kept = Vec::new();
        let mut bytes = 0;
        for (name, value) in request.headers().iter().take(MOST_FIELDS) {
            let value = match self.redacted.iter().any(|redacted| redacted == name.as_str()) {
                true => "[redacted]".to_owned(),
                false => clipped(&String::from_utf8_lossy(value.as_bytes()), MOST_VALUE),
            };
            bytes += name.as_str().len() + value.len();
            if bytes > MOST_HEADERS {
                break;
            }
            kept.push([name.as_str().to_owned(), value]);
        }
        kept
    }
}

fn forwarded(request: &Request) -> impl DoubleEndedIterator<Item = &str> {
    let values = request.headers().get_all("x-forwarded-for").iter();
    values.filter_map(|value| value.to_str().ok())
}

/// What `traceid` says. Whatever else relays add to the query is theirs.
fn name(request: &Request) -> Option<String> {
    let query = request.uri().query()?;
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let mut named = pairs.filter(|(name, _)| name == "traceid");
    named.next().map(|(_, value)| value.into_owned()).filter(|value| value.len() <= 64)
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_3 => "HTTP/3",
        _ => "HTTP/1.1",
    }
}

fn clipped(text: &str, most: usize) -> String {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// A code, drawn in colours of its own.
fn picture(code: &str) -> Picture {
    let (mut tint, mut jitter) = ([0; 6], [0; code::LENGTH]);
    let mut random = rand::rng();
    random.fill(&mut tint);
    random.fill(&mut jitter);
    let pixels = draw::pixels(code, &jitter);
    Picture::new(draw::WIDTH, draw::HEIGHT, &draw::palette(tint), &pixels)
}

fn nonce() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}

#[cfg(test)]
mod tests;
