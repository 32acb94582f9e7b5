//! How many wrong keys are looked at: of one address so many in a minute, of all strangers
//! together a thousand. Beyond that none is looked at, right or wrong, since an answer that
//! told them apart would be what a guesser wants. Addresses that showed a right credential
//! are judged by their own count alone, so that a flood from elsewhere locks nobody out.
//!
//! Bounded: the memory of 4,096 addresses. Where a flood fills it within a minute, strangers
//! wait; to forget the oldest would give each its guesses anew. Time is passed in.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

const WINDOW: Duration = Duration::from_secs(60);
const ADDRESSES: usize = 4_096;
/// Wrong keys of all together, beyond which a stranger has one guess.
const ALL: u32 = 1_000;
/// Addresses that showed a right credential: only they who have one come in here.
const KNOWN: usize = 256;
/// Between two looks for windows that have ended.
const SWEEP: Duration = Duration::from_secs(1);

/// A key under the stored hash it was tried on: enough to know it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Guess(u64);

impl Guess {
    pub(super) fn of(key: &blake3::Hash, stored: &str) -> Self {
        let mixed = blake3::keyed_hash(key.as_bytes(), stored.as_bytes());
        let (first, _) = mixed.as_bytes().split_first_chunk().expect("a hash has 32 bytes");
        Self(u64::from_le_bytes(*first))
    }
}

/// Whether a key is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Look,
    /// It was wrong a moment ago.
    Wrong,
    /// There were too many: not before so long.
    Wait(Duration),
}

/// The counts of one way in.
pub(super) struct Limiter {
    each: u32,
    /// A program that goes on sending its old key is no guesser, and must not lock out
    /// those beside it: the same wrong key counts once.
    once: bool,
    seen: HashMap<IpAddr, Window>,
    all: Window,
    known: HashMap<IpAddr, Instant>,
    swept: Option<Instant>,
}

#[derive(Default)]
struct Window {
    began: Option<Instant>,
    failures: u32,
    wrong: Vec<Guess>,
}

impl Window {
    /// How long it still counts; anew where its time is over.
    fn left(&mut self, now: Instant) -> Duration {
        let began = *self.began.get_or_insert(now);
        let left = (began + WINDOW).saturating_duration_since(now);
        if !left.is_zero() {
            return left;
        }
        *self = Self { began: Some(now), ..Self::default() };
        WINDOW
    }

    fn lives(&self, now: Instant) -> bool {
        self.began.is_some_and(|began| now < began + WINDOW)
    }
}

impl Limiter {
    /// For the sign-in, where every wrong key counts.
    pub(super) fn of_sign_ins() -> Self {
        Self::new(10, false)
    }

    /// For bearers, which programs send, often several behind one address.
    pub(super) fn of_bearers() -> Self {
        Self::new(60, true)
    }

    fn new(each: u32, once: bool) -> Self {
        Self {
            each,
            once,
            seen: HashMap::new(),
            all: Window::default(),
            known: HashMap::new(),
            swept: None,
        }
    }

    /// Whether this key of this address is looked at.
    pub(super) fn may(&mut self, address: IpAddr, guess: Guess, now: Instant) -> Verdict {
        let address = network(address);
        let stranger = !self.known.contains_key(&address);
        let all = (self.all.left(now), self.all.failures >= ALL);
        let Some(window) = self.seen.get_mut(&address) else {
            return match stranger && self.is_full(now) {
                true => Verdict::Wait(WINDOW),
                false => Verdict::Look,
            };
        };
        let left = window.left(now);
        match () {
            () if self.once && window.wrong.contains(&guess) => Verdict::Wrong,
            () if window.failures >= self.each => Verdict::Wait(left),
            () if stranger && all.1 && window.failures > 0 => Verdict::Wait(all.0),
            () => Verdict::Look,
        }
    }

    /// Counts a key that was looked at and found wrong.
    pub(super) fn failed(&mut self, address: IpAddr, guess: Guess, now: Instant) {
        let address = network(address);
        self.all.left(now);
        self.all.failures = self.all.failures.saturating_add(1);
        if !self.seen.contains_key(&address) && self.is_full(now) {
            // Of a known address, or of a stranger that was let in a moment ago.
            let oldest = self.seen.iter().min_by_key(|(_, window)| window.began);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                self.seen.remove(&oldest);
            }
        }
        let window = self.seen.entry(address).or_default();
        window.left(now);
        window.failures = window.failures.saturating_add(1);
        if self.once {
            window.wrong.push(guess);
        }
    }

    /// Remembers who showed a right credential.
    pub(super) fn right(&mut self, address: IpAddr, now: Instant) {
        let address = network(address);
        if !self.known.contains_key(&address)
            && self.known.len() >= KNOWN
            && let Some(oldest) = self.known.iter().min_by_key(|(_, at)| **at).map(|(a, _)| *a)
        {
            self.known.remove(&oldest);
        }
        self.known.insert(address, now);
    }

    fn is_full(&mut self, now: Instant) -> bool {
        if self.seen.len() < ADDRESSES {
            return false;
        }
        if self.swept.is_none_or(|swept| now >= swept + SWEEP) {
            self.swept = Some(now);
            self.seen.retain(|_, window| window.lives(now));
        }
        self.seen.len() >= ADDRESSES
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

    fn address(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    /// Tries a wrong key; whether it was looked at.
    fn wrong(limiter: &mut Limiter, from: IpAddr, guess: u64, now: Instant) -> bool {
        let looked = limiter.may(from, Guess(guess), now) == Verdict::Look;
        if looked {
            limiter.failed(from, Guess(guess), now);
        }
        looked
    }

    #[test]
    fn the_eleventh_key_in_a_minute_is_not_looked_at() {
        let mut limiter = Limiter::of_sign_ins();
        let start = Instant::now();
        let [a, neighbor, b] = ["2001:db8::1", "2001:db8::ff:2", "2001:db8:0:1::1"]
            .map(|text| text.parse::<IpAddr>().unwrap());
        for _ in 0..10 {
            assert!(wrong(&mut limiter, a, 1, start));
        }
        for from in [a, neighbor] {
            assert_eq!(limiter.may(from, Guess(2), start), Verdict::Wait(WINDOW));
        }
        assert_eq!(limiter.may(b, Guess(2), start), Verdict::Look);
        assert_eq!(limiter.may(a, Guess(2), start + WINDOW), Verdict::Look);
    }

    #[test]
    fn a_program_with_an_old_key_locks_nobody_out_and_a_guesser_is_stopped() {
        let mut limiter = Limiter::of_bearers();
        let start = Instant::now();
        assert!(wrong(&mut limiter, address(1), 1, start));
        for _ in 0..1_000 {
            assert_eq!(limiter.may(address(1), Guess(1), start), Verdict::Wrong);
        }
        assert_eq!(limiter.may(address(1), Guess(2), start), Verdict::Look);
        let looked = (2..1_000).filter(|n| wrong(&mut limiter, address(1), *n, start)).count();
        assert_eq!(looked, 59);
        assert_eq!(limiter.may(address(1), Guess(1_000), start), Verdict::Wait(WINDOW));
    }

    #[test]
    fn a_flood_from_many_addresses_is_bounded_and_locks_out_none_that_is_known() {
        let mut limiter = Limiter::of_sign_ins();
        let start = Instant::now();
        let operator = address(u32::MAX);
        limiter.right(operator, start);
        let mut looked = 0;
        for round in 0..10 {
            for n in 0..10_000 {
                looked += u32::from(wrong(&mut limiter, address(n), round, start));
            }
        }
        assert!((1_000..=6_000).contains(&looked), "{looked}");
        assert!(limiter.seen.len() <= ADDRESSES);
        assert_eq!(limiter.may(address(20_000), Guess(1), start), Verdict::Wait(WINDOW));
        // A typo or two must not lock the operator out either.
        for n in 0..3 {
            assert!(wrong(&mut limiter, operator, n, start));
        }
        assert_eq!(limiter.may(operator, Guess(9), start), Verdict::Look);
        assert_eq!(limiter.may(address(20_000), Guess(1), start + WINDOW), Verdict::Look);
    }

    #[test]
    fn a_stranger_has_a_guess_while_others_flood() {
        let mut limiter = Limiter::of_sign_ins();
        let start = Instant::now();
        for n in 0..u64::from(ALL) {
            assert!(wrong(&mut limiter, address(n as u32 / 10), n, start));
        }
        assert!(wrong(&mut limiter, address(5_000), 1, start));
        assert_eq!(limiter.may(address(5_000), Guess(2), start), Verdict::Wait(WINDOW));
    }

    #[test]
    fn whoever_is_known_is_bounded_too() {
        let mut limiter = Limiter::of_sign_ins();
        let start = Instant::now();
        (0..1_000).for_each(|n| limiter.right(address(n), start));
        assert!(limiter.known.len() <= KNOWN);
    }
}
