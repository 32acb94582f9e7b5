//! Which upstream addresses people may choose. Pure: it judges a URL, and later the
//! address its name resolved to; it resolves nothing itself.
//!
//! Public https always may. Plain http, loopback and private networks may where
//! `upstream.allow` names them, and the refusal says which line to add. Link-local,
//! metadata services, unspecified and multicast never may, whoever asks: what answers
//! there hands out credentials of the machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};

/// What `upstream.allow` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    networks: Vec<IpNet>,
    /// Lower-cased, without brackets or a trailing dot.
    hosts: Vec<(String, u16)>,
}

/// An entry of `upstream.allow` that says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a network (10.0.0.0/8) nor host:port")]
pub struct BadEntry(pub String);

/// Why an address may not be an upstream's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not a base URL at all.
    #[error("{0}")]
    Malformed(&'static str),
    /// A metadata service, link-local, unspecified or multicast.
    #[error(
        "{0} is a link-local, metadata, unspecified or multicast address: no upstream is ever reached there"
    )]
    Never(String),
    /// Somebody has to say that this is meant.
    #[error(
        "{host} is {what}: if that is meant, add allow = [\"{line}\"] under [upstream] in config.toml and restart"
    )]
    NotAllowed {
        /// As it was given.
        host: String,
        /// Such as "a private address".
        what: &'static str,
        /// The entry to add.
        line: String,
    },
}

impl Allow {
    /// Reads the entries.
    pub fn parse(entries: &[String]) -> Result<Self, BadEntry> {
        let mut allow = Self::default();
        for entry in entries {
            if let Ok(network) = entry.parse::<IpNet>() {
                allow.networks.push(network);
                continue;
            }
            let host_port = entry
                .rsplit_once(':')
                .and_then(|(host, port)| Some((plain(host), port.parse().ok()?)))
                .filter(|(host, _)| !host.is_empty());
            allow.hosts.push(host_port.ok_or_else(|| BadEntry(entry.clone()))?);
        }
        Ok(allow)
    }

    /// Lets this URL's host and port pass too, as the configuration's own base URLs do.
    pub fn and(mut self, url: &Url) -> Self {
        if let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) {
            self.hosts.push((plain(host), port));
        }
        self
    }

    fn names(&self, host: &str, port: u16) -> bool {
        let host = plain(host);
        self.hosts.iter().any(|(name, number)| *name == host && *number == port)
    }

    fn holds(&self, ip: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&ip))
    }
}

/// A base URL as somebody chose it, before its name is resolved.
pub fn check_url(url: &Url, allow: &Allow) -> Result<(), AddressError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(AddressError::Malformed("must begin with https:// (or http://)"));
    }
    let Some(host) = url.host() else {
        return Err(AddressError::Malformed("must name a host"));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::Malformed("must not hold a user or password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(AddressError::Malformed("must end with its path: no ? and no #"));
    }
    let (text, port) = (host.to_string(), url.port_or_known_default().unwrap_or(0));
    let ip = match host {
        Host::Ipv4(ip) => Some(IpAddr::V4(ip)),
        Host::Ipv6(ip) => Some(IpAddr::V6(ip)),
        Host::Domain(name) => {
            let name = plain(name);
            if METADATA_NAMES.contains(&&name[..]) {
                return Err(AddressError::Never(text));
            }
            loopback(&name)
        }
    };
    if let Some(ip) = ip {
        check_ip(ip, &text, port, allow)?;
    }
    let allowed = allow.names(&text, port) || ip.is_some_and(|ip| allow.holds(canonical(ip)));
    if url.scheme() == "http" && !allowed {
        let what = "to be reached over plain http, where anyone on the way can read the key";
        return Err(not_allowed(&text, port, what));
    }
    Ok(())
}

/// The address a name resolved to, right before it is connected to. `host` and `port`
/// are the URL's.
pub fn check_ip(ip: IpAddr, host: &str, port: u16, allow: &Allow) -> Result<(), AddressError> {
    let ip = canonical(ip);
    let what = match reach(ip) {
        Reach::Public => return Ok(()),
        Reach::Never => return Err(AddressError::Never(named(host, ip))),
        Reach::Loopback => "a loopback address",
        Reach::Private => "a private address",
    };
    if allow.names(host, port) || allow.holds(ip) {
        return Ok(());
    }
    Err(not_allowed(host, port, what))
}

/// A host that somebody else resolves and connects to, an outbound proxy: an address is
/// judged, and a name by its form alone.
pub fn check_form(host: &str, port: u16, allow: &Allow) -> Result<(), AddressError> {
    let name = plain(host);
    if METADATA_NAMES.contains(&&name[..]) {
        return Err(AddressError::Never(host.to_owned()));
    }
    if let Some(ip) = name.parse().ok().or_else(|| loopback(&name)) {
        return check_ip(ip, host, port, allow);
    }
    let local = !name.contains('.') || LOCAL_NAMES.iter().any(|end| name.ends_with(end));
    match local && !allow.names(host, port) {
        true => Err(not_allowed(host, port, "a name of a local network")),
        false => Ok(()),
    }
}

/// RFC 6761: these names are loopback's, whatever a resolver says.
fn loopback(name: &str) -> Option<IpAddr> {
    let local = name == "localhost" || name.ends_with(".localhost");
    local.then_some(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

fn not_allowed(host: &str, port: u16, what: &'static str) -> AddressError {
    let host = host.to_owned();
    AddressError::NotAllowed { line: format!("{}:{port}", host.to_ascii_lowercase()), host, what }
}

fn named(host: &str, ip: IpAddr) -> String {
    match plain(host) == ip.to_string() {
        true => ip.to_string(),
        false => format!("{host} ({ip})"),
    }
}

fn plain(host: &str) -> String {
    let host = host.trim_end_matches('.');
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inner.unwrap_or(host).to_ascii_lowercase()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Public,
    Loopback,
    Private,
    Never,
}

const METADATA_NAMES: &[&str] =
    &["metadata.google.internal", "metadata", "metadata.goog", "instance-data.ec2.internal"];

/// Ends of names that no public server has: RFC 6762, RFC 8375, ICANN's for private use.
const LOCAL_NAMES: &[&str] = &[".local", ".home.arpa", ".internal"];

/// Of Alibaba, Oracle and Azure; the others' are link-local.
const METADATA_V4: &[Ipv4Addr] = &[
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(168, 63, 129, 16),
];

/// Of AWS.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// An IPv4 address written as one of IPv6's: mapped, NAT64 or 6to4.
fn canonical(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return IpAddr::V4(v4);
    }
    let [a, b, c, d, e, f, high, low] = v6.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b) {
        (0x64, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => embedded(high, low),
        (0x2002, _) => embedded(b, c),
        _ => ip,
    }
}

fn reach(ip: IpAddr) -> Reach {
    match ip {
        IpAddr::V4(ip) => reach_v4(ip),
        IpAddr::V6(ip) => reach_v6(ip),
    }
}

fn reach_v4(ip: Ipv4Addr) -> Reach {
    let [a, b, ..] = ip.octets();
    if METADATA_V4.contains(&ip) || ip.is_link_local() || ip.is_multicast() || a == 0 || a >= 240 {
        Reach::Never
    } else if ip.is_loopback() {
        Reach::Loopback
    } else if ip.is_private()
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (b == 18 || b == 19))
        || ip.octets().starts_with(&[192, 0, 0])
    {
        Reach::Private
    } else {
        Reach::Public
    }
}

fn reach_v6(ip: Ipv6Addr) -> Reach {
    let first = ip.segments()[0];
    if ip == METADATA_V6 || ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local() {
        Reach::Never
    } else if ip.is_loopback() {
        Reach::Loopback
    } else if ip.is_unique_local() || (first & 0xffc0) == 0xfec0 || ip.segments()[..6] == [0; 6] {
        Reach::Private
    } else {
        Reach::Public
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn allow(entries: &[&str]) -> Allow {
        let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        Allow::parse(&entries).unwrap()
    }

    fn check(url: &str, entries: &[&str]) -> Result<(), AddressError> {
        check_url(&url.parse().unwrap(), &allow(entries))
    }

    #[rstest]
    #[case("https://api.openai.com/v1", &[])]
    #[case("https://8.8.8.8", &[])]
    #[case("http://localhost:11434/v1", &["localhost:11434"])]
    #[case("http://localhost:11434/v1", &["127.0.0.0/8"])]
    #[case("http://127.0.0.1:8000", &["127.0.0.1/32"])]
    #[case("http://[::1]:8000", &["[::1]:8000"])]
    #[case("http://[::1]:8000", &["::1/128"])]
    #[case("http://Relay.LAN:80", &["relay.lan:80"])]
    #[case("https://10.1.2.3", &["10.0.0.0/8"])]
    #[case("http://relay.example", &["relay.example:80"])]
    fn may(#[case] url: &str, #[case] entries: &[&str]) {
        assert_eq!(check(url, entries), Ok(()), "{url}");
    }

    #[rstest]
    #[case("http://api.openai.com", "api.openai.com:80")]
    #[case("http://localhost:11434", "localhost:11434")]
    #[case("https://a.localhost", "a.localhost:443")]
    #[case("https://10.1.2.3", "10.1.2.3:443")]
    #[case("https://[fd12::1]:8443", "[fd12::1]:8443")]
    #[case("https://0x7f.1", "127.0.0.1:443")]
    #[case("https://2130706433", "127.0.0.1:443")]
    #[case("https://[::ffff:10.0.0.1]", "[::ffff:a00:1]:443")]
    fn names_the_line_to_add(#[case] url: &str, #[case] line: &str) {
        let error = check(url, &["192.168.0.0/16", "other:1"]).unwrap_err();
        assert!(error.to_string().contains(&format!("allow = [\"{line}\"]")), "{error}");
        assert_eq!(check(url, &[line]), Ok(()), "and that line is enough");
    }

    #[rstest]
    #[case("http://169.254.169.254/latest")]
    #[case("https://169.254.1.1")]
    #[case("http://metadata.google.internal")]
    #[case("http://metadata.google.internal.")]
    #[case("http://100.100.100.200")]
    #[case("http://[fd00:ec2::254]")]
    #[case("http://[fe80::1]")]
    #[case("http://0.0.0.0:8080")]
    #[case("http://[::]")]
    #[case("http://224.0.0.1")]
    #[case("http://[::ffff:169.254.169.254]")]
    #[case("http://[64:ff9b::169.254.169.254]")]
    #[case("http://[2002:a9fe:a9fe::1]")]
    #[case("http://255.255.255.255")]
    fn never_may(#[case] url: &str) {
        let parsed: Url = url.parse().unwrap();
        let generous = allow(&["0.0.0.0/0", "::/0"]).and(&parsed);
        assert!(matches!(check_url(&parsed, &generous), Err(AddressError::Never(_))), "{url}");
    }

    #[rstest]
    #[case("ftp://a.example")]
    #[case("https://user:pass@a.example")]
    #[case("https://a.example/v1?x=1")]
    #[case("https://a.example/#x")]
    fn malformed(#[case] url: &str) {
        assert!(matches!(check(url, &[]), Err(AddressError::Malformed(_))), "{url}");
    }

    #[test]
    fn a_public_name_that_resolves_inside_is_refused_unless_allowed() {
        let (inside, outside) = ([10, 0, 0, 7].into(), [8, 8, 8, 8].into());
        let check = |ip: IpAddr, entries| check_ip(ip, "api.example", 443, &allow(entries));
        assert_eq!(check(outside, &[]), Ok(()));
        assert!(check(inside, &[]).is_err());
        assert_eq!(check(inside, &["10.0.0.0/8"]), Ok(()));
        assert_eq!(check(inside, &["api.example:443"]), Ok(()));
        assert!(check(inside, &["api.example:80"]).is_err());
        let metadata = [169, 254, 169, 254].into();
        assert!(matches!(check(metadata, &["api.example:443"]), Err(AddressError::Never(_))));
    }

    #[rstest]
    #[case("api.example", &[], true)]
    #[case("8.8.8.8", &[], true)]
    #[case("169.254.169.254", &["169.254.169.254:443", "0.0.0.0/0"], false)]
    #[case("[::ffff:169.254.169.254]", &["::/0"], false)]
    #[case("metadata.google.internal.", &["metadata.google.internal:443"], false)]
    #[case("10.0.0.1", &[], false)]
    #[case("[fd12::1]", &[], false)]
    #[case("10.0.0.1", &["10.0.0.0/8"], true)]
    #[case("localhost", &[], false)]
    #[case("a.localhost", &["127.0.0.0/8"], true)]
    #[case("intranet", &[], false)]
    #[case("intranet", &["intranet:443"], true)]
    #[case("relay.internal", &[], false)]
    #[case("printer.LOCAL.", &["printer.local:443"], true)]
    fn what_a_proxy_is_asked_for_is_judged_by_its_form(
        #[case] host: &str,
        #[case] entries: &[&str],
        #[case] may: bool,
    ) {
        let judged = check_form(host, 443, &allow(entries));
        assert_eq!(judged.is_ok(), may, "{host}: {judged:?}");
    }

    #[test]
    fn entries_are_networks_or_host_port() {
        for wrong in ["", "10.0.0.1", "host", "host:", ":80", "host:99999"] {
            assert!(Allow::parse(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
