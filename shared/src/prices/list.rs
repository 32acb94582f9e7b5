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

/// What is packed: a row of rates per model, then one such row per tier with the tokens
/// above which it counts before it. A list of before the further rates has four columns.
#[derive(Serialize, Deserialize)]
struct Packed {
    date: String,
    #[serde(default = "four")]
    columns: usize,
    models: BTreeMap<String, Row>,
    /// By model and class of service.
    #[serde(default)]
    services: BTreeMap<String, BTreeMap<String, Row>>,
    /// By model and way of serving.
    #[serde(default)]
    multipliers: BTreeMap<String, BTreeMap<String, f64>>,
}

type Row = Vec<Option<u64>>;

fn four() -> usize {
    4
}

/// Classes of service as answers name them, and the ends of the list's fields.
const SERVICES: &[(&str, &str)] = &[
    ("flex", "_flex"),
    ("priority", "_priority"),
    ("batch", "_batches"),
    ("ultrafast", "_ultrafast"),
];
/// What the list's `provider_specific_entry` multiplies by: Anthropic's fast mode and
/// its serving in one country.
const WAYS: &[&str] = &["fast", "us"];

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
        let mut packed = Packed {
            date: self.date.clone(),
            columns: Rates::COLUMNS,
            models: BTreeMap::new(),
            services: BTreeMap::new(),
            multipliers: BTreeMap::new(),
        };
        for (name, price) in &self.models {
            packed.models.insert(name.clone(), row(price));
            let services = price.services.iter().map(|(service, p)| (service.clone(), row(p)));
            if !price.services.is_empty() {
                packed.services.insert(name.clone(), services.collect());
            }
            if !price.multipliers.is_empty() {
                packed
                    .multipliers
                    .insert(name.clone(), price.multipliers.iter().cloned().collect());
            }
        }
        let json = serde_json::to_vec(&packed).expect("names and numbers are always JSON");
        zstd::encode_all(&json[..], 19).expect("memory to memory")
    }

    /// Back from [`Self::pack`], of this version or one before.
    pub fn unpack(packed: &[u8]) -> Result<Self, ListError> {
        let mut json = Vec::new();
        zstd::Decoder::new(packed)?.take(MOST).read_to_end(&mut json)?;
        let Packed { date, columns, models, mut services, mut multipliers } =
            serde_json::from_slice(&json)?;
        let columns = columns.max(1);
        let models = models.into_iter().map(|(name, numbers)| {
            let services = services.remove(&name).unwrap_or_default().into_iter();
            let price = Price {
                services: services.map(|(s, numbers)| (s, unrow(&numbers, columns))).collect(),
                multipliers: multipliers.remove(&name).unwrap_or_default().into_iter().collect(),
                ..unrow(&numbers, columns)
            };
            (name, price)
        });
        let models = models.collect();
        Ok(Self::of(date, models))
    }
}

fn row(price: &Price) -> Row {
    let columns = |rates: &Rates| rates.columns().map(|rate| rate.map(|rate| rate.0));
    let mut numbers: Row = columns(&price.base).into();
    for (above, rates) in &price.tiers {
        numbers.push(Some(*above));
        numbers.extend(columns(rates));
    }
    while numbers.last() == Some(&None) {
        numbers.pop();
    }
    numbers
}

fn unrow(numbers: &[Option<u64>], columns: usize) -> Price {
    let rates = |numbers: &[Option<u64>]| {
        Rates::of_columns(|at| numbers.get(at).copied().flatten().map(Rate))
    };
    let (base, rest) = numbers.split_at(numbers.len().min(columns));
    let tiers = rest
        .chunks(columns + 1)
        .filter_map(|tier| Some((tier.first().copied().flatten()?, rates(&tier[1..]))));
    Price { base: rates(base), tiers: tiers.collect(), ..Price::default() }
}

/// One entry's price; `None` where it is not priced by the token.
fn price(fields: &Value) -> Option<Price> {
    let mode = fields["mode"].as_str().unwrap_or("chat");
    let of_images = matches!(mode, "image_generation" | "image_edit");
    if matches!(mode, "video_generation" | "search" | "ocr")
        || (of_images && fields["output_cost_per_image_token"].is_null())
    {
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
            return Some(Price { base, tiers, ..Price::default() });
        }
    }
    let mut price = of_service(fields, "", None)?;
    // Where an answer is nothing but images or sound, its tokens are theirs.
    let own = match mode {
        "audio_speech" => price.base.audio_output,
        _ if of_images => price.base.image_output,
        _ => None,
    };
    if let Some(own) = own.filter(|_| fields["output_cost_per_token"].is_null()) {
        price.base.output = own;
    }
    let services = SERVICES.iter().filter_map(|(name, suffix)| {
        Some(((*name).to_owned(), of_service(fields, suffix, Some(price.base))?))
    });
    let services = services.collect();
    let ways = WAYS.iter().filter_map(|way| {
        let by = fields["provider_specific_entry"][*way].as_f64()?;
        (by > 0.0 && by <= 100.0).then(|| ((*way).to_owned(), by))
    });
    Some(Price { services, multipliers: ways.collect(), ..price })
}

/// The price in the fields with this end, and its tiers. What a class of service leaves
/// out is as much cheaper or dearer than usual as its input is.
fn of_service(fields: &Value, service: &str, usual: Option<Rates>) -> Option<Price> {
    let mut base = rates(fields, service, None)?;
    if let Some(usual) = usual
        && usual.input > Rate(0)
    {
        let by = base.input.0 as f64 / usual.input.0 as f64;
        let (own, usual) = (base.columns(), usual.scaled(by).columns());
        base = Rates::of_columns(|n| own[n].or(usual[n]));
    }
    let mut above: Vec<u64> = fields
        .as_object()?
        .keys()
        .filter_map(|field| {
            let tier = field.strip_prefix("input_cost_per_token_above_")?;
            tier.strip_suffix(service)?.strip_suffix("k_tokens")?.parse().ok()
        })
        .collect();
    above.sort_unstable();
    let tier = |thousands: u64| {
        let suffix = format!("_above_{thousands}k_tokens{service}");
        Some((thousands * 1000, rates(fields, &suffix, Some(base))?))
    };
    let tiers = above.into_iter().filter_map(tier).collect();
    Some(Price { base, tiers, ..Price::default() })
}

/// The rates in the fields with this suffix; what a tier leaves out is as in `base`.
fn rates(fields: &Value, suffix: &str, base: Option<Rates>) -> Option<Rates> {
    let rate =
        |name: &str| Rate::usd_per_million(fields[format!("{name}{suffix}")].as_f64()? * 1e6);
    // Some entries say 0 for "not apart": writing costs what input costs.
    let apart = |name: &str| rate(name).filter(|rate| *rate != Rate(0));
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
        cache_write: apart("cache_creation_input_token_cost").or(base.cache_write),
        cache_write_1h: apart("cache_creation_input_token_cost_above_1hr").or(base.cache_write_1h),
        audio_input: rate("input_cost_per_audio_token").or(base.audio_input),
        audio_output: rate("output_cost_per_audio_token").or(base.audio_output),
        audio_cache_read: rate("cache_read_input_audio_token_cost").or(base.audio_cache_read),
        image_input: apart("input_cost_per_image_token").or(base.image_input),
        image_output: apart("output_cost_per_image_token").or(base.image_output),
        image_cache_read: rate("cache_read_input_image_token_cost").or(base.image_cache_read),
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
            "f": {"mode": "chat", "input_cost_per_token": 4e-6, "output_cost_per_token": 8e-6,
                  "cache_read_input_token_cost": 1e-6, "input_cost_per_token_flex": 2e-6,
                  "output_cost_per_token_flex": 3e-6, "provider_specific_entry": {"us": 1.1}},
            "i": {"mode": "image_generation", "input_cost_per_token": 1e-6,
                  "output_cost_per_image_token": 4e-5},
            "none": {"mode": "chat", "input_cost_per_second": 1}
        }"#;
        let book = Book::import(json, "2026-11-01").unwrap();
        assert_eq!(
            book.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            ["a", "b", "f", "i", "t"]
        );
        let again = Book::unpack(&book.pack()).unwrap();
        assert_eq!(again.models, book.models);
        assert_eq!(again.date, "2026-11-01");
        let tier = &again.models["a"].tiers[0];
        assert_eq!(
            (tier.0, tier.1.input, tier.1.output),
            (200_000, Rate(5_000_000), Rate(10_000_000))
        );
        assert_eq!(again.models["t"].tiers[0].0, 32_000);
        let (service, flex) = &again.models["f"].services[0];
        assert_eq!((&service[..], flex.base.output), ("flex", Rate(3_000_000)));
        assert_eq!(flex.base.cache_read, Some(Rate(500_000)), "as much cheaper as its input");
        assert_eq!(again.models["f"].multipliers, [("us".to_owned(), 1.1)]);
        assert_eq!(again.models["i"].base.output, Rate(40_000_000));
    }

    #[test]
    fn lists_packed_before_the_further_rates_are_read() {
        let json = br#"{"date":"2026-01-01","models":{"m":[1,2,null,4,200000,5,6]}}"#;
        let book = Book::unpack(&zstd::encode_all(&json[..], 1).unwrap()).unwrap();
        let price = &book.models["m"];
        assert_eq!((price.base.cache_write, price.base.cache_write_1h), (Some(Rate(4)), None));
        assert_eq!((price.tiers[0].0, price.tiers[0].1.output), (200_000, Rate(6)));
    }

    #[test]
    fn other_files_are_refused() {
        assert!(matches!(Book::import(b"[]", ""), Err(ListError::Json(_))));
        assert!(matches!(Book::import(b"{\"a\":{}}", ""), Err(ListError::Empty)));
        assert!(Book::unpack(b"nothing").is_err());
    }
}
