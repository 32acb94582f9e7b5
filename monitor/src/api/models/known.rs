//! Which models there are: what keys were found to serve, what keys and deployments
//! name, and what somebody added, put together.

use std::collections::{BTreeMap, BTreeSet};

use glassway_shared::store::{
    StoreError,
    keys::{self, Status},
    models,
};
use rusqlite::Connection;

use crate::{api::pool::Pool, app::App};

/// What is known of a model before it is priced.
#[derive(Default)]
pub(super) struct Known {
    pub(super) fetched: bool,
    pub(super) added: bool,
    /// Keys in use that serve it.
    pub(super) keys: BTreeSet<i64>,
    pub(super) described: models::Model,
}

/// Every model that is fetched, listed, deployed or added, by name.
pub(super) fn known(
    app: &App,
    connection: &Connection,
) -> Result<BTreeMap<String, Known>, StoreError> {
    let mut all = BTreeMap::<String, Known>::new();
    for (model, keys) in keys::fetched_by_model(connection)? {
        let known = all.entry(model).or_default();
        known.fetched = true;
        known.keys.extend(keys);
    }
    let pool = Pool::read(app, connection)?;
    let every = keys::all(connection)?;
    for key in &every {
        for model in key.models.iter().filter(|model| !model.contains('*')) {
            let known = all.entry(model.clone()).or_default();
            known.added |= !known.fetched;
            known.keys.insert(key.id);
        }
    }
    for provider in pool.providers() {
        for model in provider.deployments.keys() {
            let known = all.entry(model.clone()).or_default();
            known.added = true;
            let own = every.iter().filter(|key| key.provider_id == provider.id);
            known.keys.extend(own.map(|key| key.id));
        }
    }
    for model in models::all(connection)? {
        match all.get_mut(&model.name) {
            Some(known) => {
                known.added |= model.added;
                known.described = model;
            }
            None if model.added => {
                let name = model.name.clone();
                let known = Known { added: true, described: model, ..Known::default() };
                all.insert(name, known);
            }
            // Described once, and no longer offered.
            None => {}
        }
    }
    let serving: BTreeMap<i64, &keys::Key> = every
        .iter()
        .filter(|key| {
            let on = pool.provider(key.provider_id).is_some_and(|provider| provider.enabled);
            on && !matches!(pool.standing(key).status, Status::Inactive | Status::Invalid)
        })
        .map(|key| (key.id, key))
        .collect();
    for (name, known) in &mut all {
        // A key with a list of its own serves nothing else.
        let serves = |key: &&keys::Key| key.models.is_empty() || key.models.contains(name);
        known.keys.retain(|id| serving.get(id).is_some_and(serves));
    }
    Ok(all)
}
