//! An exchange's id: a UUIDv7, so that ids sort by the time they were made.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The id of one exchange, unique across processes and restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExchangeId(Uuid);

impl ExchangeId {
    /// A new id, greater than every id made earlier on this thread.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The smallest id an exchange that started at this moment can have.
    pub fn lowest_at(unix_ms: u64) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&unix_ms.to_be_bytes()[2..]);
        bytes
    }

    /// The sixteen bytes, in the order that sorts by time.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// From the sixteen bytes of [`Self::as_bytes`].
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl Default for ExchangeId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ExchangeId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_bound_a_range() {
        let first = ExchangeId::new();
        let second = ExchangeId::new();
        assert!(first < second);
        let ms = u64::from_be_bytes([0, 0, 1, 0x99, 0, 0, 0, 0]);
        assert!(ExchangeId::lowest_at(ms) < ExchangeId::lowest_at(ms + 1));
        assert!(&ExchangeId::lowest_at(0) < first.as_bytes());
        assert_eq!(first.to_string().parse::<ExchangeId>().unwrap(), first);
    }
}
