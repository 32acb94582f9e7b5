//! Where a transparent request goes: which configured base URL, and what its
//! target becomes there. Pure.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Uri, uri::PathAndQuery};
use url::Url;

/// An upstream as connections know it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Whether to speak TLS.
    pub tls: bool,
    /// Host as it is connected to and put into Host, without the port.
    pub host: String,
    /// The port, also where it is the default.
    pub port: u16,
}

/// A base URL, taken apart once.
#[derive(Clone, Debug)]
pub struct Base {
    /// Name that records show.
    pub provider: Arc<str>,
    /// Where to connect.
    pub origin: Arc<Origin>,
    /// The Host header.
    pub host: HeaderValue,
    /// `scheme://host[:port]`.
    pub prefix: String,
    /// What stands in place of `/v1`; empty where the base has no path of its own.
    path: String,
}

impl Base {
    /// From a configured base URL, which has been checked to name a host.
    pub fn new(provider: &str, url: &Url) -> Self {
        let tls = url.scheme() == "https";
        let host = url.host_str().unwrap_or_default().to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.clone(),
        };
        let path = url.path().trim_end_matches('/');
        Self {
            provider: provider.into(),
            host: HeaderValue::from_str(&authority).expect("a URL's authority is ASCII"),
            prefix: format!("{}://{authority}", url.scheme()),
            origin: Arc::new(Origin { tls, host, port }),
            path: if path == "/v1" { String::new() } else { path.to_owned() },
        }
    }

    /// What stands in place of `/v1`; empty where the base has no path of its own.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The target at this base: as it came, save that `/api/v1/` becomes `/v1/`, and
    /// that a base with a path has that in place of `/v1`. Bytes stay as they are.
    pub fn target(&self, target: &PathAndQuery) -> PathAndQuery {
        let text = target.as_str();
        let versioned = text.strip_prefix("/api/v1").filter(|rest| ends_segment(rest));
        let rest = versioned.or_else(|| text.strip_prefix("/v1").filter(|rest| ends_segment(rest)));
        let joined = match (rest, self.path.is_empty()) {
            (Some(rest), false) => format!("{}{rest}", self.path),
            (Some(rest), true) if versioned.is_some() => format!("/v1{rest}"),
            _ => return target.clone(),
        };
        PathAndQuery::try_from(joined).unwrap_or_else(|_| target.clone())
    }

    /// The absolute form, as HTTP/2 and logs want it.
    pub fn absolute(&self, target: &PathAndQuery) -> Option<Uri> {
        format!("{}{target}", self.prefix).parse().ok()
    }
}

fn ends_segment(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('/') || rest.starts_with('?')
}

/// The two places transparent traffic goes.
#[derive(Clone, Debug)]
pub struct Bases {
    openai: Base,
    anthropic: Base,
}

impl Bases {
    /// From the configuration.
    pub fn new(config: &glassway_shared::config::Upstream) -> Self {
        Self {
            openai: Base::new("openai", &config.base_url),
            anthropic: Base::new("anthropic", &config.anthropic_base_url),
        }
    }

    /// `/v1/models` and `/v1/files` exist in both APIs, so that the header tells, not
    /// the path.
    pub fn choose(&self, headers: &HeaderMap) -> &Base {
        match headers.contains_key("anthropic-version") {
            true => &self.anthropic,
            false => &self.openai,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("https://api.openai.com", "/v1/chat/completions?a=%2F", "/v1/chat/completions?a=%2F")]
    #[case("https://api.openai.com", "/api/v1/models", "/v1/models")]
    #[case("https://api.openai.com", "/api/v1x", "/api/v1x")]
    #[case("https://api.openai.com", "//a/../b%2f", "//a/../b%2f")]
    #[case("https://api.openai.com/v1/", "/v1/models", "/v1/models")]
    #[case(
        "https://open.example/api/paas/v4",
        "/v1/chat/completions",
        "/api/paas/v4/chat/completions"
    )]
    #[case("https://open.example/api/paas/v4", "/api/v1/models", "/api/paas/v4/models")]
    #[case("https://open.example/api/paas/v4", "/other", "/other")]
    #[case("https://open.example/x", "/v1?q", "/x?q")]
    fn joins(#[case] base: &str, #[case] target: &'static str, #[case] expected: &str) {
        let base = Base::new("openai", &base.parse().unwrap());
        assert_eq!(base.target(&PathAndQuery::from_static(target)).as_str(), expected);
    }

    #[test]
    fn hosts_keep_only_unusual_ports() {
        let base = |url: &str| Base::new("openai", &url.parse().unwrap());
        assert_eq!(base("https://a.example:443").host, "a.example");
        assert_eq!(base("http://[::1]:9000").host, "[::1]:9000");
        assert_eq!(base("http://a.example").origin.port, 80);
    }
}
