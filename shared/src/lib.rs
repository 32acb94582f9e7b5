//! What Glassway's two processes both speak of: the configuration, the shape of
//! an exchange, the feed between them, how they listen, and the one SQLite file.
//!
//! ```text
//! address    which upstream addresses people may choose
//! command_line  what a wrong one is told
//! config     the file, its environment overrides, its errors
//! id         exchange ids
//! duration   "30s", "10m", "30d"
//! model      exchange, usage, outcome, …: the JSON other programs rely on
//! headers    the stored form of headers
//! decode     gzip, deflate, br, zstd, whole and in pieces
//! sse        server-sent events, incrementally
//! content    what a body says, whatever its dialect
//! exposition Prometheus' text format, and a process's own numbers
//! feed       events on the link and on the browser's feed
//! listen     bind or be passed a listener, accept with a cap, survive EMFILE, stop kindly
//! logging    one subscriber for both processes
//! networks   lists of networks in the configuration
//! presets    vendors as data, for forms
//! prices     what models cost
//! probe      is the instance that runs by this configuration well?
//! redaction  what is never to be kept of bodies, as the configuration says it
//! secret     upstream keys at rest: sealed, bound, opened
//! service    what the service manager is told; its watchdog
//! store      everything that knows SQL
//! tls        a certificate and its key, read again when they change
//! ```
//!
//! Nothing here talks to an upstream or serves a route.

pub mod address;
pub mod command_line;
pub mod config;
pub mod content;
pub mod decode;
pub mod duration;
pub mod exposition;
pub mod feed;
pub mod headers;
pub mod id;
pub mod listen;
pub mod logging;
pub mod model;
pub mod networks;
pub mod presets;
pub mod prices;
pub mod probe;
pub mod redaction;
pub mod secret;
pub mod service;
pub mod sse;
pub mod store;
pub mod tls;
pub mod wildcard;

/// The version both processes report, from the workspace's `Cargo.toml`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
