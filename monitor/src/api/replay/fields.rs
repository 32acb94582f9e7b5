//! One field of a JSON object set, everything else as it stands: the order of a schema's
//! properties may matter to a model, and so does every digit. Pure.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// An object's fields in their order, their values as text.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields<'de>, M::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// The object with this field set to a string, where it stood or at the end; `None` where
/// it is not an object.
pub(super) fn with(body: &[u8], field: &str, value: &str) -> Option<Vec<u8>> {
    let Fields(fields) = serde_json::from_slice(body).ok()?;
    let value = serde_json::to_string(value).ok()?;
    let mut out = String::with_capacity(body.len() + value.len());
    let mut set = false;
    for (name, old) in &fields {
        out.push(if out.is_empty() { '{' } else { ',' });
        out.push_str(&serde_json::to_string(name).ok()?);
        out.push(':');
        match name == field {
            true => out.push_str(&value),
            false => out.push_str(old.get()),
        }
        set |= name == field;
    }
    if !set {
        out.push_str(if out.is_empty() { "{" } else { "," });
        out.push_str(&serde_json::to_string(field).ok()?);
        out.push(':');
        out.push_str(&value);
    }
    out.push('}');
    Some(out.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expect: Option<&str>) {
        let made = with(body.as_bytes(), "model", "m\"2").map(|b| String::from_utf8(b).unwrap());
        assert_eq!(made.as_deref(), expect);
    }

    #[test]
    fn one_field_is_set_and_the_rest_stays_as_it_stands() {
        check(
            r#"{"z": 1.50, "model": "a", "b": {"y": 12345678901234567890, "x": [ ]}}"#,
            Some(r#"{"z":1.50,"model":"m\"2","b":{"y": 12345678901234567890, "x": [ ]}}"#),
        );
        check(r#"{"b":1}"#, Some(r#"{"b":1,"model":"m\"2"}"#));
        check("{}", Some(r#"{"model":"m\"2"}"#));
        check("[1]", None);
        check("--boundary", None);
        check("", None);
    }
}
