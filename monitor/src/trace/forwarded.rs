//! Whom a connection speaks for. `X-Forwarded-For` is a claim that anybody can make; it is
//! believed as far as trusted proxies made it, from the nearest outwards. Pure.

use std::net::IpAddr;

use glassway_shared::{config::Config, networks::Networks};

/// `monitor.trusted_proxies`.
pub struct Trusted(Networks);

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The nearest that no trusted proxy is.
    pub client: IpAddr,
    /// What trusted proxies named on the way, the farthest first; empty where the peer is
    /// none.
    pub named: Vec<IpAddr>,
}

impl Trusted {
    /// From the configuration, which was checked.
    pub fn of(config: &Config) -> Self {
        Self(Networks::of(&config.monitor.trusted_proxies))
    }

    /// Whether this is one of them.
    pub fn holds(&self, address: IpAddr) -> bool {
        self.0.contains(address)
    }

    /// `forwarded` are the values of the header, in order.
    pub fn chain<'a>(
        &self,
        peer: IpAddr,
        forwarded: impl DoubleEndedIterator<Item = &'a str>,
    ) -> Chain {
        let mut chain = Chain { client: peer, named: Vec::new() };
        if !self.holds(peer) {
            return chain;
        }
        let hops = forwarded.rev().flat_map(|value| value.rsplit(','));
        for hop in hops.map_while(|hop| hop.trim().parse::<IpAddr>().ok()) {
            chain.client = hop;
            chain.named.insert(0, hop);
            if !self.holds(hop) {
                break;
            }
        }
        chain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(peer: &str, forwarded: &[&str]) -> (String, usize) {
        let trusted = Trusted(Networks::of(&["127.0.0.0/8".to_owned(), "10.0.0.0/8".to_owned()]));
        let chain = trusted.chain(peer.parse().unwrap(), forwarded.iter().copied());
        (chain.client.to_string(), chain.named.len())
    }

    #[test]
    fn only_what_trusted_proxies_say_is_believed() {
        let is = |client: &str, named: usize| (client.to_owned(), named);
        assert_eq!(chain("192.0.2.9", &["203.0.113.1"]), is("192.0.2.9", 0));
        assert_eq!(chain("127.0.0.1", &["203.0.113.1"]), is("203.0.113.1", 1));
        assert_eq!(chain("127.0.0.1", &["6.6.6.6, 203.0.113.1"]), is("203.0.113.1", 1));
        assert_eq!(chain("127.0.0.1", &["203.0.113.1, 10.0.0.7"]), is("203.0.113.1", 2));
        assert_eq!(chain("127.0.0.1", &["203.0.113.1", "10.0.0.7"]), is("203.0.113.1", 2));
        assert_eq!(chain("127.0.0.1", &["nonsense"]), is("127.0.0.1", 0));
        assert_eq!(chain("127.0.0.1", &[]), is("127.0.0.1", 0));
        assert_eq!(chain("::ffff:127.0.0.1", &["2001:db8::7"]), is("2001:db8::7", 1));
    }
}
