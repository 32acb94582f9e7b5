//! `GET /api/img?traceid=…`: an image for everybody who asks, a record where the name is a
//! trace's. The listener `monitor.trace_listen` serves this and nothing else.
//!
//! What is no trace's costs next to nothing: the picture is one of a few drawn beforehand,
//! and nothing is written. Range requests are answered whole, as RFC 9110 allows: no two
//! pictures are alike, so that pieces of them would not fit together.

use std::{
    net::SocketAddr,
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
}

impl Images {
    /// Fetches of what is known go to `hits`.
    pub fn new(config: &Config, known: Arc<Known>, hits: mpsc::Sender<Hit>) -> Self {
        let redacted = config.record.redact_headers.iter().map(|name| name.to_ascii_lowercase());
        Self {
            known,
            trusted: Trusted::of(config),
            redacted: redacted.collect(),
            limit: Mutex::new(Limit::new(Instant::now())),
            decoys: (0..DECOYS).map(|_| picture(&code::random())).collect(),
            turn: AtomicUsize::new(0),
            hits,
        }
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
                    self.beyond(&mark);
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

    fn beyond(&self, mark: &Mark) {
        mark.overflow.fetch_add(1, Relaxed);
        self.known.overflow.fetch_add(1, Relaxed);
    }

    fn fetched(&self, mark: &Mark, image: u32, request: &Request, peer: SocketAddr) -> Vec<u8> {
        let seen = *request.method() == Method::GET;
        if !mark.has_room() {
            self.beyond(mark);
            return picture(&mark.code(None)).file(&nonce());
        }
        let fresh = code::random();
        let mut hit = self.hit(mark.id, image, request, peer);
        hit.code = seen.then(|| fresh.clone());
        let drawn = mark.code(seen.then_some(&fresh));
        let drawn = if seen { drawn } else { fresh };
        if mark.id == 0 {
            mark.tell(hit);
        } else if self.hits.try_send(hit).is_err() {
            self.beyond(mark);
        }
        picture(&drawn).file(&nonce())
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
mod tests {
    use super::*;

    fn images() -> (Images, mpsc::Receiver<Hit>, Arc<Known>) {
        let known = Arc::new(Known::default());
        let (sender, receiver) = mpsc::channel(4096);
        (Images::new(&Config::default(), known.clone(), sender), receiver, known)
    }

    fn ask(images: &Images, method: Method, query: &str, peer: &str) -> Response {
        let request = Request::builder()
            .method(method)
            .uri_str(format!("{PATH}?{query}"))
            .header("user-agent", "Fetcher/1")
            .header("cookie", "secret")
            .header("x-forwarded-for", "6.6.6.6")
            .finish();
        images.serve(&request, peer.parse().unwrap())
    }

    #[tokio::test]
    async fn a_trace_s_fetches_are_kept_with_codes_of_their_own_and_guesses_are_not() {
        let (images, mut hits, known) = images();
        known.add("aa", 7, 2);
        let first = ask(&images, Method::GET, "traceid=aa", "192.0.2.1:4711");
        assert_eq!(first.status(), 200);
        let first = first.into_body().into_vec().await.unwrap();
        let second = ask(&images, Method::GET, "x=1&traceid=aa-2&y", "[2001:db8::1]:9");
        assert_ne!(first, second.into_body().into_vec().await.unwrap());
        ask(&images, Method::HEAD, "traceid=aa", "192.0.2.1:4712");
        let hits: Vec<Hit> = std::iter::from_fn(|| hits.try_recv().ok()).collect();
        let told = |hit: &Hit| (hit.trace, hit.image, hit.method.clone(), hit.ip.clone(), hit.port);
        assert_eq!(
            hits.iter().map(told).collect::<Vec<_>>(),
            [
                (7, 1, "GET".to_owned(), "192.0.2.1".to_owned(), 4711),
                (7, 2, "GET".to_owned(), "2001:db8::1".to_owned(), 9),
                (7, 1, "HEAD".to_owned(), "192.0.2.1".to_owned(), 4712),
            ]
        );
        assert_ne!(hits[0].code, hits[1].code);
        assert!(hits[0].code.is_some() && hits[2].code.is_none());
        let header = |name: &str| hits[0].headers.iter().find(|[n, _]| n == name).map(|h| &h[1]);
        assert_eq!(header("cookie").unwrap(), "[redacted]");
        assert_eq!(header("x-forwarded-for").unwrap(), "6.6.6.6", "on record, not believed");
        for guess in ["traceid=ab", "traceid=", "", "traceid=aa-3", "other=aa"] {
            let answer = ask(&images, Method::GET, guess, "192.0.2.1:1");
            assert_eq!(answer.status(), 200);
            assert!(answer.into_body().into_vec().await.unwrap().starts_with(b"\x89PNG"));
        }
    }

    #[tokio::test]
    async fn a_flood_of_guesses_is_held_back_and_hides_no_real_fetch() {
        let (images, mut hits, known) = images();
        known.add("aa", 7, 1);
        let peer = "192.0.2.1:1";
        let mut statuses = std::collections::HashMap::new();
        for n in 0..2000 {
            let answer = ask(&images, Method::GET, &format!("traceid={n}"), peer);
            *statuses.entry(answer.status().as_u16()).or_insert(0) += 1;
        }
        assert!(statuses[&200] < 200 && statuses[&429] > 1800, "{statuses:?}");
        assert_eq!(ask(&images, Method::GET, "traceid=aa", peer).status(), 200);
        assert_eq!(hits.recv().await.unwrap().trace, 7);
        assert!(hits.try_recv().is_err());
        // A flood of what is known: a bounded record, the rest is counted.
        for _ in 0..2000 {
            ask(&images, Method::GET, "traceid=aa", peer);
        }
        let kept = std::iter::from_fn(|| hits.try_recv().ok()).count();
        assert_eq!(kept, 199);
        assert_eq!(known.overflown(), [(7, 1801)]);
    }

    #[test]
    fn only_reading_is_allowed() {
        let (images, ..) = images();
        assert_eq!(ask(&images, Method::POST, "traceid=x", "192.0.2.1:1").status(), 405);
    }
}
