//! A price that somebody set for a model, in place of the list's.

use serde::{Deserialize, Serialize};

use super::{Price, Rate, Rates};

/// A price somebody set: dollars per million tokens, as the API and the table hold it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Per million tokens of the prompt.
    pub input: f64,
    /// Per million tokens of the answer.
    pub output: f64,
    /// Per million tokens read from a cache; absent: as input.
    #[serde(default)]
    pub cache_read: Option<f64>,
    /// Per million tokens written to a cache; absent: as input.
    #[serde(default)]
    pub cache_write: Option<f64>,
    /// Per million tokens written to a cache for an hour; absent: as `cache_write`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<f64>,
    /// Per million tokens of sound in the prompt; absent: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_input: Option<f64>,
    /// Per million tokens of sound in the answer; absent: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_output: Option<f64>,
    /// Per million tokens of images in the prompt; absent: as input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_input: Option<f64>,
    /// Per million tokens of images in the answer; absent: as output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_output: Option<f64>,
}

impl Override {
    /// From a row's JSON; `None` where it says nothing sensible.
    pub fn read(json: &serde_json::Value) -> Option<Self> {
        Self::deserialize(json).ok()
    }

    /// As a price, or the name of the field that is negative or absurd.
    pub fn price(&self) -> Result<Price, &'static str> {
        let rate = |usd, field| Rate::usd_per_million(usd).ok_or(field);
        let maybe = |usd: Option<f64>, field| usd.map(|usd| rate(usd, field)).transpose();
        let base = Rates {
            input: rate(self.input, "input")?,
            output: rate(self.output, "output")?,
            cache_read: maybe(self.cache_read, "cache_read")?,
            cache_write: maybe(self.cache_write, "cache_write")?,
            cache_write_1h: maybe(self.cache_write_1h, "cache_write_1h")?,
            audio_input: maybe(self.audio_input, "audio_input")?,
            audio_output: maybe(self.audio_output, "audio_output")?,
            image_input: maybe(self.image_input, "image_input")?,
            image_output: maybe(self.image_output, "image_output")?,
            ..Rates::default()
        };
        Ok(Price { base, ..Price::default() })
    }
}

impl From<Rates> for Override {
    fn from(rates: Rates) -> Self {
        let usd = |rate: Option<Rate>| rate.map(Rate::as_usd_per_million);
        Self {
            input: rates.input.as_usd_per_million(),
            output: rates.output.as_usd_per_million(),
            cache_read: usd(rates.cache_read),
            cache_write: usd(rates.cache_write),
            cache_write_1h: usd(rates.cache_write_1h),
            audio_input: usd(rates.audio_input),
            audio_output: usd(rates.audio_output),
            image_input: usd(rates.image_input),
            image_output: usd(rates.image_output),
        }
    }
}

impl From<&Price> for Override {
    fn from(price: &Price) -> Self {
        price.base.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_overrides_name_their_field() {
        let price = Override { input: 1.0, output: -1.0, ..Override::default() };
        assert_eq!(price.price(), Err("output"));
        let price = Override { input: f64::NAN, ..Override::default() };
        assert_eq!(price.price(), Err("input"));
        let price = Override { audio_output: Some(1e9), ..Override::default() };
        assert_eq!(price.price(), Err("audio_output"));
    }

    #[test]
    fn rows_of_before_the_further_rates_are_still_read() {
        let row = serde_json::json!({"input": 1.0, "output": 2.0, "cache_read": null});
        let read = Override::read(&row).unwrap();
        assert_eq!((read.output, read.cache_write_1h), (2.0, None));
    }
}
