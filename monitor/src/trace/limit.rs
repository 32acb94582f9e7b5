//! How many images that are no trace's one address, and everybody together, may fetch.
//! Those of a trace have a [`Bucket`] of their own, so that no flood of guesses hides a
//! real fetch. Pure: the time is passed in. Bounded: whatever a flood's addresses, no more
//! than so many are remembered, and beyond them only the common bucket counts.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

/// Per second on and on, and at once.
pub type Rate = (f64, f64);
/// What an address may fetch.
const EACH: Rate = (20.0, 80.0);
/// The same of all together.
const ALL: Rate = (400.0, 1200.0);
/// Addresses remembered.
const MOST: usize = 4096;
/// Between two looks for addresses that can be forgotten.
const SWEEP: Duration = Duration::from_secs(1);

/// The buckets.
pub struct Limit {
    all: Bucket,
    each: HashMap<IpAddr, Bucket>,
    swept: Instant,
}

/// What is left of a rate.
pub struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    /// All of it.
    pub fn full((_, most): Rate, at: Instant) -> Self {
        Self { left: most, at }
    }

    /// One of it, where there is one.
    pub fn take(&mut self, rate: Rate, now: Instant) -> bool {
        self.refill(rate, now);
        let any = self.left >= 1.0;
        if any {
            self.left -= 1.0;
        }
        any
    }

    fn refill(&mut self, (rate, most): Rate, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * rate).min(most);
        self.at = now;
    }
}

impl Limit {
    /// Nobody has fetched anything.
    pub fn new(now: Instant) -> Self {
        Self { all: Bucket::full(ALL, now), each: HashMap::new(), swept: now }
    }

    /// Whether one more may be served.
    pub fn admit(&mut self, address: IpAddr, now: Instant) -> bool {
        let address = network(address);
        if self.each.len() >= MOST && now.saturating_duration_since(self.swept) >= SWEEP {
            self.swept = now;
            // Who has been quiet long enough to have a full bucket need not be known.
            self.each.retain(|_, bucket| {
                bucket.refill(EACH, now);
                bucket.left < EACH.1
            });
        }
        let known = self.each.contains_key(&address) || self.each.len() < MOST;
        if known {
            let bucket = self.each.entry(address).or_insert_with(|| Bucket::full(EACH, now));
            if !bucket.take(EACH, now) {
                return false;
            }
        }
        self.all.take(ALL, now)
    }
}

/// IPv6 clients have a /64 to themselves.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_held_back_and_comes_back_while_others_are_served() {
        let start = Instant::now();
        let mut limit = Limit::new(start);
        let (loud, quiet) = ("2001:db8::1".parse().unwrap(), "192.0.2.1".parse().unwrap());
        let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
        let served = (0..500).filter(|_| limit.admit(loud, start)).count();
        assert_eq!(served, 80);
        assert!(!limit.admit(neighbour, start), "the same /64");
        assert!(limit.admit(quiet, start));
        let later = start + Duration::from_secs(1);
        assert_eq!((0..500).filter(|_| limit.admit(loud, later)).count(), 20);
    }

    #[test]
    fn a_flood_of_addresses_meets_the_common_bound_and_is_not_remembered_whole() {
        let start = Instant::now();
        let mut limit = Limit::new(start);
        let addresses = (0..100_000u32).map(|n| IpAddr::from(n.to_be_bytes()));
        let served = addresses.filter(|address| limit.admit(*address, start)).count();
        assert_eq!(served, 1200);
        assert!(limit.each.len() <= MOST);
    }
}
