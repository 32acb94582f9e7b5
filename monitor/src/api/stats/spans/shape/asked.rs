//! What can be asked for.

use glassway_shared::store::stats::{self, Weight};
use poem_openapi::Enum;

/// What sums are told apart by.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub(in crate::api::stats::spans) enum By {
    /// How exchanges ended.
    Outcome,
    /// As clients named it.
    Model,
    /// By name.
    Provider,
    /// By name, with its provider's.
    Key,
    /// By name.
    ClientToken,
}

impl From<By> for stats::By {
    fn from(by: By) -> Self {
        match by {
            By::Outcome => Self::Outcome,
            By::Model => Self::Model,
            By::Provider => Self::Provider,
            By::Key => Self::Key,
            By::ClientToken => Self::ClientToken,
        }
    }
}

/// What comes first.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
pub(in crate::api::stats::spans) enum Order {
    /// Exchanges.
    Calls,
    /// Money.
    Cost,
    /// Tokens in and out.
    Tokens,
    /// Failures.
    Failed,
}

impl From<Order> for Weight {
    fn from(order: Order) -> Self {
        match order {
            Order::Calls => Self::Calls,
            Order::Cost => Self::Cost,
            Order::Tokens => Self::Tokens,
            Order::Failed => Self::Failed,
        }
    }
}

/// A table to export.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
pub(in crate::api::stats::spans) enum Table {
    /// One line per slot.
    Time,
    /// One line per model.
    Models,
    /// One line per provider.
    Providers,
    /// One line per key.
    Keys,
    /// One line per client token.
    ClientTokens,
    /// One line per kind of failure.
    Errors,
}

impl Table {
    pub(in crate::api::stats::spans) fn file(self) -> &'static str {
        match self {
            Self::Time => "usage",
            Self::Models => "models",
            Self::Providers => "providers",
            Self::Keys => "keys",
            Self::ClientTokens => "client-tokens",
            Self::Errors => "errors",
        }
    }
}
