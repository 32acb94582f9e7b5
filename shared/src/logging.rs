//! The log of both processes, on stderr: one line per event, for people or as JSON. What
//! is worth a line can be changed while a process runs: by SIGHUP, which reads
//! `log.level` again, or by whoever calls [`set`]. The subscriber is the process's, and so
//! is this.

mod filter;
mod stderr;

use std::{
    io::IsTerminal,
    path::PathBuf,
    sync::{Mutex, OnceLock, PoisonError},
};

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
    reload,
    util::SubscriberInitExt,
};

use self::stderr::Stderr;
use crate::config::{self, Log, LogFormat};
pub use filter::{Filter, LIBRARIES, MODULES};

static LEVELS: OnceLock<Levels> = OnceLock::new();

struct Levels {
    handle: reload::Handle<Targets, Registry>,
    /// What counts now, and what the configuration says.
    filters: Mutex<(Filter, Filter)>,
}

/// What is worth a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Now {
    /// At the moment.
    pub filter: String,
    /// By the configuration.
    pub configured: String,
}

/// Installs the process's subscriber. An unreadable filter is an error for the
/// caller to report as a configuration error.
pub fn init(log: &Log) -> Result<(), String> {
    let filter = Filter::parse(&log.level).map_err(|e| format!("log.level: {e}"))?;
    let (targets, handle) = reload::Layer::new(filter.targets());
    let lines = fmt::layer()
        .with_writer(Stderr::here())
        .with_ansi(std::io::stderr().is_terminal())
        // Lines for people begin with what happened.
        .with_target(matches!(log.format, LogFormat::Json));
    let lines = match log.format {
        LogFormat::Human => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(targets).with(lines).init();
    let most = filter.most();
    let _ = LEVELS.set(Levels { handle, filters: Mutex::new((filter.clone(), filter)) });
    follow_libraries(most);
    Ok(())
}

/// A line on why the process ends, with the priority of an error where the journal reads it.
pub fn complain(line: &str) {
    Stderr::here().complain(line);
}

/// Makes another filter count, until it is changed again or the process ends; `None`:
/// what the configuration says.
pub fn set(filter: Option<Filter>) -> Now {
    let Some(levels) = LEVELS.get() else { return now() };
    {
        let mut filters = levels.filters.lock().unwrap_or_else(PoisonError::into_inner);
        let filter = filter.unwrap_or_else(|| filters.1.clone());
        if filters.0 != filter {
            let _ = levels.handle.reload(filter.targets());
            follow_libraries(filter.most());
            tracing::info!(log.filter = %filter, "another log filter counts from here on");
            filters.0 = filter;
        }
    }
    now()
}

/// What counts.
pub fn now() -> Now {
    match LEVELS.get() {
        None => Now { filter: "off".to_owned(), configured: "off".to_owned() },
        Some(levels) => {
            let filters = levels.filters.lock().unwrap_or_else(PoisonError::into_inner);
            Now { filter: filters.0.to_string(), configured: filters.1.to_string() }
        }
    }
}

/// Libraries that log by another facade look at its limit first.
fn follow_libraries(most: LevelFilter) {
    log::set_max_level(match most {
        LevelFilter::OFF => log::LevelFilter::Off,
        LevelFilter::ERROR => log::LevelFilter::Error,
        LevelFilter::WARN => log::LevelFilter::Warn,
        LevelFilter::INFO => log::LevelFilter::Info,
        // Theirs is never traced.
        _ => log::LevelFilter::Debug,
    });
}

/// From here on SIGHUP does not end the process but has `log.level` read again, from the
/// same file and the environment. Whatever is wrong with the file is a line in the log.
pub fn follow_hangups(file: Option<PathBuf>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut hangups = {
        let _inside = runtime.enter();
        signal(SignalKind::hangup())?
    };
    let follow = async move {
        while hangups.recv().await.is_some() {
            read_again(file.as_deref());
        }
    };
    std::thread::Builder::new()
        .name("hangup".into())
        .spawn(move || runtime.block_on(follow))
        .map(drop)
}

fn read_again(file: Option<&std::path::Path>) {
    let read = config::load(file).map_err(|e| e.to_string());
    let filter = read
        .and_then(|config| Filter::parse(&config.log.level).map_err(|e| format!("log.level: {e}")));
    match filter {
        Ok(filter) => {
            if let Some(levels) = LEVELS.get() {
                let mut filters = levels.filters.lock().unwrap_or_else(PoisonError::into_inner);
                filters.1 = filter;
            }
            let now = set(None);
            tracing::info!(
                log.filter = now.filter,
                "read log.level again; other keys count from the next start"
            );
        }
        Err(e) => tracing::error!(error = e, "SIGHUP: the log filter stays as it is"),
    }
}
