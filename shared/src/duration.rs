//! Durations as people write them in the configuration: `500ms`, `30s`, `10m`,
//! `12h`, `30d`, or a bare `0` for "none".

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A duration read from text; see the module for the accepted forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// A whole number of seconds.
    pub const fn secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// `None` where the text was `0`, which means "no limit" throughout.
    pub fn limit(self) -> Option<Duration> {
        (!self.0.is_zero()).then_some(self.0)
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let bad = || {
            format!(
                "`{text}` is not a duration: write a number and ms, s, m, h or d, such as `30s`"
            )
        };
        let number: u64 = text[..digits].parse().map_err(|_| bad())?;
        let millis = match &text[digits..] {
            "" if number == 0 => 0,
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(bad()),
        };
        number
            .checked_mul(millis)
            .filter(|&ms| ms <= 100 * 365 * 86_400_000)
            .map(|ms| Self(Duration::from_millis(ms)))
            .ok_or_else(|| format!("`{text}` is longer than a century"))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
        match units.into_iter().find(|(unit, _)| ms > 0 && ms.is_multiple_of(*unit)) {
            Some((unit, name)) => write!(f, "{}{name}", ms / unit),
            None if ms == 0 => f.write_str("0"),
            None => write!(f, "{ms}ms"),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            Number(i64),
        }
        match Written::deserialize(d)? {
            Written::Text(text) => text.parse().map_err(de::Error::custom),
            Written::Number(0) => Ok(Self(Duration::ZERO)),
            Written::Number(n) => Err(de::Error::custom(format!(
                "`{n}` needs a unit: ms, s, m, h or d, such as `{n}s`"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_each_unit() {
        for text in ["500ms", "30s", "10m", "12h", "30d", "0"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        for text in ["", "30", "-1s", "1.5s", "10 m", "1w", "99999999999d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
