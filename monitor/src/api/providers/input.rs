//! What may be said of a provider, and what of that is refused.

use std::collections::BTreeMap;

use glassway_shared::{
    address, presets,
    store::providers::{self, BUILT_IN},
};
use poem_openapi::{Object, types::MaybeUndefined};
use url::Url;

use super::shape::Kind;
use crate::{
    api::fields::{label, set, set_or_clear},
    app::App,
    error::Problem,
};

/// What may be said of a provider; what is left out stays as it is, or is as a new
/// one has it.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(in crate::api) struct ProviderInput {
    /// Letters, digits, `.`, `_` and `-`; a new one needs it, or a preset.
    #[oai(validator(max_length = 64))]
    name: MaybeUndefined<String>,
    /// `openai` where nothing is said.
    kind: MaybeUndefined<Kind>,
    /// A new one needs it, or a preset.
    #[oai(validator(max_length = 2048))]
    base_url: MaybeUndefined<String>,
    enabled: MaybeUndefined<bool>,
    #[oai(validator(minimum(value = "-1000000"), maximum(value = "1000000")))]
    priority: MaybeUndefined<i64>,
    #[oai(validator(max_length = 10000))]
    notes: MaybeUndefined<String>,
    #[oai(validator(minimum(value = "0"), maximum(value = "1000")))]
    price_multiplier: MaybeUndefined<f64>,
    /// Azure's; `null` takes it away.
    #[oai(validator(max_length = 64))]
    api_version: MaybeUndefined<String>,
    /// Azure's: model → deployment.
    deployments: MaybeUndefined<BTreeMap<String, String>>,
    /// Fills in what is left out of a new one.
    #[oai(validator(max_length = 64))]
    preset: MaybeUndefined<String>,
}

impl ProviderInput {
    /// A new provider; the built-in one's fields are only a beginning.
    pub(super) fn create(self, app: &App, now: i64) -> Result<providers::Provider, Problem> {
        let mut provider = providers::Provider {
            id: 0,
            name: String::new(),
            kind: "openai".to_owned(),
            base_url: None,
            enabled: true,
            priority: 0,
            notes: String::new(),
            price_multiplier: 1.0,
            api_version: None,
            deployments: BTreeMap::new(),
            preset: None,
            created_at: now,
        };
        if let MaybeUndefined::Value(name) = &self.preset {
            let (known, _) = presets::all(&app.config.providers.dir);
            let Some(preset) = known.into_iter().find(|preset| preset.name == *name) else {
                return Err(Problem::field(
                    "preset",
                    "there is no preset of this name; GET /api/presets lists them",
                ));
            };
            provider.name = preset.name;
            provider.kind = preset.kind;
            provider.base_url = Some(preset.base_url);
            provider.api_version = preset.api_version;
        }
        if provider.base_url.is_none() && self.base_url.is_undefined() {
            return Err(Problem::field("base_url", "is missing"));
        }
        self.apply(&mut provider, app)?;
        Ok(provider)
    }

    /// Changes what is said, and judges the whole.
    pub(super) fn apply(
        self,
        provider: &mut providers::Provider,
        app: &App,
    ) -> Result<(), Problem> {
        if provider.id == BUILT_IN {
            self.leave_built_in(provider, app)?;
        }
        set("name", self.name, &mut provider.name)?;
        let mut kind = Kind::of(&provider.kind);
        set("kind", self.kind, &mut kind)?;
        provider.kind = kind.as_str().to_owned();
        let mut url = app.base_url(provider);
        set("base_url", self.base_url, &mut url)?;
        if provider.id != BUILT_IN {
            provider.base_url = Some(base_url(&url, app)?);
        }
        set("enabled", self.enabled, &mut provider.enabled)?;
        set("priority", self.priority, &mut provider.priority)?;
        set("notes", self.notes, &mut provider.notes)?;
        set("price_multiplier", self.price_multiplier, &mut provider.price_multiplier)?;
        set_or_clear(self.api_version, &mut provider.api_version);
        set("deployments", self.deployments, &mut provider.deployments)?;
        set_or_clear(self.preset, &mut provider.preset);
        check(provider)
    }

    fn leave_built_in(&self, provider: &providers::Provider, app: &App) -> Result<(), Problem> {
        let fixed = |field: &str, why: &str| {
            Err(Problem::field(field, format!("of the built-in provider cannot be changed: {why}")))
        };
        if self.name.value().is_some_and(|name| *name != provider.name) {
            return fixed("name", "it is how the configuration's own upstream is called");
        }
        if self.kind.value().is_some_and(|kind| kind.as_str() != provider.kind) {
            return fixed("kind", "add a provider of the other kind");
        }
        if self.base_url.value().is_some_and(|url| *url != app.base_url(provider)) {
            return fixed(
                "base_url",
                "it is upstream.base_url in config.toml; change it there, or add a provider",
            );
        }
        Ok(())
    }
}

fn check(provider: &mut providers::Provider) -> Result<(), Problem> {
    let name = &provider.name;
    let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() {
        return Err(Problem::field("name", "is missing"));
    }
    if !name.chars().all(fit) || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(Problem::field(
            "name",
            "must fit a path: ASCII letters, digits, `.`, `_` and `-`, beginning with a letter or digit",
        ));
    }
    if let Some(version) = &provider.api_version
        && (version.is_empty() || !version.chars().all(fit))
    {
        return Err(Problem::field(
            "api_version",
            "must be a version such as 2024-10-21 or preview",
        ));
    }
    if provider.kind != "azure" {
        if !provider.deployments.is_empty() {
            return Err(Problem::field(
                "deployments",
                "only a provider of kind azure has deployments",
            ));
        }
        if provider.api_version.is_some() {
            return Err(Problem::field("api_version", "only a provider of kind azure has one"));
        }
    }
    for (model, deployment) in &provider.deployments {
        let field = format!("deployments.{}", model.chars().take(64).collect::<String>());
        label(&field, model)?;
        if deployment.is_empty() || !deployment.chars().all(fit) {
            return Err(Problem::field(
                &field,
                "must be a deployment's name: letters, digits, `.`, `_`, `-`",
            ));
        }
    }
    Ok(())
}

/// A base URL as people write it, judged; without the slash at its end.
pub(in crate::api) fn base_url(text: &str, app: &App) -> Result<String, Problem> {
    let refuse = |message: String| Problem::field("base_url", message);
    let text = text.trim().trim_end_matches('/');
    if text.contains('{') {
        return Err(refuse(format!("put your own in place of what stands in braces: {text}")));
    }
    let url: Url =
        text.parse().map_err(|e| refuse(format!("is not a URL such as https://host/v1: {e}")))?;
    address::check_url(&url, &app.allow).map_err(|e| refuse(e.to_string()))?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}
