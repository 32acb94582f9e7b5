//! An upstream and its keys, as a snapshot holds them: a row of the database made ready
//! to be asked.

use std::sync::Arc;

use glassway_shared::{
    config::Config,
    secret::{self, BROUGHT, Binding, PrivateKey},
    store::roster,
};
use http::HeaderValue;
use url::Url;

use crate::{
    error::Dialect,
    pool::{Place, provision::Provision},
    target::Base,
};

/// A provider's dialect and how its credential travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// OpenAI's and everything compatible.
    OpenAi,
    /// Anthropic's.
    Anthropic,
    /// OpenAI's at Azure.
    Azure,
}

impl Kind {
    /// From the contract's word.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "openai" => Some(Self::OpenAi),
            "anthropic" => Some(Self::Anthropic),
            "azure" => Some(Self::Azure),
            _ => None,
        }
    }

    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Azure => "azure",
        }
    }

    /// The wire format it speaks.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::Anthropic => Dialect::Anthropic,
            Self::OpenAi | Self::Azure => Dialect::OpenAi,
        }
    }

    /// Whether it understands a client's requests as they are.
    pub fn speaks(self, dialect: Dialect) -> bool {
        self.dialect() == dialect
    }
}

/// An upstream.
pub struct Provider {
    /// Its row.
    pub id: i64,
    /// Unique.
    pub name: Arc<str>,
    /// Its dialect.
    pub kind: Kind,
    /// Where it is.
    pub base: Base,
    /// By hand.
    pub enabled: bool,
    /// Higher goes first.
    pub priority: i64,
    /// Of list prices.
    pub price_multiplier: f64,
    /// Azure's; with it the deployments URL is used.
    pub api_version: Option<String>,
    /// Azure: model → deployment.
    pub deployments: std::collections::BTreeMap<String, String>,
    /// Outlives snapshots.
    pub health: Arc<Provision>,
    /// Those that are active by hand and could be opened.
    pub keys: Vec<Arc<Key>>,
}

/// A credential that can be used.
pub struct Key {
    /// Its row.
    pub id: i64,
    /// As people call it.
    pub name: Arc<str>,
    /// The header it goes into, ready.
    pub credential: HeaderValue,
    /// Those it is for; none: all of its provider's.
    pub(super) models: Vec<String>,
    /// What its provider said there is, when it was asked.
    pub(super) found: Vec<String>,
    /// For random picks.
    pub weight: u32,
    /// Higher goes first.
    pub priority: i64,
    /// Nano-dollars per call, instead of the list.
    pub price_per_call_nano: Option<i64>,
    /// For comparing; nano-dollars.
    pub typical_cost: i64,
    /// Outlives snapshots.
    pub place: Arc<Place>,
}

impl Provider {
    /// One for a single request, which no list knows.
    pub fn brought(name: &str, kind: Kind, url: &Url) -> Self {
        Self {
            id: BROUGHT,
            name: name.into(),
            kind,
            base: Base::new(name, url),
            enabled: true,
            priority: 0,
            price_multiplier: 1.0,
            api_version: None,
            deployments: Default::default(),
            health: Arc::default(),
            keys: vec![],
        }
    }
}

impl Key {
    /// One for a single request, which no list knows.
    pub fn brought(credential: HeaderValue) -> Self {
        Self {
            id: BROUGHT,
            name: "typed in".into(),
            credential,
            models: vec![],
            found: vec![],
            weight: 1,
            priority: 0,
            price_per_call_nano: None,
            typical_cost: 0,
            place: Arc::default(),
        }
    }

    /// Whether its own list names this model, or names none.
    pub fn lists(&self, model: &str) -> bool {
        model.is_empty() || self.models.is_empty() || self.models.iter().any(|m| m == model)
    }

    /// Whether the model is there, as far as anybody knows.
    pub fn knows(&self, model: &str) -> Option<bool> {
        if model.is_empty() {
            return None;
        }
        let known = if self.models.is_empty() { &self.found } else { &self.models };
        (!known.is_empty()).then(|| known.iter().any(|m| m == model))
    }
}

/// Where this provider is, of its own or by the configuration.
pub(super) fn base_url(row: &roster::Provider, kind: Kind, config: &Config) -> Option<Url> {
    match (&row.base_url, kind) {
        (Some(url), _) => Url::parse(url).ok().filter(Url::has_host),
        (None, Kind::Anthropic) => Some(config.upstream.anthropic_base_url.clone()),
        (None, _) => Some(config.upstream.base_url.clone()),
    }
}

/// What a call costs here, for comparing: nano-dollars.
pub(super) fn typical_cost(provider: &roster::Provider, key: &roster::Key) -> i64 {
    key.price_per_call_nano.unwrap_or((provider.price_multiplier * 1e9) as i64)
}

/// The key's credential, unsealed for this address.
pub(super) fn opened(
    provider: &roster::Provider,
    kind: Kind,
    key: &roster::Key,
    url: &Url,
    private: Option<&PrivateKey>,
) -> Result<HeaderValue, &'static str> {
    let origin = secret::origin(url);
    let binding =
        Binding { key_id: key.id, provider_id: provider.id, kind: kind.as_str(), origin: &origin };
    credential(kind, binding, &key.sealed, private)
}

/// A sealed key as the header's value that it travels as.
pub fn credential(
    kind: Kind,
    binding: Binding<'_>,
    sealed: &[u8],
    private: Option<&PrivateKey>,
) -> Result<HeaderValue, &'static str> {
    let opened = private.ok_or("no_private_key")?.open(binding, sealed);
    let secret = opened.map_err(|_| "origin_changed")?;
    let value = match kind {
        Kind::OpenAi => [b"Bearer ", secret.expose()].concat(),
        Kind::Anthropic | Kind::Azure => secret.expose().to_vec(),
    };
    let mut value = HeaderValue::from_maybe_shared(bytes::Bytes::from(value))
        .map_err(|_| "not_a_header_value")?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A key with this header value, for tests of what is done with it.
    pub(crate) fn key(credential: &str) -> Key {
        let credential = HeaderValue::from_str(credential).unwrap();
        Key { id: 1, name: "key".into(), ..Key::brought(credential) }
    }

    /// A provider without keys at `https://p.example`.
    pub(crate) fn provider(kind: Kind, api_version: Option<&str>) -> Provider {
        Provider {
            id: 1,
            api_version: api_version.map(str::to_owned),
            ..Provider::brought("p", kind, &"https://p.example".parse().unwrap())
        }
    }
}
