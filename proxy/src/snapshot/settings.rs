//! What may be set while it runs, as requests obey it.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::Retention;
use crate::pool::{health::Rests, provision::Limits, strategy::Strategy};

/// What may be set while it runs.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Where a route does not say.
    pub strategy: Strategy,
    /// Connect errors, timeouts and 5xx per request.
    pub max_attempts: u32,
    /// For all attempts together.
    pub deadline: Duration,
    /// Whether a POST may be sent again after no answer came to it, although it may have
    /// been acted on and be charged twice.
    pub retry_after_timeout: bool,
    /// Of keys.
    pub rests: Rests,
    /// Of providers.
    pub limits: Limits,
    /// Of the record.
    pub retention: Retention,
}

impl Settings {
    pub(super) fn of(values: &BTreeMap<String, Value>) -> Self {
        let number =
            |name: &str, default: u64| values.get(name).and_then(Value::as_u64).unwrap_or(default);
        let seconds = |name, default| Duration::from_secs(number(name, default));
        let strategy = values.get("strategy").and_then(|v| v.as_str()).and_then(Strategy::named);
        Self {
            strategy: strategy.unwrap_or_default(),
            max_attempts: u32::try_from(number("max_attempts", 3)).unwrap_or(3).max(1),
            deadline: seconds("request_deadline_s", 600),
            retry_after_timeout: values
                .get("retry_after_timeout")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            rests: Rests { cooldown: seconds("cooldown_s", 30), ..Rests::default() },
            limits: Limits {
                failures: usize::try_from(number("breaker_failures", 5)).unwrap_or(5),
                window: seconds("breaker_window_s", 60),
                open: seconds("breaker_open_s", 30),
                ..Limits::default()
            },
            retention: Retention::of(values),
        }
    }
}
