//! What keys look like, and what may be said of one. A key's text goes in and never
//! comes out.

use glassway_shared::store::keys::{self, Status as Standing};
use jiff::Timestamp;
use poem_openapi::{Enum, Object, types::MaybeUndefined};

use crate::{
    api::{
        fields::{label, model_names, nano, set, usd},
        pool::Pool,
        shape::Time,
    },
    error::Problem,
};

/// Whether a key serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub(in crate::api) enum KeyStatus {
    /// It does.
    Active,
    /// Switched off by hand.
    Inactive,
    /// Comes back by the clock.
    Cooling,
    /// Its money is used up, here or at its provider.
    Exhausted,
    /// Revoked, wrong, or sealed for another address.
    Invalid,
}

impl From<Standing> for KeyStatus {
    fn from(status: Standing) -> Self {
        match status {
            Standing::Active => Self::Active,
            Standing::Inactive => Self::Inactive,
            Standing::Cooling => Self::Cooling,
            Standing::Exhausted => Self::Exhausted,
            Standing::Invalid => Self::Invalid,
        }
    }
}

/// What a person may say of a key's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "KeySwitch", rename_all = "snake_case")]
pub(super) enum Switch {
    /// It may serve.
    Active,
    /// It may not.
    Inactive,
}

/// An upstream credential; a relay's group is one.
#[derive(Clone, Object)]
pub(in crate::api) struct Key {
    pub(super) id: i64,
    pub(super) provider_id: i64,
    /// The provider's name.
    provider: String,
    name: String,
    /// Its first and last characters: the key itself is never shown again.
    masked: String,
    pub(super) status: KeyStatus,
    /// Why it is out.
    pub(super) status_reason: Option<String>,
    /// Until when, where that is known.
    status_until: Option<Time>,
    /// What it may be used for; empty = everything.
    models: Vec<String>,
    /// How many models its provider said it serves, when it was last asked.
    fetched_models: i64,
    weight: u32,
    /// Higher goes first.
    priority: i64,
    /// In place of the price list.
    price_per_call_usd: Option<f64>,
    /// `null` = unlimited.
    quota_usd: Option<f64>,
    spent_usd: f64,
    /// `null` = unlimited.
    remaining_usd: Option<f64>,
    total_requests: i64,
    last_used_at: Option<Time>,
    created_at: Time,
}

impl Key {
    /// As it is shown.
    pub(super) fn of(key: keys::Key, pool: &Pool, fetched: i64) -> Self {
        let standing = pool.standing(&key);
        let provider = pool.provider(key.provider_id);
        let remaining = key.quota_nano.map(|quota| (quota - key.state.spent_nano).max(0));
        Self {
            id: key.id,
            provider_id: key.provider_id,
            provider: provider.map(|provider| provider.name.clone()).unwrap_or_default(),
            name: key.name,
            masked: key.masked,
            status: standing.status.into(),
            status_reason: standing.reason,
            status_until: standing.until.and_then(millis),
            models: key.models,
            fetched_models: fetched,
            weight: key.weight,
            priority: key.priority,
            price_per_call_usd: key.price_per_call_nano.map(usd),
            quota_usd: key.quota_nano.map(usd),
            spent_usd: usd(key.state.spent_nano),
            remaining_usd: remaining.map(usd),
            total_requests: key.state.total_requests,
            last_used_at: key.state.last_used_at.and_then(millis),
            created_at: Time(Timestamp::from_second(key.created_at).unwrap_or_default()),
        }
    }

    /// Whether a search for this text finds it.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        [&self.name, &self.masked, &self.provider]
            .iter()
            .any(|field| field.to_lowercase().contains(&text))
    }
}

/// From unix milliseconds.
pub(in crate::api) fn millis(ms: i64) -> Option<Time> {
    Timestamp::from_millisecond(ms).ok().map(Time)
}

/// A key and the models its provider said it serves.
#[derive(Object)]
pub(in crate::api) struct KeyDetail {
    #[oai(flatten)]
    pub(super) key: Key,
    /// When it was last asked.
    pub(in crate::api) model_list: Vec<String>,
}

/// What may be said of a key; what is left out stays as it is, or is as a new one has
/// it.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(in crate::api) struct KeyInput {
    /// The built-in provider where nothing is said. A key that is to move to another
    /// provider must be pasted again.
    pub(super) provider_id: MaybeUndefined<i64>,
    #[oai(validator(max_length = 200))]
    pub(super) name: MaybeUndefined<String>,
    /// The key itself; a new one needs it. Never shown again.
    #[oai(write_only, validator(max_length = 8192))]
    pub(super) key_value: MaybeUndefined<String>,
    pub(super) status: MaybeUndefined<Switch>,
    /// What it may be used for; empty = everything.
    #[oai(validator(max_items = 5000))]
    pub(super) models: MaybeUndefined<Vec<String>>,
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000")))]
    pub(super) weight: MaybeUndefined<u32>,
    #[oai(validator(minimum(value = "-1000000"), maximum(value = "1000000")))]
    pub(super) priority: MaybeUndefined<i64>,
    /// `null`: by the price list.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000000")))]
    pub(super) price_per_call_usd: MaybeUndefined<f64>,
    /// `null`: unlimited.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000000")))]
    pub(super) quota_usd: MaybeUndefined<f64>,
}

impl KeyInput {
    /// Changes what is said, but for the credential and where it belongs.
    pub(super) fn apply(self, key: &mut keys::Key) -> Result<(), Problem> {
        if let MaybeUndefined::Value(name) = &self.name {
            key.name = label("name", name)?;
        } else {
            set("name", self.name, &mut key.name)?;
        }
        let mut switch = if key.active { Switch::Active } else { Switch::Inactive };
        set("status", self.status, &mut switch)?;
        key.active = switch == Switch::Active;
        set("models", self.models, &mut key.models)?;
        key.models = model_names("models", std::mem::take(&mut key.models))?;
        set("weight", self.weight, &mut key.weight)?;
        set("priority", self.priority, &mut key.priority)?;
        let dollars = |field, sent, place: &mut Option<i64>| {
            match sent {
                MaybeUndefined::Undefined => {}
                MaybeUndefined::Null => *place = None,
                MaybeUndefined::Value(usd) => *place = Some(nano(field, usd)?),
            }
            Ok::<_, Problem>(())
        };
        dollars("price_per_call_usd", self.price_per_call_usd, &mut key.price_per_call_nano)?;
        dollars("quota_usd", self.quota_usd, &mut key.quota_nano)
    }
}

/// A key as it is before anything was said of it.
pub(super) fn blank(provider_id: i64, now: i64) -> keys::Key {
    keys::Key {
        id: 0,
        provider_id,
        name: String::new(),
        sealed_origin: String::new(),
        sealed_kind: String::new(),
        masked: String::new(),
        active: true,
        models: vec![],
        weight: 1,
        priority: 0,
        price_per_call_nano: None,
        quota_nano: None,
        created_at: now,
        state: keys::State::default(),
    }
}
