//! How much of the record is kept, as the settings say it.

use std::collections::BTreeMap;

use glassway_shared::store::tend::{Limits, Said};
use serde_json::Value;

/// What was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// Nothing was read yet: nothing may go.
    Unknown,
    /// What was read.
    Known(Said),
}

impl Retention {
    /// From settings by name.
    pub(super) fn of(values: &BTreeMap<String, Value>) -> Self {
        Self::Known(Said::of(|name| values.get(name).and_then(Value::as_u64)))
    }

    /// What it comes to over the configuration.
    pub fn over(self, configured: Limits) -> Limits {
        match self {
            Self::Unknown => Limits::NONE,
            Self::Known(said) => said.over(configured),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_said_counts_else_the_configuration_and_at_first_nothing_goes() {
        let hour = Some(Duration::from_secs(3600));
        let configured = Limits {
            max_exchanges: 10,
            max_age: None,
            max_body_age: hour,
            max_disk_bytes: 1 << 30,
            ..Limits::NONE
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
