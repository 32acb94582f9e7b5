//! The configuration: one typed block, read from `config.toml` and overridden by
//! `GLASSWAY_<SECTION>__<KEY>`. The default is the documentation's truth: known
//! keys and their types are read off it, so that a new field needs no second list.
//!
//! Refused here: unknown sections and keys (naming the nearest known one), wrong
//! types, and settings that contradict each other. What a setting *does* belongs
//! to whoever uses it.

mod check;
mod source;

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use url::Url;

use crate::duration::Span;
pub use source::{ConfigError, load, load_with_env};

/// Everything both processes can be told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Where records live.
    pub database: Database,
    /// The process clients talk to.
    pub proxy: Proxy,
    /// Where transparent traffic goes.
    pub upstream: Upstream,
    /// What is kept of it.
    pub record: Record,
    /// The process browsers talk to.
    pub monitor: Monitor,
    /// The private key that opens upstream keys.
    pub secrets: Secrets,
    /// The user's own provider presets.
    pub providers: Providers,
    /// How both processes log.
    pub log: Log,
    /// Where finished exchanges go as spans.
    pub otlp: Otlp,
}

/// `[database]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Database {
    /// The SQLite file; its folder also holds the flight files.
    pub path: PathBuf,
}

/// `[proxy]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Proxy {
    /// Address for clients.
    pub listen: SocketAddr,
    /// A PEM file, the server's certificate first; with `tls_key`, clients speak TLS.
    pub tls_cert: PathBuf,
    /// A PEM file with the certificate's private key.
    pub tls_key: PathBuf,
    /// Networks that may connect; empty = all.
    pub allowed_clients: Vec<String>,
    /// Unix socket between the two processes.
    pub link: PathBuf,
    /// Whether a client needs a token.
    pub client_access: ClientAccess,
    /// `open` on an address that is not loopback needs this.
    pub allow_open: bool,
    /// Host names, beside localhost and IP literals, for tokenless managed calls.
    pub allowed_hosts: Vec<String>,
    /// Web pages that may make such calls.
    pub allowed_origins: Vec<String>,
    /// Current-thread runtimes that share the listener; 0 = min(cores, 4).
    pub threads: usize,
    /// Credentials that mean "none".
    pub placeholders: Vec<String>,
    /// How long exchanges in flight may take to end after SIGTERM.
    pub drain_timeout: Span,
    /// TCP, proxy and TLS handshake together.
    pub connect_timeout: Span,
    /// From the request's end to the answer's first byte.
    pub first_byte_timeout: Span,
    /// Between two bytes of a body, either way.
    pub idle_timeout: Span,
    /// For a client to send a whole request head.
    pub header_timeout: Span,
    /// Clients connected at once; further ones wait in the kernel's backlog.
    pub max_connections: usize,
    /// Memory for the bodies of managed requests, and of answers that are converted, while
    /// they are on their way; past it requests get 503.
    pub managed_bytes: u64,
    /// A request head larger than this gets 431.
    pub max_header_bytes: usize,
}

/// `[proxy] client_access`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAccess {
    /// Anyone who can reach the port.
    Open,
    /// Only holders of a Glassway client token.
    Token,
}

/// `[upstream]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Upstream {
    /// Transparent traffic, and the built-in provider.
    pub base_url: Url,
    /// Transparent traffic with an `anthropic-version` header.
    pub anthropic_base_url: Url,
    /// Networks or `host:port` that may be plain http, loopback or private.
    pub allow: Vec<String>,
}

/// `[record]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Off: nothing is kept, nothing is announced.
    pub enabled: bool,
    /// Whether a client's last byte waits for the commit.
    pub durability: Durability,
    /// Bytes kept of each body; the client always gets all of it.
    pub max_body_bytes: u64,
    /// Memory for what is captured and not yet written.
    pub queue_bytes: u64,
    /// Oldest go first beyond this many; 0 = no cap.
    pub max_exchanges: u64,
    /// Oldest go first beyond this age; 0 = no cap.
    pub max_age: Span,
    /// Bodies beyond this age go, the rest of their exchange stays; 0 = with the rest.
    pub max_body_age: Span,
    /// Bytes the database may take; past them the oldest bodies go, then the oldest rows;
    /// 0 = no cap.
    pub max_disk_bytes: u64,
    /// Header names whose values are never recorded.
    pub redact_headers: Vec<String>,
    /// Values that are never recorded, by their place in JSON ([`crate::redaction`]).
    pub redact_json: Vec<String>,
    /// Text that is never recorded, by regular expressions.
    pub redact_patterns: Vec<String>,
    /// Networks whose clients, where they send no token, have nothing but metadata kept.
    pub metadata_only_clients: Vec<String>,
    /// Whose tokens are counted here when the upstream said nothing of them.
    pub estimate_usage: EstimateUsage,
}

/// The least a cap of the disk may be, in bytes: less holds no record worth the name.
pub const MIN_DISK_BYTES: u64 = 64 << 20;

/// `[record] estimate_usage`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EstimateUsage {
    /// Nobody's.
    Off,
    /// Those of managed exchanges, for their cost and the budgets.
    Managed,
    /// Those of transparent exchanges, too.
    All,
}

/// `[record] durability`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Written soon after; a kill loses contents of at most the last batch, never the fact.
    Normal,
    /// The client's last byte waits for the commit.
    BeforeEnd,
}

/// `[monitor]`
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Monitor {
    /// Address for browsers and scripts.
    pub listen: SocketAddr,
    /// A PEM file, the server's certificate first; with `tls_key`, browsers speak TLS.
    pub tls_cert: PathBuf,
    /// A PEM file with the certificate's private key.
    pub tls_key: PathBuf,
    /// Networks that may connect; empty = all.
    pub allowed_clients: Vec<String>,
    /// Or `GLASSWAY_ADMIN_KEY`, or a systemd credential `admin_key`; empty: one is made.
    pub admin_key: String,
    /// A bearer that opens `/metrics` and nothing else; empty: only the admin key does.
    pub metrics_token: String,
    /// Further Host names, beside localhost, IP literals and `public_url`'s.
    pub allowed_hosts: Vec<String>,
    /// How the outside reaches trace images.
    pub public_url: String,
    /// A listener that serves trace images and nothing else.
    pub trace_listen: String,
    /// Networks whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<String>,
    /// A folder of files that say more about who fetches trace images: further fetchers
    /// (`*.json`) and networks by number (`asn*.tsv`).
    pub trace_data: PathBuf,
}

impl std::fmt::Debug for Monitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Monitor").field("listen", &self.listen).finish_non_exhaustive()
    }
}

/// `[secrets]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Secrets {
    /// The file only the proxy reads.
    pub private_key: PathBuf,
}

/// `[providers]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Providers {
    /// Folder of preset files.
    pub dir: PathBuf,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Log {
    /// `info`, or `info,glassway_proxy::journal=debug` (`logging::Filter`); read again on SIGHUP.
    pub level: String,
    /// For people or for a log store.
    pub format: LogFormat,
}

/// `[log] format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One readable line per event.
    Human,
    /// One JSON object per event.
    Json,
}

/// `[otlp]`
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Otlp {
    /// A collector's address for OTLP over HTTP; empty: nothing is exported.
    pub endpoint: String,
    /// `name: value` each, sent along.
    pub headers: Vec<String>,
    /// What the spans' resource is called.
    pub service_name: String,
}

impl std::fmt::Debug for Otlp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Otlp").field("service_name", &self.service_name).finish_non_exhaustive()
    }
}

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|&s| s.to_owned()).collect()
}

impl Default for Database {
    fn default() -> Self {
        Self { path: "data/glassway.db".into() }
    }
}

impl Default for Proxy {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls_cert: PathBuf::new(),
            tls_key: PathBuf::new(),
            allowed_clients: vec![],
            link: "data/glassway.sock".into(),
            client_access: ClientAccess::Open,
            allow_open: false,
            allowed_hosts: vec![],
            allowed_origins: vec![],
            threads: 0,
            placeholders: strings(&["dummy-key", "none", "EMPTY", "not-needed", "sk-placeholder"]),
            drain_timeout: Span::secs(30),
            connect_timeout: Span::secs(10),
            first_byte_timeout: Span::secs(600),
            idle_timeout: Span::secs(600),
            header_timeout: Span::secs(15),
            max_connections: 10_000,
            managed_bytes: 512 << 20,
            max_header_bytes: 65_536,
        }
    }
}

impl Default for Upstream {
    fn default() -> Self {
        let url = |s| Url::parse(s).expect("a literal URL");
        Self {
            base_url: url("https://api.openai.com"),
            anthropic_base_url: url("https://api.anthropic.com"),
            allow: vec![],
        }
    }
}

impl Default for Record {
    fn default() -> Self {
        Self {
            enabled: true,
            durability: Durability::Normal,
            max_body_bytes: 8 << 20,
            queue_bytes: 64 << 20,
            max_exchanges: 1_000_000,
            max_age: Span::secs(30 * 86_400),
            max_body_age: Span::secs(0),
            max_disk_bytes: 20_000_000_000,
            redact_headers: strings(&[
                "authorization",
                "api-key",
                "x-api-key",
                "x-goog-api-key",
                "cookie",
                "set-cookie",
                "proxy-authorization",
            ]),
            redact_json: vec![],
            redact_patterns: vec![],
            metadata_only_clients: vec![],
            estimate_usage: EstimateUsage::Managed,
        }
    }
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
            tls_cert: PathBuf::new(),
            tls_key: PathBuf::new(),
            allowed_clients: vec![],
            admin_key: String::new(),
            metrics_token: String::new(),
            allowed_hosts: vec![],
            public_url: String::new(),
            trace_listen: String::new(),
            trusted_proxies: vec![],
            trace_data: "trace.d".into(),
        }
    }
}

impl Default for Secrets {
    fn default() -> Self {
        Self { private_key: "data/glassway.key".into() }
    }
}

impl Default for Providers {
    fn default() -> Self {
        Self { dir: "providers.d".into() }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Human }
    }
}

impl Default for Otlp {
    fn default() -> Self {
        Self { endpoint: String::new(), headers: vec![], service_name: "glassway".into() }
    }
}

impl Config {
    /// The folder of flight files, beside the database.
    pub fn flight_dir(&self) -> PathBuf {
        self.data_dir().join("flight")
    }

    /// With the proxy at an address that was not configured but passed to it; refused
    /// where that is open to more than it may be.
    pub fn at(mut self, listen: SocketAddr) -> Result<Self, ConfigError> {
        self.proxy.listen = listen;
        let passed = |(key, message): (&'static str, String)| ConfigError {
            source: "the listener that the service manager passed".to_owned(),
            key: Some(key.to_owned()),
            message,
        };
        check::openness(&self).map_err(passed)?;
        Ok(self)
    }

    /// The folder the database is in.
    pub fn data_dir(&self) -> &Path {
        match self.database.path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        }
    }

    /// Where the private key's file may be, in the order in which it is looked for: where it is
    /// said to be; in the folder beside the database that the units have for it, for whoever
    /// runs a command by hand; and beside the database, where earlier versions kept it.
    pub fn private_key_files(&self) -> [PathBuf; 3] {
        let data = self.data_dir();
        let said = self.secrets.private_key.clone();
        [said, data.join("secret/glassway.key"), data.join("glassway.key")]
    }

    /// Which of these is there; where it is said to be, if none is.
    pub fn private_key_file(&self) -> PathBuf {
        let found = self.private_key_files().into_iter().find(|file| file.exists());
        found.unwrap_or_else(|| self.secrets.private_key.clone())
    }

    /// Data-path threads, with 0 resolved.
    pub fn proxy_threads(&self) -> usize {
        match self.proxy.threads {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get().min(4)),
            n => n,
        }
    }
}

/// Whether this address can only be reached from this machine.
pub fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}
