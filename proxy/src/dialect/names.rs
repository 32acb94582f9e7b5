//! Tool names that an upstream accepts, and the way back. A name that fits stays; any
//! other gets its odd characters replaced and a digest of the whole, so that it is the
//! same in every turn of a conversation without anything being remembered.

use std::borrow::Cow;

use super::{Refused, view::At};

/// What an API allows a tool to be called, beside `[A-Za-z0-9_-]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit(pub(super) usize);

/// OpenAI: "must be a-z, A-Z, 0-9, or contain underscores and dashes, with a maximum
/// length of 64" (`FunctionDefinition` of the SDK).
pub(super) const CHAT: Limit = Limit(64);
/// Anthropic: `^[a-zA-Z0-9_-]{1,128}$`.
pub(super) const MESSAGES: Limit = Limit(128);

/// The names that were replaced: the upstream's, the client's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Vec<(String, String)>);

impl Names {
    /// The name to send.
    pub(super) fn send<'n>(
        &mut self,
        name: &'n str,
        limit: Limit,
        at: &At<'_>,
    ) -> Result<Cow<'n, str>, Refused> {
        if name.is_empty() {
            return Err(at.invalid("must not be empty"));
        }
        let sent = fitting(name, limit);
        if let Cow::Owned(sent) = &sent
            && self.0.iter().all(|(known, _)| known != sent)
        {
            self.0.push((sent.clone(), name.to_owned()));
        }
        Ok(sent)
    }

    /// The client's name for what the upstream called so.
    pub(super) fn restore<'n>(&'n self, sent: &'n str) -> &'n str {
        let known = self.0.iter().find(|(known, _)| known == sent);
        known.map_or(sent, |(_, name)| name)
    }
}

/// An id of a tool call as Anthropic accepts it (`^[a-zA-Z0-9_-]+$`): some upstreams
/// call theirs `functions.get:0`.
pub(super) fn call_id(id: &str) -> Cow<'_, str> {
    if id.is_empty() { "call".into() } else { fitting(id, Limit(256)) }
}

fn fitting(name: &str, limit: Limit) -> Cow<'_, str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.len() <= limit.0 && name.chars().all(fits) {
        return name.into();
    }
    let kept = name.chars().map(|c| if fits(c) { c } else { '_' }).take(limit.0 - 9);
    let digest = blake3::hash(name.as_bytes()).to_hex();
    format!("{}_{}", kept.collect::<String>(), &digest[..8]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn every_name_fits_and_comes_back(name in ".{1,200}", other in "[a-z.]{1,80}") {
            for limit in [CHAT, MESSAGES] {
                let mut names = Names::default();
                let sent = names.send(&name, limit, &At::ROOT).unwrap().into_owned();
                let second = names.send(&other, limit, &At::ROOT).unwrap().into_owned();
                let ok = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                proptest::prop_assert!(sent.len() <= limit.0 && sent.chars().all(ok));
                proptest::prop_assert_eq!(names.restore(&sent), &name);
                proptest::prop_assert_eq!(names.restore(&second), &other);
                proptest::prop_assert_eq!(sent == second, name == other);
            }
        }
    }

    #[test]
    fn a_name_that_fits_stays() {
        let mut names = Names::default();
        assert_eq!(names.send("get_weather-2", CHAT, &At::ROOT).unwrap(), "get_weather-2");
        assert_eq!(names, Names::default());
        assert_eq!(names.send("", CHAT, &At::ROOT).unwrap_err().code, "invalid_value");
        assert_eq!(call_id("call_1"), "call_1");
        assert!(call_id("functions.get:0").starts_with("functions_get_0_"));
    }
}
