//! A recorded request as a command to paste: sent to the proxy again, with the
//! credential as a shell variable, since it was never recorded.

use glassway_shared::{headers, store::exchanges::Stored};

use super::detail::Readable;

/// Longer arguments are refused by Linux (128 KiB).
const MAX_ARGUMENT: usize = 120_000;

/// Set by curl itself, or about the connection it came on.
const LEFT_OUT: &[&str] = &[
    "host",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "accept-encoding",
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
pub(super) fn command(stored: &Stored, request: &Readable, base: &str) -> String {
    let mut parts = vec![format!("curl {}", quote(&format!("{base}{}", stored.target)))];
    let body = &request.bytes;
    let implied = if body.is_empty() { "GET" } else { "POST" };
    match &stored.exchange.method[..] {
        "HEAD" => parts.push("--head".to_owned()),
        method if method != implied => parts.push(format!("-X {}", quote(method))),
        _ => {}
    }
    if stored.exchange.stream {
        parts.push("--no-buffer".to_owned());
    }
    for (name, value) in headers::pairs(&stored.request.headers) {
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
    if !body.is_empty() {
        let whole = !stored.request.truncated && !stored.request.shed;
        match request.text(false) {
            Some(text) if whole && text.len() < MAX_ARGUMENT && !text.contains('\0') => {
                parts.push(format!("--data-raw {}", quote(text)));
            }
            // Too long for an argument, not text, or not all here: from a file.
            _ => parts.push("--data-binary @request-body".to_owned()),
        }
    }
    parts.join(" \\\n  ")
}

/// For a POSIX shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
