//! Earlier items of the responses API that a request only names: put back where they are
//! named, since an upstream that lacks the API has kept none.
//! <https://developers.openai.com/api/reference/resources/responses/methods/create>

use std::sync::Arc;

use bytes::Bytes;

use super::json;

/// A finished output item of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// As the client will name it.
    pub id: String,
    /// The whole object.
    pub json: String,
}

/// With the items in place, a body is longer than it may be: one item can be named often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Puts the items that `find` knows in place of their references. What it does not know
/// stays, to be refused by the conversion. `None`: nothing was to be done. Stops past
/// `most` bytes.
pub fn resolve(
    body: &[u8],
    most: usize,
    find: impl Fn(&str) -> Option<Arc<str>>,
) -> Result<Option<Bytes>, TooLong> {
    if memchr::memmem::find(body, b"item_reference").is_none() {
        return Ok(None);
    }
    let Ok(root) = json::parse(body) else { return Ok(None) };
    let Some(input) = root.get("input") else { return Ok(None) };
    let mut out = Vec::with_capacity(body.len() + 4096);
    let mut at = 0;
    for item in input.items() {
        if item.text_of("type").as_deref() != Some("item_reference") {
            continue;
        }
        let Some(known) = item.text_of("id").and_then(|id| find(&id)) else { continue };
        let from = item.raw.as_ptr() as usize - body.as_ptr() as usize;
        out.extend_from_slice(&body[at..from]);
        out.extend_from_slice(known.as_bytes());
        at = from + item.raw.len();
        if out.len() > most {
            return Err(TooLong);
        }
    }
    if at == 0 {
        return Ok(None);
    }
    out.extend_from_slice(&body[at..]);
    Ok(Some(out.into()))
}

/// The output items of a whole response.
pub fn items(response: &[u8]) -> Vec<Item> {
    let Ok(root) = json::parse(response) else { return Vec::new() };
    let output = root.get("output").map(json::Node::items).unwrap_or_default();
    let named = output.iter().filter_map(|item| {
        let id = item.text_of("id")?.into_owned();
        Some(Item { id, json: item.raw.to_owned() })
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(body: &str) -> Option<String> {
        let find = |id: &str| (id == "a").then(|| Arc::from(r#"{"type":"message","id":"a"}"#));
        let resolved = resolve(body.as_bytes(), 1 << 20, find).unwrap();
        resolved.map(|body| String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn an_item_that_is_named_often_does_not_fill_the_memory() {
        let one = r#"{"type":"item_reference","id":"a"}"#;
        let body = format!(r#"{{"input":[{}]}}"#, vec![one; 10_000].join(","));
        let large: Arc<str> = "1".repeat(10_000).into();
        let resolved = resolve(body.as_bytes(), 1 << 20, |_| Some(large.clone()));
        assert_eq!(resolved, Err(TooLong));
    }

    #[test]
    fn known_items_stand_where_they_were_named_and_every_byte_else_stays() {
        let body = r#"{ "x":1.0e0, "input" : [ {"type":"item_reference","id":"a"} , {"id":"b","type":"item_reference"},"t"],"m":0}"#;
        let want = r#"{ "x":1.0e0, "input" : [ {"type":"message","id":"a"} , {"id":"b","type":"item_reference"},"t"],"m":0}"#;
        assert_eq!(resolved(body).as_deref(), Some(want));
    }

    #[rstest::rstest]
    #[case(r#"{"input":[{"type":"item_reference","id":"b"}]}"#)]
    #[case(r#"{"input":"item_reference"}"#)]
    #[case(r#"{"input":[{"type":"item_reference","id":7}]}"#)]
    #[case(r#"{"other":[{"type":"item_reference","id":"a"}]}"#)]
    #[case(r#"{"input":[{"type":"item_reference","id":"a"}"#)]
    fn otherwise_nothing_changes(#[case] body: &str) {
        assert_eq!(resolved(body), None);
    }

    #[test]
    fn a_response_gives_its_items() {
        let response = br#"{"output":[{"id":"a", "x":1},{"no":"id"},{"id":"b"}]}"#;
        let item = |id: &str, json: &str| Item { id: id.into(), json: json.into() };
        assert_eq!(
            items(response),
            [item("a", r#"{"id":"a", "x":1}"#), item("b", r#"{"id":"b"}"#)]
        );
        assert_eq!(items(b"{"), []);
    }

    proptest::proptest! {
        #[test]
        fn hostile_bytes_never_panic(body: Vec<u8>) {
            let _ = resolve(&body, 1 << 20, |_| Some(Arc::from("{}")));
            items(&body);
        }
    }
}
