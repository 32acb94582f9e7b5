//! The list's two forms: the packed one that is embedded and stored, and the JSON of
//! the PyPI package `litellm` it is made from.

use std::{collections::BTreeMap, io::Read};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Book, Price, Rate, Rates};

/// Bytes of a list unpacked, at most.
const MOST: u64 = 32 << 20;

/// A file that is no price list.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// Not even JSON.
    #[error("not a price list: {0}")]
    Json(#[from] serde_json::Error),
    /// Cannot be unpacked.
    #[error("not a packed price list: {0}")]
    Packed(#[from] std::io::Error),
    /// JSON of something else.
    #[error(
        "no model with input_cost_per_token in it: expected is litellm's model_prices_and_context_window.json"
    )]
    Empty,
}

/// What is packed: input, output, cache read, cache write, then one such row per tier
/// with the tokens above which it counts before it.
#[derive(Serialize, Deserialize)]
struct Packed {
    date: String,
    models: BTreeMap<String, Vec<Option<u64>>>,
}

impl Book {
    /// Reads the JSON of litellm's list: a map from model to its fields. `date` is when
    /// it was taken.
    pub fn import(json: &[u8], date: &str) -> Result<Self, ListError> {
        let list: Map<String, Value> = serde_json::from_slice(json)?;
        let models: BTreeMap<String, Price> = list
            .iter()
            .filter(|(name, _)| *name != "sample_spec")
            .filter_map(|(name, fields)| Some((name.to_ascii_lowercase(), price(fields)?)))
            .collect();
        match models.is_empty() {
            true => Err(ListError::Empty),
            false => Ok(Self::of(date.to_owned(), models)),
        }
    }

    /// The form that is stored.
    pub fn pack(&self) -> Vec<u8> {
        let row = |rates: &Rates| {
            let Rates { input, output, cache_read, cache_write } = *rates;
            [Some(input.0), Some(output.0), cache_read.map(|r| r.0), cache_write.map(|r| r.0)]
        };
        let models = self.models.iter().map(|(name, price)| {
            let mut numbers: Vec<Option<u64>> = row(&price.base).into();
            for (above, rates) in &price.tiers {
                numbers.push(Some(*above));
                numbers.extend(row(rates));
            }
            while numbers.last() == Some(&None) {
                numbers.pop();
            }
            (name.clone(), numbers)
        });
        let packed = Packed { date: self.date.clone(), models: models.collect() };
        let json = serde_json::to_vec(&packed).expect("names and numbers are always JSON");
        zstd::encode_all(&json[..], 19).expect("memory to memory")
    }

    /// Back from [`Self::pack`].
    pub fn unpack(packed: &[u8]) -> Result<Self, ListError> {
        let mut json = Vec::new();
        zstd::Decoder::new(packed)?.take(MOST).read_to_end(&mut json)?;
        let Packed { date, models } = serde_json::from_slice(&json)?;
        let rates = |numbers: &[Option<u64>]| {
            let rate = |at: usize| numbers.get(at).copied().flatten().map(Rate);
            Rates {
                input: rate(0).unwrap_or_default(),
                output: rate(1).unwrap_or_default(),
                cache_read: rate(2),
                cache_write: rate(3),
            }
        };
        let models = models.into_iter().map(|(name, numbers)| {
            let (base, rest) = numbers.split_at(numbers.len().min(4));
            let tiers = rest
                .chunks(5)
                .filter_map(|tier| Some((tier.first().copied().flatten()?, rates(&tier[1..]))));
            (name, Price { base: rates(base), tiers: tiers.collect() })
        });
        Ok(Self::of(date, models.collect()))
    }
}

/// One entry's price; `None` where it is not priced by the token.
fn price(fields: &Value) -> Option<Price> {
    let mode = fields["mode"].as_str().unwrap_or("chat");
    if matches!(mode, "image_generation" | "image_edit" | "video_generation" | "search" | "ocr") {
        return None;
    }
    if let Some(ranges) = fields["tiered_pricing"].as_array() {
        let mut tiers: Vec<(u64, Rates)> = ranges
            .iter()
            .filter_map(|tier| {
                let from = tier["range"][0].as_f64().unwrap_or(0.0);
                Some((from as u64, rates(tier, "", None)?))
            })
            .collect();
        tiers.sort_by_key(|(from, _)| *from);
        if !tiers.is_empty() {
            let (_, base) = tiers.remove(0);
            return Some(Price { base, tiers });
        }
    }
    let base = rates(fields, "", None)?;
    let mut above: Vec<u64> = fields
        .as_object()?
        .keys()
        .filter_map(|field| {
            let tier = field.strip_prefix("input_cost_per_token_above_")?;
            tier.strip_suffix("k_tokens")?.parse().ok()
        })
        .collect();
    above.sort_unstable();
    let tier = |thousands: u64| {
        let suffix = format!("_above_{thousands}k_tokens");
        Some((thousands * 1000, rates(fields, &suffix, Some(base))?))
    };
    Some(Price { base, tiers: above.into_iter().filter_map(tier).collect() })
}

/// The rates in the fields with this suffix; what a tier leaves out is as in `base`.
fn rates(fields: &Value, suffix: &str, base: Option<Rates>) -> Option<Rates> {
    let rate =
        |name: &str| Rate::usd_per_million(fields[format!("{name}{suffix}")].as_f64()? * 1e6);
    let input = rate("input_cost_per_token");
    let output = rate("output_cost_per_token");
    if input.is_none() && output.is_none() {
        return None;
    }
    let base = base.unwrap_or_default();
    Some(Rates {
        input: input.unwrap_or(base.input),
        output: output.unwrap_or(base.output),
        cache_read: rate("cache_read_input_token_cost")
            .or_else(|| suffix.is_empty().then(|| rate("input_cost_per_token_cache_hit"))?)
            .or(base.cache_read),
        // Some entries say 0 for "writing costs what input costs".
        cache_write: rate("cache_creation_input_token_cost")
            .filter(|rate| *rate != Rate(0))
            .or(base.cache_write),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_the_same_after_packing() {
        let json = br#"{
            "sample_spec": {"input_cost_per_token": 1},
            "a": {"mode": "chat", "input_cost_per_token": 2.5e-6, "output_cost_per_token": 1e-5,
                  "input_cost_per_token_above_200k_tokens": 5e-6},
            "b": {"mode": "embedding", "input_cost_per_token": 2e-8},
            "p": {"mode": "image_generation", "input_cost_per_token": 1e-6},
            "t": {"mode": "chat", "tiered_pricing": [
                {"range": [0, 32000.0], "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},
                {"range": [32000.0, 1000000.0], "input_cost_per_token": 3e-6, "output_cost_per_token": 4e-6}]},
            "none": {"mode": "chat", "input_cost_per_second": 1}
        }"#;
        let book = Book::import(json, "2026-11-01").unwrap();
        assert_eq!(book.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["a", "b", "t"]);
        let again = Book::unpack(&book.pack()).unwrap();
        assert_eq!(again.models, book.models);
        assert_eq!(again.date, "2026-11-01");
        let tier = &again.models["a"].tiers[0];
        assert_eq!(
            (tier.0, tier.1.input, tier.1.output),
            (200_000, Rate(5_000_000), Rate(10_000_000))
        );
        assert_eq!(again.models["t"].tiers[0].0, 32_000);
    }

    #[test]
    fn other_files_are_refused() {
        assert!(matches!(Book::import(b"[]", ""), Err(ListError::Json(_))));
        assert!(matches!(Book::import(b"{\"a\":{}}", ""), Err(ListError::Empty)));
        assert!(Book::unpack(b"nothing").is_err());
    }
}
