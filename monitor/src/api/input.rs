//! JSON bodies, judged by their own schema before anything reads them. poem-openapi
//! says "expected type integer, found …" without the field's name and with the value,
//! which may be a key; here the field is named and no value is ever repeated.

use poem::{Request, RequestBody, Result, http::StatusCode};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    payload::{Json, ParsePayload, Payload},
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry},
    types::ParseFromJSON,
};
use serde_json::Value;

use crate::error::Problem;

/// A body of this shape, refused with the name of the field that does not fit.
pub(super) struct Body<T>(pub(super) T);

impl<'a, T: ParseFromJSON> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Json<T> as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: <Json<T> as Payload>::CONTENT_TYPE,
                schema: <Json<T> as Payload>::schema_ref(),
            }],
            required: <Json<T> as ParsePayload>::IS_REQUIRED,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let is_json = request.content_type().is_some_and(<Json<T> as Payload>::check_content_type);
        if !is_json {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "send JSON, with the header Content-Type: application/json",
            )
            .into());
        }
        let bytes = body.take()?.into_bytes().await?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|e| {
            let place = format!("line {}, column {}", e.line(), e.column());
            Problem::new(StatusCode::BAD_REQUEST, format!("the body is not JSON: {place}"))
        })?;
        Ok(Self(parse(value)?))
    }
}

fn parse<T: ParseFromJSON>(value: Value) -> Result<T, Problem> {
    let mut registry = Registry::new();
    T::register(&mut registry);
    fits(&registry, &T::schema_ref(), &value, "")?;
    // What is left is a validator's word about a field, without its value.
    T::parse_from_json(Some(value)).map_err(|e| {
        let message = e.message();
        let field = message.split("field `").nth(1).and_then(|rest| rest.split('`').next());
        Problem::field(field.unwrap_or("body"), "does not fit the documented shape")
    })
}

fn fits(
    registry: &Registry,
    schema: &MetaSchemaRef,
    value: &Value,
    path: &str,
) -> Result<(), Problem> {
    let schema: &MetaSchema = match schema {
        MetaSchemaRef::Inline(schema) => schema,
        MetaSchemaRef::Reference(name) => match registry.schemas.get(name) {
            Some(schema) => schema,
            None => return Ok(()),
        },
    };
    for part in &schema.all_of {
        fits(registry, part, value, path)?;
    }
    let refuse = |message: String| {
        let field = if path.is_empty() { "body" } else { path };
        Err(Problem::field(field, message))
    };
    match (schema.ty, value) {
        ("object", Value::Object(fields)) => {
            for required in &schema.required {
                if !fields.contains_key(*required) {
                    return Err(Problem::field(&join(path, required), "is missing"));
                }
            }
            for (name, value) in fields {
                let at = join(path, name);
                match schema.properties.iter().find(|(property, _)| property == name) {
                    // An optional field may be null; whether that says anything is its
                    // reader's to know.
                    Some(_) if value.is_null() && !schema.required.contains(&&name[..]) => {}
                    Some((_, schema)) => fits(registry, schema, value, &at)?,
                    None => match &schema.additional_properties {
                        Some(schema) => fits(registry, schema, value, &at)?,
                        None if schema.properties.is_empty() => {}
                        None => {
                            let known: Vec<_> =
                                schema.properties.iter().map(|(name, _)| *name).collect();
                            let known = known.join(", ");
                            let message = format!("unknown field; known are {known}");
                            return Err(Problem::field(&at, message));
                        }
                    },
                }
            }
        }
        ("array", Value::Array(items)) => {
            if let Some(most) = schema.max_items
                && items.len() > most
            {
                return refuse(format!("at most {most} entries"));
            }
            if let Some(schema) = &schema.items {
                for (n, item) in items.iter().enumerate() {
                    fits(registry, schema, item, &format!("{path}[{n}]"))?;
                }
            }
        }
        ("string", Value::String(text)) => {
            let length = text.chars().count();
            if schema.max_length.is_some_and(|most| length > most) {
                return refuse(format!("at most {} characters", schema.max_length.unwrap_or(0)));
            }
            if schema.min_length.is_some_and(|least| length < least) {
                return refuse("must not be empty".to_owned());
            }
            if !schema.enum_items.is_empty() && !schema.enum_items.contains(value) {
                let words = schema.enum_items.iter().filter_map(Value::as_str);
                return refuse(format!("must be one of {}", words.collect::<Vec<_>>().join(", ")));
            }
            if schema.format == Some("date-time") && text.parse::<jiff::Timestamp>().is_err() {
                return refuse("must be a time such as 2026-01-31T12:00:00Z".to_owned());
            }
        }
        ("boolean", Value::Bool(_)) | ("", _) => {}
        ("integer", Value::Number(number)) => {
            let Some(number) = number.as_i64() else {
                return refuse("must be a whole number".to_owned());
            };
            let (least, most) = range(schema.format);
            in_range(schema, number as f64, least, most).or_else(refuse)?;
        }
        ("number", Value::Number(number)) => {
            let number = number.as_f64().unwrap_or(f64::INFINITY);
            in_range(schema, number, f64::MIN, f64::MAX).or_else(refuse)?;
        }
        (expected, _) => {
            let article =
                if matches!(expected, "integer" | "array" | "object") { "an" } else { "a" };
            return refuse(format!("must be {article} {expected}"));
        }
    }
    Ok(())
}

fn join(path: &str, name: &str) -> String {
    // A name of the client's own is repeated, and may be long.
    let name: String = name.chars().take(64).collect();
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

fn range(format: Option<&str>) -> (f64, f64) {
    match format {
        Some("uint32") => (0.0, f64::from(u32::MAX)),
        Some("int32") => (f64::from(i32::MIN), f64::from(i32::MAX)),
        Some("uint64") => (0.0, 9e15),
        _ => (-9e15, 9e15),
    }
}

fn in_range(schema: &MetaSchema, number: f64, least: f64, most: f64) -> Result<(), String> {
    let least = schema.minimum.unwrap_or(least).max(least);
    let most = schema.maximum.unwrap_or(most).min(most);
    if number < least {
        return Err(format!("at least {least}"));
    }
    if number > most {
        return Err(format!("at most {most}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use poem_openapi::{Object, types::MaybeUndefined};
    use serde_json::json;

    use super::*;

    #[derive(Debug, Object)]
    #[oai(deny_unknown_fields)]
    struct Inner {
        name: String,
    }

    #[derive(Debug, Object)]
    #[oai(deny_unknown_fields)]
    struct Sample {
        name: String,
        #[oai(validator(minimum(value = "1"), maximum(value = "10")))]
        weight: MaybeUndefined<u32>,
        price: MaybeUndefined<f64>,
        inner: Option<Vec<Inner>>,
        map: Option<std::collections::BTreeMap<String, String>>,
        any: Option<Value>,
    }

    #[track_caller]
    fn refused(value: Value) -> String {
        let problem = parse::<Sample>(value).unwrap_err();
        format!("{problem:?}")
    }

    #[test]
    fn each_refusal_names_its_field_and_repeats_no_value() {
        for (value, field, message) in [
            (json!({}), "name", "is missing"),
            (json!({"name": ["SECRET"]}), "name", "must be a string"),
            (json!({"name": "a", "weight": "SECRET"}), "weight", "must be an integer"),
            (json!({"name": "a", "weight": 0}), "weight", "at least 1"),
            (json!({"name": "a", "weight": 11}), "weight", "at most 10"),
            (json!({"name": "a", "weight": 1.5}), "weight", "whole number"),
            (json!({"name": "a", "wieght": 1}), "wieght", "unknown field"),
            (json!({"name": "a", "inner": [{"name": "b"}, {}]}), "inner[1].name", "is missing"),
            (json!({"name": "a", "inner": [{"name": 3}]}), "inner[0].name", "must be a string"),
            (json!({"name": "a", "map": {"x": 1}}), "map.x", "must be a string"),
            (json!("SECRET"), "body", "must be an object"),
        ] {
            let refusal = refused(value);
            assert!(refusal.contains(&format!("\"{field}\"")), "{refusal}");
            assert!(refusal.contains(message), "{refusal}");
            assert!(!refusal.contains("SECRET"), "{refusal}");
        }
    }

    #[test]
    fn what_fits_is_read() {
        let sample: Sample = parse(json!({
            "name": "a", "weight": null, "price": 1, "inner": [{"name": "b"}],
            "map": {"x": "y"}, "any": {"free": [1, 2]},
        }))
        .unwrap();
        assert!(sample.weight.is_null());
        assert_eq!(sample.price, MaybeUndefined::Value(1.0));
    }
}
