//! Request heads: what is asked, who may, which headers cross, what is masked. No panic; no
//! credential in what is recorded; never another host than the configured one.
#![no_main]

use glassway_proxy::{
    admit::{admit, credential},
    error::Dialect,
    forward,
    redact::{self, Redactor},
    snapshot::Snapshot,
    target::Base,
    usage,
    websocket::observe::Deflate,
};
use glassway_shared::config::{Config, Record};
use http::{HeaderName, HeaderValue, Request, Uri, Version};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // A line is the target, each further one a header.
    let mut lines = input.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let Ok(uri) = Uri::try_from(first) else { return };
    let Ok(mut request) = Request::builder().uri(uri).body(()) else { return };
    for line in lines.take(64) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            request.headers_mut().append(name, value);
        }
    }
    let (parts, ()) = request.into_parts();
    let config = Config::default();
    let _ = admit(&parts, &config.proxy, &Snapshot::empty());
    let _ = Dialect::of(parts.uri.path(), &parts.headers);
    let _ = usage::asked(b"", None, &parts.uri.to_string());
    let _ = Deflate::negotiated(&parts.headers);
    let host = HeaderValue::from_static("api.example");
    for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
        let upgrade = version == Version::HTTP_11 && forward::is_websocket(&parts.headers);
        let crossed = forward::request_headers(parts.headers.clone(), &host, version, upgrade);
        assert_eq!(crossed.get_all("host").iter().collect::<Vec<_>>(), [&host]);
        assert!(!crossed.contains_key("proxy-authorization"));
        assert!(crossed.get_all("te").iter().all(|te| te == "trailers"));
    }
    let _ = forward::response_headers(parts.headers.clone(), false);
    let _ = forward::trailers(parts.headers.clone());
    // Any other target, such as `*`, was refused.
    if let Some(target) = parts.uri.path_and_query().filter(|t| t.path().starts_with('/')) {
        let base = Base::new("p", &"https://api.example/base".parse().expect("a URL"));
        let joined = base.target(target);
        // As it is written to the upstream: a target that is a query alone gets its slash there.
        assert!(joined.to_string().starts_with('/'), "{joined}");
        if let Some(absolute) = base.absolute(&joined) {
            assert_eq!(absolute.host(), Some("api.example"));
        }
        let masked = redact::target(target.as_str());
        let (before, after) = (target.as_str().split('&'), masked.split('&'));
        assert_eq!(before.clone().count(), after.clone().count(), "{masked}");
        for (_, shown) in before.zip(after).filter(|(was, is)| was != is) {
            // A prefix up to its dash, the ellipsis, four at the end.
            let value = shown.rsplit_once('=').map_or("", |(_, value)| value);
            assert!(value.contains('…') && value.chars().count() <= 10, "{shown}");
        }
    }
    let block = Redactor::new(&Record::default().redact_headers).block(&parts.headers);
    let authorization = parts.headers.get_all("authorization").iter();
    for secret in authorization.filter_map(|value| value.to_str().ok()) {
        let Some(secret) = secret.strip_prefix("Bearer ").filter(|s| s.len() >= 24) else {
            continue;
        };
        let lines = glassway_shared::headers::lines(&block);
        let kept = lines.filter(|(name, _)| *name == b"authorization");
        for (_, value) in kept {
            assert!(!value.windows(secret.len()).any(|part| part == secret.as_bytes()));
        }
    }
    let _ = credential(&parts.headers, &parts.uri);
});
