//! What a request and its answer say about themselves: model, whether a stream is
//! wanted, tokens. Read by the journal after the end, never on the data path.
//! Only the few fields needed are looked at; a large body is skipped, not built.
//!
//! `answered` knows the shapes in which vendors count.

mod answered;

use std::borrow::Cow;

use serde::Deserialize;

pub use answered::Answered;

use crate::dialect::multipart;

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// As the client named it.
    pub model: Option<String>,
    /// Whether it wants a stream.
    pub stream: bool,
}

/// Reads a request body; lenient, since it may be cut at the recording cap.
pub fn asked(body: &[u8], content_type: Option<&[u8]>, path: &str) -> Asked {
    if let Some(kind) = content_type.filter(|t| t.starts_with(b"multipart/")) {
        return Asked { model: multipart::model(body, kind).map(clip), stream: false };
    }
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow)]
        model: Option<Cow<'a, str>>,
        stream: Option<bool>,
    }
    if first_byte(body) == Some(b'{') {
        if let Ok(head) = serde_json::from_slice::<Head>(body) {
            return Asked {
                model: head.model.filter(|m| !m.is_empty()).map(|m| clip(&m)),
                stream: head.stream.unwrap_or(false),
            };
        }
        // Cut, or with fields of other types: look for the model alone.
        return Asked { model: model_of_cut(body), stream: contains_stream_true(body) };
    }
    Asked { model: path_model(path), stream: false }
}

fn first_byte(body: &[u8]) -> Option<u8> {
    body.iter().copied().find(|b| !b.is_ascii_whitespace())
}

fn clip(model: &str) -> String {
    model.chars().take(200).collect()
}

fn model_of_cut(body: &[u8]) -> Option<String> {
    let at = memchr::memmem::find(body, b"\"model\"")? + 7;
    let rest = body.get(at..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"")?;
    let end = memchr::memchr(b'"', rest)?;
    std::str::from_utf8(&rest[..end]).ok().map(clip)
}

fn contains_stream_true(body: &[u8]) -> bool {
    memchr::memmem::find(body, b"\"stream\":true").is_some()
        || memchr::memmem::find(body, b"\"stream\": true").is_some()
}

/// `/v1/realtime?model=…`, `/v1/models/NAME`.
pub(crate) fn path_model(target: &str) -> Option<String> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parameter = query.split('&').find_map(|p| p.strip_prefix("model="));
    let name = parameter.or_else(|| path.strip_prefix("/v1/models/"));
    name.and_then(decoded)
}

/// Azure's older paths: `/openai/deployments/NAME/…`.
pub(crate) fn deployment(target: &str) -> Option<String> {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let (_, rest) = path.split_once("/openai/deployments/")?;
    decoded(rest.split_once('/').map_or(rest, |(name, _)| name))
}

fn decoded(name: &str) -> Option<String> {
    let name = percent_encoding::percent_decode_str(name).decode_utf8().ok()?;
    (!name.is_empty()).then(|| clip(&name))
}

/// Whether a frame's data may hold usage; most frames of a stream do not.
pub fn may_hold_usage(data: &str) -> bool {
    let Some(at) = memchr::memmem::find(data.as_bytes(), b"\"usage\"") else { return false };
    !data[at + 7..].trim_start_matches([' ', ':']).starts_with("null")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(r#"{"model":"gpt-4o","stream":true}"#, Some("gpt-4o"), true)]
    #[case(r#"  {"messages":[{"content":"a\"model\":\"no\""}],"model":"m"}"#, Some("m"), false)]
    #[case(
        r#"{"model":"gpt-4o","stream": true,"messages":[{"content":"cut of"#,
        Some("gpt-4o"),
        true
    )]
    #[case(r#"{"model":7}"#, None, false)]
    #[case("plain", None, false)]
    #[case("", None, false)]
    fn reads_the_request(#[case] body: &str, #[case] model: Option<&str>, #[case] stream: bool) {
        let asked = asked(body.as_bytes(), None, "/v1/chat/completions");
        assert_eq!((asked.model.as_deref(), asked.stream), (model, stream));
    }

    #[test]
    fn reads_forms_and_targets() {
        let form =
            b"--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--x--";
        let read =
            asked(form, Some(b"multipart/form-data; boundary=x"), "/v1/audio/transcriptions");
        assert_eq!(read.model.as_deref(), Some("whisper-1"));
        let read = asked(b"", None, "/v1/realtime?model=gpt-realtime&x=1");
        assert_eq!(read.model.as_deref(), Some("gpt-realtime"));
        let named = deployment("/v1/openai/deployments/my%20own/chat/completions?api-version=1");
        assert_eq!(named.as_deref(), Some("my own"));
    }

    proptest::proptest! {
        #[test]
        fn hostile_bytes_never_panic(body: Vec<u8>, text: String) {
            asked(&body, None, &text);
            asked(&body, Some(b"multipart/x"), &text);
            Answered::default().read(&body);
            may_hold_usage(&text);
        }
    }
}
