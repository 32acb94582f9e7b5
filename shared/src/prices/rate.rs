//! What one model costs: a rate for each kind of token, other rates for long prompts and
//! for other classes of service.

use serde::{Deserialize, Serialize};

/// Picodollars per token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rate(pub(super) u64);

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

    pub(super) fn times(self, tokens: u64) -> i128 {
        i128::from(self.0) * i128::from(tokens)
    }

    pub(super) fn scaled(self, by: f64) -> Self {
        Self((self.0 as f64 * by.max(0.0)).round() as u64)
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
    /// A token written to a cache that keeps it for an hour; `None`: as any other write.
    pub cache_write_1h: Option<Rate>,
    /// A token of sound in the prompt; `None`: not known, which is not what text costs.
    pub audio_input: Option<Rate>,
    /// A token of sound in the answer; `None`: not known.
    pub audio_output: Option<Rate>,
    /// A token of sound read from a cache; `None`: as other sound.
    pub audio_cache_read: Option<Rate>,
    /// A token of an image in the prompt; `None`: as text, which is how most count them.
    pub image_input: Option<Rate>,
    /// A token of an image in the answer; `None`: as text.
    pub image_output: Option<Rate>,
    /// A token of an image read from a cache; `None`: as other cached input.
    pub image_cache_read: Option<Rate>,
}

impl Rates {
    /// How many there are: the columns of a packed list.
    pub(super) const COLUMNS: usize = 11;

    /// In the order of the packed list.
    pub(super) fn columns(&self) -> [Option<Rate>; Self::COLUMNS] {
        [
            Some(self.input),
            Some(self.output),
            self.cache_read,
            self.cache_write,
            self.cache_write_1h,
            self.audio_input,
            self.audio_output,
            self.audio_cache_read,
            self.image_input,
            self.image_output,
            self.image_cache_read,
        ]
    }

    /// Back from [`Self::columns`]; `rate` gives column n.
    pub(super) fn of_columns(rate: impl Fn(usize) -> Option<Rate>) -> Self {
        Self {
            input: rate(0).unwrap_or_default(),
            output: rate(1).unwrap_or_default(),
            cache_read: rate(2),
            cache_write: rate(3),
            cache_write_1h: rate(4),
            audio_input: rate(5),
            audio_output: rate(6),
            audio_cache_read: rate(7),
            image_input: rate(8),
            image_output: rate(9),
            image_cache_read: rate(10),
        }
    }

    pub(super) fn scaled(&self, by: f64) -> Self {
        let columns = self.columns().map(|rate| rate.map(|rate| rate.scaled(by)));
        Self::of_columns(|n| columns[n])
    }
}

/// What one model costs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Price {
    /// The rates of usual prompts.
    pub base: Rates,
    /// Rates for the whole request where its prompt is longer than this many tokens;
    /// by rising length.
    pub tiers: Vec<(u64, Rates)>,
    /// Prices of other classes of service (`flex`, `priority`, `batch`), in these one's
    /// place.
    pub services: Vec<(String, Price)>,
    /// What a way of serving (`fast`, `us`) multiplies every rate by.
    pub multipliers: Vec<(String, f64)>,
}

impl Price {
    /// A provider's own prices, as a multiple of these.
    pub fn scaled(&self, multiplier: f64) -> Self {
        if multiplier == 1.0 {
            return self.clone();
        }
        let services = self.services.iter();
        Self {
            base: self.base.scaled(multiplier),
            tiers: self.tiers.iter().map(|(n, tier)| (*n, tier.scaled(multiplier))).collect(),
            services: services.map(|(name, p)| (name.clone(), p.scaled(multiplier))).collect(),
            multipliers: self.multipliers.clone(),
        }
    }

    /// The price as an answer says it was served: its class of service, its speed, its
    /// place. What is not in the list does not change the price.
    pub fn served<'a>(&self, ways: impl Iterator<Item = &'a str> + Clone) -> Self {
        let (service, multiplier) = self.serving(ways);
        service.scaled(multiplier)
    }

    /// [`Self::served`], without making it.
    pub(super) fn serving<'a>(&self, ways: impl Iterator<Item = &'a str> + Clone) -> (&Self, f64) {
        let named = |way: &str| self.services.iter().find(|(name, _)| name == way);
        let service = ways.clone().find_map(named).map_or(self, |(_, price)| price);
        let by = |way: &str| self.multipliers.iter().find(|(name, _)| name == way);
        (service, ways.filter_map(by).map(|(_, by)| by).product())
    }

    /// Whether being served so has a price of its own.
    pub fn knows(&self, way: &str) -> bool {
        self.services.iter().any(|(name, _)| name == way)
            || self.multipliers.iter().any(|(name, _)| name == way)
    }

    /// The rates of a prompt of so many tokens.
    pub fn rates(&self, prompt: u64) -> Rates {
        let tier = self.tiers.iter().rev().find(|(above, _)| prompt > *above);
        tier.map_or(self.base, |(_, rates)| *rates)
    }

    pub(super) fn is_free(&self) -> bool {
        self.base.input == Rate(0) && self.base.output == Rate(0)
    }
}
