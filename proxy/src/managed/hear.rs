//! What an answer says, taken in by its key and its provider, and put into the record's words.

use std::sync::Arc;

use glassway_shared::model::Origin;
use http::Version;
use http_body_util::BodyExt;
use jiff::Timestamp;

use super::Call;
use crate::{app::App, pool::signal::Signal, route::Target, snapshot::Settings, upstream::Client};

/// Key and provider take in what was said; a refused key is probed.
pub(super) fn hear(
    app: &Arc<App>,
    client: &Client,
    target: &Target,
    signal: &Signal,
    call: &Call,
    settings: Settings,
) {
    // What came for one request leaves with it.
    if call.brought.is_some() {
        return;
    }
    let now = Timestamp::now().as_millisecond();
    let (key, provider) = (&target.key, &target.provider);
    let changed = key.place.change(now, |health| match call.exact {
        true => health.probed(signal, now, settings.rests),
        false => health.hear(signal, &target.model, now, settings.rests),
    });
    if changed {
        app.key_changed(key.id);
    }
    if provider.health.hear(signal, now, settings.limits) {
        app.provider_changed(provider.id);
    }
    // One probe is enough, however many answers said so at once.
    if matches!(signal, Signal::InvalidKey(_)) && changed && !call.exact {
        let (app, client, key) = (app.clone(), client.clone(), key.id);
        tokio::spawn(async move { probe(&app, &client, key).await });
    }
}

/// Asks a key's provider whether it is one: `GET /v1/models`, recorded as a probe.
pub async fn probe(app: &Arc<App>, client: &Client, key: i64) {
    let Ok(request) = http::Request::get("/v1/models").version(Version::HTTP_11).body(()) else {
        return;
    };
    let (parts, ()) = request.into_parts();
    let call = Call { key: Some(key), exact: true, verbatim: true, ..Call::of(Origin::Probe) };
    let response = super::internal(app, client, parts, None, call).await;
    let _ = response.into_body().collect().await;
}

/// The word for a signal in records.
pub(super) fn code(signal: &Signal) -> String {
    match signal {
        Signal::Fine => "ok",
        Signal::Client => "client_error",
        Signal::InvalidKey(reason)
        | Signal::Egress(reason)
        | Signal::NoModel(reason)
        | Signal::Exhausted(reason)
        | Signal::RateLimited { reason, .. }
        | Signal::Overloaded { reason, .. }
        | Signal::Failing(reason) => reason,
    }
    .to_owned()
}

/// A vendor's own sentence, shortened.
pub(super) fn upstream_message(body: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let said = value["error"]["message"].as_str().or_else(|| value["message"].as_str());
    let said = said.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned);
    said.chars().take(500).collect()
}
