//! A value as a JSON schema wants it.

use serde_json::{Map, Value, json};

pub fn of(schema: &Value) -> Value {
    inner(schema, schema, 0)
}

fn inner(root: &Value, schema: &Value, depth: usize) -> Value {
    if depth > 16 {
        return Value::Null;
    }
    if let Some(pointer) = schema["$ref"].as_str().and_then(|r| r.strip_prefix('#')) {
        return root.pointer(pointer).map_or(Value::Null, |s| inner(root, s, depth + 1));
    }
    if let Some(first) = schema["enum"].get(0).or_else(|| schema.get("const")) {
        return first.clone();
    }
    for choice in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema[choice].get(0) {
            return inner(root, first, depth + 1);
        }
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        Some("string") => json!("Lisbon"),
        Some("integer") => json!(21),
        Some("number") => json!(21.5),
        Some("boolean") => json!(true),
        Some("array") => json!([inner(root, &schema["items"], depth + 1)]),
        Some("null") => Value::Null,
        _ => {
            let properties = schema["properties"].as_object();
            let made: Map<String, Value> = properties
                .into_iter()
                .flatten()
                .map(|(name, schema)| (name.clone(), inner(root, schema, depth + 1)))
                .collect();
            Value::Object(made)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_and_choices_are_followed() {
        let schema = json!({"type": "object", "$defs": {"T": {"type": "integer"}}, "properties": {
            "a": {"$ref": "#/$defs/T"}, "b": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "c": {"type": "array", "items": {"enum": ["x", "y"]}}}});
        assert_eq!(of(&schema), json!({"a": 21, "b": "Lisbon", "c": ["x"]}));
        assert_eq!(of(&json!({"$ref": "#"})), Value::Null);
    }
}
