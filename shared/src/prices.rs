//! What models cost: a vendored price list, and what people put in its place.
//!
//! The list is a snapshot of the model prices in the PyPI package `litellm` (MIT, see
//! `prices/NOTICE.md`), cut to prices per token. A price that is not known is `None`,
//! never 0. `rate` is what one model costs, `bill` multiplies it out, `set` is a price
//! that somebody put in the list's place, `list` reads and packs lists.
//! Rates are whole picodollars per token (millionths of a dollar per million
//! tokens): cheap models cost fractions of a nano-dollar per token. Money is whole
//! nano-dollars.

mod bill;
mod list;
mod rate;
mod set;

use std::{
    collections::{BTreeMap, HashMap},
    sync::OnceLock,
};

pub use bill::{Bill, Counts};
pub use list::ListError;
pub use rate::{Price, Rate, Rates};
pub use set::Override;

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
    pub fn price(&self, model: &str) -> Option<&Price> {
        let model = model.trim().to_ascii_lowercase();
        self.named(&model).or_else(|| undated(&model).and_then(|m| self.named(m)))
    }

    /// [`Self::price`] where it is known who serves it: the vendor's own entry goes
    /// first.
    pub fn price_at(&self, vendor: &str, model: &str) -> Option<&Price> {
        let alias = VENDORS.iter().find(|(ours, _)| *ours == vendor);
        let vendor = alias.map_or(vendor, |(_, theirs)| theirs);
        let own = format!("{vendor}/{model}").to_ascii_lowercase();
        self.models.get(&own).or_else(|| self.price(model))
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
    use crate::model::{Usage, UsageSource};

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

    /// Rates that vendors publish beside those of plain text.
    #[test]
    fn the_built_in_list_knows_the_further_rates() {
        let book = Book::builtin();
        let usd = |rate: Option<Rate>| rate.map(Rate::as_usd_per_million);
        let sonnet = book.price("claude-sonnet-4-5").unwrap().base;
        assert_eq!((usd(sonnet.cache_write), usd(sonnet.cache_write_1h)), (Some(3.75), Some(6.0)));
        let realtime = book.price("gpt-realtime").unwrap().base;
        assert_eq!(
            (usd(realtime.audio_input), usd(realtime.audio_output), usd(realtime.audio_cache_read)),
            (Some(32.0), Some(64.0), Some(0.4))
        );
        let image = book.price("gpt-image-1").unwrap().base;
        assert_eq!((usd(image.image_input), image.output.as_usd_per_million()), (Some(10.0), 40.0));
        let flex = book.price("gpt-5.4").unwrap();
        let ways = ["flex"];
        assert_eq!(flex.served(ways.into_iter()).base.input.as_usd_per_million(), 1.25);
        assert_eq!(flex.served(ways.into_iter()).rates(300_000).input.as_usd_per_million(), 2.5);
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
    fn dates_are_told_from_versions() {
        assert_eq!(undated("gpt-4o-2024-08-06"), Some("gpt-4o"));
        assert_eq!(undated("claude-haiku-4-5-20251001"), Some("claude-haiku-4-5"));
        assert_eq!(undated("claude-sonnet-4-5@20250929"), Some("claude-sonnet-4-5"));
        assert_eq!(undated("claude-sonnet-4-5"), None);
        assert_eq!(undated("gpt-4o"), None);
    }
}
