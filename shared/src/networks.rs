//! Lists of networks as the configuration holds them: `10.0.0.0/8`, `::1`. Pure.

use std::net::IpAddr;

use ipnet::IpNet;

/// Some networks; none of them is how "all" is written where that is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Reads the entries, each a network or a single address.
    pub fn parse(entries: &[String]) -> Result<Self, String> {
        let read = |entry: &String| {
            let entry = entry.trim();
            let network = entry.parse().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| format!("`{entry}` is not a network such as 10.0.0.0/8 or ::1"))
        };
        entries.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// The same of entries that were checked when the configuration was read.
    pub fn of(entries: &[String]) -> Self {
        Self::parse(entries).unwrap_or_default()
    }

    /// Whether none is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them holds this address, however it is written.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|network| network.contains(&ip))
    }

    /// Whether this peer may connect where these are allowed: with none named, anybody.
    pub fn admit(&self, ip: IpAddr) -> bool {
        self.0.is_empty() || self.contains(ip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(entries: &[&str]) -> Result<Networks, String> {
        Networks::parse(&entries.iter().map(|e| (*e).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn nobody_named_is_everybody_and_loopback_is_no_exception() {
        let [v4, v6, mapped] =
            ["127.0.0.1", "::1", "::ffff:10.0.0.9"].map(|ip| ip.parse::<IpAddr>().unwrap());
        assert!(networks(&[]).unwrap().admit(v4));
        let office = networks(&["10.0.0.0/8", "2001:db8::/32"]).unwrap();
        assert!(!office.admit(v4) && !office.admit(v6) && office.admit(mapped));
        assert!(networks(&["::1"]).unwrap().admit(v6));
    }

    #[test]
    fn what_is_no_network_is_named() {
        for bad in ["10.0.0.0/33", "office", "", "10.0.0.1:80"] {
            assert!(networks(&[bad]).unwrap_err().contains(&format!("`{bad}`")));
        }
    }
}
