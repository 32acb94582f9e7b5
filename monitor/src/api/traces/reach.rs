//! What a check of the image address found, as it is shown.

use poem_openapi::{Enum, Object};

use crate::trace::reach::{self, Note, Scope};

/// Who can reach an address, as far as it tells.
#[derive(Enum)]
#[oai(rename_all = "snake_case", rename = "AddressScope", remote = "Scope")]
enum Scopes {
    /// Everybody.
    Public,
    /// The same network.
    Private,
    /// This machine.
    Loopback,
    /// Nobody: link-local and the like.
    Special,
}

/// What somebody should know or do.
#[derive(Enum)]
#[oai(rename_all = "snake_case", rename = "ReachNote", remote = "Note")]
enum Notes {
    /// `monitor.public_url` is not set.
    NotConfigured,
    /// The name resolves to nothing.
    NoSuchName,
    /// Nobody listens, or the way is blocked.
    NotReached,
    /// The certificate does not hold.
    BadCertificate,
    /// Something else answers there.
    NotOurs,
    /// Only this machine can reach it: no fetcher elsewhere ever will.
    Loopback,
    /// Only this network can reach it: no fetcher elsewhere ever will.
    Private,
    /// Plain http: Anthropic and others fetch https only.
    PlainHttp,
    /// It passes a reverse proxy that is not in `monitor.trusted_proxies`: all hits will
    /// show that proxy's address.
    UntrustedProxy,
    /// The whole monitor is served at the same public address.
    MonitorExposed,
    /// It works from here; whether the outside gets through shows only to the outside.
    Works,
}

/// What a host resolves to.
#[derive(Object)]
#[oai(rename = "ReachAddress")]
struct Address {
    ip: String,
    scope: Scopes,
}

/// Whether image addresses work.
#[derive(Object)]
#[oai(rename = "TraceReach")]
pub(super) struct Reach {
    /// Where images are, up to `/api/img`.
    base: String,
    /// Whether `monitor.public_url` says so.
    configured: bool,
    /// Where images alone are served; `null` where `monitor.trace_listen` is not set.
    trace_listen: Option<String>,
    addresses: Vec<Address>,
    /// Where the check's own fetch came from, as it was seen here.
    seen_from: Option<String>,
    error: Option<String>,
    notes: Vec<Notes>,
}

impl Reach {
    pub(super) fn of(found: reach::Reach, trace_listen: Option<String>) -> Self {
        let address = |(ip, scope): (std::net::IpAddr, Scope)| Address {
            ip: ip.to_string(),
            scope: scope.into(),
        };
        Self {
            base: found.base,
            configured: found.configured,
            trace_listen,
            addresses: found.addresses.into_iter().map(address).collect(),
            seen_from: found.seen_from,
            error: found.error,
            notes: found.notes.into_iter().map(Into::into).collect(),
        }
    }
}
