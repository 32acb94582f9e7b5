//! A filter asked of an exchange that is not, or not only, in the database.

use jiff::Timestamp;

use super::{Filter, NO_CODE};
use crate::{model::Exchange, wildcard};

impl Filter {
    /// Whether an exchange that is not (or not only) in the database matches. `q`
    /// looks at the model, the path and the last words of the answer.
    pub fn matches(&self, exchange: &Exchange, now: Timestamp) -> bool {
        let name = |wanted: &Option<String>, found: Option<&str>| match wanted {
            Some(pattern) => found.is_some_and(|found| wildcard::matches(pattern, found)),
            None => true,
        };
        let equals = |same: Option<bool>| same.unwrap_or(true);
        let running_ms = || now.duration_since(exchange.started_at).as_millis_f64();
        name(&self.path, Some(&exchange.path))
            && equals(self.method.as_ref().map(|m| m.eq_ignore_ascii_case(&exchange.method)))
            && (self.status.is_empty()
                || exchange
                    .status
                    .is_some_and(|is| self.status.iter().any(|s| (s.from..=s.to).contains(&is))))
            && (self.outcome.is_empty() || self.outcome.contains(&exchange.outcome))
            && (self.origin.is_empty() || self.origin.contains(&exchange.origin))
            && match self.error.as_deref() {
                Some(NO_CODE) => exchange.error.is_none(),
                _ => name(&self.error, exchange.error.as_ref().map(|error| &error.code[..])),
            }
            && (name(&self.model, exchange.model.as_deref())
                || name(&self.model, exchange.upstream_model.as_deref()))
            && name(&self.provider, exchange.provider.as_deref())
            && name(&self.key, exchange.key.as_deref())
            && name(&self.client_token, exchange.client_token.as_deref())
            && equals(self.mode.map(|mode| mode == exchange.mode))
            && equals(self.stream.map(|stream| stream == exchange.stream))
            && equals(self.pinned.map(|pinned| pinned == exchange.pinned))
            && equals(self.since.map(|since| exchange.started_at >= since))
            && equals(self.until.map(|until| exchange.started_at < until))
            && equals(
                self.min_duration_ms
                    .map(|ms| exchange.duration_ms.unwrap_or_else(running_ms) >= ms),
            )
            // What runs belongs to none yet: that is read off what was recorded.
            && self.conversation.is_none_or(|id| id == exchange.id)
            && self.q.as_ref().is_none_or(|q| mentions(exchange, q))
    }
}

fn mentions(exchange: &Exchange, q: &str) -> bool {
    let tail = exchange.live.as_ref().map(|live| &live.text_tail[..]);
    let fields = [exchange.model.as_deref(), Some(&exchange.path[..]), tail];
    let fields: Vec<String> = fields.into_iter().flatten().map(str::to_lowercase).collect();
    let q = q.to_lowercase();
    q.split_whitespace().all(|word| fields.iter().any(|field| field.contains(word)))
}
