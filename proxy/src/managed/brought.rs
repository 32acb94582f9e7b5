//! A key that comes along with its one request, for an address that somebody typed in:
//! sealed by the monitor, opened here, used once, kept nowhere. The address is judged by
//! the same rules as a provider's, here and again on what its name resolves to.
//!
//! A hidden provider and key in the tables were rejected: every list, plan and statistic
//! would have to know that they are not there.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use glassway_shared::{
    address::{Allow, check_url},
    secret::{self, BROUGHT, Binding, PrivateKey},
};
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::{BodyExt, Collected, Limited};
use url::Url;

use super::scrub;
use crate::{
    route::Target,
    snapshot::{Key, Kind, Provider, credential},
    tee::Reply,
};

/// Bytes of an answer; what is longer is none.
const MOST_ANSWER: usize = 32 << 20;

/// What the request needs beside itself.
const HEADERS: [&str; 3] = ["x-glassway-base-url", "x-glassway-kind", "x-glassway-sealed"];

/// An upstream and its credential, for one request.
#[derive(Clone)]
pub struct Brought {
    provider: Arc<Provider>,
    key: Arc<Key>,
}

impl Brought {
    /// Takes it out of the headers, so that nothing of it is recorded. `id` is what the
    /// key was sealed for.
    pub fn take(
        id: i64,
        headers: &mut HeaderMap,
        private: Option<&PrivateKey>,
        allow: &Allow,
    ) -> Result<Self, String> {
        let [url, kind, sealed] = HEADERS.map(|name| headers.remove(name));
        let text = |value: &Option<http::HeaderValue>, name: &str| {
            let text = value.as_ref().and_then(|value| value.to_str().ok()).map(str::to_owned);
            text.ok_or_else(|| format!("the header {name} is missing"))
        };
        let url: Url =
            text(&url, HEADERS[0])?.parse().map_err(|e| format!("{}: {e}", HEADERS[0]))?;
        check_url(&url, allow).map_err(|e| e.to_string())?;
        let kind = text(&kind, HEADERS[1])?;
        let kind = Kind::named(&kind).ok_or_else(|| format!("`{kind}` is no kind of provider"))?;
        let sealed = BASE64_STANDARD
            .decode(text(&sealed, HEADERS[2])?)
            .map_err(|_| format!("{} is not base64", HEADERS[2]))?;
        let origin = secret::origin(&url);
        let binding =
            Binding { key_id: id, provider_id: BROUGHT, kind: kind.as_str(), origin: &origin };
        let credential = credential(kind, binding, &sealed, private)
            .map_err(|reason| format!("the key cannot be opened ({reason}): paste it again"))?;
        let name = url.host_str().unwrap_or_default();
        Ok(Self {
            provider: Arc::new(Provider::brought(name, kind, &url)),
            key: Arc::new(Key::brought(credential)),
        })
    }

    /// Whose words it speaks.
    pub(super) fn kind(&self) -> Kind {
        self.provider.kind
    }

    /// An answer without the key in it, however it was repeated: nobody but its one
    /// request ever gets to see it.
    pub async fn hide(&self, answer: Response<Reply>) -> Response<Reply> {
        let (mut parts, body) = answer.into_parts();
        let body = Limited::new(body, MOST_ANSWER).collect().await;
        let Ok(body) = body.map(Collected::to_bytes) else {
            parts.status = StatusCode::BAD_GATEWAY;
            parts.headers.remove(header::CONTENT_LENGTH);
            return Response::from_parts(parts, Reply::from(Bytes::new()));
        };
        // Compressed, it could neither be found nor be read by who asked.
        let body = scrub::readable(&mut parts.headers, body, MOST_ANSWER);
        let body = scrub::body(body, &self.key);
        parts.headers.remove(header::CONTENT_LENGTH);
        Response::from_parts(parts, Reply::from(body))
    }

    /// Where it sends this model.
    pub(super) fn target(&self, model: Option<&str>) -> Target {
        Target {
            provider: self.provider.clone(),
            key: self.key.clone(),
            model: model.unwrap_or_default().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use glassway_shared::secret::Secret;
    use http::HeaderValue;

    use super::*;

    const URL: &str = "https://relay.example/v1";

    fn headers(private: &PrivateKey, id: i64, provider_id: i64, url: &str) -> HeaderMap {
        let origin = secret::origin(&URL.parse().unwrap());
        let binding = Binding { key_id: id, provider_id, kind: "openai", origin: &origin };
        let sealed = private.public().seal(binding, &Secret::new("sk-typed".to_owned()));
        let mut headers = HeaderMap::new();
        let mut put = |name, value: &str| headers.insert(name, value.parse().unwrap());
        put(HEADERS[0], url);
        put(HEADERS[1], "openai");
        put(HEADERS[2], &BASE64_STANDARD.encode(sealed));
        put("content-type", "application/json");
        headers
    }

    #[test]
    fn opens_for_its_own_id_and_address_and_leaves_no_header() {
        let private = PrivateKey::generate();
        let allow = Allow::default();
        let mut good = headers(&private, 7, BROUGHT, URL);
        let brought = Brought::take(7, &mut good, Some(&private), &allow).ok().unwrap();
        let target = brought.target(Some("m"));
        assert_eq!(target.key.credential, HeaderValue::from_static("Bearer sk-typed"));
        assert_eq!((&*target.provider.name, &*target.model), ("relay.example", "m"));
        assert_eq!(good.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["content-type"]);
        for (what, id, mut bad) in [
            ("another id", 8, headers(&private, 7, BROUGHT, URL)),
            ("a pooled key", 7, headers(&private, 7, 1, URL)),
            ("another origin", 7, headers(&private, 7, BROUGHT, "https://evil.example/v1")),
            ("a refused address", 7, headers(&private, 7, BROUGHT, "http://169.254.169.254")),
            ("a private address", 7, headers(&private, 7, BROUGHT, "https://10.0.0.1")),
            ("another key pair", 7, headers(&PrivateKey::generate(), 7, BROUGHT, URL)),
        ] {
            assert!(Brought::take(id, &mut bad, Some(&private), &allow).is_err(), "{what}");
            assert_eq!(bad.len(), 1, "{what}: nothing of it goes on");
        }
        let mut good = headers(&private, 7, BROUGHT, URL);
        assert!(Brought::take(7, &mut good, None, &allow).is_err());
    }
}
