//! Tokens times rates: what a call cost, and what a cache saved of it. Pure; whole
//! picodollars until the end, so that nothing is lost on the way.

use super::{Price, Rate, Rates};
use crate::model::Usage;

/// Tokens by kind. `prompt` includes cached, written, sound and images, `completion`
/// reasoning, sound and images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All tokens in.
    pub prompt: u64,
    /// All tokens out.
    pub completion: u64,
    /// Of the prompt's, read from a cache.
    pub cached: u64,
    /// Of the prompt's, written to a cache.
    pub written: u64,
    /// Of the written, those kept for an hour.
    pub written_1h: u64,
    /// Of the prompt's, sound.
    pub audio_input: u64,
    /// Of the sound, read from a cache.
    pub audio_cached: u64,
    /// Of the completion's, sound.
    pub audio_output: u64,
    /// Of the prompt's, images.
    pub image_input: u64,
    /// Of the images, read from a cache.
    pub image_cached: u64,
    /// Of the completion's, images.
    pub image_output: u64,
}

impl Counts {
    /// Those of text; `None` where nobody counted.
    pub fn of(usage: &Usage) -> Option<Self> {
        if usage.prompt_tokens.is_none() && usage.completion_tokens.is_none() {
            return None;
        }
        Some(Self {
            prompt: usage.prompt_tokens.unwrap_or(0),
            completion: usage.completion_tokens.unwrap_or(0),
            cached: usage.cached_tokens.unwrap_or(0),
            ..Self::default()
        })
    }

    /// With every part at most as large as what it is a part of, whatever was said.
    /// What was read from a cache and not said to be sound or image is text while there
    /// is text.
    fn sane(mut self) -> Self {
        self.audio_input = self.audio_input.min(self.prompt);
        self.image_input = self.image_input.min(self.prompt - self.audio_input);
        let text = self.prompt - self.audio_input - self.image_input;
        self.cached = self.cached.min(self.prompt);
        self.audio_cached = self.audio_cached.min(self.audio_input).min(self.cached);
        self.image_cached =
            self.image_cached.min(self.image_input).min(self.cached - self.audio_cached);
        let mut over = (self.cached - self.audio_cached - self.image_cached).saturating_sub(text);
        let more = over.min(self.image_input - self.image_cached);
        self.image_cached += more;
        over -= more;
        self.audio_cached += over.min(self.audio_input - self.audio_cached);
        let text_cached = self.cached - self.audio_cached - self.image_cached;
        self.written = self.written.min(text - text_cached);
        self.written_1h = self.written_1h.min(self.written);
        self.audio_output = self.audio_output.min(self.completion);
        self.image_output = self.image_output.min(self.completion - self.audio_output);
        self
    }
}

/// What a call cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bill {
    /// Nano-dollars.
    pub nano: i64,
    /// Nano-dollars less than without a cache: what reading it saved, without what
    /// writing it cost more. Negative where a cache was only written.
    pub saved_nano: i64,
    /// The rates that counted.
    pub rates: Rates,
}

impl Price {
    /// `None` where sound was counted whose rate is not known.
    pub fn bill(&self, counts: &Counts) -> Option<Bill> {
        bill(self.rates(counts.sane().prompt), counts)
    }

    /// What `self.served(ways).scaled(multiplier)` bills, without making that price.
    pub fn bill_served<'a>(
        &self,
        ways: impl Iterator<Item = &'a str> + Clone,
        multiplier: f64,
        counts: &Counts,
    ) -> Option<Bill> {
        let (service, by) = self.serving(ways);
        let rates = service.rates(counts.sane().prompt);
        let times = |rates: Rates, by: f64| if by == 1.0 { rates } else { rates.scaled(by) };
        bill(times(times(rates, by), multiplier), counts)
    }

    /// Nano-dollars of plain text; `None` where nobody counted the tokens.
    pub fn cost(&self, usage: &Usage) -> Option<i64> {
        Some(self.bill(&Counts::of(usage)?)?.nano)
    }
}

fn bill(rates: Rates, counts: &Counts) -> Option<Bill> {
    let counts = counts.sane();
    let with = pico(&rates, &counts)?;
    let apart =
        Counts { cached: 0, written: 0, written_1h: 0, audio_cached: 0, image_cached: 0, ..counts };
    let without = pico(&rates, &apart)?;
    Some(Bill { nano: nano(with), saved_nano: nano(without - with), rates })
}

fn pico(rates: &Rates, counts: &Counts) -> Option<i128> {
    let of_sound = |tokens: u64, rate: Option<Rate>| match (tokens, rate) {
        (0, _) => Some(0),
        (tokens, rate) => Some(rate?.times(tokens)),
    };
    let text = counts.prompt - counts.audio_input - counts.image_input;
    let text_cached = counts.cached - counts.audio_cached - counts.image_cached;
    let read = rates.cache_read.unwrap_or(rates.input);
    let write = rates.cache_write.unwrap_or(rates.input);
    let image = rates.image_input.unwrap_or(rates.input);
    let image_read = rates.image_cache_read.or(rates.cache_read).unwrap_or(image);
    let text_out = counts.completion - counts.audio_output - counts.image_output;
    Some(
        rates.input.times(text - text_cached - counts.written)
            + read.times(text_cached)
            + write.times(counts.written - counts.written_1h)
            + rates.cache_write_1h.unwrap_or(write).times(counts.written_1h)
            + of_sound(counts.audio_input - counts.audio_cached, rates.audio_input)?
            + of_sound(counts.audio_cached, rates.audio_cache_read.or(rates.audio_input))?
            + image.times(counts.image_input - counts.image_cached)
            + image_read.times(counts.image_cached)
            + rates.output.times(text_out)
            + of_sound(counts.audio_output, rates.audio_output)?
            + rates.image_output.unwrap_or(rates.output).times(counts.image_output),
    )
}

/// Rounded to the nearest; half goes up.
fn nano(pico: i128) -> i64 {
    i64::try_from((pico + 500).div_euclid(1000)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{super::Override, *};

    /// Text 3 and 15, cache 0.3, 3.75 and 6, sound 30 and 60, images 5 and 40.
    fn price() -> Price {
        let set = Override {
            input: 3.0,
            output: 15.0,
            cache_read: Some(0.3),
            cache_write: Some(3.75),
            cache_write_1h: Some(6.0),
            audio_input: Some(30.0),
            audio_output: Some(60.0),
            image_input: Some(5.0),
            image_output: Some(40.0),
        };
        set.price().unwrap()
    }

    #[rstest::rstest]
    #[case::text(Counts { prompt: 1000, completion: 10, ..Counts::default() }, 1000 * 3000 + 10 * 15_000, 0)]
    #[case::read(Counts { prompt: 1000, cached: 600, ..Counts::default() }, 400 * 3000 + 600 * 300, 600 * 2700)]
    #[case::written(Counts { prompt: 1000, cached: 500, written: 200, ..Counts::default() },
        300 * 3000 + 500 * 300 + 200 * 3750, 500 * 2700 - 200 * 750)]
    #[case::written_for_an_hour(Counts { prompt: 1000, written: 200, written_1h: 150, ..Counts::default() },
        800 * 3000 + 50 * 3750 + 150 * 6000, -(50 * 750 + 150 * 3000))]
    #[case::sound(Counts { prompt: 100, audio_input: 80, completion: 50, audio_output: 40, ..Counts::default() },
        20 * 3000 + 80 * 30_000 + 10 * 15_000 + 40 * 60_000, 0)]
    #[case::cached_sound_without_a_rate_costs_as_sound(
        Counts { prompt: 100, audio_input: 80, cached: 90, audio_cached: 70, ..Counts::default() },
        20 * 300 + 80 * 30_000, 20 * 2700)]
    #[case::images(Counts { prompt: 100, image_input: 60, completion: 70, image_output: 70, ..Counts::default() },
        40 * 3000 + 60 * 5000 + 70 * 40_000, 0)]
    #[case::more_cached_than_there_was(Counts { prompt: 10, cached: 99, written: 5, ..Counts::default() }, 10 * 300, 10 * 2700)]
    fn every_kind_has_its_rate(#[case] counts: Counts, #[case] cost: i64, #[case] saved: i64) {
        let bill = price().bill(&counts).unwrap();
        assert_eq!((bill.nano, bill.saved_nano), (cost, saved));
    }

    #[test]
    fn sound_without_a_rate_has_no_price_and_images_cost_as_text() {
        let text = Override { input: 1.0, output: 2.0, ..Override::default() }.price().unwrap();
        let sound = Counts { prompt: 10, audio_input: 1, ..Counts::default() };
        assert_eq!(text.bill(&sound), None);
        let images = Counts { prompt: 10, image_input: 4, written_1h: 2, written: 2, ..sound };
        let images = Counts { audio_input: 0, ..images };
        assert_eq!(text.bill(&images).unwrap().nano, 10_000);
    }

    #[test]
    fn classes_of_service_have_their_price_and_ways_of_serving_multiply_it() {
        let half = Override { input: 1.5, output: 7.5, ..Override::default() }.price().unwrap();
        let price = Price {
            services: vec![("flex".into(), half)],
            multipliers: vec![("fast".into(), 2.0), ("us".into(), 1.1)],
            ..price()
        };
        let cost = |ways: &[&str]| {
            let counts = Counts { prompt: 1000, ..Counts::default() };
            price.served(ways.iter().copied()).bill(&counts).unwrap().nano
        };
        assert_eq!(cost(&["default"]), 3_000_000);
        assert_eq!(cost(&["flex"]), 1_500_000);
        assert_eq!(cost(&["standard", "fast", "us"]), 6_600_000);
        assert_eq!(cost(&["turbo"]), 3_000_000, "an unknown class changes nothing");
    }

    proptest::proptest! {
        /// Counts that contradict each other never panic and never cost below nothing.
        #[test]
        fn any_counts_have_a_cost(n in proptest::collection::vec(0_u64..1 << 50, 11)) {
            let counts = Counts {
                prompt: n[0], completion: n[1], cached: n[2], written: n[3], written_1h: n[4],
                audio_input: n[5], audio_cached: n[6], audio_output: n[7], image_input: n[8],
                image_cached: n[9], image_output: n[10],
            };
            let bill = price().bill(&counts).unwrap();
            proptest::prop_assert!(bill.nano >= 0);
        }
    }
}
