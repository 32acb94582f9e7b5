//! Which headers cross the proxy. Transparent mode takes away only what HTTP says
//! belongs to one connection, and Glassway's own session cookie, which browsers
//! send to every port of a host. <https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1>

use http::{HeaderMap, HeaderName, HeaderValue, Version, header};

/// The monitor's session cookie.
pub const SESSION_COOKIE: &str = "glassway_session";

/// What a client's request becomes for an upstream. `upgrade` keeps a WebSocket
/// handshake's own two headers.
pub fn request_headers(
    headers: HeaderMap,
    host: &HeaderValue,
    version: Version,
    upgrade: bool,
) -> HeaderMap {
    if !upgrade && !headers.contains_key(header::COOKIE) && is_clean(&headers) {
        let mut headers = headers;
        headers.insert(header::HOST, host.clone());
        return headers;
    }
    let named = connection_names(&headers);
    let mut out = HeaderMap::with_capacity(headers.keys_len() + 1);
    let mut had_host = false;
    let mut cookies: Vec<HeaderValue> = Vec::new();
    let mut name = None;
    for (next, value) in headers {
        // Repeats come without their name.
        name = next.or(name);
        let Some(name) = &name else { continue };
        if *name == header::HOST {
            had_host = true;
            out.insert(header::HOST, host.clone());
        } else if *name == header::COOKIE {
            cookies.extend(without_session(&value));
        } else if *name == header::TE {
            if has_token(&value, "trailers") {
                out.insert(header::TE, HeaderValue::from_static("trailers"));
            }
        } else if !is_hop_by_hop(name, &named) {
            out.append(name.clone(), value);
        }
    }
    if !had_host {
        out.insert(header::HOST, host.clone());
    }
    if version == Version::HTTP_2 && cookies.len() > 1 {
        // HTTP/2 may split what HTTP/1 must send as one.
        let joined: Vec<_> = cookies.iter().map(HeaderValue::as_bytes).collect();
        cookies = HeaderValue::from_bytes(&joined.join(&b"; "[..])).into_iter().collect();
    }
    for cookie in cookies {
        out.append(header::COOKIE, cookie);
    }
    if upgrade {
        out.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        out.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    out
}

/// What an upstream's answer becomes for a client.
pub fn response_headers(headers: HeaderMap, upgrade: bool) -> HeaderMap {
    if !upgrade && is_clean(&headers) {
        return headers;
    }
    let named = connection_names(&headers);
    let mut out = HeaderMap::with_capacity(headers.keys_len());
    let mut name = None;
    for (next, value) in headers {
        name = next.or(name);
        let Some(name) = &name else { continue };
        if !is_hop_by_hop(name, &named) {
            out.append(name.clone(), value);
        }
    }
    if upgrade {
        out.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        out.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    out
}

/// Trailers that may cross: framing, routing and credentials never may.
/// <https://www.rfc-editor.org/rfc/rfc9110#section-6.5.1>
pub fn trailers(mut trailers: HeaderMap) -> HeaderMap {
    for name in [
        header::TRANSFER_ENCODING,
        header::CONTENT_LENGTH,
        header::HOST,
        header::CONNECTION,
        header::TRAILER,
        header::TE,
        header::UPGRADE,
        header::AUTHORIZATION,
        header::SET_COOKIE,
        header::CONTENT_ENCODING,
        header::CONTENT_TYPE,
        header::CONTENT_RANGE,
    ] {
        trailers.remove(name);
    }
    trailers
}

/// Whether this request asks to become a WebSocket.
pub fn is_websocket(headers: &HeaderMap) -> bool {
    let any = |name, token| headers.get_all(name).iter().any(|value| has_token(value, token));
    any(header::UPGRADE, "websocket") && any(header::CONNECTION, "upgrade")
}

/// The names that belong to one connection.
static HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::TE,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Nothing to take away, as in most requests of most clients: removing would reorder,
/// and building anew costs half a microsecond.
fn is_clean(headers: &HeaderMap) -> bool {
    !HOP_BY_HOP.iter().any(|name| headers.contains_key(name))
}

fn is_hop_by_hop(name: &HeaderName, named: &[HeaderName]) -> bool {
    HOP_BY_HOP.contains(name) || named.contains(name)
}

/// Headers that `Connection` names; it never gets to delete what a request is
/// routed or authorized by, nor its framing.
fn connection_names(headers: &HeaderMap) -> Vec<HeaderName> {
    let mut names = Vec::new();
    for value in headers.get_all(header::CONNECTION) {
        for token in value.as_bytes().split(|&b| b == b',') {
            let token = token.trim_ascii();
            if token.eq_ignore_ascii_case(b"keep-alive") || token.eq_ignore_ascii_case(b"close") {
                continue;
            }
            let Ok(name) = HeaderName::from_bytes(token) else { continue };
            let protected = name == header::HOST
                || name == header::AUTHORIZATION
                || name == header::CONTENT_LENGTH
                || name == header::CONTENT_TYPE
                || name == header::TE
                || name == "x-api-key"
                || name == "api-key"
                || name == "anthropic-version";
            if !protected {
                names.push(name);
            }
        }
    }
    names
}

fn has_token(value: &HeaderValue, token: &str) -> bool {
    value.as_bytes().split(|&b| b == b',').any(|part| {
        let part = part.split(|&b| b == b';').next().unwrap_or_default();
        part.trim_ascii().eq_ignore_ascii_case(token.as_bytes())
    })
}

/// The cookie header without Glassway's own; `None` where nothing is left.
fn without_session(value: &HeaderValue) -> Option<HeaderValue> {
    let bytes = value.as_bytes();
    if memchr::memmem::find(bytes, SESSION_COOKIE.as_bytes()).is_none() {
        return Some(value.clone());
    }
    let kept: Vec<&[u8]> = bytes
        .split(|&b| b == b';')
        .map(<[u8]>::trim_ascii)
        .filter(|pair| pair.split(|&b| b == b'=').next() != Some(SESSION_COOKIE.as_bytes()))
        .collect();
    match kept.is_empty() {
        true => None,
        false => HeaderValue::from_bytes(&kept.join(&b"; "[..])).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    fn crossed(pairs: &[(&'static str, &'static str)]) -> Vec<(String, String)> {
        let host = HeaderValue::from_static("up.example");
        let out = request_headers(map(pairs), &host, Version::HTTP_11, false);
        out.iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned())).collect()
    }

    fn expect(pairs: &[(&'static str, &'static str)], expected: &[(&str, &str)]) {
        let expected: Vec<_> =
            expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        assert_eq!(crossed(pairs), expected);
    }

    #[test]
    fn hop_by_hop_stays_and_the_rest_crosses_in_order() {
        expect(
            &[
                ("x-a", "1"),
                ("host", "here"),
                ("connection", "keep-alive, x-b"),
                ("x-b", "2"),
                ("x-a", "3"),
            ],
            &[("x-a", "1"), ("x-a", "3"), ("host", "up.example")],
        );
        expect(
            &[
                ("host", "h"),
                ("te", "gzip, trailers"),
                ("keep-alive", "5"),
                ("upgrade", "h2c"),
                ("proxy-authorization", "x"),
            ],
            &[("host", "up.example"), ("te", "trailers")],
        );
    }

    #[test]
    fn connection_cannot_delete_host_or_authorization() {
        expect(
            &[
                ("host", "h"),
                ("authorization", "Bearer x"),
                ("connection", "host, authorization, close"),
            ],
            &[("host", "up.example"), ("authorization", "Bearer x")],
        );
    }

    #[test]
    fn only_our_own_cookie_stays() {
        expect(
            &[("host", "h"), ("cookie", "a=1; glassway_session=secret; b=2")],
            &[("host", "up.example"), ("cookie", "a=1; b=2")],
        );
        expect(&[("host", "h"), ("cookie", "glassway_session=s")], &[("host", "up.example")]);
    }

    #[test]
    fn split_cookies_of_http2_are_joined() {
        let host = HeaderValue::from_static("h");
        let split = map(&[("cookie", "a=1"), ("cookie", "b=2")]);
        let out = request_headers(split, &host, Version::HTTP_2, false);
        assert_eq!(out.get_all("cookie").iter().collect::<Vec<_>>(), ["a=1; b=2"]);
    }

    #[test]
    fn websockets_are_recognised() {
        assert!(is_websocket(&map(&[
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket")
        ])));
        assert!(!is_websocket(&map(&[("upgrade", "websocket")])));
        assert!(!is_websocket(&map(&[("connection", "upgrade"), ("upgrade", "h2c")])));
    }
}
