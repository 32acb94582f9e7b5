//! What comes before the first attempt: the body read, the model found, who may, and a plan.

use std::sync::Arc;

use glassway_shared::wildcard;
use http::{HeaderValue, StatusCode, Version, request::Parts};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use jiff::Timestamp;

use super::{Call, body, catalog, count, destination::Destination, outcome, translate};
use crate::{
    app::App,
    error::{Dialect, Fault},
    forward,
    live::Recording,
    route::{Plan, Wanted},
    server::Part,
    snapshot::{Snapshot, Token},
    usage,
};

/// A request whose body was read and whose plan is made.
pub(super) struct Asked {
    pub(super) parts: Parts,
    pub(super) body: bytes::Bytes,
    pub(super) destination: Destination,
    pub(super) model: Option<String>,
    /// The dialect of its body, where it could be converted.
    pub(super) spoken: Option<crate::dialect::Dialect>,
    pub(super) plan: Arc<Plan>,
    /// The client's side of a WebSocket that it asks for.
    pub(super) upgrade: Option<OnUpgrade>,
}

pub(super) enum Prepared {
    Listed(serde_json::Value),
    /// Tokens, where no provider counts them.
    Counted(u64),
    Asked(Box<Asked>),
}

/// Reads the body, looks whether the client may ask for that, and plans which keys to try.
pub(super) async fn prepare(
    app: &App,
    snapshot: &Arc<Snapshot>,
    mut parts: Parts,
    body: Option<(Incoming, Option<Part>)>,
    dialect: Dialect,
    recording: &Option<Recording>,
    call: &Call,
) -> Result<Prepared, Fault> {
    let destination = Destination::of(&parts.uri)?;
    let named = destination.provider.as_deref().or(call.provider.as_deref());
    let provider = match named {
        None => None,
        Some(name) => Some(snapshot.provider(name).cloned().ok_or_else(|| {
            Fault::refused(
                "unknown_path",
                StatusCode::NOT_FOUND,
                format!("there is no provider `{name}`, and not just one of that kind"),
            )
        })?),
    };
    // A path that names a provider speaks that provider's dialect.
    let dialect = match &provider {
        Some(provider) if destination.provider.is_some() && !destination.chat => {
            provider.kind.dialect()
        }
        _ => dialect,
    };
    if let Some(token) = &call.token {
        token.state.admit(&token.row, Timestamp::now())?;
    }
    let anyone = call.key.is_none() && call.brought.is_none();
    if provider.is_none() && anyone && destination.is_model_list(&parts.method) {
        let allowed = call.token.as_ref().map(|t| &t.row.allowed_models[..]).unwrap_or_default();
        return Ok(Prepared::Listed(catalog::list(snapshot, &destination, dialect, allowed)?));
    }
    let body = match body {
        Some(body) => {
            let idle = app.config.proxy.idle_timeout.0;
            body::read(body, recording, idle, &app.room).await?
        }
        None => bytes::Bytes::new(),
    };
    let kind = parts.headers.get(http::header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    body::check(&body, kind)?;
    let model = body::model(&body, kind, &destination.target());
    if let Some(token) = &call.token {
        // Azure's older paths name a deployment, whatever the body says.
        let deployment = usage::deployment(&destination.target());
        let alias = |name: &String| {
            let mut aliases = provider.iter().flat_map(|provider| &provider.deployments);
            aliases.find(|(_, deployment)| *deployment == name).map(|(model, _)| model.clone())
        };
        let asked = deployment.as_ref().map(|d| alias(d).unwrap_or_else(|| d.clone()));
        if let Some(asked) = asked.as_ref().or(model.as_ref()) {
            may_use(token, asked)?;
        }
    }
    let spoken = translate::spoken(&parts.method, &destination).filter(|_| !call.verbatim);
    let wanted = Wanted {
        model: model.as_deref().unwrap_or(""),
        dialect,
        spoken,
        provider: provider.as_ref().map(|p| p.id),
        key: call.key,
    };
    let plan = match &call.brought {
        Some(brought) => Arc::new(Plan::only(brought.target(model.as_deref()))),
        None => snapshot.plan(wanted),
    };
    if plan.tiers.is_empty() {
        let messages = Some(crate::dialect::Dialect::Messages);
        let counts = destination.operation == count::OPERATION && destination.provider.is_none();
        if counts && !snapshot.plan(Wanted { spoken: messages, ..wanted }).tiers.is_empty() {
            return Ok(Prepared::Counted(count::estimate(&body)));
        }
        return Err(outcome::nothing_planned(snapshot, wanted));
    }
    let socket = parts.version == Version::HTTP_11 && forward::is_websocket(&parts.headers);
    let upgrade = parts.extensions.remove::<OnUpgrade>().filter(|_| socket);
    Ok(Prepared::Asked(Box::new(Asked { parts, body, destination, model, spoken, plan, upgrade })))
}

fn may_use(token: &Token, model: &str) -> Result<(), Fault> {
    let Token { row, .. } = token;
    let allowed = &row.allowed_models;
    if allowed.is_empty() || allowed.iter().any(|p| wildcard::matches(p, model)) {
        return Ok(());
    }
    Err(Fault::refused(
        "model_not_allowed",
        StatusCode::FORBIDDEN,
        format!("the client token `{}` may not use the model `{model}`", row.name),
    ))
}
