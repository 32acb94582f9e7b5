//! A configuration with one provider and as many keys as asked for, as the monitor would
//! have written it.

use glassway_proxy::{
    error::Dialect,
    route::Wanted,
    snapshot::{Snapshot, Standing},
};
use glassway_shared::{
    config::Config,
    secret::{self, Binding, PrivateKey, Secret},
    store::roster::{Key, Provider, Roster},
};

/// What a snapshot is made from.
pub struct Configured {
    pub roster: Roster,
    private: PrivateKey,
}

/// Provider 1 with keys from 1 on.
pub fn configured(keys: i64) -> Configured {
    let private = PrivateKey::generate();
    let origin = secret::origin(&Config::default().upstream.base_url);
    let key = |id| {
        let binding = Binding { key_id: id, provider_id: 1, kind: "openai", origin: &origin };
        Key {
            id,
            provider_id: 1,
            name: format!("key{id}"),
            sealed: private.public().seal(binding, &Secret::new(format!("sk-{id:020}"))),
            masked: "sk-…".into(),
            active: true,
            models: vec![],
            weight: 1,
            priority: 0,
            price_per_call_nano: None,
            quota_nano: None,
        }
    };
    let provider = Provider {
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
    let keys = (1..=keys).map(key).collect();
    let roster = Roster { revision: 1, providers: vec![provider], keys, ..Roster::default() };
    Configured { roster, private }
}

impl Configured {
    /// The picture as it is now.
    pub fn snapshot(&self, standing: &Standing) -> Snapshot {
        let config = Config::default();
        let (snapshot, unusable) =
            Snapshot::make(&self.roster, &config, Some(&self.private), standing);
        assert_eq!(unusable, []);
        snapshot
    }
}

/// A client that asks for `m`.
pub const WANTED: Wanted<'_> =
    Wanted { model: "m", dialect: Dialect::OpenAi, provider: None, key: None };
