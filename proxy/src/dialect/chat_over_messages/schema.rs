//! A JSON Schema as Anthropic's structured outputs take it: every object closed, and
//! what cannot be enforced told in the description, where the model may heed it. The
//! rules are those of Anthropic's own SDK (`transform_schema` in PyPI anthropic 2.10).

use super::super::{
    json::{Kind, Node},
    view::At,
    write::{self, Writer},
};

/// The formats of strings that are enforced.
const FORMATS: [&str; 10] =
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];

/// The schema, and whether something of it is only told.
pub(super) fn enforced(schema: &Node<'_>) -> (String, bool) {
    let mut marks = Marks::default();
    let written = write::json(|to| value(schema, &mut marks, to));
    match marks.changed {
        true => (written, marks.told),
        // As it stands, to the byte.
        false => (schema.raw.to_owned(), false),
    }
}

#[derive(Default)]
struct Marks {
    changed: bool,
    told: bool,
}

fn value(schema: &Node<'_>, marks: &mut Marks, to: &mut Writer<'_>) {
    let Kind::Object(fields) = &schema.kind else {
        to.raw(schema.raw);
        return;
    };
    let mut told = Vec::new();
    let mut closed = false;
    to.open();
    for (key, field) in fields {
        match (&**key, &field.kind) {
            ("$defs" | "definitions" | "properties", Kind::Object(schemas)) => {
                to.key(key).open();
                for (name, schema) in schemas {
                    to.name(name);
                    value(schema, marks, to);
                }
                to.close();
            }
            ("items", Kind::Object(_)) => value(field, marks, to.key("items")),
            ("anyOf" | "allOf" | "oneOf", Kind::Array(schemas)) => {
                marks.changed |= key == "oneOf";
                to.key(if key == "oneOf" { "anyOf" } else { key }).list();
                schemas.iter().for_each(|schema| value(schema, marks, to));
                to.end();
            }
            ("type" | "enum" | "const" | "title" | "$ref" | "required", _) => {
                to.key(key).raw(field.raw);
            }
            ("format", _) if field.text().is_some_and(|f| FORMATS.contains(&&*f)) => {
                to.key(key).raw(field.raw);
            }
            ("minItems", _) if matches!(field.u64(), Some(0 | 1)) => {
                to.key(key).raw(field.raw);
            }
            ("additionalProperties", Kind::Bool(false)) => {
                closed = true;
                to.key(key).raw("false");
            }
            ("additionalProperties", _) => {
                (marks.changed, marks.told) = (true, true);
            }
            ("description", Kind::String) => {}
            ("$schema", _) => marks.changed = true,
            _ => told.push(format!("{key}: {}", field.raw)),
        }
    }
    let object = schema.get("type").is_some_and(|kind| {
        let is_object = |kind: &Node<'_>| kind.text().is_some_and(|kind| kind == "object");
        is_object(kind) || kind.items().iter().any(is_object)
    });
    if object && !closed {
        marks.changed = true;
        to.key("additionalProperties").raw("false");
    }
    let description = schema.text_of("description");
    if !told.is_empty() {
        (marks.changed, marks.told) = (true, true);
        let gap = if description.is_some() { "\n\n" } else { "" };
        let told = told.join(", ");
        let parts = [description.as_deref().unwrap_or_default(), gap, "{", &told, "}"];
        to.key("description").texts(parts);
    } else if let Some(description) = description {
        to.key("description").text(&description);
    }
    to.close();
}

/// The schema of a tool's input, or of an answer that is had through a tool: it must say
/// `"type": "object"`, which OpenAI lets be left out.
pub(super) fn object(parameters: Option<&Node<'_>>) -> String {
    let Some(node) = parameters else { return r#"{"type":"object"}"#.to_owned() };
    match &node.kind {
        Kind::Object(fields) if fields.is_empty() => r#"{"type":"object"}"#.to_owned(),
        Kind::Object(_) if node.get("type").is_none() && node.get("$ref").is_none() => {
            format!("{{\"type\":\"object\",{}", &node.raw[1..])
        }
        _ => node.raw.to_owned(),
    }
}

/// [`object`], enforced.
pub(super) fn enforced_object(parameters: Option<&Node<'_>>) -> (String, bool) {
    let text = object(parameters);
    match super::super::json::parse(text.as_bytes()) {
        Ok(node) => enforced(&node),
        Err(_) => (text, false),
    }
}

/// Where a schema is given, it is an object.
pub(super) fn check(schema: Option<&Node<'_>>, at: &At<'_>) -> Result<(), super::super::Refused> {
    schema.map_or(Ok(()), |schema| schema.need_fields(at).map(|_| ()))
}

#[cfg(test)]
mod tests {
    use super::{super::super::json::parse, *};

    #[rstest::rstest]
    // What fits stays as it is written.
    #[case(
        r#"{"type":"object", "properties":{"a":{"type":"string"}},"additionalProperties":false}"#,
        r#"{"type":"object", "properties":{"a":{"type":"string"}},"additionalProperties":false}"#,
        false
    )]
    #[case(r#"{"type":"object","properties":{"q\"":{"type":"object"}}}"#, r#"{"type":"object","properties":{"q\"":{"type":"object","additionalProperties":false}},"additionalProperties":false}"#, false)]
    #[case(
        r#"{"type":"integer","minimum":1,"maximum":10,"description":"A number"}"#,
        r#"{"type":"integer","description":"A number\n\n{minimum: 1, maximum: 10}"}"#,
        true
    )]
    #[case(r#"{"type":"string","format":"email"}"#, r#"{"type":"string","format":"email"}"#, false)]
    #[case(
        r#"{"type":"string","format":"color"}"#,
        r#"{"type":"string","description":"{format: \"color\"}"}"#,
        true
    )]
    #[case(
        r#"{"oneOf":[{"type":"null"},{"$ref":"x"}],"$schema":"s"}"#,
        r#"{"anyOf":[{"type":"null"},{"$ref":"x"}]}"#,
        false
    )]
    #[case(
        r#"{"type":["object","null"],"additionalProperties":true}"#,
        r#"{"type":["object","null"],"additionalProperties":false}"#,
        true
    )]
    #[case(
        r#"{"type":"array","items":{"type":"string","maxLength":3},"minItems":1}"#,
        r#"{"type":"array","items":{"type":"string","description":"{maxLength: 3}"},"minItems":1}"#,
        true
    )]
    fn what_cannot_be_enforced_is_told(
        #[case] schema: &str,
        #[case] expected: &str,
        #[case] told: bool,
    ) {
        let made = enforced(&parse(schema.as_bytes()).unwrap());
        assert_eq!(made, (expected.to_owned(), told));
    }
}
