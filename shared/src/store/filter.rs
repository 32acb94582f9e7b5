//! What a list, the feed and an export can be narrowed to: one set of names, read
//! from text once, asked of the database as SQL and of a running exchange in memory.
//!
//! ```text
//! sql       of the database
//! memory    of an exchange that runs: the same answer
//! pattern   a name with a `*`, for the database
//! ```
//!
//! Names (`model`, `path`, …) match exactly; a `*` stands for anything. `status` and
//! `outcome` may be lists, any of which may match.

mod memory;
mod pattern;
mod sql;

use jiff::Timestamp;

use crate::{
    id::ExchangeId,
    model::{Mode, Origin, Outcome},
};

pub(super) use pattern::glob;
pub(super) use sql::FOUND_AT_MOST;

/// `200`, or `4xx` for a whole class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRange {
    /// The lowest that matches.
    pub from: u16,
    /// The highest that matches.
    pub to: u16,
}

impl std::str::FromStr for StatusRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a status: write 200, or 4xx for all of them");
        if let Some(class) = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
            let class: u16 = class.parse().map_err(|_| bad())?;
            return match class {
                1..=5 => Ok(Self { from: class * 100, to: class * 100 + 99 }),
                _ => Err(bad()),
            };
        }
        match text.parse() {
            Ok(status @ 100..=599) => Ok(Self { from: status, to: status }),
            _ => Err(bad()),
        }
    }
}

/// Every condition must hold; the default has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Words anywhere in what was said, in the path or in the model.
    pub q: Option<String>,
    /// The path, without its query.
    pub path: Option<String>,
    /// In any case.
    pub method: Option<String>,
    /// What the client got: any of these; empty = anything.
    pub status: Vec<StatusRange>,
    /// How it ended: any of these; empty = anyhow.
    pub outcome: Vec<Outcome>,
    /// Who caused it: any of these; empty = anyone.
    pub origin: Vec<Origin>,
    /// The error's code; `none` where it has none.
    pub error: Option<String>,
    /// As the client named it, or as the upstream knows it.
    pub model: Option<String>,
    /// The provider's name.
    pub provider: Option<String>,
    /// The key's name.
    pub key: Option<String>,
    /// The client token's name.
    pub client_token: Option<String>,
    /// Whose credential travelled.
    pub mode: Option<Mode>,
    /// Whether the answer is a stream.
    pub stream: Option<bool>,
    /// Started at this moment or later.
    pub since: Option<Timestamp>,
    /// Started before this moment.
    pub until: Option<Timestamp>,
    /// A turn of the conversation that this exchange belongs to.
    pub conversation: Option<ExchangeId>,
    /// Took at least this long, or has been running for as long.
    pub min_duration_ms: Option<f64>,
    /// Kept from retention.
    pub pinned: Option<bool>,
}

impl Filter {
    /// The names other programs use, in the order people think of them.
    pub const NAMES: &[&str] = &[
        "q",
        "path",
        "method",
        "status",
        "outcome",
        "origin",
        "error",
        "model",
        "provider",
        "key",
        "client_token",
        "mode",
        "stream",
        "since",
        "until",
        "min_duration_ms",
        "conversation",
        "pinned",
    ];

    /// Adds the condition called `name`; the error is a sentence for a person.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), String> {
        let word = || Some(text.to_owned());
        match name {
            "q" => self.q = word(),
            "path" => self.path = word(),
            "method" => self.method = word(),
            "status" => self.status = list(text)?,
            "outcome" => self.outcome = list(text)?,
            "origin" => self.origin = list(text)?,
            "error" => self.error = word(),
            "model" => self.model = word(),
            "provider" => self.provider = word(),
            "key" => self.key = word(),
            "client_token" => self.client_token = word(),
            "mode" => self.mode = Some(text.parse()?),
            "stream" => self.stream = Some(yes_or_no(text)?),
            "pinned" => self.pinned = Some(yes_or_no(text)?),
            "since" => self.since = Some(moment(text)?),
            "until" => self.until = Some(moment(text)?),
            "min_duration_ms" => {
                self.min_duration_ms = Some(
                    text.parse::<f64>()
                        .ok()
                        .filter(|ms| ms.is_finite() && *ms >= 0.0)
                        .ok_or_else(|| format!("`{text}` is not a number of milliseconds"))?,
                );
            }
            "conversation" => {
                let bad = |_| format!("`{text}` is not the id of an exchange");
                self.conversation = Some(text.parse().map_err(bad)?);
            }
            _ => {
                return Err(format!(
                    "unknown filter `{name}`; known are {}",
                    Self::NAMES.join(", ")
                ));
            }
        }
        Ok(())
    }
}

/// What `error` says of exchanges whose error has no code, or that have none.
const NO_CODE: &str = "none";

fn yes_or_no(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("`{text}` is neither true nor false"))
}

/// `a,b,c`: any of them.
fn list<T: std::str::FromStr<Err = String>>(text: &str) -> Result<Vec<T>, String> {
    text.split(',').map(|one| one.trim().parse()).collect()
}

fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| format!("`{text}` is not a time such as 2026-01-31T12:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("status", "4xx", true)]
    #[case("status", "200", true)]
    #[case("status", "4xx,503", true)]
    #[case("status", "4xx,", false)]
    #[case("outcome", "timeout,client_closed", true)]
    #[case("status", "6xx", false)]
    #[case("status", "99", false)]
    #[case("outcome", "ok", true)]
    #[case("origin", "client,chat,replay", true)]
    #[case("origin", "client,cat", false)]
    #[case("error", "upstream_*", true)]
    #[case("outcome", "fine", false)]
    #[case("stream", "true", true)]
    #[case("stream", "yes", false)]
    #[case("since", "2026-01-31T12:00:00Z", true)]
    #[case("since", "yesterday", false)]
    #[case("min_duration_ms", "12.5", true)]
    #[case("min_duration_ms", "-1", false)]
    #[case("min_duration_ms", "inf", false)]
    #[case("colour", "red", false)]
    fn reads_what_people_write(#[case] name: &str, #[case] text: &str, #[case] good: bool) {
        assert_eq!(Filter::default().set(name, text).is_ok(), good);
    }
}
