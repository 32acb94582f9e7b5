//! The price that an exchange's cost was computed by.

use glassway_shared::model;
use poem_openapi::{Enum, Object};

/// Where a price came from.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
enum UsedSource {
    /// Somebody set it for this model.
    Override,
    /// The price list.
    List,
    /// The key's price per call.
    Call,
}

/// What an exchange was priced by, as it was then: dollars per million tokens, the
/// provider's multiplier already in them.
#[derive(Object)]
pub(in crate::api) struct PriceUsed {
    source: UsedSource,
    /// The name it was found by.
    model: Option<String>,
    input: Option<f64>,
    output: Option<f64>,
    /// `null`: as any other input.
    cache_read: Option<f64>,
    /// `null`: as any other input.
    cache_write: Option<f64>,
    /// Tokens of the prompt that were written to a cache.
    written_tokens: u64,
    /// The provider's.
    multiplier: f64,
    /// For the call, whatever its tokens.
    per_call_usd: Option<f64>,
}

impl From<model::PriceUsed> for PriceUsed {
    fn from(used: model::PriceUsed) -> Self {
        let source = match used.source {
            model::PriceSource::Override => UsedSource::Override,
            model::PriceSource::List => UsedSource::List,
            model::PriceSource::Call => UsedSource::Call,
        };
        Self {
            source,
            model: used.model,
            input: used.input,
            output: used.output,
            cache_read: used.cache_read,
            cache_write: used.cache_write,
            written_tokens: used.written_tokens,
            multiplier: used.multiplier,
            per_call_usd: used.per_call_usd,
        }
    }
}
