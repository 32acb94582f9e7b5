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
    /// Dollars less than without a cache: what reading it saved, without what writing it
    /// cost more. `null` where no cache had a part.
    cache_saved_usd: Option<f64>,
    /// What else counted; `null` where nothing did.
    beside: Option<PriceBeside>,
}

/// What only some calls are priced by: classes of service, caches of an hour, sound,
/// images. Rates are dollars per million tokens, `null` where there were none.
#[derive(Object)]
struct PriceBeside {
    /// The classes and ways of serving that changed the rates: `flex`, `priority`, `fast`.
    served: Vec<String>,
    cache_write_1h: Option<f64>,
    /// Of the written tokens, those kept for an hour.
    written_1h_tokens: u64,
    audio_input: Option<f64>,
    audio_input_tokens: u64,
    audio_output: Option<f64>,
    audio_output_tokens: u64,
    image_input: Option<f64>,
    image_input_tokens: u64,
    image_output: Option<f64>,
    image_output_tokens: u64,
}

impl From<model::PriceBeside> for PriceBeside {
    fn from(beside: model::PriceBeside) -> Self {
        Self {
            served: beside.served,
            cache_write_1h: beside.cache_write_1h,
            written_1h_tokens: beside.written_1h_tokens,
            audio_input: beside.audio_input,
            audio_input_tokens: beside.audio_input_tokens,
            audio_output: beside.audio_output,
            audio_output_tokens: beside.audio_output_tokens,
            image_input: beside.image_input,
            image_input_tokens: beside.image_input_tokens,
            image_output: beside.image_output,
            image_output_tokens: beside.image_output_tokens,
        }
    }
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
            cache_saved_usd: used.cache_saved_usd,
            beside: used.beside.map(|beside| (*beside).into()),
        }
    }
}
