//! What providers look like.

use std::collections::BTreeMap;

use glassway_shared::store::providers::{self, BUILT_IN};
use jiff::Timestamp;
use poem_openapi::{Enum, Object};

use crate::{api::shape::Time, app::App};

/// A provider's dialect, and with it how its key travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "ProviderKind", rename_all = "snake_case")]
pub(in crate::api) enum Kind {
    /// OpenAI's, and everything compatible; `Authorization: Bearer`.
    Openai,
    /// Anthropic's; `x-api-key`.
    Anthropic,
    /// Azure OpenAI's; `api-key`.
    Azure,
}

impl Kind {
    pub(in crate::api) fn as_str(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Azure => "azure",
        }
    }

    pub(in crate::api) fn of(text: &str) -> Self {
        match text {
            "anthropic" => Self::Anthropic,
            "azure" => Self::Azure,
            _ => Self::Openai,
        }
    }
}

/// Whether a provider is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "ProviderStatus", rename_all = "snake_case")]
pub(super) enum HealthStatus {
    /// It is.
    Ok,
    /// It asked for quiet.
    Cooling,
    /// It failed too often; it is tried again by and by.
    Open,
}

/// How the proxy finds a provider.
#[derive(Object)]
#[oai(rename = "ProviderHealth")]
pub(super) struct Health {
    pub(super) status: HealthStatus,
    pub(super) status_reason: Option<String>,
    pub(super) status_until: Option<Time>,
}

/// An upstream speaking one dialect at one base URL; a relay station is one.
#[derive(Object)]
pub(in crate::api) struct Provider {
    id: i64,
    /// Unique, fit for a path.
    name: String,
    kind: Kind,
    base_url: String,
    enabled: bool,
    /// Higher goes first.
    priority: i64,
    notes: String,
    /// Of list prices.
    price_multiplier: f64,
    /// Azure's.
    api_version: Option<String>,
    /// Azure's: model → deployment.
    deployments: BTreeMap<String, String>,
    /// What it was made from.
    preset: Option<String>,
    /// Its base URL is the configuration's; it cannot be deleted.
    built_in: bool,
    /// `scheme://host:port`; keys are sealed to it.
    origin: String,
    health: Health,
    /// Its keys by status.
    keys: BTreeMap<String, u64>,
    created_at: Time,
    /// What this change has led to.
    warnings: Vec<String>,
}

impl Provider {
    /// As it is shown.
    pub(super) fn of(
        provider: providers::Provider,
        app: &App,
        keys: BTreeMap<String, u64>,
    ) -> Self {
        let standing = app.live.provider(provider.id);
        let health = match standing {
            None => Health { status: HealthStatus::Ok, status_reason: None, status_until: None },
            Some(standing) => Health {
                status: match &standing.status[..] {
                    "cooling" => HealthStatus::Cooling,
                    "open" => HealthStatus::Open,
                    _ => HealthStatus::Ok,
                },
                status_reason: standing.status_reason,
                status_until: standing.status_until.map(Time),
            },
        };
        Self {
            id: provider.id,
            kind: Kind::of(&provider.kind),
            base_url: app.base_url(&provider),
            built_in: provider.id == BUILT_IN,
            origin: app.origin(&provider),
            health,
            keys,
            created_at: Time(Timestamp::from_second(provider.created_at).unwrap_or_default()),
            warnings: vec![],
            name: provider.name,
            enabled: provider.enabled,
            priority: provider.priority,
            notes: provider.notes,
            price_multiplier: provider.price_multiplier,
            api_version: provider.api_version,
            deployments: provider.deployments,
            preset: provider.preset,
        }
    }

    /// With something the reader should know.
    pub(super) fn warn(mut self, warning: Option<String>) -> Self {
        self.warnings.extend(warning);
        self
    }
}
