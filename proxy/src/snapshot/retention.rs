//! How much of the record is kept: what somebody said while it ran, over what is
//! configured.

use std::{collections::BTreeMap, time::Duration};

use glassway_shared::store::tend::Limits;
use serde_json::Value;

/// What was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// Nothing was read yet: nothing may go.
    Unknown,
    /// What was read.
    Known(Said),
}

/// Each `None` = as configured, 0 = no cap.
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

impl Retention {
    /// From settings by name.
    pub(super) fn of(values: &BTreeMap<String, Value>) -> Self {
        let number = |name| values.get(name).and_then(Value::as_u64);
        Self::Known(Said {
            max_exchanges: number("max_exchanges"),
            max_age_s: number("max_age_s"),
            max_body_age_s: number("max_body_age_s"),
            max_disk_bytes: number("max_disk_bytes"),
        })
    }

    /// What it comes to over the configuration.
    pub fn over(self, configured: Limits) -> Limits {
        let Self::Known(said) = self else { return Limits::NONE };
        let age = |seconds| (seconds > 0).then(|| Duration::from_secs(seconds));
        Limits {
            max_exchanges: said.max_exchanges.unwrap_or(configured.max_exchanges),
            max_age: said.max_age_s.map_or(configured.max_age, age),
            max_body_age: said.max_body_age_s.map_or(configured.max_body_age, age),
            max_disk_bytes: said.max_disk_bytes.unwrap_or(configured.max_disk_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_counts_else_the_configuration_and_at_first_nothing_goes() {
        let hour = Some(Duration::from_secs(3600));
        let configured = Limits {
            max_exchanges: 10,
            max_age: None,
            max_body_age: hour,
            max_disk_bytes: 1 << 30,
        };
        assert_eq!(Retention::Unknown.over(configured), Limits::NONE);
        let said = |said| Retention::Known(said).over(configured);
        assert_eq!(said(Said::default()), configured);
        let all = Said {
            max_exchanges: Some(0),
            max_age_s: Some(60),
            max_body_age_s: Some(0),
            max_disk_bytes: Some(0),
        };
        let minute = Some(Duration::from_secs(60));
        assert_eq!(said(all), Limits { max_age: minute, ..Limits::NONE });
        let empty = crate::snapshot::Snapshot::empty();
        assert_eq!(empty.settings.retention, Retention::Unknown);
    }
}
