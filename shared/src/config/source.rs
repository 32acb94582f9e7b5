//! From file and environment to a typed [`Config`]: finds the file, overlays
//! `GLASSWAY_*`, names what is wrong in one line, resolves relative paths.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::{Config, check};

/// One line for a person: which file or variable, which key, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file or environment variable it was read from.
    pub source: String,
    /// `section.key`, where one is to blame.
    pub key: Option<String>,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One line whatever a parser wrote into the message.
        let message = self.message.split_whitespace().collect::<Vec<_>>().join(" ");
        match &self.key {
            Some(key) => write!(f, "{}: {key}: {message}", self.source),
            None => write!(f, "{}: {message}", self.source),
        }
    }
}

impl std::error::Error for ConfigError {}

/// Reads `--config FILE`, else `./config.toml` if it is there, else the defaults;
/// then the process's environment.
pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
    load_with_env(
        file,
        std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.to_string_lossy().into_owned()))),
    )
}

/// [`load`] with the environment passed in.
pub fn load_with_env(
    file: Option<&Path>,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let default_file = Path::new("config.toml");
    let file = file.or_else(|| default_file.is_file().then_some(default_file));
    let (source, mut table) = match file {
        Some(path) => (path.display().to_string(), read(path)?),
        None => ("built-in defaults".to_owned(), Table::new()),
    };
    let known = known();
    refuse_unknown(&source, &table, &known)?;
    // Types are checked section by section before the environment comes in, so
    // that an error names where the value was written.
    typed(&source, &table)?;

    let mut origin = source.clone();
    let mut vars: Vec<_> =
        env.into_iter().filter(|(name, _)| name.starts_with("GLASSWAY_")).collect();
    vars.sort();
    for (name, text) in vars {
        let Some((section, key)) = name["GLASSWAY_".len()..].split_once("__") else { continue };
        let (section, key) = (section.to_ascii_lowercase(), key.to_ascii_lowercase());
        let value = from_env(&name, &section, &key, &text, &known)?;
        let target = table.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
        target.as_table_mut().expect("sections were checked to be tables").insert(key, value);
        typed(&name, &table)?;
        origin = format!("{source} and the environment");
    }
    let mut config = typed(&origin, &table)?;
    let base = match file.and_then(Path::parent) {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_path_buf(),
        _ => PathBuf::new(),
    };
    resolve_paths(&mut config, &base);
    check::check(&config).map_err(|(key, message)| ConfigError {
        source: origin,
        key: Some(key.to_owned()),
        message,
    })?;
    Ok(config)
}

fn read(path: &Path) -> Result<Table, ConfigError> {
    let fail =
        |message: String| ConfigError { source: path.display().to_string(), key: None, message };
    let text = std::fs::read_to_string(path).map_err(|e| fail(format!("cannot be read: {e}")))?;
    text.parse::<Table>().map_err(|e| {
        let line =
            e.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        fail(format!("line {line}: {}", e.message()))
    })
}

/// Every section and key there is, with its default, from the default itself.
fn known() -> Table {
    Table::try_from(Config::default()).expect("the default configuration is a TOML table")
}

fn refuse_unknown(source: &str, table: &Table, known: &Table) -> Result<(), ConfigError> {
    for (section, value) in table {
        let Some(known_keys) = known.get(section).and_then(Value::as_table) else {
            return Err(unknown(source, section, "section", known.keys()));
        };
        let Some(keys) = value.as_table() else {
            return Err(ConfigError {
                source: source.to_owned(),
                key: Some(section.clone()),
                message: format!("is a section: write [{section}] above its keys"),
            });
        };
        if let Some(key) = keys.keys().find(|key| !known_keys.contains_key(*key)) {
            let names = known_keys.keys();
            let mut error = unknown(source, key, "key", names);
            error.key = Some(format!("{section}.{key}"));
            return Err(error);
        }
    }
    Ok(())
}

fn unknown<'a>(
    source: &str,
    name: &str,
    what: &str,
    names: impl Iterator<Item = &'a String>,
) -> ConfigError {
    let nearest = names
        .max_by(|a, b| {
            let score = |k: &str| strsim::jaro_winkler(k, name);
            score(a).total_cmp(&score(b))
        })
        .expect("there is always a known name");
    ConfigError {
        source: source.to_owned(),
        key: Some(name.to_owned()),
        message: format!("unknown {what}; did you mean `{nearest}`?"),
    }
}

/// Deserializes, naming section and key of the first value that does not fit.
fn typed(source: &str, table: &Table) -> Result<Config, ConfigError> {
    let whole = match Config::deserialize_table(table.clone()) {
        Ok(config) => return Ok(config),
        Err(whole) => whole,
    };
    for (section, keys) in table {
        for (key, value) in keys.as_table().into_iter().flatten() {
            let mut one = Table::new();
            let inner = Table::from_iter([(key.clone(), value.clone())]);
            one.insert(section.clone(), Value::Table(inner));
            if let Err(e) = Config::deserialize_table(one) {
                return Err(ConfigError {
                    source: source.to_owned(),
                    key: Some(format!("{section}.{key}")),
                    message: e.message().to_owned(),
                });
            }
        }
    }
    Err(ConfigError { source: source.to_owned(), key: None, message: whole.message().to_owned() })
}

impl Config {
    fn deserialize_table(table: Table) -> Result<Self, toml::de::Error> {
        Value::Table(table).try_into()
    }
}

/// Text of a variable as the type its key has by default; lists are comma-separated.
fn from_env(
    variable: &str,
    section: &str,
    key: &str,
    text: &str,
    known: &Table,
) -> Result<Value, ConfigError> {
    let Some(keys) = known.get(section).and_then(Value::as_table) else {
        return Err(unknown(variable, section, "section", known.keys()));
    };
    let Some(default) = keys.get(key) else {
        let mut error = unknown(variable, key, "key", keys.keys());
        error.key = Some(format!("{section}.{key}"));
        return Err(error);
    };
    let fail = |message: String| ConfigError {
        source: variable.to_owned(),
        key: Some(format!("{section}.{key}")),
        message,
    };
    Ok(match default {
        Value::Integer(_) => Value::Integer(
            text.trim().parse().map_err(|_| fail(format!("`{text}` is not a whole number")))?,
        ),
        Value::Boolean(_) => Value::Boolean(
            text.trim().parse().map_err(|_| fail(format!("`{text}` is neither true nor false")))?,
        ),
        Value::Array(_) => Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Value::String(item.to_owned()))
                .collect(),
        ),
        _ => Value::String(text.to_owned()),
    })
}

fn resolve_paths(config: &mut Config, base: &Path) {
    for path in [
        &mut config.database.path,
        &mut config.proxy.link,
        &mut config.secrets.private_key,
        &mut config.providers.dir,
        &mut config.monitor.trace_data,
    ] {
        *path = base.join(&*path);
    }
    for path in [
        &mut config.proxy.tls_cert,
        &mut config.proxy.tls_key,
        &mut config.monitor.tls_cert,
        &mut config.monitor.tls_key,
    ] {
        if !path.as_os_str().is_empty() {
            *path = base.join(&*path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn error(text: &str, env: &[(&str, &str)]) -> ConfigError {
        let file = file(text);
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        load_with_env(Some(file.path()), env).unwrap_err()
    }

    #[test]
    fn an_empty_file_is_the_default_with_paths_beside_it() {
        let file = file("");
        let config = load_with_env(Some(file.path()), []).unwrap();
        assert_eq!(config.proxy, Config { ..Config::default() }.proxy.clone_with_link(&config));
        assert_eq!(config.database.path, file.path().parent().unwrap().join("data/glassway.db"));
    }

    #[test]
    fn the_repository_default_says_what_the_code_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config.toml");
        let text = std::fs::read_to_string(path).unwrap();
        let written: Table = text.parse().unwrap();
        assert_eq!(typed("config.toml", &written).unwrap(), Config::default());
        let keys = |table: &Table| -> Vec<String> {
            let section = |(name, keys): (&String, &Value)| {
                let keys = keys.as_table().unwrap().keys().map(|key| format!("{name}.{key}"));
                keys.collect::<Vec<_>>()
            };
            let mut keys: Vec<_> = table.iter().flat_map(section).collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(&written), keys(&known()));
    }

    #[rstest::rstest]
    #[case("[proxy]\nlistn = \"127.0.0.1:1\"", "proxy.listn", "did you mean `listen`?")]
    #[case("[prox]\nlisten = \"127.0.0.1:1\"", "prox", "did you mean `proxy`?")]
    #[case("[proxy]\nlisten = \"localhost\"", "proxy.listen", "socket address")]
    #[case("[proxy]\ndrain_timeout = \"soon\"", "proxy.drain_timeout", "not a duration")]
    #[case("[proxy]\ndrain_timeout = 30", "proxy.drain_timeout", "needs a unit")]
    #[case("[record]\ndurability = \"maybe\"", "record.durability", "normal")]
    #[case("[record]\nmax_body_bytes = -1", "record.max_body_bytes", "")]
    #[case("proxy = 3", "proxy", "is a section")]
    #[case("[proxy]\nlisten = \"0.0.0.0:8080\"", "proxy.allow_open", "client_access")]
    #[case("[log]\nlevel = \"info,glassway_proxy::jurnal=debug\"", "log.level", "journal")]
    #[case("[monitor]\nmetrics_token = \"short\"", "monitor.metrics_token", "16 characters")]
    #[case("[otlp]\nendpoint = \"collector:4318\"", "otlp.endpoint", "must be http://")]
    #[case("[otlp]\nheaders = [\"A: b\", \"no colon\"]", "otlp.headers", "number 2")]
    fn says_which_key_is_wrong(#[case] text: &str, #[case] key: &str, #[case] part: &str) {
        let error = error(text, &[]);
        assert_eq!(error.key.as_deref(), Some(key), "{error}");
        assert!(error.message.contains(part), "{error}");
        assert_eq!(error.to_string().lines().count(), 1);
    }

    #[test]
    fn the_environment_wins_and_is_named_when_wrong() {
        let empty = file("[proxy]\nthreads = 1");
        let env = |k: &str, v: &str| [(k.to_owned(), v.to_owned())];
        let load = |k, v| load_with_env(Some(empty.path()), env(k, v));
        assert_eq!(load("GLASSWAY_PROXY__THREADS", "3").unwrap().proxy.threads, 3);
        let hosts = load("GLASSWAY_PROXY__ALLOWED_HOSTS", "a.example, b.example").unwrap();
        assert_eq!(hosts.proxy.allowed_hosts, ["a.example", "b.example"]);
        assert!(load("GLASSWAY_ADMIN_KEY", "x").is_ok());
        let wrong = load("GLASSWAY_PROXY__THREADS", "many").unwrap_err();
        assert_eq!(wrong.source, "GLASSWAY_PROXY__THREADS");
        let unknown = load("GLASSWAY_PROXY__LISTENS", "x").unwrap_err();
        assert!(unknown.message.contains("`listen`"), "{unknown}");
    }

    #[test]
    fn bad_toml_says_the_line() {
        assert!(error("[proxy]\n\nlisten = = 1", &[]).message.starts_with("line 3"));
    }

    impl super::super::Proxy {
        fn clone_with_link(self, config: &Config) -> Self {
            Self { link: config.proxy.link.clone(), ..self }
        }
    }
}
