//! What requests are routed by: an immutable picture of providers, keys, routes and
//! client tokens, swapped as a whole when the configuration changes. Requests that run
//! keep the picture they began with.

pub(crate) mod provider;
mod retention;
mod settings;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, RwLock},
};

use glassway_shared::{
    config::Config,
    prices::Book,
    secret::PrivateKey,
    store::roster::{self, Roster},
};

use crate::{
    error::Dialect,
    ledger::TokenState,
    pool::{Place, Places, health::Health, provision::Provision},
    route::{self, Plan, Wanted},
    target::Base,
};

pub use provider::{Key, Kind, Provider, credential};
pub use retention::Retention;
pub use settings::Settings;

use provider::{base_url, opened, typical_cost};

/// A client's credential.
pub struct Token {
    /// As configured.
    pub row: roster::Token,
    /// Outlives snapshots.
    pub state: Arc<TokenState>,
}

/// See the module.
pub struct Snapshot {
    /// `config_revision` it was made from.
    pub revision: i64,
    /// Whether there is a key at all.
    any_key: bool,
    /// All of them, by priority.
    pub providers: Vec<Arc<Provider>>,
    /// Model names people know about, beside those that keys list.
    pub models: Vec<String>,
    /// Prices people set: model → JSON.
    pub prices: HashMap<String, serde_json::Value>,
    /// Models that keys without a list of their own were found to serve.
    fetched: BTreeSet<String>,
    /// Keys that could not be opened.
    pub unusable: Vec<i64>,
    book: Option<Arc<Book>>,
    /// As set.
    pub settings: Settings,
    routes: Vec<roster::Route>,
    tokens: HashMap<[u8; 32], Arc<Token>>,
    plans: RwLock<Plans>,
}

/// Dialect, what can be converted, provider and key that a request insists on; then the
/// model. In two steps, so that a plan is found without a string being made.
type Plans = HashMap<Pinned, HashMap<String, Arc<Plan>>>;
type Pinned = (bool, Option<crate::dialect::Dialect>, Option<i64>, Option<i64>);
/// Plans remembered; clients can name any model.
const MAX_PLANS: usize = 1024;

/// What outlives snapshots.
#[derive(Default)]
pub struct Standing {
    /// Keys'.
    pub places: Places,
    provisions: RwLock<HashMap<i64, Arc<Provision>>>,
    tokens: RwLock<HashMap<i64, Arc<TokenState>>>,
}

impl Standing {
    fn provision(&self, id: i64) -> Arc<Provision> {
        let mut provisions = self.provisions.write().unwrap_or_else(|e| e.into_inner());
        provisions.entry(id).or_default().clone()
    }

    fn token(&self, id: i64, spending: &[roster::Spending]) -> Arc<TokenState> {
        let mut tokens = self.tokens.write().unwrap_or_else(|e| e.into_inner());
        let kept = spending.iter().find(|s| s.token_id == id);
        tokens.entry(id).or_insert_with(|| Arc::new(TokenState::restored(kept))).clone()
    }
}

impl Snapshot {
    /// Nothing managed: everything is transparent.
    pub fn empty() -> Self {
        let config = Config::default();
        let mut empty = Self::make(&Roster::default(), &config, None, &Standing::default()).0;
        empty.settings.retention = Retention::Unknown;
        empty
    }

    /// Makes the picture. Keys that cannot be opened are left out; their ids and reasons
    /// come second.
    pub fn make(
        roster: &Roster,
        config: &Config,
        private: Option<&PrivateKey>,
        standing: &Standing,
    ) -> (Self, Vec<(i64, &'static str)>) {
        let mut unusable = Vec::new();
        let mut providers = Vec::new();
        for row in &roster.providers {
            let Some(kind) = Kind::named(&row.kind) else { continue };
            let Some(url) = base_url(row, kind, config) else { continue };
            let name: Arc<str> = row.name.as_str().into();
            let mut keys = Vec::new();
            for key in roster.keys.iter().filter(|key| key.provider_id == row.id) {
                let kept = roster.states.iter().find(|state| state.key_id == key.id);
                let place = standing.places.of(key.id, || restored(kept));
                place.set_quota(key.quota_nano);
                if !key.active {
                    continue;
                }
                match opened(row, kind, key, &url, private) {
                    Ok(credential) => keys.push(Arc::new(Key {
                        id: key.id,
                        name: key.name.as_str().into(),
                        credential,
                        models: key.models.clone(),
                        found: roster.fetched.get(&key.id).into_iter().flatten().cloned().collect(),
                        weight: key.weight,
                        priority: key.priority,
                        price_per_call_nano: key.price_per_call_nano,
                        typical_cost: typical_cost(row, key),
                        place,
                    })),
                    Err(reason) => unusable.push((key.id, reason)),
                }
            }
            providers.push(Arc::new(Provider {
                id: row.id,
                base: Base::new(&name, &url),
                name,
                kind,
                enabled: row.enabled,
                priority: row.priority,
                price_multiplier: row.price_multiplier,
                api_version: row.api_version.clone().filter(|v| !v.is_empty()),
                deployments: row.deployments.clone(),
                health: standing.provision(row.id),
                keys,
            }));
        }
        let tokens = roster.tokens.iter().map(|row| {
            let state = standing.token(row.id, &roster.spending);
            (row.hash, Arc::new(Token { row: row.clone(), state }))
        });
        let prices = roster.models.iter().filter_map(|m| Some((m.name.clone(), m.prices.clone()?)));
        let snapshot = Self {
            revision: roster.revision,
            any_key: !roster.keys.is_empty(),
            models: roster.models.iter().filter(|m| m.added).map(|m| m.name.clone()).collect(),
            prices: prices.collect(),
            fetched: fetched(&providers, roster),
            unusable: unusable.iter().map(|(key, _)| *key).collect(),
            book: roster.price_list.clone(),
            providers,
            settings: Settings::of(&roster.settings),
            routes: roster.routes.clone(),
            tokens: tokens.collect(),
            plans: RwLock::default(),
        };
        (snapshot, unusable)
    }

    /// Whether somebody added a key, be it switched off: from then on requests without a
    /// credential are managed.
    pub fn any_key(&self) -> bool {
        self.any_key
    }

    /// Whether there is anything to manage with.
    pub fn has_keys(&self) -> bool {
        self.providers.iter().any(|provider| !provider.keys.is_empty())
    }

    /// The client token that this is.
    pub fn token(&self, text: &str) -> Option<&Arc<Token>> {
        self.tokens.get(blake3::hash(text.as_bytes()).as_bytes())
    }

    /// All client tokens.
    pub fn tokens(&self) -> impl Iterator<Item = &Arc<Token>> {
        self.tokens.values()
    }

    /// The provider of this name, else the only one of this kind.
    pub fn provider(&self, name: &str) -> Option<&Arc<Provider>> {
        self.providers.iter().find(|p| &*p.name == name).or_else(|| {
            let kind = Kind::named(name)?;
            let mut of_kind = self.providers.iter().filter(|p| p.kind == kind && p.enabled);
            of_kind.next().filter(|_| of_kind.next().is_none())
        })
    }

    /// The key of this id, with its provider.
    pub fn key(&self, id: i64) -> Option<(&Arc<Provider>, &Arc<Key>)> {
        self.providers
            .iter()
            .find_map(|p| p.keys.iter().find(|key| key.id == id).map(|key| (p, key)))
    }

    /// The price list that counts: an imported one, else the one built in.
    pub fn book(&self) -> &Book {
        self.book.as_deref().unwrap_or_else(|| Book::builtin())
    }

    /// Names clients may use: what keys list or were found to serve, what routes name,
    /// what people added.
    pub fn names(&self) -> BTreeSet<&str> {
        let listed = self.providers.iter().filter(|p| p.enabled).flat_map(|p| &p.keys);
        let listed = listed.flat_map(|key| key.models.iter().map(String::as_str));
        let routed = self.routes.iter().map(|r| r.model.as_str()).filter(|m| !m.contains('*'));
        let more = self.models.iter().chain(&self.fetched).map(String::as_str);
        listed.chain(routed).chain(more).collect()
    }

    /// The plan for a model; made once.
    pub fn plan(&self, wanted: Wanted<'_>) -> Arc<Plan> {
        let anthropic = wanted.dialect == Dialect::Anthropic;
        let pinned = (anthropic, wanted.spoken, wanted.provider, wanted.key);
        let plans = self.plans.read().unwrap_or_else(|e| e.into_inner());
        if let Some(plan) = plans.get(&pinned).and_then(|plans| plans.get(wanted.model)) {
            return plan.clone();
        }
        drop(plans);
        let plan =
            Arc::new(route::plan(&self.providers, &self.routes, self.settings.strategy, wanted));
        let mut plans = self.plans.write().unwrap_or_else(|e| e.into_inner());
        if plans.values().map(HashMap::len).sum::<usize>() >= MAX_PLANS {
            plans.clear();
        }
        plans.entry(pinned).or_default().insert(wanted.model.to_owned(), plan.clone());
        plan
    }
}

/// A key that lists models serves those and no others, whatever its provider has.
fn fetched(providers: &[Arc<Provider>], roster: &Roster) -> BTreeSet<String> {
    let keys = providers.iter().filter(|p| p.enabled).flat_map(|p| &p.keys);
    let open = keys.filter(|key| key.models.is_empty());
    open.filter_map(|key| roster.fetched.get(&key.id)).flatten().cloned().collect()
}

fn restored(kept: Option<&roster::KeyState>) -> Place {
    let Some(kept) = kept else { return Place::default() };
    let health: Health = serde_json::from_str(&kept.health).unwrap_or_default();
    let used = u64::try_from(kept.total_requests).unwrap_or(0);
    Place::restored(health, used, kept.last_used_at.unwrap_or(0), kept.spent_nano)
}

#[cfg(test)]
mod tests {
    use glassway_shared::secret::{Binding, Secret};

    use super::*;

    #[test]
    fn found_models_are_named_unless_the_key_lists_its_own() {
        let private = PrivateKey::generate();
        let sealed = |id| {
            let origin = "https://api.openai.com:443";
            let binding = Binding { key_id: id, provider_id: 1, kind: "openai", origin };
            private.public().seal(binding, &Secret::new("sk-x".into()))
        };
        let row = |id, models: &[&str]| roster::Key {
            id,
            provider_id: 1,
            name: format!("key{id}"),
            sealed: sealed(id),
            masked: String::new(),
            active: true,
            models: models.iter().map(|m| (*m).to_owned()).collect(),
            weight: 1,
            priority: 0,
            price_per_call_nano: None,
            quota_nano: None,
        };
        let provider = roster::Provider {
            id: 1,
            name: "openai".into(),
            kind: "openai".into(),
            base_url: None,
            enabled: true,
            priority: 0,
            price_multiplier: 1.0,
            api_version: None,
            deployments: Default::default(),
        };
        let fetched = [(1, vec!["a".to_owned(), "b".to_owned()]), (2, vec!["c".to_owned()])];
        let roster = Roster {
            providers: vec![provider],
            keys: vec![row(1, &[]), row(2, &["d"])],
            fetched: fetched.into(),
            ..Roster::default()
        };
        let names = |roster: &Roster| -> Vec<String> {
            let standing = Standing::default();
            let config = Config::default();
            let (snapshot, unusable) = Snapshot::make(roster, &config, Some(&private), &standing);
            assert_eq!(unusable, []);
            snapshot.names().into_iter().map(str::to_owned).collect()
        };
        assert_eq!(names(&roster), ["a", "b", "d"]);
        let mut off = roster;
        off.providers[0].enabled = false;
        assert_eq!(names(&off), [""; 0]);
    }
}
