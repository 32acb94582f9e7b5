//! A recorded request as a command to paste: sent to the proxy again, with the
//! credential as a shell variable, since it was never recorded.

use glassway_shared::model::Headers;

/// What there is to send again.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    /// Path and query.
    pub(super) target: &'a str,
    /// Whether the answer was a stream.
    pub(super) stream: bool,
    pub(super) headers: Headers,
    pub(super) body: Body<'a>,
}

/// A request's body, as far as it can be an argument.
pub(super) enum Body<'a> {
    Empty,
    Text(&'a str),
    /// Not text, or not all here: from a file.
    Other,
}

/// Longer arguments are refused by Linux (128 KiB).
const MAX_ARGUMENT: usize = 120_000;

/// Set by curl itself, or about the connection it came on.
const LEFT_OUT: &[&str] = &[
    "host",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "proxy-authorization",
    "cookie",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-extensions",
    "sec-websocket-protocol",
];

/// The command; `base` is where clients find the proxy.
pub(super) fn command(request: &Request<'_>, base: &str) -> String {
    let mut parts = vec![format!("curl {}", quote(&format!("{base}{}", request.target)))];
    let implied = if matches!(request.body, Body::Empty) { "GET" } else { "POST" };
    match request.method {
        "HEAD" => parts.push("--head".to_owned()),
        method if method != implied => parts.push(format!("-X {}", quote(method))),
        _ => {}
    }
    if request.stream {
        parts.push("--no-buffer".to_owned());
    }
    for (name, value) in &request.headers {
        match &name.to_ascii_lowercase()[..] {
            "accept-encoding" => parts.push("--compressed".to_owned()),
            known if LEFT_OUT.contains(&known) => {}
            "authorization" => {
                parts.push("-H \"Authorization: Bearer $OPENAI_API_KEY\"".to_owned());
            }
            "x-api-key" | "api-key" | "x-goog-api-key" => {
                parts.push(format!("-H \"{name}: $OPENAI_API_KEY\""));
            }
            _ => parts.push(format!("-H {}", quote(&format!("{name}: {value}")))),
        }
    }
    match request.body {
        Body::Empty => {}
        Body::Text(text) if text.len() < MAX_ARGUMENT && !text.contains('\0') => {
            parts.push(format!("--data-raw {}", quote(text)));
        }
        _ => parts.push("--data-binary @request-body".to_owned()),
    }
    parts.join(" \\\n  ")
}

/// For a POSIX shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_survive_a_shell_and_credentials_are_a_variable() {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let request = Request {
            method: "PUT",
            target: "/v1/x?a=b",
            stream: false,
            headers: vec![
                header("Host", "127.0.0.1"),
                header("Authorization", "Bearer …"),
                header("X-Note", "it's"),
                header("Accept-Encoding", "gzip"),
            ],
            body: Body::Text("{\"a\":\"it's $HOME\"}"),
        };
        assert_eq!(
            command(&request, "http://h").replace(" \\\n  ", " "),
            concat!(
                r#"curl 'http://h/v1/x?a=b' -X 'PUT' -H "Authorization: Bearer $OPENAI_API_KEY" "#,
                r#"-H 'X-Note: it'\''s' --compressed --data-raw '{"a":"it'\''s $HOME"}'"#
            )
        );
        let large = "x".repeat(MAX_ARGUMENT);
        let request = Request { body: Body::Text(&large), ..request };
        assert!(command(&request, "").ends_with("@request-body"));
    }
}
