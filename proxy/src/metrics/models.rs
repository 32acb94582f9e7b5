//! Sums by provider and model. Clients choose the names of models, so the table is
//! bounded: a name enters it with its first good answer, and once it is full, or before
//! that, everything else is `other`.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use glassway_shared::{
    exposition::{Kind, Page},
    model::Outcome,
    store::record::Record,
};

/// Pairs with a name of their own.
const MOST: usize = 200;
/// Characters of a name; longer ones are `other`.
const LONGEST: usize = 100;
const OTHER: &str = "other";
/// What has no provider's or model's name: transparent traffic, lists of models.
const NONE: &str = "none";

#[derive(Default)]
struct Sums {
    outcomes: [u64; Outcome::ALL.len()],
    ended: u64,
    duration_us: u64,
    prompt: u64,
    completion: u64,
    cached: u64,
    reasoning: u64,
    cost_nano: i64,
}

#[derive(Default)]
pub(super) struct Models(Mutex<BTreeMap<(String, String), Sums>>);

impl Models {
    /// An exchange was committed.
    pub(super) fn count(&self, record: &Record) {
        let mut pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let provider = record.provider.as_deref().unwrap_or(NONE);
        let model = record.model.as_deref().unwrap_or(NONE);
        let own = (provider.to_owned(), model.to_owned());
        let may_enter = record.outcome == Outcome::Ok
            && pairs.len() < MOST
            && provider.chars().count() <= LONGEST
            && model.chars().count() <= LONGEST;
        let pair = match may_enter || pairs.contains_key(&own) {
            true => own,
            false => {
                let others = (provider.to_owned(), OTHER.to_owned());
                match pairs.contains_key(&others) || pairs.len() < MOST {
                    true => others,
                    false => (OTHER.to_owned(), OTHER.to_owned()),
                }
            }
        };
        let sums = pairs.entry(pair).or_default();
        sums.outcomes[record.outcome as usize] += 1;
        sums.ended += 1;
        sums.duration_us += record.times.duration_us.unwrap_or_default();
        let usage = &record.usage;
        sums.prompt += usage.prompt_tokens.unwrap_or_default();
        sums.completion += usage.completion_tokens.unwrap_or_default();
        sums.cached += usage.cached_tokens.unwrap_or_default();
        sums.reasoning += usage.reasoning_tokens.unwrap_or_default();
        sums.cost_nano += record.cost_nano.unwrap_or_default().max(0);
    }

    pub(super) fn write(&self, page: &mut Page) {
        let pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = "glassway_model_requests_total";
        page.family(name, Kind::Counter, "Exchanges recorded, by provider, model and outcome.");
        for ((provider, model), sums) in &*pairs {
            for outcome in Outcome::ALL {
                let n = sums.outcomes[*outcome as usize];
                if n > 0 {
                    let outcome = ("outcome", outcome.as_str());
                    page.sample(name, &[("provider", provider), ("model", model), outcome], n);
                }
            }
        }
        let name = "glassway_model_duration_seconds";
        let help = "From a request's head to its answer's last byte, by provider and model.";
        page.family(name, Kind::Summary, help);
        for ((provider, model), sums) in &*pairs {
            let labels = [("provider", &provider[..]), ("model", &model[..])];
            let seconds = sums.duration_us as f64 / 1e6;
            page.sample("glassway_model_duration_seconds_sum", &labels, seconds);
            page.sample("glassway_model_duration_seconds_count", &labels, sums.ended);
        }
        let name = "glassway_model_tokens_total";
        let help = "Tokens; cached ones are prompt tokens too, reasoning ones completion tokens.";
        page.family(name, Kind::Counter, help);
        for ((provider, model), sums) in &*pairs {
            for (kind, n) in [
                ("prompt", sums.prompt),
                ("completion", sums.completion),
                ("cached", sums.cached),
                ("reasoning", sums.reasoning),
            ] {
                let labels = [("provider", &provider[..]), ("model", &model[..]), ("kind", kind)];
                page.sample(name, &labels, n);
            }
        }
        let name = "glassway_model_cost_dollars_total";
        page.family(name, Kind::Counter, "What it cost, where prices are known.");
        for ((provider, model), sums) in &*pairs {
            let labels = [("provider", &provider[..]), ("model", &model[..])];
            page.sample(name, &labels, sums.cost_nano as f64 / 1e9);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::tests::record;

    #[test]
    fn a_client_cannot_fill_the_table() {
        let models = Models::default();
        for n in 0..1_000 {
            models.count(&record(Outcome::ClientError, &format!("invented-{n}")));
        }
        assert_eq!(models.0.lock().unwrap().len(), 1);
        for n in 0..1_000 {
            models.count(&record(Outcome::Ok, &format!("real-{n}")));
        }
        models.count(&record(Outcome::UpstreamError, "real-3"));
        let pairs = models.0.lock().unwrap();
        assert_eq!(pairs.len(), MOST);
        let real = &pairs[&("openai".to_owned(), "real-3".to_owned())];
        assert_eq!(real.outcomes[Outcome::UpstreamError as usize], 1);
        let others = &pairs[&("openai".to_owned(), OTHER.to_owned())];
        assert_eq!(others.ended, 1_000 + (1_000 - (MOST as u64 - 1)));
    }

    #[test]
    fn tokens_and_cost_add_up() {
        let models = Models::default();
        for _ in 0..2 {
            let mut record = record(Outcome::Ok, "gpt-4o");
            record.usage.prompt_tokens = Some(10);
            record.cost_nano = Some(1_500_000);
            models.count(&record);
        }
        let mut page = Page::default();
        models.write(&mut page);
        let text = page.text();
        for line in [
            r#"glassway_model_requests_total{provider="openai",model="gpt-4o",outcome="ok"} 2"#,
            r#"glassway_model_tokens_total{provider="openai",model="gpt-4o",kind="prompt"} 20"#,
            r#"glassway_model_cost_dollars_total{provider="openai",model="gpt-4o"} 0.003"#,
            r#"glassway_model_duration_seconds_count{provider="openai",model="gpt-4o"} 2"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }
}
