//! The model inside a form (audio and image calls): found by the form's own boundary, so
//! that nothing in an uploaded file is taken for it, and replaced where it stands.
//! <https://www.rfc-editor.org/rfc/rfc7578>

use std::ops::Range;

use bytes::Bytes;

/// The `model` field of a `multipart/form-data` body.
pub fn model<'b>(body: &'b [u8], content_type: &[u8]) -> Option<&'b str> {
    let span = span(body, content_type)?;
    std::str::from_utf8(&body[span]).ok().map(str::trim)
}

/// The same form with another model; `None` if it names none.
pub fn with_model(body: &[u8], content_type: &[u8], model: &str) -> Option<Bytes> {
    let Range { start, end } = span(body, content_type)?;
    Some([&body[..start], model.as_bytes(), &body[end..]].concat().into())
}

fn span(body: &[u8], content_type: &[u8]) -> Option<Range<usize>> {
    let delimiter = [b"--", boundary(content_type)?.as_bytes()].concat();
    let mut at = memchr::memmem::find(body, &delimiter)? + delimiter.len();
    let between = [b"\r\n", &delimiter[..]].concat();
    loop {
        let rest = &body[at..];
        let head = memchr::memmem::find(rest, b"\r\n\r\n")?;
        let start = at + head + 4;
        let end = start + memchr::memmem::find(&body[start..], &between)?;
        if is_model(&rest[..head]) {
            return Some(start..end);
        }
        at = end + between.len();
    }
}

fn boundary(content_type: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(content_type).ok()?;
    let parameters = text.split(';').skip(1);
    let value = parameters.filter_map(|p| p.trim().split_once('=')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })?;
    (!value.is_empty()).then(|| value.to_owned())
}

/// Whether a part's head has `name="model"`.
fn is_model(head: &[u8]) -> bool {
    String::from_utf8_lossy(head).lines().any(|line| {
        let Some((name, value)) = line.split_once(':') else { return false };
        name.trim().eq_ignore_ascii_case("content-disposition")
            && value.split(';').filter_map(|p| p.trim().split_once('=')).any(|(key, value)| {
                key.eq_ignore_ascii_case("name") && value.trim_matches('"') == "model"
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &[u8] = b"multipart/form-data; boundary=\"x y\"";
    const FORM: &str = "--x y\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nname=\"model\"\r\n\r\nno\r\n--x y\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--x y--\r\n";

    #[test]
    fn the_model_is_found_in_its_own_part_and_replaced() {
        assert_eq!(model(FORM.as_bytes(), TYPE), Some("whisper-1"));
        let changed = with_model(FORM.as_bytes(), TYPE, "mine").unwrap();
        assert_eq!(&changed[..], FORM.replace("whisper-1", "mine").as_bytes());
        assert_eq!(model(FORM.as_bytes(), b"multipart/form-data"), None);
        assert_eq!(model(b"--x y\r\n", TYPE), None);
    }

    proptest::proptest! {
        #[test]
        fn hostile_bytes_never_panic(body: Vec<u8>, kind: Vec<u8>) {
            model(&body, &kind);
            model(&[b"--x y", &body[..]].concat(), TYPE);
        }
    }
}
