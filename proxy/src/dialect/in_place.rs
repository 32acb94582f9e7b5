//! Same dialect: the few fields that must change are changed where they stand; every
//! other byte (unknown fields, order, number formats) stays.
//!
//! Top-level fields only are looked at, as borrowed raw values, which tell their place
//! in safe code; a large body is not built as a tree.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Who wants the usage chunk of a chat stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageChunk {
    /// The client said so, either way, or there is no stream: nothing was changed.
    AsAsked,
    /// We do: the client left it open. It is to be stripped again ([`super::strip`]).
    Ours,
}

/// A body with its edits.
#[derive(Clone, Debug)]
pub struct Edited {
    /// To be sent.
    pub body: Bytes,
    /// Whether the usage chunk is for us alone.
    pub usage_chunk: UsageChunk,
}

/// The `model` that counts: the last one at the top, as most readers have it. Nothing
/// deeper is taken for it.
pub fn model(body: &[u8]) -> Option<String> {
    let fields = fields(body)?;
    let last = fields.iter().rfind(|field| field.key == "model")?;
    serde_json::from_slice(&body[last.from..last.to]).ok()
}

/// Replaces every top-level `model` that is another by `model`, and asks for the usage of a chat stream
/// where `ask_usage` and the client left it open. What is no JSON object stays as it is.
pub fn edit(body: &Bytes, model: Option<&str>, ask_usage: bool) -> Edited {
    let mut edited = Edited { body: body.clone(), usage_chunk: UsageChunk::AsAsked };
    let Some(fields) = fields(body) else { return edited };
    let mut edits = Vec::new();
    if let Some(model) = model {
        let quoted = serde_json::Value::from(model).to_string();
        let is_other = |field: &&Field<'_>| {
            serde_json::from_slice::<Cow<'_, str>>(&body[field.from..field.to])
                .map_or(true, |named| named != model)
        };
        let models = fields.iter().filter(|field| field.key == "model").filter(is_other);
        edits.extend(models.map(|field| Edit {
            from: field.from,
            to: field.to,
            text: quoted.clone(),
        }));
    }
    if ask_usage && let Some(edit) = usage_edit(body, &fields) {
        edits.push(edit);
        edited.usage_chunk = UsageChunk::Ours;
    }
    if !edits.is_empty() {
        edited.body = applied(body, edits);
    }
    edited
}

/// Whether an error says that the upstream knows no `stream_options`.
pub fn refuses_usage(status: u16, body: &[u8]) -> bool {
    matches!(status, 400 | 422) && memchr::memmem::find(body, b"stream_options").is_some()
}

/// A top-level field and where its value stands.
struct Field<'a> {
    key: Cow<'a, str>,
    from: usize,
    to: usize,
}

struct Edit {
    from: usize,
    to: usize,
    text: String,
}

fn applied(body: &[u8], mut edits: Vec<Edit>) -> Bytes {
    edits.sort_by_key(|edit| edit.from);
    let longer: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let mut out = Vec::with_capacity(body.len() + longer);
    let mut at = 0;
    for Edit { from, to, text } in edits {
        out.extend_from_slice(&body[at..from]);
        out.extend_from_slice(text.as_bytes());
        at = to;
    }
    out.extend_from_slice(&body[at..]);
    out.into()
}

/// Of repeats the last counts, as for most readers.
fn usage_edit(body: &[u8], top: &[Field<'_>]) -> Option<Edit> {
    const ASK: &str = r#""include_usage":true"#;
    let last = |name: &str| top.iter().rfind(|field| field.key == name);
    let value = |field: &Field<'_>| body[field.from..field.to].to_vec();
    if last("stream").map(value)? != b"true" {
        return None;
    }
    let Some(options) = last("stream_options") else {
        // After the opening brace: there is a field, `stream` at least.
        let at = memchr::memchr(b'{', body)? + 1;
        return Some(Edit { from: at, to: at, text: format!(r#""stream_options":{{{ASK}}},"#) });
    };
    let raw = &body[options.from..options.to];
    if raw == b"null" {
        return Some(Edit { from: options.from, to: options.to, text: format!("{{{ASK}}}") });
    }
    let inner = fields(raw)?;
    match inner.iter().rfind(|field| field.key == "include_usage") {
        Some(open) if &raw[open.from..open.to] == b"null" => {
            let (from, to) = (options.from + open.from, options.from + open.to);
            Some(Edit { from, to, text: "true".to_owned() })
        }
        Some(_) => None,
        None => {
            let at = options.from + 1;
            let comma = if inner.is_empty() { "" } else { "," };
            Some(Edit { from: at, to: at, text: format!("{ASK}{comma}") })
        }
    }
}

/// `None` for what is no JSON object.
fn fields(body: &[u8]) -> Option<Vec<Field<'_>>> {
    struct Fields {
        start: usize,
    }

    impl<'de> Visitor<'de> for Fields {
        type Value = Vec<Field<'de>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut fields = Vec::new();
            while let Some(key) = map.next_key::<Text<'de>>()? {
                let value: &'de RawValue = map.next_value()?;
                let from = value.get().as_ptr() as usize - self.start;
                fields.push(Field { key: key.0, from, to: from + value.get().len() });
            }
            Ok(fields)
        }
    }

    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let fields = deserializer.deserialize_map(Fields { start: body.as_ptr() as usize }).ok()?;
    deserializer.end().ok().map(|()| fields)
}

/// A key, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(body: &str, model: Option<&str>, ask: bool) -> (String, UsageChunk) {
        let edited = edit(&Bytes::copy_from_slice(body.as_bytes()), model, ask);
        (String::from_utf8(edited.body.to_vec()).unwrap(), edited.usage_chunk)
    }

    #[rstest::rstest]
    #[case(
        r#"{ "a":1.50e0,"stream" : true}"#,
        r#"{"stream_options":{"include_usage":true}, "a":1.50e0,"stream" : true}"#
    )]
    #[case(
        r#"{"stream":true,"stream_options":null}"#,
        r#"{"stream":true,"stream_options":{"include_usage":true}}"#
    )]
    #[case(
        r#"{"stream":true,"stream_options":{ }}"#,
        r#"{"stream":true,"stream_options":{"include_usage":true }}"#
    )]
    #[case(
        r#"{"stream":true,"stream_options":{"x":1}}"#,
        r#"{"stream":true,"stream_options":{"include_usage":true,"x":1}}"#
    )]
    #[case(
        r#"{"stream":true,"stream_options":{"include_usage":null}}"#,
        r#"{"stream":true,"stream_options":{"include_usage":true}}"#
    )]
    fn usage_is_asked_for_where_the_client_left_it_open(#[case] body: &str, #[case] sent: &str) {
        assert_eq!(edited(body, None, true), (sent.to_owned(), UsageChunk::Ours));
        assert_eq!(edited(body, None, false), (body.to_owned(), UsageChunk::AsAsked));
    }

    #[rstest::rstest]
    #[case(r#"{"stream":true,"stream_options":{"include_usage":false}}"#)]
    #[case(r#"{"stream":true,"stream_options":{"include_usage":true}}"#)]
    #[case(r#"{"stream":false}"#)]
    #[case(r#"{"model":1}"#)]
    #[case("{}")]
    #[case("[true]")]
    #[case(r#"{"stream":true"#)]
    #[case(r#"{"stream":true} x"#)]
    fn otherwise_nothing_changes(#[case] body: &str) {
        assert_eq!(edited(body, None, true), (body.to_owned(), UsageChunk::AsAsked));
    }

    #[test]
    fn only_the_model_changes_and_every_byte_else_stays() {
        let body = r#"{ "model" : "old" ,"x":{"model":"in"},"stream":true, "mod\u0065l":"o2"}"#;
        let sent = r#"{"stream_options":{"include_usage":true}, "model" : "n\"" ,"x":{"model":"in"},"stream":true, "mod\u0065l":"n\""}"#;
        assert_eq!(edited(body, Some("n\""), true), (sent.to_owned(), UsageChunk::Ours));
    }

    #[test]
    fn the_same_model_stays_as_it_is_written_and_a_second_one_does_not_slip_by() {
        let body = r#"{"model":"chea\u0070","n":1,"model":"dear","deep":{"model":"no"}}"#;
        assert_eq!(model(body.as_bytes()).as_deref(), Some("dear"));
        let sent = r#"{"model":"chea\u0070","n":1,"model":"cheap","deep":{"model":"no"}}"#;
        assert_eq!(edited(body, Some("cheap"), false).0, sent);
        assert_eq!(model(br#"{"deep":{"model":"no"},"stream":7}"#), None);
        assert_eq!(model(br#"{"model":7}"#), None);
    }

    #[test]
    fn a_refusal_names_the_field() {
        let said = br#"{"error":{"message":"Unrecognized request argument: stream_options"}}"#;
        assert!(refuses_usage(400, said) && refuses_usage(422, said));
        assert!(!refuses_usage(500, said) && !refuses_usage(400, b"{}"));
    }

    proptest::proptest! {
        #[test]
        fn hostile_bytes_never_panic(body: Vec<u8>, model: String) {
            edit(&Bytes::from(body), Some(&model), true);
        }
    }
}
