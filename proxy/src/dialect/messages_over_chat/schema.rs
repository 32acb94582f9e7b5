//! What OpenAI can enforce of a schema.

use super::super::json::Node;

/// OpenAI's strict mode wants every property required and no others allowed.
/// <https://developers.openai.com/api/docs/guides/structured-outputs>
pub(super) fn enforceable(schema: &Node<'_>) -> bool {
    let fits = match schema.get("properties") {
        None => true,
        Some(properties) => {
            let closed = schema.get("additionalProperties").and_then(Node::bool) == Some(false);
            let required = schema.get("required").map(Node::items).unwrap_or_default();
            let is_required =
                |name: &str| required.iter().any(|r| r.text().is_some_and(|r| r == name));
            closed && properties.fields().iter().all(|(name, _)| is_required(name))
        }
    };
    fits && schema.items().iter().all(enforceable)
        && schema.fields().iter().all(|(_, inner)| enforceable(inner))
}

#[cfg(test)]
mod tests {
    use super::{super::super::json::parse, *};

    #[rstest::rstest]
    #[case(r#"{"type":"string"}"#, true)]
    #[case(r#"{"properties":{"a":{}},"required":["a"],"additionalProperties":false}"#, true)]
    #[case(r#"{"properties":{"a":{}},"required":[],"additionalProperties":false}"#, false)]
    #[case(r#"{"properties":{"a":{}},"required":["a"]}"#, false)]
    #[case(r#"{"items":{"properties":{"a":{}}}}"#, false)]
    #[case(r#"{"anyOf":[{"type":"null"},{"properties":{"a":{}}}]}"#, false)]
    fn every_object_must_be_closed(#[case] schema: &str, #[case] expected: bool) {
        assert_eq!(enforceable(&parse(schema.as_bytes()).unwrap()), expected);
    }
}
