//! What models cost: a vendored price list, and what people put in its place.
//!
//! The list is a snapshot of the model prices in the PyPI package `litellm` (MIT, see
//! `prices/NOTICE.md`), cut to prices per token. A price that is not known is `None`,
//! never 0. Rates are whole picodollars per token (millionths of a dollar per million
//! tokens): cheap models cost fractions of a nano-dollar per token. Money is whole
//! nano-dollars.

mod list;

use std::{
    collections::{BTreeMap, HashMap},
    sync::OnceLock,
};

use serde::{Deserialize, Serialize};

use crate::model::Usage;

pub use list::ListError;

/// Picodollars per token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rate(u64);

impl Rate {
    /// More than any price there is: a thousand dollars per million tokens, tenfold.
    const MOST: f64 = 10_000.0;

    /// From dollars per million tokens; `None` where that is negative or absurd.
    pub fn usd_per_million(usd: f64) -> Option<Self> {
        let sensible = usd.is_finite() && (0.0..=Self::MOST).contains(&usd);
        sensible.then(|| Self((usd * 1e6).round() as u64))
    }

    /// Dollars per million tokens.
    pub fn as_usd_per_million(self) -> f64 {
        self.0 as f64 / 1e6
    }

    fn times(self, tokens: u64) -> u128 {
        u128::from(self.0) * u128::from(tokens)
    }
}

/// Rates of one kind of token each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// A token of the prompt that no cache knew.
    pub input: Rate,
    /// A token of the answer, reasoning included.
    pub output: Rate,
    /// A token read from a cache; `None`: as any other input.
    pub cache_read: Option<Rate>,
    /// A token written to a cache; `None`: as any other input.
    pub cache_write: Option<Rate>,
}

/// What one model costs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// The rates of usual prompts.
    pub base: Rates,
    /// Rates for the whole request where its prompt is longer than this many tokens;
    /// by rising length.
    pub tiers: Vec<(u64, Rates)>,
}

impl Price {
    /// Nano-dollars; `None` where nobody counted the tokens. `prompt_tokens` includes
    /// cached ones.
    pub fn cost(&self, usage: &Usage) -> Option<i64> {
        self.cost_with_written(usage, 0)
    }

    /// [`Self::cost`] where `written` tokens of the prompt went into a cache.
    pub fn cost_with_written(&self, usage: &Usage, written: u64) -> Option<i64> {
        if usage.prompt_tokens.is_none() && usage.completion_tokens.is_none() {
            return None;
        }
        let prompt = usage.prompt_tokens.unwrap_or(0);
        let cached = usage.cached_tokens.unwrap_or(0).min(prompt);
        let written = written.min(prompt - cached);
        let rates = self.rates(prompt);
        let pico = rates.input.times(prompt - cached - written)
            + rates.cache_read.unwrap_or(rates.input).times(cached)
            + rates.cache_write.unwrap_or(rates.input).times(written)
            + rates.output.times(usage.completion_tokens.unwrap_or(0));
        Some(i64::try_from((pico + 500) / 1000).unwrap_or(i64::MAX))
    }

    /// A provider's own prices, as a multiple of these.
    pub fn scaled(&self, multiplier: f64) -> Self {
        if multiplier == 1.0 {
            return self.clone();
        }
        let rate = |rate: Rate| Rate((rate.0 as f64 * multiplier.max(0.0)).round() as u64);
        let rates = |rates: &Rates| Rates {
            input: rate(rates.input),
            output: rate(rates.output),
            cache_read: rates.cache_read.map(rate),
            cache_write: rates.cache_write.map(rate),
        };
        Self {
            base: rates(&self.base),
            tiers: self.tiers.iter().map(|(above, tier)| (*above, rates(tier))).collect(),
        }
    }

    /// The rates of a prompt of so many tokens.
    pub fn rates(&self, prompt: u64) -> Rates {
        let tier = self.tiers.iter().rev().find(|(above, _)| prompt > *above);
        tier.map_or(self.base, |(_, rates)| *rates)
    }

    fn is_free(&self) -> bool {
        self.base.input == Rate(0) && self.base.output == Rate(0)
    }
}

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
        };
        Ok(Price { base, tiers: vec![] })
    }
}

impl From<&Price> for Override {
    fn from(price: &Price) -> Self {
        let Rates { input, output, cache_read, cache_write } = price.base;
        Self {
            input: input.as_usd_per_million(),
            output: output.as_usd_per_million(),
            cache_read: cache_read.map(Rate::as_usd_per_million),
            cache_write: cache_write.map(Rate::as_usd_per_million),
        }
    }
}

/// A price list.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// When the list was taken, as a date; "" where nobody said.
    pub date: String,
    models: BTreeMap<String, Price>,
    /// Last part of a name with slashes → the names that end so.
    tails: HashMap<String, Vec<String>>,
}

/// Whose price is meant where a model is named without its vendor: those who made it,
/// before those who host it.
const MAKERS: &[&str] = &[
    "openai",
    "anthropic",
    "gemini",
    "deepseek",
    "moonshot",
    "dashscope",
    "zai",
    "mistral",
    "xai",
    "minimax",
    "volcengine",
    "cohere",
    "perplexity",
    "azure",
    "groq",
    "together_ai",
    "fireworks_ai",
    "openrouter",
    "siliconflow",
];

/// Our names of vendors where the list has others.
const VENDORS: &[(&str, &str)] =
    &[("qwen", "dashscope"), ("zhipu", "zai"), ("kimi", "moonshot"), ("google", "gemini")];

impl Book {
    /// The list this program was built with.
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Book> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            Self::unpack(include_bytes!("../prices/list.json.zst"))
                .expect("the embedded list is packed and tested by us")
        })
    }

    /// Models in the list.
    pub fn len(&self) -> usize {
        self.models.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    /// Every model with its price, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Price)> {
        self.models.iter().map(|(name, price)| (&name[..], price))
    }

    /// The price of a model: by its exact name, else with or without a vendor before
    /// it, else without the date at its end.
    pub fn price(&self, model: &str) -> Option<Price> {
        let model = model.trim().to_ascii_lowercase();
        let found = self.named(&model).or_else(|| undated(&model).and_then(|m| self.named(m)));
        found.cloned()
    }

    /// [`Self::price`] where it is known who serves it: the vendor's own entry goes
    /// first.
    pub fn price_at(&self, vendor: &str, model: &str) -> Option<Price> {
        let alias = VENDORS.iter().find(|(ours, _)| *ours == vendor);
        let vendor = alias.map_or(vendor, |(_, theirs)| theirs);
        let own = format!("{vendor}/{model}").to_ascii_lowercase();
        self.models.get(&own).cloned().or_else(|| self.price(model))
    }

    fn named(&self, model: &str) -> Option<&Price> {
        if let Some(price) = self.models.get(model) {
            return Some(price);
        }
        let (vendor, tail) = model.rsplit_once('/').unwrap_or(("", model));
        if !vendor.is_empty()
            && let Some(price) = self.models.get(tail)
        {
            return Some(price);
        }
        let hosted = self.tails.get(tail)?;
        // What is free somewhere (a trial, one's own machine) is not free elsewhere.
        let priced = |name: &&String| self.models.get(*name).filter(|price| !price.is_free());
        let by = |maker: &str| {
            let name = hosted.iter().find(|name| name.split('/').next() == Some(maker));
            name.as_ref().and_then(priced)
        };
        if let Some(price) = MAKERS.iter().find_map(|maker| by(maker)) {
            return Some(price);
        }
        let mut others = hosted.iter().filter_map(|name| priced(&name));
        let first = others.next()?;
        others.all(|other| other.base == first.base).then_some(first)
    }

    fn of(date: String, models: BTreeMap<String, Price>) -> Self {
        let mut tails = HashMap::<String, Vec<String>>::new();
        for name in models.keys() {
            if let Some((_, tail)) = name.rsplit_once('/') {
                tails.entry(tail.to_owned()).or_default().push(name.clone());
            }
        }
        Self { date, models, tails }
    }
}

/// `gpt-4o-2024-08-06`, `claude-x-20250929`, `gemini-x-latest`, `…@20250929` without
/// their ends.
fn undated(model: &str) -> Option<&str> {
    if let Some(rest) = model.strip_suffix("-latest").or_else(|| model.strip_suffix(":latest")) {
        return Some(rest);
    }
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (rest, date) = model.rsplit_once(['-', '@'])?;
    match date.len() {
        4 | 6 | 8 if digits(date) => Some(rest),
        // YYYY-MM-DD
        2 if digits(date) => {
            let (rest, month) = rest.rsplit_once('-')?;
            let (rest, year) = rest.rsplit_once('-')?;
            (month.len() == 2 && year.len() == 4 && digits(month) && digits(year)).then_some(rest)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UsageSource;

    fn usage(prompt: u64, completion: u64, cached: u64) -> Usage {
        Usage {
            prompt_tokens: Some(prompt),
            completion_tokens: Some(completion),
            cached_tokens: Some(cached),
            reasoning_tokens: None,
            source: UsageSource::Upstream,
        }
    }

    #[test]
    fn the_built_in_list_prices_what_people_use() {
        let book = Book::builtin();
        assert!(book.len() > 2000, "{}", book.len());
        assert!(!book.date.is_empty());
        let gpt = book.price("gpt-4o").unwrap();
        assert_eq!(gpt.base.input, Rate::usd_per_million(2.5).unwrap());
        // 1,000 of them 400 cached, 100 out: 600·2.5 + 400·1.25 + 100·10 dollars per million.
        assert_eq!(gpt.cost(&usage(1000, 100, 400)), Some(3_000_000));
        for model in [
            "openai/gpt-4o",
            "gpt-4o-2099-01-01",
            "GPT-4o",
            "claude-sonnet-4-5",
            "claude-sonnet-4-5-20990101",
            "anthropic/claude-sonnet-4-5",
            "deepseek-chat",
            "qwen-plus",
            "gemini-2.5-pro",
            "models/gemini-2.5-pro",
            "kimi-k2.5",
        ] {
            assert!(book.price(model).is_some_and(|price| !price.is_free()), "{model}");
        }
        assert_eq!(book.price("no-such-model"), None);
        assert_eq!(book.price(""), None);
    }

    #[test]
    fn long_prompts_cost_their_tier() {
        let price = Book::builtin().price("gemini/gemini-2.5-pro").unwrap();
        assert_eq!(price.cost(&usage(200_000, 0, 0)), Some(250_000_000));
        assert_eq!(price.cost(&usage(200_001, 0, 0)), Some(500_002_500));
    }

    #[test]
    fn fractions_of_a_nano_dollar_add_up() {
        let price = Override { input: 0.0375, output: 0.15, ..Override::default() };
        let price = price.price().unwrap();
        assert_eq!(price.cost(&usage(1, 0, 0)), Some(38));
        assert_eq!(price.cost(&usage(1_000_000, 0, 0)), Some(37_500_000));
        assert_eq!(price.scaled(2.0).cost(&usage(1_000_000, 0, 0)), Some(75_000_000));
        assert_eq!(price.cost(&Usage::ABSENT), None, "unknown is not free");
    }

    #[test]
    fn cached_and_written_tokens_are_part_of_the_prompt() {
        let price =
            Override { input: 3.0, output: 15.0, cache_read: Some(0.3), cache_write: Some(3.75) };
        let price = price.price().unwrap();
        let cost = price.cost_with_written(&usage(1000, 10, 500), 200).unwrap();
        assert_eq!(cost, 300 * 3000 + 500 * 300 + 200 * 3750 + 10 * 15_000);
        assert!(price.cost(&usage(10, 0, 99)).is_some(), "more cached than there was");
    }

    #[test]
    fn absurd_overrides_name_their_field() {
        let price = Override { input: 1.0, output: -1.0, ..Override::default() };
        assert_eq!(price.price(), Err("output"));
        let price = Override { input: f64::NAN, ..Override::default() };
        assert_eq!(price.price(), Err("input"));
    }

    #[test]
    fn dates_are_told_from_versions() {
        assert_eq!(undated("gpt-4o-2024-08-06"), Some("gpt-4o"));
        assert_eq!(undated("claude-haiku-4-5-20251001"), Some("claude-haiku-4-5"));
        assert_eq!(undated("claude-sonnet-4-5@20250929"), Some("claude-sonnet-4-5"));
        assert_eq!(undated("claude-sonnet-4-5"), None);
        assert_eq!(undated("gpt-4o"), None);
    }
}
