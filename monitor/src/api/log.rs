//! What both processes write into their logs, asked and changed while they run.

use std::sync::Arc;

use glassway_shared::logging::{self, Filter};
use poem::Result;
use poem_openapi::{Object, OpenApi, payload::Json, types::MaybeUndefined};
use serde_json::{Value, json};

use super::{Tag, answer::Changed, input::Body};
use crate::{
    app::{App, PROXY_AWAY},
    error::Problem,
    link::Ask,
};

pub(super) struct Operations(pub(super) Arc<App>);

/// What one process writes.
#[derive(Object)]
struct LogLevel {
    /// What counts now.
    filter: String,
    /// What the configuration says, and what counts again after a restart.
    configured: String,
}

/// What both processes write into their logs.
#[derive(Object)]
struct LogLevels {
    monitor: LogLevel,
    /// `null` while it is away.
    proxy: Option<LogLevel>,
    /// Modules that write lines, and so have a level.
    modules: Vec<String>,
    /// Libraries that have something to say, up to `debug`.
    libraries: Vec<String>,
}

/// Another log filter.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct LogLevelsChange {
    /// A level (`off`, `error`, `warn`, `info`, `debug`, `trace`) and others for single
    /// modules: `info,glassway_proxy::journal=debug`. `null`: as configured.
    #[oai(validator(max_length = 4096))]
    filter: MaybeUndefined<String>,
}

#[OpenApi(tag = "Tag::Settings")]
impl Operations {
    /// Read what is logged
    #[oai(path = "/api/log-levels", method = "get", operation_id = "readLogLevels")]
    async fn read(&self) -> Json<LogLevels> {
        let proxy = self.ask(Ask { path: "/log-levels", ..Ask::default() }).await;
        Json(levels(proxy))
    }

    /// Change what is logged
    ///
    /// Of both processes, until they start anew or get SIGHUP: then the configuration's
    /// `log.level` counts again.
    #[oai(path = "/api/log-levels", method = "put", operation_id = "changeLogLevels")]
    async fn change(&self, change: Body<LogLevelsChange>) -> Result<Changed<LogLevels>> {
        let filter = match change.0.filter {
            MaybeUndefined::Undefined => {
                return Err(Problem::field("filter", "is missing; null is as configured").into());
            }
            MaybeUndefined::Null => None,
            MaybeUndefined::Value(text) => {
                Some(Filter::parse(&text).map_err(|reason| Problem::field("filter", reason))?)
            }
        };
        let body = json!({"filter": filter.as_ref().map(ToString::to_string)}).to_string();
        logging::set(filter);
        let ask = Ask { method: "PUT", path: "/log-levels", body: body.into(), ..Ask::default() };
        let proxy = self.ask(ask).await;
        let warning = proxy.is_none().then(|| PROXY_AWAY.to_owned());
        Ok(Changed::Done(Json(levels(proxy)), warning))
    }
}

impl Operations {
    async fn ask(&self, ask: Ask<'_>) -> Option<LogLevel> {
        let answer = self.0.link.ask(ask).await.ok().filter(|a| a.status.is_success())?;
        let said: Value = serde_json::from_slice(&answer.body).ok()?;
        Some(LogLevel {
            filter: said["filter"].as_str()?.to_owned(),
            configured: said["configured"].as_str()?.to_owned(),
        })
    }
}

fn levels(proxy: Option<LogLevel>) -> LogLevels {
    let now = logging::now();
    let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect();
    LogLevels {
        monitor: LogLevel { filter: now.filter, configured: now.configured },
        proxy,
        modules: names(logging::MODULES),
        libraries: names(logging::LIBRARIES),
    }
}
