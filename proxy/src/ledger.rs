//! What client tokens may still do: requests and tokens per minute, and a budget per
//! day, month or in all. Counted in memory, kept in the database with the exchanges
//! that were paid for.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use glassway_shared::store::roster;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::{Timestamp, Unit, tz::TimeZone};

use crate::error::Fault;

const MINUTE_MS: i64 = 60_000;

/// One token's counters; outlives snapshots.
#[derive(Debug, Default)]
pub struct TokenState(Mutex<Counters>);

#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    /// Unix ms; the minute that runs began then.
    minute: i64,
    requests: u32,
    tokens: u64,
    /// Unix seconds; the period that `spent` is of.
    period: i64,
    spent: i64,
    last_used: i64,
    dirty: bool,
}

impl TokenState {
    /// With what was kept over a restart.
    pub fn restored(kept: Option<&roster::Spending>) -> Self {
        let counters = kept.map_or_else(Counters::default, |kept| Counters {
            period: kept.period_start,
            spent: kept.spent_nano,
            last_used: kept.last_used_at.unwrap_or(0),
            ..Counters::default()
        });
        Self(Mutex::new(counters))
    }

    fn counters(&self) -> MutexGuard<'_, Counters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request in, or says which limit it meets. A refused one counts nothing.
    pub fn admit(&self, token: &roster::Token, now: Timestamp) -> Result<(), Fault> {
        let seconds = now.as_second();
        if !token.enabled || token.expires_at.is_some_and(|at| at <= seconds) {
            let why = if token.enabled { "has expired" } else { "is disabled" };
            return Err(Fault::refused(
                "client_token_invalid",
                StatusCode::UNAUTHORIZED,
                format!("the client token `{}` {why}", token.name),
            ));
        }
        let mut counters = self.counters();
        counters.roll(token, now);
        if token.budget_nano.is_some_and(|budget| counters.spent >= budget) {
            return Err(Fault::refused(
                "budget_exceeded",
                StatusCode::TOO_MANY_REQUESTS,
                format!(
                    "the client token `{}` has spent its budget{}",
                    token.name,
                    match &token.budget_period[..] {
                        "total" => String::new(),
                        period => format!(" for this {period}"),
                    }
                ),
            ));
        }
        let over = |what: &str, limit: u64| {
            let left = Duration::from_millis(
                (counters.minute + MINUTE_MS - now.as_millisecond()).max(1) as u64,
            );
            let mut fault = Fault::refused(
                "rate_limited",
                StatusCode::TOO_MANY_REQUESTS,
                format!(
                    "the client token `{}` is limited to {limit} {what} per minute",
                    token.name
                ),
            );
            fault.retry_after = Some(left);
            fault
        };
        if let Some(rpm) = token.rpm.filter(|rpm| counters.requests >= *rpm) {
            return Err(over("requests", rpm.into()));
        }
        if let Some(tpm) = token.tpm.filter(|tpm| counters.tokens >= u64::from(*tpm)) {
            return Err(over("tokens", tpm.into()));
        }
        counters.requests += 1;
        counters.last_used = now.as_millisecond();
        counters.dirty = true;
        Ok(())
    }

    /// An exchange of this token ended: so many tokens, so many nano-dollars.
    pub fn account(&self, token: &roster::Token, tokens: u64, nano: i64, now: Timestamp) {
        let mut counters = self.counters();
        counters.roll(token, now);
        counters.tokens += tokens;
        counters.spent = counters.spent.saturating_add(nano);
        counters.dirty |= nano != 0;
    }

    /// What must be kept since the last call.
    pub fn to_keep(&self, token_id: i64) -> Option<roster::Spending> {
        let mut counters = self.counters();
        std::mem::take(&mut counters.dirty).then_some(roster::Spending {
            token_id,
            period_start: counters.period,
            spent_nano: counters.spent,
            last_used_at: Some(counters.last_used).filter(|at| *at > 0),
        })
    }

    /// What [`Self::to_keep`] gave could not be kept.
    pub fn keep_again(&self) {
        self.counters().dirty = true;
    }

    /// The limits' state, in OpenAI's header names.
    pub fn headers(&self, token: &roster::Token, now: Timestamp, headers: &mut HeaderMap) {
        let mut counters = self.counters();
        counters.roll(token, now);
        let reset_ms = (counters.minute + MINUTE_MS - now.as_millisecond()).clamp(0, MINUTE_MS);
        let dimensions = [
            ("requests", token.rpm, u64::from(counters.requests)),
            ("tokens", token.tpm, counters.tokens),
        ];
        for (name, limit, used) in dimensions {
            let Some(limit) = limit else { continue };
            let mut put = |what: &str, value: String| {
                let name = format!("x-ratelimit-{what}-{name}");
                let pair = (HeaderName::try_from(name), HeaderValue::try_from(value));
                if let (Ok(name), Ok(value)) = pair {
                    headers.insert(name, value);
                }
            };
            put("limit", limit.to_string());
            put("remaining", u64::from(limit).saturating_sub(used).to_string());
            put("reset", format!("{reset_ms}ms"));
        }
    }
}

impl Counters {
    /// Begins a new minute or period where the old one is over.
    fn roll(&mut self, token: &roster::Token, now: Timestamp) {
        let ms = now.as_millisecond();
        if ms >= self.minute + MINUTE_MS || ms < self.minute {
            self.minute = ms;
            self.requests = 0;
            self.tokens = 0;
        }
        let period = period_start(&token.budget_period, now);
        if period != self.period {
            self.period = period;
            self.dirty |= self.spent != 0;
            self.spent = 0;
        }
    }
}

/// Unix seconds at which the period began, in UTC; 0 for `total`.
fn period_start(period: &str, now: Timestamp) -> i64 {
    let zoned = now.to_zoned(TimeZone::UTC);
    let start = match period {
        "day" => {
            zoned.round(jiff::ZonedRound::new().smallest(Unit::Day).mode(jiff::RoundMode::Trunc))
        }
        "month" => zoned.first_of_month().and_then(|first| {
            first.round(jiff::ZonedRound::new().smallest(Unit::Day).mode(jiff::RoundMode::Trunc))
        }),
        _ => return 0,
    };
    start.map_or(0, |start| start.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> roster::Token {
        roster::Token {
            id: 1,
            name: "app".into(),
            hash: [0; 32],
            enabled: true,
            budget_nano: None,
            budget_period: "total".into(),
            rpm: None,
            tpm: None,
            allowed_models: vec![],
            expires_at: None,
            record: roster::TokenRecord::All,
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn code(result: Result<(), Fault>) -> &'static str {
        result.err().map_or("ok", |fault| fault.code)
    }

    #[test]
    fn requests_and_tokens_are_limited_by_the_minute() {
        let state = TokenState::default();
        let token = roster::Token { rpm: Some(2), tpm: Some(100), ..token() };
        assert_eq!(code(state.admit(&token, at(0))), "ok");
        assert_eq!(code(state.admit(&token, at(1))), "ok");
        let refused = state.admit(&token, at(2)).unwrap_err();
        assert_eq!(
            (refused.code, refused.retry_after),
            ("rate_limited", Some(Duration::from_secs(58)))
        );
        assert_eq!(code(state.admit(&token, at(60))), "ok");
        state.account(&token, 100, 0, at(61));
        assert_eq!(code(state.admit(&token, at(62))), "rate_limited");
        let mut headers = HeaderMap::new();
        state.headers(&token, at(62), &mut headers);
        assert_eq!(headers["x-ratelimit-remaining-requests"], "1");
        assert_eq!(headers["x-ratelimit-remaining-tokens"], "0");
        assert_eq!(headers["x-ratelimit-reset-tokens"], "58000ms");
    }

    #[test]
    fn a_budget_ends_and_begins_anew_with_its_period() {
        let state = TokenState::default();
        let daily = roster::Token { budget_nano: Some(10), budget_period: "day".into(), ..token() };
        state.account(&daily, 0, 10, at(0));
        assert_eq!(code(state.admit(&daily, at(1))), "budget_exceeded");
        assert_eq!(state.to_keep(1).unwrap().last_used_at, None, "a refused request is no use");
        state.keep_again();
        let kept = state.to_keep(1).unwrap();
        assert_eq!((kept.spent_nano, kept.period_start % 86_400), (10, 0));
        assert_eq!(state.to_keep(1), None);
        let again = TokenState::restored(Some(&kept));
        assert_eq!(code(again.admit(&daily, at(2))), "budget_exceeded");
        assert_eq!(code(again.admit(&daily, at(86_400))), "ok");
        let used = again.to_keep(1).unwrap();
        assert_eq!(used.last_used_at, Some(at(86_400).as_millisecond()));
        assert_eq!(again.to_keep(1), None);
    }

    #[test]
    fn disabled_and_expired_tokens_are_refused() {
        let state = TokenState::default();
        let off = roster::Token { enabled: false, ..token() };
        assert_eq!(code(state.admit(&off, at(0))), "client_token_invalid");
        let old = roster::Token { expires_at: Some(1_700_000_000), ..token() };
        assert_eq!(code(state.admit(&old, at(0))), "client_token_invalid");
        assert_eq!(code(state.admit(&old, at(-1))), "ok");
    }
}
