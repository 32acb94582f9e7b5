//! How much of an exchange may be seen: while it runs, and once it has been kept. Decided
//! when its head arrives, so that nothing has to be taken back later. Pure.
//!
//! Bodies are not masked on the fly where something is to be redacted in them: a pattern
//! split over two pieces of a stream would show its first half before it could be known.

use std::net::IpAddr;

use glassway_shared::{
    config::Record,
    model::Origin,
    networks::Networks,
    store::roster::{Token, TokenRecord},
};

/// What may be seen of one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discretion {
    /// All that is kept, while it comes.
    Open,
    /// Bodies only once they are kept, redacted.
    Later,
    /// Figures: never a body, a header or a query, neither live nor kept.
    Metadata,
}

impl Discretion {
    /// Whether bodies show while they come.
    pub fn shows_bodies(self) -> bool {
        self == Self::Open
    }

    /// Whether bodies, headers and queries are never kept.
    pub fn is_metadata(self) -> bool {
        self == Self::Metadata
    }

    /// What a running exchange's warnings say of it.
    pub fn warning(self) -> Option<&'static str> {
        match self {
            Self::Open => None,
            Self::Later => Some("bodies_withheld"),
            Self::Metadata => Some("metadata_only"),
        }
    }
}

/// Whose exchange it is.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'a> {
    /// The peer.
    pub ip: IpAddr,
    /// Who caused it.
    pub origin: Origin,
    /// The client's token.
    pub token: Option<&'a Token>,
    /// Its key came along for it alone.
    pub brought: bool,
}

/// What the configuration says.
#[derive(Debug, Default)]
pub struct Rules {
    metadata_only: Networks,
    redacts: bool,
}

impl Rules {
    /// From `[record]`.
    pub fn new(record: &Record) -> Self {
        Self {
            metadata_only: Networks::of(&record.metadata_only_clients),
            redacts: !(record.redact_json.is_empty() && record.redact_patterns.is_empty()),
        }
    }

    /// For this exchange. A token's own word counts before that of its network.
    pub fn of(&self, whose: Whose<'_>) -> Discretion {
        let metadata = match whose.token {
            Some(token) => token.record == TokenRecord::Metadata,
            None => whose.origin == Origin::Client && self.metadata_only.contains(whose.ip),
        };
        match metadata {
            true => Discretion::Metadata,
            false if self.redacts || whose.brought => Discretion::Later,
            false => Discretion::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(record: TokenRecord) -> Token {
        Token {
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
            record,
        }
    }

    #[test]
    fn tokens_speak_for_themselves_and_networks_for_the_tokenless() {
        let record =
            Record { metadata_only_clients: vec!["10.0.0.0/8".into()], ..Record::default() };
        let rules = Rules::new(&record);
        let (quiet, open) = (token(TokenRecord::Metadata), token(TokenRecord::All));
        let of = |ip: &str, origin, token| {
            rules.of(Whose { ip: ip.parse().unwrap(), origin, token, brought: false })
        };
        assert_eq!(of("10.1.2.3", Origin::Client, None), Discretion::Metadata);
        assert_eq!(of("::ffff:10.1.2.3", Origin::Client, None), Discretion::Metadata);
        assert_eq!(of("192.0.2.1", Origin::Client, None), Discretion::Open);
        assert_eq!(of("10.1.2.3", Origin::Client, Some(&open)), Discretion::Open);
        assert_eq!(of("192.0.2.1", Origin::Client, Some(&quiet)), Discretion::Metadata);
        assert_eq!(of("10.1.2.3", Origin::Chat, None), Discretion::Open, "not a client's");
    }

    #[test]
    fn bodies_wait_where_they_are_redacted_or_a_key_came_along() {
        let whose =
            Whose { ip: [127, 0, 0, 1].into(), origin: Origin::Trace, token: None, brought: true };
        assert_eq!(Rules::default().of(whose), Discretion::Later);
        let record = Record { redact_patterns: vec!["x".into()], ..Record::default() };
        let whose = Whose { brought: false, ..whose };
        assert_eq!(Rules::new(&record).of(whose), Discretion::Later);
        assert_eq!(Rules::default().of(whose), Discretion::Open);
    }
}
