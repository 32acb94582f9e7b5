//! Why a key is out and until when: a state that signals move and the clock heals.
//! Pure; time is passed in as unix milliseconds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{NEVER, signal::Signal};

/// Where a key stands at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It serves.
    Active,
    /// Some model of it is left alone until then.
    Cooling {
        /// The code that said so.
        reason: String,
        /// Unix ms.
        until: i64,
    },
    /// No money; tried again now and then.
    Exhausted {
        /// The code that said so.
        reason: String,
        /// Unix ms of the next try.
        until: i64,
    },
    /// Not a key any more.
    Invalid {
        /// The code that said so.
        reason: String,
    },
}

impl Standing {
    /// The contract's word.
    pub fn status(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Cooling { .. } => "cooling",
            Self::Exhausted { .. } => "exhausted",
            Self::Invalid { .. } => "invalid",
        }
    }

    /// Why, and until when (unix ms).
    pub fn why(&self) -> (Option<&str>, Option<i64>) {
        match self {
            Self::Active => (None, None),
            Self::Cooling { reason, until } | Self::Exhausted { reason, until } => {
                (Some(reason), Some(*until).filter(|at| *at != NEVER))
            }
            Self::Invalid { reason } => (Some(reason), None),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Whole {
    #[default]
    Active,
    Exhausted {
        reason: String,
        until: i64,
        /// Its time came and a request tries it: only then does an answer heal it, since
        /// answers to what was sent before it ran dry still come in.
        #[serde(default)]
        trying: bool,
    },
    /// Said to be no key once; out until a probe confirms it or the clock forgives.
    Suspect {
        reason: String,
        until: i64,
    },
    Invalid {
        reason: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Out {
    model: String,
    until: i64,
    reason: String,
    /// May not use it at all, rather than too often.
    excluded: bool,
}

/// The facts, as they are kept over a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    whole: Whole,
    models: Vec<Out>,
}

/// How long things last where the answer does not say.
#[derive(Clone, Copy, Debug)]
pub struct Rests {
    /// After a rate limit.
    pub cooldown: Duration,
    /// While a probe finds out whether a refused key is one.
    pub suspect: Duration,
    /// Before a key without money is tried again.
    pub exhausted: Duration,
    /// Before a model that a key may not use is tried again: nothing is for ever by one
    /// answer.
    pub excluded: Duration,
}

impl Default for Rests {
    fn default() -> Self {
        Self {
            cooldown: Duration::from_secs(30),
            suspect: Duration::from_secs(60),
            exhausted: Duration::from_secs(3600),
            excluded: Duration::from_secs(600),
        }
    }
}

/// Models remembered per key; the one that ends first makes room.
const MAX_MODELS: usize = 64;

fn after(now_ms: i64, wait: Duration) -> i64 {
    now_ms.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(NEVER))
}

impl Health {
    /// Nothing against it.
    pub fn well() -> Self {
        Self::default()
    }

    /// Not a key, for this reason.
    pub fn invalid(reason: &str) -> Self {
        Self { whole: Whole::Invalid { reason: reason.to_owned() }, models: vec![] }
    }

    /// Whether it is invalid for one of these reasons.
    pub fn is_invalid_for(&self, reasons: &[&str]) -> bool {
        matches!(&self.whole, Whole::Invalid { reason } if reasons.contains(&reason.as_str()))
    }

    /// Takes in what an answer said about this key and model. What concerns the provider
    /// or the client changes nothing here.
    pub fn hear(&mut self, signal: &Signal, model: &str, now_ms: i64, rests: Rests) {
        match signal {
            Signal::Fine => {
                // A key that answers when tried has money.
                if let Whole::Exhausted { trying: true, .. } | Whole::Suspect { .. } = self.whole {
                    self.whole = Whole::Active;
                }
                // A model it answered for is open to it. A cooldown ends by the clock alone:
                // this may be the answer to what was sent before the limit was reached.
                self.models
                    .retain(|out| out.until > now_ms && !(out.excluded && out.model == model));
            }
            Signal::InvalidKey(reason) => {
                let doubted = match &self.whole {
                    Whole::Invalid { .. } => true,
                    Whole::Suspect { until, .. } => *until > now_ms,
                    _ => false,
                };
                if !doubted {
                    let until = after(now_ms, rests.suspect);
                    self.whole = Whole::Suspect { reason: reason.clone(), until };
                }
            }
            Signal::Exhausted(reason) => {
                if !matches!(self.whole, Whole::Invalid { .. }) {
                    self.whole = Whole::Exhausted {
                        reason: reason.clone(),
                        until: after(now_ms, rests.exhausted),
                        trying: false,
                    };
                }
            }
            Signal::RateLimited { reason, wait } => {
                let wait = wait.unwrap_or(rests.cooldown).max(Duration::from_millis(1));
                self.take_out(model, after(now_ms, wait), reason, false);
            }
            Signal::NoModel(reason) => {
                self.take_out(model, after(now_ms, rests.excluded), reason, true);
            }
            Signal::Egress(_) | Signal::Overloaded { .. } | Signal::Failing(_) | Signal::Client => {
            }
        }
    }

    /// Of two answers the one that keeps the model out longer counts.
    fn take_out(&mut self, model: &str, until: i64, reason: &str, excluded: bool) {
        let same = |out: &Out| out.model == model && out.excluded == excluded;
        if self.models.iter().any(|out| same(out) && out.until > until) {
            return;
        }
        self.models.retain(|out| !same(out));
        if self.models.len() >= MAX_MODELS
            && let Some(first) = (0..self.models.len()).min_by_key(|&i| self.models[i].until)
        {
            self.models.swap_remove(first);
        }
        self.models.push(Out {
            model: model.to_owned(),
            until,
            reason: reason.to_owned(),
            excluded,
        });
    }

    /// A probe of a suspect key was answered.
    pub fn probed(&mut self, signal: &Signal, now_ms: i64, rests: Rests) {
        match signal {
            Signal::InvalidKey(reason) => self.whole = Whole::Invalid { reason: reason.clone() },
            // Whatever else it says, it knows the key.
            Signal::Fine | Signal::NoModel(_) | Signal::Client => self.whole = Whole::Active,
            other => self.hear(other, "", now_ms, rests),
        }
    }

    /// A key without money whose time has come is tried: others wait for the result.
    pub fn trying(&mut self, now_ms: i64, rests: Rests) {
        if let Whole::Exhausted { until, trying, .. } = &mut self.whole
            && *until <= now_ms
        {
            *until = after(now_ms, rests.exhausted);
            *trying = true;
        }
    }

    /// Until when the whole key is out; 0 = in.
    pub fn out_until(&self) -> i64 {
        match &self.whole {
            Whole::Active => 0,
            Whole::Exhausted { until, .. } | Whole::Suspect { until, .. } => *until,
            Whole::Invalid { .. } => NEVER,
        }
    }

    /// Whether some model may be out.
    pub fn has_models(&self) -> bool {
        !self.models.is_empty()
    }

    /// Until when this model is out; 0 = in.
    pub fn model_out_until(&self, model: &str) -> i64 {
        self.of(model).map(|out| out.until).max().unwrap_or(0)
    }

    fn of(&self, model: &str) -> impl Iterator<Item = &Out> {
        self.models.iter().filter(move |out| out.model == model)
    }

    /// Whether this model is in.
    pub fn model_in(&self, model: &str, now_ms: i64) -> bool {
        self.model_out_until(model) <= now_ms
    }

    /// Why this key may not use this model at all, and until when that is believed.
    pub fn excluded(&self, model: &str, now_ms: i64) -> Option<(String, i64)> {
        let out = self.of(model).find(|out| out.excluded && out.until > now_ms)?;
        Some((out.reason.clone(), out.until))
    }

    /// When key and model are both in again, if the clock decides that.
    pub fn back_at(&self, model: &str, now_ms: i64) -> Option<i64> {
        let whole = self.out_until();
        let excluded = self.of(model).any(|out| out.excluded && out.until > now_ms);
        let part = self.model_out_until(model);
        (whole != NEVER && !excluded).then(|| whole.max(part).max(now_ms))
    }

    /// Where the key stands now.
    pub fn standing(&self, now_ms: i64) -> Standing {
        match &self.whole {
            Whole::Invalid { reason } => Standing::Invalid { reason: reason.clone() },
            // Due for a try: it stays named so until an answer says better.
            Whole::Exhausted { reason, until, .. } => {
                Standing::Exhausted { reason: reason.clone(), until: *until }
            }
            Whole::Suspect { reason, until } if *until > now_ms => {
                Standing::Cooling { reason: reason.clone(), until: *until }
            }
            Whole::Active | Whole::Suspect { .. } => {
                let cooling = |out: &&Out| !out.excluded && out.until > now_ms;
                match self.models.iter().filter(cooling).max_by_key(|out| out.until) {
                    Some(out) => Standing::Cooling { reason: out.reason.clone(), until: out.until },
                    None => Standing::Active,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESTS: Rests = Rests {
        cooldown: Duration::from_secs(30),
        suspect: Duration::from_secs(60),
        exhausted: Duration::from_secs(3600),
        excluded: Duration::from_secs(600),
    };

    fn limited(ms: Option<u64>) -> Signal {
        Signal::RateLimited { reason: "r".into(), wait: ms.map(Duration::from_millis) }
    }

    #[test]
    fn a_rate_limited_model_cools_and_comes_back_by_the_clock() {
        let mut health = Health::well();
        health.hear(&limited(Some(500)), "a", 1000, RESTS);
        health.hear(&Signal::Fine, "a", 1001, RESTS);
        assert!(!health.model_in("a", 1499) && health.model_in("a", 1500));
        assert!(health.model_in("b", 1000), "another model of the key serves on");
        assert_eq!(health.standing(1000).status(), "cooling");
        assert_eq!(health.standing(1500).status(), "active");
        assert_eq!(health.back_at("a", 1200), Some(1500));
        health.hear(&limited(None), "a", 2000, RESTS);
        assert_eq!(health.back_at("a", 2000), Some(32_000));
    }

    #[test]
    fn an_exhausted_key_is_tried_hourly_and_heals_by_an_answer() {
        let mut health = Health::well();
        health.hear(&Signal::Exhausted("q".into()), "a", 0, RESTS);
        health.hear(&Signal::Fine, "a", 10, RESTS);
        assert_eq!(health.out_until(), 3_600_000, "an answer to what was sent before it ran dry");
        health.trying(3_600_000, RESTS);
        assert_eq!(health.out_until(), 7_200_000, "one tries, the others wait");
        health.hear(&Signal::Fine, "a", 3_600_100, RESTS);
        assert_eq!(health.standing(3_600_100), Standing::Active);
    }

    #[test]
    fn an_invalid_key_stays_out_and_a_missing_model_concerns_no_other() {
        let mut health = Health::well();
        health.hear(&Signal::NoModel("m".into()), "a", 0, RESTS);
        assert_eq!(health.standing(0), Standing::Active);
        assert!(!health.model_in("a", 0) && health.model_in("b", 0));
        assert_eq!(health.back_at("a", 0), None);
        health.hear(&Signal::InvalidKey("k".into()), "a", 0, RESTS);
        assert_eq!(health.standing(1).status(), "cooling", "one answer does not condemn");
        assert_eq!(health.back_at("b", 10), Some(60_000));
        health.probed(&Signal::InvalidKey("k".into()), 5, RESTS);
        health.hear(&Signal::Fine, "a", 10, RESTS);
        assert_eq!(health.standing(10).status(), "invalid");
        assert_eq!(health.back_at("b", 10), None);
    }

    #[test]
    fn what_others_did_wrong_is_not_held_against_the_key() {
        let mut health = Health::well();
        for signal in [
            Signal::Client,
            Signal::Failing("x".into()),
            Signal::Egress("x".into()),
            Signal::Overloaded { reason: "x".into(), wait: None },
        ] {
            health.hear(&signal, "a", 0, RESTS);
        }
        assert_eq!(health, Health::well());
    }

    proptest::proptest! {
        #[test]
        fn any_history_is_bounded_and_survives_a_restart(
            events in proptest::collection::vec((0u8..5, 0u8..100, 0i64..10_000), 0..300),
        ) {
            let mut health = Health::well();
            let mut now = 0;
            for (kind, model, gap) in events {
                now += gap;
                let signal = match kind {
                    0 => Signal::Fine,
                    1 => limited(Some(gap as u64)),
                    2 => Signal::Exhausted("q".into()),
                    3 => Signal::NoModel("m".into()),
                    _ => Signal::Client,
                };
                health.hear(&signal, &model.to_string(), now, RESTS);
            }
            proptest::prop_assert!(health.models.len() <= MAX_MODELS);
            let kept = serde_json::to_string(&health).unwrap();
            proptest::prop_assert_eq!(serde_json::from_str::<Health>(&kept).unwrap(), health.clone());
            // Nothing but "invalid" lasts for ever.
            let later = now + 100 * 3_600_000;
            proptest::prop_assert!(health.out_until() <= later);
            for model in 0..100u8 {
                proptest::prop_assert!(health.model_in(&model.to_string(), later));
            }
        }
    }
}
