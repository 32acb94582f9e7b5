//! Golden cases of the conversions: what goes in lies in `tests/dialect/`, what comes
//! out in the snapshots beside it (`<case>.<dialect>.snap`). Run with
//! `INSTA_UPDATE=always` to write them anew, and read the difference.
//!
//! What has broken other gateways, and the cases that hold it:
//!
//! ```text
//! block index ≠ tool index            claude-tool-index
//! interleaved parallel tools          gpt-tools-interleaved
//! first delta lost at a block change  gpt-first-delta-at-block-change
//! spurious empty text block           gpt-no-empty-text
//! empty arguments, or an extra {}     claude-tool-index, gpt-extra-braces
//! tool results split over messages    chat-tool-results-split
//! cumulative usage doubled            claude-usage-cumulative
//! cache tokens outside input          message-usage, completion-usage
//! usage after finish                  gpt-text
//! injected usage leaking              claude-usage-not-asked, and `strip`'s own tests
//! failure shown as success            claude-cut, claude-error, gpt-cut, to-responses-cut
//! stop with tools                     gpt-stop-with-tools
//! thinking signature lost             claude-thinking, chat-reasoning-history
//! empty text → 400 → key cooled       chat-text
//! Azure's chunks without choices      azure-chunks
//! ```

#![expect(clippy::unwrap_used, reason = "a panic in a test is the report")]

#[path = "dialect/show.rs"]
mod show;

use std::path::{Path, PathBuf};

use bytes::BytesMut;
use glassway_proxy::dialect::{
    self, Capabilities, Context, Conversion, Dialect, Fresh, Options, error,
    json::{self, Kind, Node},
    stream::{End, Stream},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use show::pretty;

fn cases(folder: &str, ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialect").join(folder);
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == ending))
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

fn golden(case: &Path, dialect: Dialect, text: &str) {
    let word = match dialect {
        Dialect::Chat => "chat",
        Dialect::Messages => "messages",
        Dialect::Responses => "responses",
    };
    let name = format!("{}.{word}", case.file_stem().unwrap().to_str().unwrap());
    insta::with_settings!({
        snapshot_path => case.parent().unwrap(),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, text);
    });
}

fn text<'n>(node: &'n Node<'_>, key: &str) -> Option<&'n str> {
    let value = field(node, key)?;
    Some(value.raw.trim_matches('"'))
}

fn field<'n, 'a>(node: &'n Node<'a>, key: &str) -> Option<&'n Node<'a>> {
    let Kind::Object(fields) = &node.kind else { return None };
    fields.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

fn items<'n, 'a>(node: &'n Node<'a>) -> &'n [Node<'a>] {
    match &node.kind {
        Kind::Array(items) => items,
        _ => panic!("{} is no array", node.raw),
    }
}

fn conversion(case: &Node<'_>) -> Conversion {
    let dialect = |key| match text(case, key) {
        Some("chat") => Dialect::Chat,
        Some("messages") => Dialect::Messages,
        Some("responses") => Dialect::Responses,
        other => panic!("{key}: {other:?}"),
    };
    Conversion::between(dialect("client"), dialect("upstream")).unwrap()
}

fn fresh() -> Fresh {
    Fresh { id: "0199".to_owned(), created: 1_700_000_000 }
}

fn request(case: &Node<'_>, body: &[u8]) -> Result<dialect::Converted, dialect::Refused> {
    let options = Options {
        model: text(case, "model"),
        reasoning_content: text(case, "reasoning_content") == Some("true"),
        without_usage: text(case, "without_usage") == Some("true"),
    };
    dialect::request(conversion(case), body, Capabilities::builtin(), &options)
}

fn context(case: &Node<'_>) -> Context {
    request(case, field(case, "request").unwrap().raw.as_bytes()).unwrap().context
}

#[test]
fn requests() {
    for path in cases("requests", "json") {
        let file = std::fs::read(&path).unwrap();
        let case = json::parse(&file).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        let mut out = String::new();
        for body in items(field(&case, "requests").unwrap()) {
            // A string is a body as it stands: one that is not JSON.
            let body = match body.kind {
                Kind::String => serde_json::from_str::<String>(body.raw).unwrap(),
                _ => body.raw.to_owned(),
            };
            match request(&case, body.as_bytes()) {
                Ok(made) => {
                    assert!(serde_json::from_slice::<serde_json::Value>(&made.body).is_ok());
                    out += &format!("POST /v1{}\n", made.path);
                    if let Some(version) = made.version {
                        out += &format!("anthropic-version: {version}\n");
                    }
                    if let Some(warnings) = made.warnings.header() {
                        out += &format!("x-glassway-warnings: {warnings}\n");
                    }
                    out += &pretty(&made.body);
                }
                Err(refused) => {
                    let param = refused.param.unwrap_or_default();
                    out += &format!("400 {} [{param}] {}\n", refused.code, refused.message);
                }
            }
            out.push('\n');
        }
        golden(&path, conversion(&case).upstream(), &out);
    }
}

#[test]
fn answers() {
    for path in cases("answers", "json") {
        let file = std::fs::read(&path).unwrap();
        let case = json::parse(&file).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        let context = context(&case);
        let mut out = String::new();
        for body in items(field(&case, "answers").unwrap()) {
            let body = match body.kind {
                Kind::String => serde_json::from_str::<String>(body.raw).unwrap(),
                _ => body.raw.to_owned(),
            };
            match dialect::response(&context, &fresh(), body.as_bytes()) {
                Ok((made, warnings)) => {
                    assert!(serde_json::from_slice::<serde_json::Value>(&made).is_ok());
                    if let Some(warnings) = warnings.header() {
                        out += &format!("x-glassway-warnings: {warnings}\n");
                    }
                    out += &pretty(&made);
                }
                Err(invalid) => out += &format!("502 {}\n", invalid.0),
            }
            out.push('\n');
        }
        golden(&path, conversion(&case).client(), &out);
    }
}

/// Feeds a stream in pieces; what the client gets, and the end.
fn stream<'p>(context: &Context, pieces: impl Iterator<Item = &'p [u8]>) -> (String, End, String) {
    let (mut stream, mut out) = (Stream::new(context.clone(), &fresh()), BytesMut::new());
    for piece in pieces {
        stream.push(piece, &mut out);
    }
    let end = stream.finish(&mut out);
    let warnings = stream.warnings().header().map(|w| format!(", {w}")).unwrap_or_default();
    (String::from_utf8(out.to_vec()).unwrap(), end, warnings)
}

#[test]
fn streams() {
    for path in cases("streams", "txt") {
        // The first line is the case, the rest the upstream's stream.
        let file = std::fs::read_to_string(&path).unwrap();
        let (head, body) = file.split_once('\n').unwrap();
        let case = json::parse(head.as_bytes()).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        let context = context(&case);
        let (out, end, warnings) = stream(&context, std::iter::once(body.as_bytes()));
        for size in [1, 2, 3, 7, 64] {
            let split = stream(&context, body.as_bytes().chunks(size));
            assert_eq!(
                split,
                (out.clone(), end.clone(), warnings.clone()),
                "{path:?} in pieces of {size}"
            );
        }
        for line in out.lines().filter_map(|line| line.strip_prefix("data: ")) {
            let json = serde_json::from_str::<serde_json::Value>(line);
            assert!(line == "[DONE]" || json.is_ok(), "{path:?}: {line}");
        }
        golden(&path, conversion(&case).client(), &format!("{out}-- {end:?}{warnings}\n"));
    }
}

#[test]
fn errors() {
    for path in cases("errors", "json") {
        let file = std::fs::read(&path).unwrap();
        let case = json::parse(&file).unwrap();
        let conversion = conversion(&case);
        let mut out = String::new();
        for answer in items(field(&case, "errors").unwrap()) {
            let mut headers = HeaderMap::new();
            if let Some(Node { kind: Kind::Object(fields), .. }) = field(answer, "headers") {
                for (name, value) in fields {
                    let name = HeaderName::try_from(&**name).unwrap();
                    headers
                        .insert(name, HeaderValue::try_from(value.raw.trim_matches('"')).unwrap());
                }
            }
            let status: u16 = text(answer, "status").unwrap().parse().unwrap();
            let body = field(answer, "body").unwrap();
            let body = match body.kind {
                Kind::String => serde_json::from_str::<String>(body.raw).unwrap(),
                _ => body.raw.to_owned(),
            };
            let status = StatusCode::from_u16(status).unwrap();
            let made = error::convert(conversion, status, &headers, body.as_bytes());
            out += &format!("{status} becomes {}\n", made.status);
            for (name, value) in &error::headers(conversion, &headers) {
                out += &format!("{name}: {}\n", value.to_str().unwrap());
            }
            out += std::str::from_utf8(&made.body).unwrap();
            out += "\n\n";
        }
        golden(&path, conversion.client(), &out);
    }
}
