//! Several of an enum in one parameter.

use std::borrow::Cow;

use glassway_shared::model;
use poem_openapi::{
    registry::{MetaSchemaRef, Registry},
    types::{ParseError, ParseFromParameter, ParseResult, Type},
};

use super::{Origin, Outcome};

/// Repeated or with commas; none is no condition.
macro_rules! several {
    ($(#[$doc:meta])* $name:ident($one:ident, $model:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name(pub Vec<$one>);

        impl Type for $name {
            const IS_REQUIRED: bool = false;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                Vec::<$one>::name()
            }

            fn schema_ref() -> MetaSchemaRef {
                Vec::<$one>::schema_ref()
            }

            fn register(registry: &mut Registry) {
                $one::register(registry);
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
                // Not `name.is_empty()`: poem-openapi's `Type` has one of its own, always false.
                let names = value.split(',').map(str::trim);
                let all = names.map(|name| match name.parse::<$model>() {
                    Ok(one) => Ok(one.into()),
                    Err(e) => Err(ParseError::custom(e)),
                });
                all.collect::<Result<_, _>>().map(Self)
            }

            fn parse_from_parameters<I: IntoIterator<Item = A>, A: AsRef<str>>(
                values: I,
            ) -> ParseResult<Self> {
                let mut all = Vec::new();
                for value in values {
                    all.extend(Self::parse_from_parameter(value.as_ref())?.0);
                }
                Ok(Self(all))
            }
        }
    };
}

several!(
    /// Several outcomes.
    Outcomes(Outcome, model::Outcome)
);
several!(
    /// Several origins.
    Origins(Origin, model::Origin)
);
