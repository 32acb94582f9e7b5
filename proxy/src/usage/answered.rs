//! What an answer says of itself: its model, its tokens, how it was served.
//!
//! Shapes: OpenAI chat, completions, embeddings (`usage.prompt_tokens` with details, which
//! Azure and most others copy), responses, images, transcriptions and realtime
//! (`usage.input_tokens` with details, sound and images among them), Anthropic messages
//! (`usage.input_tokens` without what the cache served or took, which is split by how long
//! it is kept), DeepSeek (`prompt_cache_hit_tokens`), OpenRouter (`cache_write_tokens`).

use std::borrow::Cow;

use glassway_shared::{
    model::{Usage, UsageSource},
    prices::Counts,
};
use serde::Deserialize;
use serde_json::Value;

use super::clip;

/// What an answer says, put together from one JSON body or many frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// As the upstream names it.
    pub model: Option<String>,
    tokens: [Option<u64>; Kind::ALL],
    /// Anthropic: the cache's part comes on top of the input.
    apart: bool,
    /// OpenAI's and Anthropic's `service_tier`.
    service: Option<String>,
    /// Anthropic's `speed`.
    speed: Option<String>,
    /// Anthropic's `inference_geo`.
    place: Option<String>,
}

/// What is counted.
#[derive(Clone, Copy)]
enum Kind {
    Prompt,
    Completion,
    Cached,
    Written,
    Written5m,
    Written1h,
    Reasoning,
    AudioIn,
    AudioCached,
    AudioOut,
    ImageIn,
    ImageCached,
    ImageOut,
}

impl Kind {
    const ALL: usize = Self::ImageOut as usize + 1;
}

/// Where a count stands, below `usage`. A later line outdoes an earlier one.
const PLACES: &[(Kind, &str)] = &[
    (Kind::Prompt, "/prompt_tokens"),
    (Kind::Prompt, "/input_tokens"),
    (Kind::Completion, "/completion_tokens"),
    (Kind::Completion, "/output_tokens"),
    (Kind::Cached, "/prompt_cache_hit_tokens"),
    (Kind::Cached, "/cache_read_input_tokens"),
    (Kind::Written, "/cache_creation_input_tokens"),
    (Kind::Written5m, "/cache_creation/ephemeral_5m_input_tokens"),
    (Kind::Written1h, "/cache_creation/ephemeral_1h_input_tokens"),
];

const PROMPT_DETAILS: &[&str] =
    &["prompt_tokens_details", "input_tokens_details", "input_token_details"];
const COMPLETION_DETAILS: &[&str] =
    &["completion_tokens_details", "output_tokens_details", "output_token_details"];

/// Below any of [`PROMPT_DETAILS`].
const PROMPT_PLACES: &[(Kind, &str)] = &[
    (Kind::Cached, "/cached_tokens"),
    (Kind::Written, "/cache_write_tokens"),
    (Kind::AudioIn, "/audio_tokens"),
    (Kind::ImageIn, "/image_tokens"),
    (Kind::AudioCached, "/cached_tokens_details/audio_tokens"),
    (Kind::ImageCached, "/cached_tokens_details/image_tokens"),
];

/// Below any of [`COMPLETION_DETAILS`].
const COMPLETION_PLACES: &[(Kind, &str)] = &[
    (Kind::Reasoning, "/reasoning_tokens"),
    (Kind::Reasoning, "/thinking_tokens"),
    (Kind::AudioOut, "/audio_tokens"),
    (Kind::ImageOut, "/image_tokens"),
];

impl Answered {
    /// Reads one JSON object: a whole answer, or one frame's data. Later frames
    /// replace what earlier ones said, since counts are cumulative.
    pub fn read(&mut self, json: &[u8]) {
        #[derive(Deserialize)]
        struct Outer<'a> {
            #[serde(borrow, default)]
            model: Option<Cow<'a, str>>,
            #[serde(borrow, default)]
            service_tier: Option<Cow<'a, str>>,
            usage: Option<Value>,
            #[serde(borrow, default)]
            response: Option<Inner<'a>>,
            #[serde(borrow, default)]
            message: Option<Inner<'a>>,
        }
        #[derive(Deserialize)]
        struct Inner<'a> {
            #[serde(borrow, default)]
            model: Option<Cow<'a, str>>,
            #[serde(borrow, default)]
            service_tier: Option<Cow<'a, str>>,
            usage: Option<Value>,
        }
        let Ok(outer) = serde_json::from_slice::<Outer>(json) else {
            return self.read_loosely(json);
        };
        let Outer { model, service_tier, usage, response, message } = outer;
        let own = Inner { model, service_tier, usage };
        for part in [Some(own), response, message].into_iter().flatten() {
            self.say(part.model.as_deref(), part.service_tier.as_deref(), part.usage.as_ref());
        }
    }

    /// Where a field has another type than expected (`"message": "text"` in an error).
    fn read_loosely(&mut self, json: &[u8]) {
        let Ok(value) = serde_json::from_slice::<Value>(json) else { return };
        for part in [&value, &value["response"], &value["message"]] {
            let service = part["service_tier"].as_str();
            self.say(part["model"].as_str(), service, Some(&part["usage"]));
        }
    }

    fn say(&mut self, model: Option<&str>, service: Option<&str>, usage: Option<&Value>) {
        let put = |slot: &mut Option<String>, text: Option<&str>| {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                *slot = Some(clip(text));
            }
        };
        put(&mut self.model, model);
        put(&mut self.service, service);
        let Some(usage) = usage.filter(|usage| usage.is_object()) else { return };
        put(&mut self.service, usage["service_tier"].as_str());
        put(&mut self.speed, usage["speed"].as_str());
        put(&mut self.place, usage["inference_geo"].as_str());
        self.apart |= usage.get("cache_read_input_tokens").is_some()
            || usage.get("cache_creation_input_tokens").is_some();
        self.count(usage, PLACES);
        for details in PROMPT_DETAILS {
            self.count(&usage[*details], PROMPT_PLACES);
        }
        for details in COMPLETION_DETAILS {
            self.count(&usage[*details], COMPLETION_PLACES);
        }
    }

    fn count(&mut self, within: &Value, places: &[(Kind, &str)]) {
        if !within.is_object() {
            return;
        }
        for (kind, place) in places {
            // `Value::pointer` makes two strings of each step, and this runs per exchange.
            let found = place.split('/').skip(1).try_fold(within, |at, step| at.get(step));
            if let Some(n) = found.and_then(Value::as_u64) {
                self.tokens[*kind as usize] = Some(n);
            }
        }
    }

    /// What was said beside it, as counts of its own.
    pub fn add(&mut self, other: Self) {
        self.model = other.model.or(self.model.take());
        self.service = other.service.or(self.service.take());
        for (sum, more) in self.tokens.iter_mut().zip(other.tokens) {
            *sum = match (*sum, more) {
                (Some(sum), Some(more)) => Some(sum.saturating_add(more)),
                (sum, more) => sum.or(more),
            };
        }
        self.apart |= other.apart;
    }

    fn get(&self, kind: Kind) -> u64 {
        self.tokens[kind as usize].unwrap_or(0)
    }

    /// Tokens of the prompt that went into a cache.
    fn written(&self) -> u64 {
        let parts = self.get(Kind::Written5m).saturating_add(self.get(Kind::Written1h));
        self.get(Kind::Written).max(parts)
    }

    /// Class of service, speed and place, as prices name them.
    pub fn ways(&self) -> impl Iterator<Item = &str> + Clone {
        [&self.service, &self.speed, &self.place].into_iter().filter_map(Option::as_deref)
    }

    /// The tokens by kind, for pricing; what was said of them in all is taken from
    /// `usage`. `None` where nobody counted.
    pub fn counts(&self, usage: &Usage) -> Option<Counts> {
        Some(Counts {
            written: self.written(),
            written_1h: self.get(Kind::Written1h),
            audio_input: self.get(Kind::AudioIn),
            audio_cached: self.get(Kind::AudioCached),
            audio_output: self.get(Kind::AudioOut),
            image_input: self.get(Kind::ImageIn),
            image_cached: self.get(Kind::ImageCached),
            image_output: self.get(Kind::ImageOut),
            ..Counts::of(usage)?
        })
    }

    /// The counts, in OpenAI's sense: cached inside the prompt, reasoning inside the
    /// completion.
    pub fn usage(&self) -> Usage {
        let [prompt, completion] =
            [Kind::Prompt, Kind::Completion].map(|k| self.tokens[k as usize]);
        if prompt.is_none() && completion.is_none() {
            return Usage::ABSENT;
        }
        let apart = match self.apart {
            true => self.get(Kind::Cached).saturating_add(self.written()),
            false => 0,
        };
        Usage {
            prompt_tokens: prompt.map(|n| n.saturating_add(apart)),
            completion_tokens: completion,
            cached_tokens: self.tokens[Kind::Cached as usize],
            reasoning_tokens: self.tokens[Kind::Reasoning as usize],
            source: UsageSource::Upstream,
        }
    }
}

#[cfg(test)]
mod tests;
