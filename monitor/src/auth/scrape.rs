//! `monitor.metrics_token`: a credential that opens `/metrics` and nothing else, so that
//! Prometheus needs no admin key.

use poem::{Request, http::Method};
use subtle::ConstantTimeEq;

use super::bearer;

/// The token's hash, where there is one.
pub struct Scraper(Option<blake3::Hash>);

impl Scraper {
    /// Of the configured token; empty: there is none.
    pub fn new(token: &str) -> Self {
        Self((!token.is_empty()).then(|| blake3::hash(token.as_bytes())))
    }

    /// Whether this request may pass for its sake.
    pub fn may(&self, request: &Request) -> bool {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let Some(own) = self.0.filter(|_| reads && request.uri().path() == "/metrics") else {
            return false;
        };
        let shown = bearer(request).map(|token| blake3::hash(token.as_bytes()));
        shown.is_some_and(|shown| own.as_bytes().ct_eq(shown.as_bytes()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_opens_metrics_alone() {
        let ask = |method: Method, path: &str, value: &str| {
            let uri = path.parse::<poem::http::Uri>().unwrap();
            Request::builder().method(method).uri(uri).header("authorization", value).finish()
        };
        let scraper = Scraper::new("scrape-me-0123456789");
        let right = "Bearer scrape-me-0123456789";
        assert!(scraper.may(&ask(Method::GET, "/metrics", right)));
        assert!(!scraper.may(&ask(Method::POST, "/metrics", right)));
        assert!(!scraper.may(&ask(Method::GET, "/api/requests", right)));
        assert!(!scraper.may(&ask(Method::GET, "/metrics", "Bearer scrape-me-0123456788")));
        assert!(!scraper.may(&ask(Method::GET, "/metrics", "Basic scrape-me-0123456789")));
        assert!(!Scraper::new("").may(&ask(Method::GET, "/metrics", "Bearer ")));
    }
}
