//! Text with a format, as the specification names it: an id, a moment.

use std::borrow::Cow;

use glassway_shared::id::ExchangeId;
use jiff::Timestamp;
use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef},
    types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type},
};
use serde_json::Value;

/// A schema name, how to read it, how to write it.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident($inner:ty), $format:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name(pub $inner);

        impl Type for $name {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                concat!("string_", $format).into()
            }

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", $format)))
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(self.as_raw_value().into_iter())
            }
        }

        impl ParseFromParameter for $name {
            fn parse_from_parameter(value: &str) -> ParseResult<Self> {
                value.parse().map(Self).map_err(|_| {
                    ParseError::custom(format!(concat!("`{}` is not ", $expected), value))
                })
            }
        }

        impl ParseFromJSON for $name {
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                match value.unwrap_or_default() {
                    Value::String(text) => {
                        Self::parse_from_parameter(&text).map_err(ParseError::propagate)
                    }
                    other => Err(ParseError::expected_type(other)),
                }
            }
        }

        impl ToJSON for $name {
            fn to_json(&self) -> Option<Value> {
                Some(Value::String(self.0.to_string()))
            }
        }
    };
}

text_type!(
    /// An exchange's id.
    Id(ExchangeId), "uuid", "the id of an exchange (a UUID)"
);
text_type!(
    /// A moment, RFC 3339.
    Time(Timestamp), "date-time", "a time such as 2026-01-31T12:00:00Z"
);
