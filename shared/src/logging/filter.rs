//! Which events are worth a line: `info`, or `info,glassway_proxy::journal=debug`. A level
//! alone counts for Glassway's own code; what Glassway is made of never says more than
//! `info` by that, and no more than `debug` when it is named, for the traces of HTTP and
//! TLS libraries show headers, and so credentials. Pure.

use std::fmt;

use tracing_subscriber::filter::{LevelFilter, Targets};

/// Glassway's modules that write lines, sorted. A test compares them with the sources.
pub const MODULES: &[&str] = &[
    "glassway_monitor",
    "glassway_monitor::api::access",
    "glassway_monitor::api::chat",
    "glassway_monitor::api::keys::ask",
    "glassway_monitor::api::models::test",
    "glassway_monitor::api::replay",
    "glassway_monitor::app",
    "glassway_monitor::audit",
    "glassway_monitor::auth::link",
    "glassway_monitor::chat",
    "glassway_monitor::error",
    "glassway_monitor::link",
    "glassway_monitor::live",
    "glassway_monitor::live::state",
    "glassway_monitor::live::tail",
    "glassway_monitor::otlp",
    "glassway_monitor::serve",
    "glassway_monitor::trace::asn",
    "glassway_monitor::trace::fetchers",
    "glassway_monitor::trace::hits",
    "glassway_monitor::trace::run",
    "glassway_proxy",
    "glassway_proxy::flight",
    "glassway_proxy::handover",
    "glassway_proxy::handover::successor",
    "glassway_proxy::journal",
    "glassway_proxy::journal::age",
    "glassway_proxy::journal::work",
    "glassway_proxy::keyfile",
    "glassway_proxy::link",
    "glassway_proxy::link::feed",
    "glassway_proxy::managed::attempt",
    "glassway_proxy::reload",
    "glassway_proxy::server",
    "glassway_proxy::upstream",
    "glassway_shared::listen",
    "glassway_shared::logging",
    "glassway_shared::service",
    "glassway_shared::service::watchdog",
    "glassway_shared::store::checkpoint",
    "glassway_shared::store::migrate::presence",
    "glassway_shared::store::models",
    "glassway_shared::store::upkeep::restore",
    "glassway_shared::tls",
];

/// Libraries that have something to say.
pub const LIBRARIES: &[&str] =
    &["h2", "hyper_util", "poem", "r2d2", "rustls", "tokio_tungstenite", "tungstenite"];

const CRATES: [&str; 3] = ["glassway_monitor", "glassway_proxy", "glassway_shared"];
const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// A filter that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// For what no part names.
    default: LevelFilter,
    /// Modules and libraries with a level of their own.
    parts: Vec<(String, LevelFilter)>,
}

impl Filter {
    /// Reads it; the error says which part is wrong and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut filter = Self { default: LevelFilter::ERROR, parts: Vec::new() };
        let mut default = None;
        for part in text.split(',').map(str::trim) {
            match part.split_once('=') {
                None if default.is_some() => {
                    return Err(format!("`{part}` is a second level for everything"));
                }
                None => default = Some(level(part)?),
                Some((module, name)) => {
                    let (module, level) = (module.trim(), level(name.trim())?);
                    known(module, level)?;
                    filter.parts.push((module.to_owned(), level));
                }
            }
        }
        filter.default = default.unwrap_or(filter.default);
        Ok(filter)
    }

    /// For the subscriber.
    pub(super) fn targets(&self) -> Targets {
        let others = self.default.min(LevelFilter::INFO);
        let own = CRATES.iter().map(|name| ((*name).to_owned(), self.default));
        Targets::new().with_default(others).with_targets(own).with_targets(self.parts.clone())
    }

    /// The most that any part asks for.
    pub(super) fn most(&self) -> LevelFilter {
        self.parts.iter().map(|(_, level)| *level).fold(self.default, LevelFilter::max)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.default)?;
        self.parts.iter().try_for_each(|(module, level)| write!(f, ",{module}={level}"))
    }
}

fn level(name: &str) -> Result<LevelFilter, String> {
    let found = LEVELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, level)| *level).ok_or_else(|| {
        let levels = LEVELS.map(|(name, _)| name).join(", ");
        let hint = match name.contains("::") || CRATES.contains(&name) {
            true => format!("; a module is written `{name}=debug`"),
            false => String::new(),
        };
        format!("`{name}` is not a level: use one of {levels}{hint}")
    })
}

/// A module counts with all that is below it.
fn known(module: &str, level: LevelFilter) -> Result<(), String> {
    if LIBRARIES.contains(&module) {
        return match level > LevelFilter::DEBUG {
            true => Err(format!(
                "`{module}=trace` would write headers, and so credentials: debug is the most"
            )),
            false => Ok(()),
        };
    }
    let above = |known: &&&str| {
        **known == module || known.strip_prefix(module).is_some_and(|rest| rest.starts_with("::"))
    };
    match MODULES.iter().find(above) {
        Some(_) => Ok(()),
        None => Err(format!(
            "no module `{module}` writes lines; these do: {}; and these libraries: {}",
            MODULES.join(", "),
            LIBRARIES.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;

    #[rstest::rstest]
    #[case("info", "info")]
    #[case("DEBUG", "debug")]
    #[case("warn, glassway_proxy::journal = debug", "warn,glassway_proxy::journal=debug")]
    #[case("glassway_proxy=trace,info", "info,glassway_proxy=trace")]
    #[case("glassway_monitor=info", "error,glassway_monitor=info")]
    #[case("info,rustls=debug", "info,rustls=debug")]
    fn filters_are_read(#[case] text: &str, #[case] again: &str) {
        assert_eq!(Filter::parse(text).unwrap().to_string(), again);
    }

    #[rstest::rstest]
    #[case("", "not a level")]
    #[case("loud", "use one of off, error")]
    #[case("info,debug", "second level")]
    #[case("info,glassway_proxy=loud", "`loud` is not a level")]
    #[case("glassway_proxy::journal", "a module is written `glassway_proxy::journal=debug`")]
    #[case("info,glassway_proxy::jurnal=debug", "no module `glassway_proxy::jurnal`")]
    #[case("info,glassway_proxy::jurnal=debug", "glassway_proxy::journal, ")]
    #[case("info,glassway=debug", "no module `glassway`")]
    #[case("info,h2=trace", "credentials")]
    #[case("info,[span]=debug", "no module")]
    fn what_is_wrong_is_said(#[case] text: &str, #[case] part: &str) {
        let error = Filter::parse(text).unwrap_err();
        assert!(error.contains(part), "{error}");
        assert_eq!(error.lines().count(), 1);
    }

    #[test]
    fn a_level_for_everything_opens_no_library() {
        let targets = Filter::parse("trace,glassway_proxy::link=warn").unwrap().targets();
        let trace = tracing::Level::TRACE;
        assert!(targets.would_enable("glassway_proxy::journal", &trace));
        assert!(targets.would_enable("glassway_monitor", &trace));
        assert!(!targets.would_enable("glassway_proxy::link::feed", &tracing::Level::INFO));
        assert!(!targets.would_enable("h2::codec::framed_read", &tracing::Level::DEBUG));
        assert!(targets.would_enable("h2::codec::framed_read", &tracing::Level::INFO));
    }

    /// Every source file that writes lines, as the module it is.
    fn written(folder: &Path, module: &str, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            let name = match &stem[..] {
                // Where it is the crate's own, tracing calls it by the crate.
                "lib" | "main" => module.to_owned(),
                _ => format!("{module}::{stem}"),
            };
            if path.is_dir() {
                written(&path, &name, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let writes = ["error!", "warn!", "info!", "debug!", "trace!"];
                if writes.iter().any(|w| text.contains(&format!("tracing::{w}("))) {
                    found.insert(name);
                }
            }
        }
    }

    #[test]
    fn the_modules_are_those_of_the_sources() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut found = BTreeSet::new();
        for (folder, module) in ["monitor", "proxy", "shared"].into_iter().zip(CRATES) {
            written(&root.join(folder).join("src"), module, &mut found);
        }
        let known: BTreeSet<String> = MODULES.iter().map(|m| (*m).to_owned()).collect();
        assert_eq!(known, found, "bring MODULES in shared/src/logging/filter.rs up to date");
        assert!(MODULES.is_sorted());
    }
}
