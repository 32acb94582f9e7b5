//! Whether the image address works, asked from here before anybody spends money on a
//! trace; and what its kind of address means for fetchers elsewhere. It is our own
//! address, no upstream's, so that the monitor may ask it itself.
//!
//! What cannot be known from inside is whether the outside gets through: a firewall or a
//! NAT shows only to those beyond it. That is said, not guessed.

mod get;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use glassway_shared::address::{AddressError, Allow, check_ip};
use url::Url;

use self::get::{Failed, get};
use super::ask;
use crate::app::App;

const TIMEOUT: Duration = Duration::from_secs(8);

/// Who can reach an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everybody, as far as the address tells.
    Public,
    /// The same network.
    Private,
    /// This machine.
    Loopback,
    /// Nobody: link-local and the like.
    Special,
}

/// What somebody should know or do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
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
    /// Only this machine can reach it.
    Loopback,
    /// Only this network can reach it.
    Private,
    /// Anthropic fetches https only, and so do others.
    PlainHttp,
    /// It passes a reverse proxy whose word is not believed: all hits will show its address.
    UntrustedProxy,
    /// The whole monitor is behind the same address.
    MonitorExposed,
    /// It works from here; the outside has to be tried.
    Works,
}

/// What the check found.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Where images are, up to `/api/img`.
    pub base: String,
    /// Whether `monitor.public_url` says so.
    pub configured: bool,
    /// What its host resolves to.
    pub addresses: Vec<(IpAddr, Scope)>,
    /// The address that the fetch was seen from.
    pub seen_from: Option<String>,
    /// What went wrong, in words.
    pub error: Option<String>,
    /// In the order of importance.
    pub notes: Vec<Note>,
}

/// The narrowest that an address allows.
pub fn scope(ip: IpAddr) -> Scope {
    match check_ip(ip, "", 0, &Allow::default()) {
        Ok(()) => Scope::Public,
        Err(AddressError::NotAllowed { what, .. }) if what.contains("loopback") => Scope::Loopback,
        Err(AddressError::NotAllowed { .. }) => Scope::Private,
        Err(_) => Scope::Special,
    }
}

/// Tries it.
pub async fn check(app: &Arc<App>) -> Reach {
    let base = app.traces.image_base(&app.config);
    let configured = !app.config.monitor.public_url.is_empty();
    let mut reach = Reach {
        configured,
        addresses: vec![],
        seen_from: None,
        error: None,
        notes: if configured { vec![] } else { vec![Note::NotConfigured] },
        base,
    };
    let Ok(url) = Url::parse(&reach.base) else { return reach };
    let resolved = resolve(&url).await;
    match resolved {
        Ok(addresses) => {
            reach.addresses = addresses.iter().map(|at| (at.ip(), scope(at.ip()))).collect();
            reach.addresses.dedup();
            tried(app, &url, &addresses, &mut reach).await;
        }
        Err(e) => {
            reach.error = Some(e.to_string());
            reach.notes.push(Note::NoSuchName);
        }
    }
    let all = |wanted: Scope| {
        !reach.addresses.is_empty() && reach.addresses.iter().all(|(_, scope)| *scope == wanted)
    };
    if all(Scope::Loopback) {
        reach.notes.push(Note::Loopback);
    } else if !reach.addresses.is_empty()
        && !reach.addresses.iter().any(|(_, scope)| *scope == Scope::Public)
    {
        reach.notes.push(Note::Private);
    }
    if url.scheme() == "http" {
        reach.notes.push(Note::PlainHttp);
    }
    reach
}

async fn resolve(url: &Url) -> std::io::Result<Vec<SocketAddr>> {
    let port = url.port_or_known_default().unwrap_or(80);
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::time::timeout(TIMEOUT, tokio::net::lookup_host((host, port))).await;
    let found: Vec<_> = found.map_err(|_| std::io::ErrorKind::TimedOut)??.collect();
    match found.is_empty() {
        true => Err(std::io::ErrorKind::NotFound.into()),
        false => Ok(found),
    }
}

async fn tried(app: &Arc<App>, url: &Url, addresses: &[SocketAddr], reach: &mut Reach) {
    let mut check = app.traces.known.check();
    let image = ask::image_url(&reach.base, &check.name, 1);
    let target = &image[image.find("://").map_or(0, |at| at + 3)..];
    let target = &target[target.find('/').unwrap_or(target.len())..];
    match get(url, addresses, target).await {
        Ok(_) => match check.fetched.try_recv() {
            Ok(hit) => {
                let claimed = hit.headers.iter().any(|[name, _]| name == "x-forwarded-for");
                if claimed && hit.forwarded.is_empty() {
                    reach.notes.push(Note::UntrustedProxy);
                }
                reach.seen_from = Some(hit.peer);
                reach.notes.push(Note::Works);
                if monitor_answers(url, addresses).await {
                    reach.notes.push(Note::MonitorExposed);
                }
            }
            Err(_) => reach.notes.push(Note::NotOurs),
        },
        Err(Failed::Certificate(why)) => {
            reach.error = Some(why);
            reach.notes.push(Note::BadCertificate);
        }
        Err(Failed::Way(why)) => {
            reach.error = Some(why);
            reach.notes.push(Note::NotReached);
        }
    }
}

/// Whether more than images is served at a public address.
async fn monitor_answers(url: &Url, addresses: &[SocketAddr]) -> bool {
    let public = addresses.iter().any(|at| scope(at.ip()) == Scope::Public);
    let target = format!("{}/healthz", url.path().trim_end_matches('/'));
    public
        && matches!(get(url, addresses, &target).await, Ok((200, body)) if body.contains("\"status\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("8.8.8.8", Scope::Public)]
    #[case("127.0.0.1", Scope::Loopback)]
    #[case("::1", Scope::Loopback)]
    #[case("192.168.1.5", Scope::Private)]
    #[case("100.64.0.1", Scope::Private)]
    #[case("fd00::1", Scope::Private)]
    #[case("169.254.1.1", Scope::Special)]
    fn an_address_tells_who_can_reach_it(#[case] ip: &str, #[case] expected: Scope) {
        assert_eq!(scope(ip.parse().unwrap()), expected);
    }
}
