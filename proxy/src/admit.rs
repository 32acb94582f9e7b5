//! Who may pass, and in which mode. The credential decides first, as contract.md's
//! "Client access" says; HTTP that no proxy may forward ends here too. Pure.
//!
//! Until a key exists there is nothing to manage, and what is not refused is
//! transparent.

use std::{net::IpAddr, sync::Arc};

use glassway_shared::config::{ClientAccess, Proxy};
use http::{HeaderMap, HeaderName, Method, StatusCode, Uri, Version, header, request::Parts};

use crate::{
    error::Fault,
    redact::SOCKET_KEY,
    snapshot::{Snapshot, Token},
};

/// What to do with a request head.
pub enum Admission {
    /// Answer that we are well; not recorded.
    Health,
    /// Forward with the client's own credential.
    Transparent,
    /// Glassway picks provider and key.
    Managed(Option<Arc<Token>>),
    /// Refuse.
    Refused(Fault),
}

/// Decides by the request's head alone.
pub fn admit(parts: &Parts, config: &Proxy, snapshot: &Snapshot) -> Admission {
    if let Err(fault) = check_target(parts).and_then(|()| check_host(parts)) {
        return Admission::Refused(fault);
    }
    let path = parts.uri.path();
    if matches!(path, "/healthz" | "/api/health")
        && (parts.method == Method::GET || parts.method == Method::HEAD)
    {
        return Admission::Health;
    }
    let own = credential(&parts.headers, &parts.uri)
        .filter(|secret| !config.placeholders.iter().any(|p| p == secret));
    match own {
        Some(secret) if secret.starts_with("gw-") => match snapshot.token(secret) {
            Some(token) => Admission::Managed(Some(token.clone())),
            None => Admission::Refused(Fault::refused(
                "client_token_invalid",
                StatusCode::UNAUTHORIZED,
                "this Glassway client token is not known here: create one in the monitor, \
                 or send the upstream's own key",
            )),
        },
        // A CORS preflight carries no credential and spends nothing.
        _ if is_preflight(parts) => Admission::Transparent,
        _ if config.client_access == ClientAccess::Token => Admission::Refused(token_needed()),
        Some(_) if names_provider(path) => Admission::Refused(Fault::refused(
            "credential_conflict",
            StatusCode::BAD_REQUEST,
            "this path uses one of Glassway's keys, but the request carries a key of its own: \
             leave it out, or send the request to /v1",
        )),
        Some(_) => Admission::Transparent,
        None if !snapshot.any_key() && !names_provider(path) => Admission::Transparent,
        None => match spends_for_a_web_page(parts, config) {
            Some(why) => {
                Admission::Refused(Fault::refused("origin_not_allowed", StatusCode::FORBIDDEN, why))
            }
            None => Admission::Managed(None),
        },
    }
}

/// A browser's page must not spend keys just because it can reach this port: says why
/// the request looks like one.
fn spends_for_a_web_page(parts: &Parts, config: &Proxy) -> Option<String> {
    let text = |name| parts.headers.get(name).and_then(|v: &http::HeaderValue| v.to_str().ok());
    let host = text(header::HOST).or_else(|| parts.uri.authority().map(|a| a.as_str()));
    let host = host.and_then(|host| host.parse::<http::uri::Authority>().ok());
    let name = host.as_ref().map_or("", |host| host.host());
    let literal = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
    let local = name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || literal
        || config.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name));
    if !local {
        return Some(format!(
            "without a client token, `{name}` must be in proxy.allowed_hosts of config.toml"
        ));
    }
    if let Some(origin) = text(header::ORIGIN) {
        // A page that is named may be of another site.
        let named = config.allowed_origins.iter().any(|allowed| allowed == origin);
        return (!named).then(|| {
            format!(
                "without a client token, the page {origin} must be in proxy.allowed_origins of config.toml"
            )
        });
    }
    (text(HeaderName::from_static("sec-fetch-site")) == Some("cross-site")).then(|| {
        "a web page of another site may not use this gateway's keys without a client token".into()
    })
}

fn token_needed() -> Fault {
    Fault::refused(
        "client_token_invalid",
        StatusCode::UNAUTHORIZED,
        "this gateway wants a Glassway client token (gw-…) as the API key",
    )
}

fn names_provider(path: &str) -> bool {
    path.starts_with("/api/proxy/") || path == "/api/chat/completions"
}

fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS
        && parts.headers.contains_key(header::ORIGIN)
        && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Wherever a client may have put its credential; the first one that is not empty.
pub fn credential<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let value = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    let bearer = value("authorization").and_then(|v| {
        let (scheme, secret) = v.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
    });
    let query = || uri.query()?.split('&').find_map(|parameter| parameter.strip_prefix("key="));
    let socket = || {
        let protocols = value("sec-websocket-protocol")?;
        protocols.split(',').find_map(|protocol| protocol.trim().strip_prefix(SOCKET_KEY))
    };
    let some = |secret: Option<&'a str>| secret.filter(|s| !s.is_empty());
    some(bearer)
        .or_else(|| some(value("x-api-key")))
        .or_else(|| some(value("api-key")))
        .or_else(|| some(query()))
        .or_else(|| some(socket()))
        // Another scheme (Basic, …) is a credential of the client's own, too.
        .or_else(|| some(value("authorization").filter(|v| !v.eq_ignore_ascii_case("bearer"))))
}

/// Only origin-form: this is never an open forward proxy.
fn check_target(parts: &Parts) -> Result<(), Fault> {
    if parts.method == Method::CONNECT {
        return Err(Fault::malformed(
            StatusCode::METHOD_NOT_ALLOWED,
            "CONNECT is not served: this is a gateway for LLM APIs, not a forward proxy",
        ));
    }
    let absolute = parts.version < Version::HTTP_2 && parts.uri.authority().is_some();
    if absolute || !parts.uri.path().starts_with('/') {
        return Err(Fault::malformed(
            StatusCode::BAD_REQUEST,
            "the request target must be a path such as /v1/chat/completions: \
             set this gateway as the base URL, not as an HTTP proxy",
        ));
    }
    Ok(())
}

fn check_host(parts: &Parts) -> Result<(), Fault> {
    let bad = |what: &str| Err(Fault::malformed(StatusCode::BAD_REQUEST, what));
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => bad("more than one Host header"),
        (None, _) if parts.version == Version::HTTP_11 => bad("the Host header is missing"),
        (None, _) => Ok(()),
        (Some(host), None) => match host.to_str().is_ok_and(is_authority) {
            true => Ok(()),
            false => bad("the Host header is not a host name"),
        },
    }
}

fn is_authority(host: &str) -> bool {
    !host.contains('@') && host.parse::<http::uri::Authority>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn admitted(
        access: ClientAccess,
        build: impl FnOnce(http::request::Builder) -> http::request::Builder,
    ) -> Admission {
        let request = build(Request::builder().header("host", "127.0.0.1:8080")).body(()).unwrap();
        let config = Proxy { client_access: access, ..Proxy::default() };
        admit(&request.into_parts().0, &config, &Snapshot::empty())
    }

    fn code(admission: Admission) -> &'static str {
        match admission {
            Admission::Refused(fault) => fault.code,
            Admission::Transparent => "transparent",
            Admission::Managed(_) => "managed",
            Admission::Health => "health",
        }
    }

    #[rstest::rstest]
    #[case("/v1/models", "authorization", "Bearer sk-x", "transparent", "client_token_invalid")]
    #[case(
        "/v1/models",
        "authorization",
        "Bearer dummy-key",
        "transparent",
        "client_token_invalid"
    )]
    #[case("/v1/models", "x-other", "1", "transparent", "client_token_invalid")]
    #[case(
        "/v1/models",
        "authorization",
        "Bearer gw-abc",
        "client_token_invalid",
        "client_token_invalid"
    )]
    #[case("/v1/models", "x-api-key", "gw-abc", "client_token_invalid", "client_token_invalid")]
    #[case("/v1/models?key=gw-abc", "x-other", "1", "client_token_invalid", "client_token_invalid")]
    #[case(
        "/api/proxy/openai/models",
        "authorization",
        "Bearer sk-x",
        "credential_conflict",
        "client_token_invalid"
    )]
    #[case("/api/proxy/openai/models", "x-other", "1", "managed", "client_token_invalid")]
    #[case("/healthz", "authorization", "Bearer sk-x", "health", "health")]
    fn the_credential_decides(
        #[case] path: &str,
        #[case] name: &str,
        #[case] value: &str,
        #[case] open: &str,
        #[case] token: &str,
    ) {
        let build = |b: http::request::Builder| b.uri(path).header(name, value);
        assert_eq!(code(admitted(ClientAccess::Open, build)), open);
        assert_eq!(code(admitted(ClientAccess::Token, build)), token);
    }

    #[test]
    fn a_socket_carries_its_key_in_its_protocols() {
        let protocols = "realtime, openai-insecure-api-key.gw-abc";
        let admission = admitted(ClientAccess::Open, |b| {
            b.uri("/v1/realtime").header("sec-websocket-protocol", protocols)
        });
        assert_eq!(code(admission), "client_token_invalid");
    }

    #[test]
    fn a_preflight_passes_even_where_a_token_is_needed() {
        let admission = admitted(ClientAccess::Token, |b| {
            b.method("OPTIONS")
                .uri("/v1/models")
                .header("origin", "https://a.example")
                .header("access-control-request-method", "POST")
        });
        assert_eq!(code(admission), "transparent");
    }

    #[rstest::rstest]
    #[case("CONNECT", "api.openai.com:443", "h", 405)]
    #[case("GET", "http://api.openai.com/v1", "h", 400)]
    #[case("OPTIONS", "*", "h", 400)]
    #[case("GET", "/v1", "a b", 400)]
    #[case("GET", "/v1", "user@h", 400)]
    fn no_forward_proxy_and_no_odd_host(
        #[case] method: &str,
        #[case] uri: &str,
        #[case] host: &str,
        #[case] status: u16,
    ) {
        let request =
            Request::builder().method(method).uri(uri).header("host", host).body(()).unwrap();
        match admit(&request.into_parts().0, &Proxy::default(), &Snapshot::empty()) {
            Admission::Refused(fault) => {
                assert_eq!((fault.status.as_u16(), fault.close), (status, true));
            }
            _ => panic!("admitted"),
        }
    }

    #[test]
    fn a_missing_or_repeated_host_is_refused() {
        let none = Request::builder().uri("/").body(()).unwrap().into_parts().0;
        assert_eq!(code(admit(&none, &Proxy::default(), &Snapshot::empty())), "bad_request");
        let two = Request::builder().uri("/").header("host", "a").header("host", "a");
        assert_eq!(
            code(admit(
                &two.body(()).unwrap().into_parts().0,
                &Proxy::default(),
                &Snapshot::empty()
            )),
            "bad_request"
        );
    }
}
