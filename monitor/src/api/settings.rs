//! What can be changed while it runs, and what was configured.

use std::sync::Arc;

use glassway_shared::{
    config::{self},
    store::{
        StoreError,
        read::Reader,
        settings::{put_setting, setting},
    },
};
use poem::Result;
use poem_openapi::{
    Enum, Object, OpenApi,
    payload::Json,
    types::{MaybeUndefined, ParseFromJSON, ToJSON},
};
use rusqlite::Connection;

use super::{Tag, answer::Changed, input::Body};
use crate::{app::App, error::Problem};

pub(super) struct Operations(pub(super) Arc<App>);

/// Settings that `null` gives back to the configuration.
const RETENTION: [&str; 4] = ["max_exchanges", "max_age_s", "max_body_age_s", "max_disk_bytes"];

/// How a key is picked among those that can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum Strategy {
    /// One after the other.
    RoundRobin,
    /// By weight.
    Random,
    /// The one with the fewest calls.
    LeastUsed,
    /// The one with the fewest running.
    LeastBusy,
    /// By quota, cost and latency.
    Smart,
    /// The one that served the conversation before.
    Affinity,
}

/// Who may use the proxy.
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
enum ClientAccess {
    Open,
    Token,
}

/// When a client's last byte goes out.
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
enum Durability {
    Normal,
    BeforeEnd,
}

/// What is recorded.
#[derive(Object)]
struct Record {
    enabled: bool,
    durability: Durability,
    /// Bytes kept of each body.
    max_body_bytes: u64,
    /// 0 = no cap.
    max_exchanges: u64,
    /// Seconds; 0 = no cap.
    max_age_s: u64,
    /// Seconds that bodies are kept; 0 = as long as the rest.
    max_body_age_s: u64,
    /// Bytes the database may take; 0 = no cap.
    max_disk_bytes: u64,
    /// Headers whose values are never recorded.
    redact_headers: Vec<String>,
    /// Places in JSON whose values are never recorded.
    redact_json: Vec<String>,
    /// Regular expressions of text that is never recorded.
    redact_patterns: Vec<String>,
}

/// What the configuration says; it is read at the start.
#[derive(Object)]
struct Instance {
    version: String,
    proxy_listen: String,
    /// Whether clients speak TLS to the proxy: their base URL then begins with `https`.
    proxy_tls: bool,
    monitor_listen: String,
    database_path: String,
    client_access: ClientAccess,
    upstream_base_url: String,
    anthropic_base_url: String,
    record: Record,
}

/// Settings.
#[derive(Object)]
struct Settings {
    strategy: Strategy,
    /// Upstream attempts per request.
    max_attempts: u32,
    /// How long a key or provider cools where its answer does not say.
    cooldown_s: u32,
    /// Failures in a window that open a provider's breaker.
    breaker_failures: u32,
    breaker_window_s: u32,
    /// How long a breaker stays open before one request tries again.
    breaker_open_s: u32,
    /// How long a managed request may look for an answer, over all attempts.
    request_deadline_s: u32,
    /// Whether a POST is sent again after no answer came to it (timeout, lost connection),
    /// although it may have been acted on and be charged twice.
    retry_after_timeout: bool,
    /// Exchanges kept, the oldest go first; 0 = no cap, `null` = as configured.
    max_exchanges: Option<u64>,
    /// Seconds exchanges are kept; 0 = no cap, `null` = as configured.
    max_age_s: Option<u64>,
    /// Seconds bodies are kept, which may go before the rest; 0 = with the rest, `null` = as
    /// configured.
    max_body_age_s: Option<u64>,
    /// Bytes the database may take: past them the oldest bodies go, then the oldest
    /// exchanges; 0 = no cap, `null` = as configured.
    max_disk_bytes: Option<u64>,
    instance: Instance,
}

/// Any subset of what can be changed.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct SettingsChange {
    strategy: MaybeUndefined<Strategy>,
    #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
    max_attempts: MaybeUndefined<u32>,
    /// How long a key or provider cools where its answer does not say.
    #[oai(validator(minimum(value = "1"), maximum(value = "86400")))]
    cooldown_s: MaybeUndefined<u32>,
    /// Failures in a window that open a provider's breaker.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    breaker_failures: MaybeUndefined<u32>,
    #[oai(validator(minimum(value = "1"), maximum(value = "86400")))]
    breaker_window_s: MaybeUndefined<u32>,
    /// How long a breaker stays open before one request tries again.
    #[oai(validator(minimum(value = "1"), maximum(value = "86400")))]
    breaker_open_s: MaybeUndefined<u32>,
    /// How long a managed request may look for an answer, over all attempts.
    #[oai(validator(minimum(value = "1"), maximum(value = "86400")))]
    request_deadline_s: MaybeUndefined<u32>,
    /// Whether a POST is sent again after no answer came to it (timeout, lost connection),
    /// although it may have been acted on and be charged twice.
    retry_after_timeout: MaybeUndefined<bool>,
    /// Exchanges kept, the oldest go first; 0 = no cap, `null` = as configured.
    #[oai(validator(maximum(value = "1000000000000")))]
    max_exchanges: MaybeUndefined<u64>,
    /// Seconds exchanges are kept; 0 = no cap, `null` = as configured.
    #[oai(validator(maximum(value = "10000000000")))]
    max_age_s: MaybeUndefined<u64>,
    /// Seconds bodies are kept, which may go before the rest; 0 = with the rest, `null` = as
    /// configured.
    #[oai(validator(maximum(value = "10000000000")))]
    max_body_age_s: MaybeUndefined<u64>,
    /// Bytes the database may take: past them the oldest bodies go, then the oldest
    /// exchanges; 0 = no cap, else at least 64 MiB; `null` = as configured.
    #[oai(validator(maximum(value = "1000000000000000")))]
    max_disk_bytes: MaybeUndefined<u64>,
}

#[OpenApi(tag = "Tag::Settings")]
impl Operations {
    /// Read the settings
    #[oai(path = "/api/settings", method = "get", operation_id = "readSettings")]
    async fn read(&self) -> Result<Json<Settings>> {
        Ok(Json(self.settings().await?))
    }

    /// Change settings
    ///
    /// What is left out stays as it is.
    #[oai(path = "/api/settings", method = "put", operation_id = "changeSettings")]
    async fn change(&self, change: Body<SettingsChange>) -> Result<Changed<Settings>> {
        let mut values = Vec::new();
        let mut put = |name, value: MaybeUndefined<serde_json::Value>| match value {
            MaybeUndefined::Undefined => Ok(()),
            MaybeUndefined::Null if RETENTION.contains(&name) => {
                values.push((name, "null".to_owned()));
                Ok(())
            }
            MaybeUndefined::Null => Err(Problem::field(name, "cannot be null; leave it out")),
            MaybeUndefined::Value(value) => {
                values.push((name, value.to_string()));
                Ok(())
            }
        };
        let change = change.0;
        put("strategy", json(change.strategy))?;
        put("max_attempts", json(change.max_attempts))?;
        put("cooldown_s", json(change.cooldown_s))?;
        put("breaker_failures", json(change.breaker_failures))?;
        put("breaker_window_s", json(change.breaker_window_s))?;
        put("breaker_open_s", json(change.breaker_open_s))?;
        put("request_deadline_s", json(change.request_deadline_s))?;
        put("retry_after_timeout", json(change.retry_after_timeout))?;
        put("max_exchanges", json(change.max_exchanges))?;
        put("max_age_s", json(change.max_age_s))?;
        put("max_body_age_s", json(change.max_body_age_s))?;
        if let MaybeUndefined::Value(1..config::MIN_DISK_BYTES) = change.max_disk_bytes {
            return Err(Problem::field("max_disk_bytes", "at least 67108864 (64 MiB), or 0").into());
        }
        put("max_disk_bytes", json(change.max_disk_bytes))?;
        let mut warning = None;
        if !values.is_empty() {
            let put = move |connection: &Connection| {
                values.iter().try_for_each(|(name, value)| put_setting(connection, name, value))?;
                Ok(())
            };
            ((), warning) = self.0.change(put).await?;
        }
        Ok(Changed::Done(Json(self.settings().await?), warning))
    }
}

impl Operations {
    async fn settings(&self) -> Result<Settings, Problem> {
        let instance = instance(&self.0);
        let stored = move |reader: &Reader| {
            Ok(Settings {
                strategy: read(reader, "strategy")?.unwrap_or(Strategy::RoundRobin),
                max_attempts: read(reader, "max_attempts")?.unwrap_or(3),
                cooldown_s: read(reader, "cooldown_s")?.unwrap_or(30),
                breaker_failures: read(reader, "breaker_failures")?.unwrap_or(5),
                breaker_window_s: read(reader, "breaker_window_s")?.unwrap_or(60),
                breaker_open_s: read(reader, "breaker_open_s")?.unwrap_or(30),
                request_deadline_s: read(reader, "request_deadline_s")?.unwrap_or(600),
                retry_after_timeout: read(reader, "retry_after_timeout")?.unwrap_or(false),
                max_exchanges: read(reader, "max_exchanges")?,
                max_age_s: read(reader, "max_age_s")?,
                max_body_age_s: read(reader, "max_body_age_s")?,
                max_disk_bytes: read(reader, "max_disk_bytes")?,
                instance,
            })
        };
        self.0.read(stored).await
    }
}

fn json<T: ToJSON>(value: MaybeUndefined<T>) -> MaybeUndefined<serde_json::Value> {
    match value {
        MaybeUndefined::Undefined => MaybeUndefined::Undefined,
        MaybeUndefined::Null => MaybeUndefined::Null,
        MaybeUndefined::Value(value) => match value.to_json() {
            Some(value) => MaybeUndefined::Value(value),
            None => MaybeUndefined::Null,
        },
    }
}

fn read<T: ParseFromJSON>(reader: &Reader, name: &str) -> Result<Option<T>, StoreError> {
    let value = setting(reader, name)?.and_then(|json| serde_json::from_str(&json).ok());
    Ok(value.and_then(|value| T::parse_from_json(Some(value)).ok()))
}

fn instance(app: &App) -> Instance {
    let config = &app.config;
    Instance {
        version: glassway_shared::VERSION.to_owned(),
        proxy_listen: app.proxy_listen().to_string(),
        proxy_tls: !config.proxy.tls_cert.as_os_str().is_empty(),
        monitor_listen: config.monitor.listen.to_string(),
        database_path: config.database.path.display().to_string(),
        client_access: match config.proxy.client_access {
            config::ClientAccess::Open => ClientAccess::Open,
            config::ClientAccess::Token => ClientAccess::Token,
        },
        upstream_base_url: config.upstream.base_url.to_string(),
        anthropic_base_url: config.upstream.anthropic_base_url.to_string(),
        record: Record {
            enabled: config.record.enabled,
            durability: match config.record.durability {
                config::Durability::Normal => Durability::Normal,
                config::Durability::BeforeEnd => Durability::BeforeEnd,
            },
            max_body_bytes: config.record.max_body_bytes,
            max_exchanges: config.record.max_exchanges,
            max_age_s: config.record.max_age.0.as_secs(),
            max_body_age_s: config.record.max_body_age.0.as_secs(),
            max_disk_bytes: config.record.max_disk_bytes,
            redact_headers: config.record.redact_headers.clone(),
            redact_json: config.record.redact_json.clone(),
            redact_patterns: config.record.redact_patterns.clone(),
        },
    }
}
