//! How much of the record is kept: what somebody said while it ran, over what is configured.

use std::time::Duration;

use crate::config;

/// How much is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Exchanges; 0 = no cap.
    pub max_exchanges: u64,
    /// Age; `None` = no cap.
    pub max_age: Option<Duration>,
    /// Age of bodies, which may go before the rest; `None` = with the rest.
    pub max_body_age: Option<Duration>,
    /// Bytes that the database may take; past them the oldest bodies go, then the oldest
    /// rows. 0 = no cap.
    pub max_disk_bytes: u64,
    /// The clock may be wrong: nothing goes by any age, that of statistics neither.
    pub clock_doubted: bool,
}

/// What was said while it ran, by the names of the settings; each `None` = as configured,
/// 0 = no cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Rows.
    pub max_exchanges: Option<u64>,
    /// Seconds.
    pub max_age_s: Option<u64>,
    /// Seconds, of bodies.
    pub max_body_age_s: Option<u64>,
    /// Bytes.
    pub max_disk_bytes: Option<u64>,
}

impl Limits {
    /// Nothing ever goes.
    pub const NONE: Self = Self {
        max_exchanges: 0,
        max_age: None,
        max_body_age: None,
        max_disk_bytes: 0,
        clock_doubted: false,
    };

    /// The same while the clock is doubted.
    pub fn without_ages(self) -> Self {
        Self { max_age: None, max_body_age: None, clock_doubted: true, ..self }
    }

    /// From `[record]`.
    pub fn configured(record: &config::Record) -> Self {
        Self {
            max_exchanges: record.max_exchanges,
            max_age: record.max_age.limit(),
            max_body_age: record.max_body_age.limit(),
            max_disk_bytes: record.max_disk_bytes,
            ..Self::NONE
        }
    }
}

impl Said {
    /// The settings there are, each by its name.
    pub fn of(number: impl Fn(&str) -> Option<u64>) -> Self {
        Self {
            max_exchanges: number("max_exchanges"),
            max_age_s: number("max_age_s"),
            max_body_age_s: number("max_body_age_s"),
            max_disk_bytes: number("max_disk_bytes"),
        }
    }

    /// What it comes to over the configuration.
    pub fn over(self, configured: Limits) -> Limits {
        let age = |seconds| (seconds > 0).then(|| Duration::from_secs(seconds));
        Limits {
            max_exchanges: self.max_exchanges.unwrap_or(configured.max_exchanges),
            max_age: self.max_age_s.map_or(configured.max_age, age),
            max_body_age: self.max_body_age_s.map_or(configured.max_body_age, age),
            max_disk_bytes: self.max_disk_bytes.unwrap_or(configured.max_disk_bytes),
            ..configured
        }
    }
}
