//! What is known of vendors before anybody has a key there, and what the providers that
//! are set up can do.

use std::sync::Arc;

use glassway_shared::{
    presets,
    store::{StoreError, keys},
};
use poem::Result;
use poem_openapi::{Object, OpenApi, payload::Json};
use rusqlite::Connection;

use super::{Tag, pool::Pool, providers::shape::Kind};
use crate::app::App;

pub(super) struct Operations(pub(super) Arc<App>);

/// What is known of a vendor before anybody has a key there.
#[derive(Object)]
struct Preset {
    name: String,
    label: String,
    kind: Kind,
    /// `{…}` stands for what everybody has of their own.
    base_url: String,
    docs_url: String,
    /// What a key looks like and where to get one.
    key_hint: String,
    /// Well-known names.
    models: Vec<String>,
    api_version: Option<String>,
}

/// A file of the user's own that could not be used.
#[derive(Object)]
#[oai(rename = "UnusablePreset")]
struct Unusable {
    file: String,
    reason: String,
}

/// Vendors.
#[derive(Object)]
struct Presets {
    items: Vec<Preset>,
    /// Files in `providers.dir` that could not be used.
    unusable: Vec<Unusable>,
}

/// What a provider can do here.
#[derive(Object)]
#[oai(rename = "ProviderCapability")]
struct Capability {
    id: i64,
    name: String,
    kind: Kind,
    enabled: bool,
    /// Whether it has a key that serves now.
    available: bool,
    /// As fetched, listed by its keys, or deployed; known names of its preset where
    /// nothing was fetched yet.
    models: Vec<String>,
    /// Paths it serves, as clients call them.
    endpoints: Vec<String>,
    /// Whether answers can be streamed.
    stream: bool,
}

/// What providers can do here.
#[derive(Object)]
struct Capabilities {
    items: Vec<Capability>,
}

#[OpenApi(tag = "Tag::Providers")]
impl Operations {
    /// List presets
    ///
    /// Vendors that come with the program, and files of one's own in `providers.dir`.
    #[oai(path = "/api/presets", method = "get", operation_id = "listPresets")]
    async fn presets(&self) -> Result<Json<Presets>> {
        let dir = self.0.config.providers.dir.clone();
        let (known, unusable) = crate::app::blocking(move || presets::all(&dir)).await?;
        let items = known.into_iter().map(|preset| Preset {
            kind: Kind::of(&preset.kind),
            name: preset.name,
            label: preset.label,
            base_url: preset.base_url,
            docs_url: preset.docs_url,
            key_hint: preset.key_hint,
            models: preset.models,
            api_version: preset.api_version,
        });
        let unusable =
            unusable.into_iter().map(|bad| Unusable { file: bad.file, reason: bad.reason });
        Ok(Json(Presets { items: items.collect(), unusable: unusable.collect() }))
    }

    /// See what providers can do
    #[oai(path = "/api/providers/capabilities", method = "get", operation_id = "readCapabilities")]
    async fn capabilities(&self) -> Result<Json<Capabilities>> {
        let app = self.0.clone();
        let read = move |connection: &Connection| capabilities(&app, connection);
        let items = self.0.read(move |reader| reader.with(read)).await?;
        Ok(Json(Capabilities { items }))
    }
}

fn capabilities(app: &App, connection: &Connection) -> Result<Vec<Capability>, StoreError> {
    let pool = Pool::read(app, connection)?;
    let fetched = keys::fetched_by_model(connection)?;
    let all_keys = keys::all(connection)?;
    let known = presets::built_in();
    let each = pool.providers().map(|provider| {
        let own: Vec<_> = all_keys.iter().filter(|key| key.provider_id == provider.id).collect();
        let ids: Vec<i64> = own.iter().map(|key| key.id).collect();
        let mut models: Vec<String> = fetched
            .iter()
            .filter(|(_, keys)| ids.iter().any(|id| keys.contains(id)))
            .map(|(model, _)| model.clone())
            .chain(own.iter().flat_map(|key| key.models.iter().cloned()))
            .chain(provider.deployments.keys().cloned())
            .collect();
        if models.is_empty()
            && let Some(preset) = known.iter().find(|p| Some(&p.name) == provider.preset.as_ref())
        {
            models.clone_from(&preset.models);
        }
        models.sort();
        models.dedup();
        let serves = own.iter().any(|key| pool.standing(key).status == keys::Status::Active);
        let endpoints: &[&str] = match &provider.kind[..] {
            "anthropic" => &["/v1/messages", "/v1/models"],
            _ => &[
                "/v1/chat/completions",
                "/v1/completions",
                "/v1/embeddings",
                "/v1/responses",
                "/v1/models",
            ],
        };
        Capability {
            id: provider.id,
            name: provider.name.clone(),
            kind: Kind::of(&provider.kind),
            enabled: provider.enabled,
            available: provider.enabled && serves,
            models,
            endpoints: endpoints.iter().map(|path| (*path).to_owned()).collect(),
            stream: true,
        }
    });
    Ok(each.collect())
}
