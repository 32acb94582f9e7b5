//! How many wrong keys an address may send: ten in a minute. Bounded: the memory of
//! 4,096 addresses, the oldest forgotten first. Time is passed in.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

const FAILURES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
const ADDRESSES: usize = 4_096;

#[derive(Default)]
pub(super) struct Limiter {
    seen: HashMap<IpAddr, Window>,
}

struct Window {
    began: Instant,
    failures: u32,
}

impl Limiter {
    /// Counts a wrong key; how long to wait where there were too many.
    pub(super) fn failed(&mut self, address: IpAddr, now: Instant) -> Option<Duration> {
        let address = network(address);
        if !self.seen.contains_key(&address) && self.seen.len() >= ADDRESSES {
            self.seen.retain(|_, window| now < window.began + WINDOW);
            if self.seen.len() >= ADDRESSES
                && let Some(oldest) = self.seen.iter().min_by_key(|(_, w)| w.began).map(|(a, _)| *a)
            {
                self.seen.remove(&oldest);
            }
        }
        let window = self.seen.entry(address).or_insert(Window { began: now, failures: 0 });
        if now >= window.began + WINDOW {
            *window = Window { began: now, failures: 0 };
        }
        window.failures += 1;
        (window.failures > FAILURES).then(|| window.began + WINDOW - now)
    }
}

/// One customer of a provider has a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let s = v6.segments();
            Ipv6Addr::new(s[0], s[1], s[2], s[3], 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_wrong_key_in_a_minute_waits() {
        let mut limiter = Limiter::default();
        let start = Instant::now();
        let (a, b) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        for _ in 0..10 {
            assert_eq!(limiter.failed(a, start), None);
        }
        assert_eq!(limiter.failed(a, start), Some(WINDOW));
        assert_eq!(limiter.failed(b, start), None);
        assert_eq!(limiter.failed(a, start + WINDOW), None);
    }

    #[test]
    fn memory_is_bounded() {
        let mut limiter = Limiter::default();
        let start = Instant::now();
        for n in 0..10_000u32 {
            limiter.failed(IpAddr::from(n.to_be_bytes()), start);
        }
        assert!(limiter.seen.len() <= ADDRESSES);
    }
}
