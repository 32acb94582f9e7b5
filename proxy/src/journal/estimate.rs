//! Tokens of an exchange whose upstream counted none, or was not heard to the end: those
//! of the text that went and came. Flagged `estimated`. Images, sound and what a vendor
//! adds of its own are not in it. Behind the feature `estimate`, and switched by
//! `record.estimate_usage`.

#[cfg(feature = "estimate")]
mod texts;

use glassway_shared::{
    config::EstimateUsage,
    model::{Mode, Usage},
};

/// Whether and whose tokens are estimated.
#[derive(Clone, Copy)]
pub(super) struct Estimator {
    whose: EstimateUsage,
}

/// A body, decoded, as far as it was kept.
pub(super) struct Text<'a> {
    #[cfg_attr(not(feature = "estimate"), expect(dead_code, reason = "nobody counts it"))]
    pub(super) body: &'a [u8],
}

impl Estimator {
    pub(super) fn new(whose: EstimateUsage) -> Self {
        Self { whose }
    }

    /// Whether to look at an answered exchange: it is of a kind that has tokens, it went
    /// well, and not all of them are known.
    pub(super) fn wants(
        self,
        mode: Mode,
        path: &str,
        status: u16,
        usage: &Usage,
        heard_out: bool,
    ) -> bool {
        let whose = match self.whose {
            EstimateUsage::Off => false,
            EstimateUsage::Managed => mode == Mode::Managed,
            EstimateUsage::All => true,
        };
        let path = path.trim_end_matches('/');
        let kind =
            ["/completions", "/messages", "/responses"].iter().any(|end| path.ends_with(end));
        let unknown = usage.prompt_tokens.is_none() && usage.completion_tokens.is_none();
        cfg!(feature = "estimate")
            && whose
            && kind
            && (200..300).contains(&status)
            && (unknown || !heard_out)
    }

    /// What was said, with what was not: a stream that was not heard out said at most how
    /// far it had come.
    #[cfg(not(feature = "estimate"))]
    pub(super) fn fill(self, said: Usage, _: &Text<'_>, _: &Text<'_>) -> Usage {
        said
    }

    /// What was said, with what was not: a stream that was not heard out said at most how
    /// far it had come.
    #[cfg(feature = "estimate")]
    pub(super) fn fill(self, said: Usage, request: &Text<'_>, answer: &Text<'_>) -> Usage {
        let prompt = said.prompt_tokens.unwrap_or_else(|| texts::prompt(request));
        let counted = texts::completion(answer);
        let completion = said.completion_tokens.unwrap_or(0).max(counted);
        if said.prompt_tokens == Some(prompt) && said.completion_tokens == Some(completion) {
            return said;
        }
        Usage {
            prompt_tokens: Some(prompt),
            completion_tokens: Some(completion),
            source: glassway_shared::model::UsageSource::Estimated,
            ..said
        }
    }
}
