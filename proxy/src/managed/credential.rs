//! The client's credential out of a managed request and a key's in its place, wherever
//! it may travel; and the key out of whatever comes back. Pure.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{
    redact::SOCKET_KEY,
    snapshot::{Key, Kind},
};

/// The client's own credentials go, ours comes.
pub(super) fn put(headers: &mut HeaderMap, kind: Kind, key: &Key) {
    static X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
    static API_KEY: HeaderName = HeaderName::from_static("api-key");
    let mine = match kind {
        Kind::OpenAi => header::AUTHORIZATION,
        Kind::Anthropic => X_API_KEY.clone(),
        Kind::Azure => API_KEY.clone(),
    };
    for name in [&header::AUTHORIZATION, &X_API_KEY, &API_KEY] {
        headers.remove(name);
    }
    for ours in ["x-glassway-origin", "x-glassway-provider", "x-glassway-key", "x-glassway-id"] {
        headers.remove(ours);
    }
    headers.insert(mine, key.credential.clone());
    put_in_protocols(headers, kind, key);
    if kind == Kind::Anthropic && !headers.contains_key("anthropic-version") {
        headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
    }
}

fn secret(key: &Key) -> &[u8] {
    let value = key.credential.as_bytes();
    value.strip_prefix(b"Bearer ").unwrap_or(value)
}

/// A browser's realtime socket carries its credential among the protocols it offers:
/// replaced where the provider knows that way, left out elsewhere.
fn put_in_protocols(headers: &mut HeaderMap, kind: Kind, key: &Key) {
    let offered = protocols(headers);
    if !offered.iter().any(|protocol| protocol.starts_with(SOCKET_KEY.as_bytes())) {
        return;
    }
    let replaced = |protocol: Vec<u8>| match (protocol.starts_with(SOCKET_KEY.as_bytes()), kind) {
        (false, _) => Some(protocol),
        (true, Kind::OpenAi) => Some([SOCKET_KEY.as_bytes(), secret(key)].concat()),
        (true, Kind::Anthropic | Kind::Azure) => None,
    };
    let kept: Vec<Vec<u8>> = offered.into_iter().filter_map(replaced).collect();
    headers.remove(header::SEC_WEBSOCKET_PROTOCOL);
    if let Some(value) = HeaderValue::from_bytes(&kept.join(&b", "[..])).ok()
        && !value.is_empty()
    {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
    }
}

fn protocols(headers: &HeaderMap) -> Vec<Vec<u8>> {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let parts = values.iter().flat_map(|value| value.as_bytes().split(|&b| b == b','));
    parts.map(|protocol| protocol.trim_ascii().to_vec()).filter(|p| !p.is_empty()).collect()
}

/// An upstream that chose the protocol with the key in it is told to have chosen the
/// client's own: the key goes to no client.
pub(super) fn give_back_protocol(answer: &mut HeaderMap, request: &HeaderMap) {
    let own = |protocol: &Vec<u8>| protocol.starts_with(SOCKET_KEY.as_bytes());
    if !protocols(answer).iter().any(own) {
        return;
    }
    answer.remove(header::SEC_WEBSOCKET_PROTOCOL);
    let offered = protocols(request).into_iter().find(own);
    if let Some(value) = offered.and_then(|own| HeaderValue::from_bytes(&own).ok()) {
        answer.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::provider::tests::key;

    fn sent(kind: Kind, pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        let credential = match kind {
            Kind::OpenAi => "Bearer sk-real",
            Kind::Anthropic | Kind::Azure => "sk-real",
        };
        put(&mut headers, kind, &key(credential));
        headers
    }

    const OFFERED: &str = "realtime, openai-insecure-api-key.gw-token,openai-beta.realtime-v1";

    #[test]
    fn no_credential_of_the_client_is_left() {
        let all = [
            ("authorization", "Bearer gw-token"),
            ("x-api-key", "gw-token"),
            ("api-key", "gw-token"),
            ("sec-websocket-protocol", OFFERED),
        ];
        for kind in [Kind::OpenAi, Kind::Anthropic, Kind::Azure] {
            let headers = sent(kind, &all);
            let text = format!("{:?}", headers.iter().collect::<Vec<_>>());
            assert!(!text.contains("gw-token"), "{text}");
        }
    }

    #[test]
    fn a_socket_s_key_is_replaced_where_it_stood_or_left_out() {
        let headers = sent(Kind::OpenAi, &[("sec-websocket-protocol", OFFERED)]);
        assert_eq!(headers["authorization"], "Bearer sk-real");
        assert_eq!(
            headers["sec-websocket-protocol"],
            "realtime, openai-insecure-api-key.sk-real, openai-beta.realtime-v1"
        );
        let azure = sent(Kind::Azure, &[("sec-websocket-protocol", OFFERED)]);
        assert_eq!(azure["api-key"], "sk-real");
        assert_eq!(azure["sec-websocket-protocol"], "realtime, openai-beta.realtime-v1");
        let none = sent(Kind::OpenAi, &[("sec-websocket-protocol", "realtime")]);
        assert_eq!(none["sec-websocket-protocol"], "realtime");
    }

    #[test]
    fn a_key_chosen_as_protocol_does_not_reach_the_client() {
        let mut request = HeaderMap::new();
        request.insert("sec-websocket-protocol", OFFERED.parse().unwrap());
        let mut answer = HeaderMap::new();
        let chosen = "openai-insecure-api-key.sk-real";
        answer.insert("sec-websocket-protocol", chosen.parse().unwrap());
        give_back_protocol(&mut answer, &request);
        assert_eq!(answer["sec-websocket-protocol"], "openai-insecure-api-key.gw-token");
        answer.insert("sec-websocket-protocol", "realtime".parse().unwrap());
        give_back_protocol(&mut answer, &request);
        assert_eq!(answer["sec-websocket-protocol"], "realtime");
    }
}
