//! Takes credentials out of everything that is kept: header values, query
//! parameters, the key a browser's realtime socket carries in its protocols. Runs
//! before anything is queued, so that no record, event or log ever holds one.

use glassway_shared::headers;
use http::{HeaderMap, HeaderName, header::SEC_WEBSOCKET_PROTOCOL};

/// Names of query parameters that carry credentials.
const SECRET_PARAMETERS: &[&str] =
    &["key", "api_key", "api-key", "apikey", "access_token", "token", "client_secret", "sig"];

/// How a browser's realtime client sends its key.
pub const SOCKET_KEY: &str = "openai-insecure-api-key.";

/// Knows which headers are secret.
pub struct Redactor {
    /// Few: comparing beats hashing.
    names: Vec<HeaderName>,
}

impl Redactor {
    /// From `record.redact_headers`; names that are no header names match nothing.
    pub fn new(names: &[String]) -> Self {
        Self { names: names.iter().filter_map(|name| name.trim().parse().ok()).collect() }
    }

    /// The stored form of these headers, secrets masked.
    pub fn block(&self, map: &HeaderMap) -> Vec<u8> {
        let size = map.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        let mut block = Vec::with_capacity(size);
        for (name, value) in map {
            // Sensitive: a credential that we put there ourselves.
            let ours = value.is_sensitive() && *name != SEC_WEBSOCKET_PROTOCOL;
            if self.names.contains(name) || ours {
                headers::push(&mut block, name.as_ref(), mask(value.as_bytes()).as_bytes());
            } else if *name == SEC_WEBSOCKET_PROTOCOL {
                let text = String::from_utf8_lossy(value.as_bytes());
                headers::push(&mut block, name.as_ref(), protocols(&text).as_bytes());
            } else {
                headers::push(&mut block, name.as_ref(), value.as_bytes());
            }
        }
        block
    }
}

/// `Bearer sk-abcdefgh…wxyz` as `Bearer sk-…wxyz`: enough to tell two keys apart, too
/// little to use one.
fn mask(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let (scheme, secret) = match text.split_once(' ') {
        Some((scheme, secret)) if scheme.len() <= 8 && !scheme.contains('=') => {
            (format!("{scheme} "), secret)
        }
        _ => (String::new(), &text[..]),
    };
    format!("{scheme}{}", mask_secret(secret))
}

/// `sk-…wxyz`; secrets too short to spare a character show none.
pub fn mask_secret(secret: &str) -> String {
    let looks_like_key = secret.len() >= 20
        && secret.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !looks_like_key {
        return "…".to_owned();
    }
    let prefix = match secret.find('-') {
        Some(dash) if dash <= 4 => &secret[..=dash],
        _ => "",
    };
    format!("{prefix}…{}", &secret[secret.len() - 4..])
}

fn protocols(value: &str) -> String {
    let masked = value.split(',').map(|protocol| {
        let protocol = protocol.trim();
        match protocol.strip_prefix(SOCKET_KEY) {
            Some(key) => format!("{SOCKET_KEY}{}", mask_secret(key)),
            None => protocol.to_owned(),
        }
    });
    masked.collect::<Vec<_>>().join(", ")
}

/// A request target with the values of secret parameters masked.
pub fn target(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let mut out = String::with_capacity(target.len());
    out.push_str(path);
    for (n, parameter) in query.split('&').enumerate() {
        out.push(if n == 0 { '?' } else { '&' });
        match parameter.split_once('=') {
            Some((name, value)) if is_secret(name) => {
                out.push_str(name);
                out.push('=');
                out.push_str(&mask_secret(value));
            }
            _ => out.push_str(parameter),
        }
    }
    out
}

fn is_secret(name: &str) -> bool {
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    SECRET_PARAMETERS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("Bearer sk-proj-abcdefghijklmnopqrstuvwxyz", "Bearer sk-…wxyz")]
    #[case("sk-test-abcdefghijklmnopqrstuvwxyz", "sk-…wxyz")]
    #[case("Bearer short", "Bearer …")]
    #[case("Basic dXNlcjpwYXNzd29yZHBhc3N3b3JkcGFzcw==", "Basic …")]
    #[case("session=abcdefghijklmnopqrstuvwxyz; theme=dark", "…")]
    #[case("", "…")]
    fn masks(#[case] value: &str, #[case] expected: &str) {
        assert_eq!(mask(value.as_bytes()), expected);
    }

    #[test]
    fn masks_queries_and_socket_protocols() {
        assert_eq!(target("/v1/x?a=1&key=abc&b"), "/v1/x?a=1&key=…&b");
        assert_eq!(target("/v1/x?%6bey=abc"), "/v1/x?%6bey=…");
        assert_eq!(target("/v1/x"), "/v1/x");
        let key = "sk-abcdefghijklmnopqrstuvwxyz";
        assert_eq!(
            protocols(&format!("realtime, openai-insecure-api-key.{key},openai-beta.realtime-v1")),
            "realtime, openai-insecure-api-key.sk-…wxyz, openai-beta.realtime-v1"
        );
    }

    #[test]
    fn blocks_hold_no_secret() {
        let redactor = Redactor::new(&["authorization".into(), "Cookie".into()]);
        let mut map = HeaderMap::new();
        map.insert("authorization", "Bearer sk-abcdefghijklmnopqrstuvwxyz".parse().unwrap());
        map.insert("cookie", "a=b".parse().unwrap());
        map.insert("accept", "x".parse().unwrap());
        let text = String::from_utf8(redactor.block(&map)).unwrap();
        assert_eq!(text, "authorization: Bearer sk-…wxyz\r\ncookie: …\r\naccept: x\r\n");
    }
}
