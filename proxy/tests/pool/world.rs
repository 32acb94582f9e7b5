//! A pool, the requests that run on it, and the checks at every pick.

use std::{sync::Arc, time::Duration};

use glassway_proxy::pool::{
    Lease, Place,
    health::Rests,
    lineup::{Lineup, Occasion, Slot, Turns},
    provision::{Limits, Provision},
    signal::Signal,
    strategy::Strategy,
};

use crate::bans::{Bans, FOR_EVER, Why};

/// What an upstream says.
#[derive(Clone, Copy, Debug)]
pub enum Said {
    Fine,
    Client,
    Egress,
    Limited(u64),
    NoModel,
    Exhausted,
    Invalid,
    Overloaded(u64),
    Failing,
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// A request is picked for and answered at once.
    Ask(Said),
    /// A request begins and runs on.
    Begin,
    /// The oldest one that runs is answered.
    Answer(Said),
    /// So many milliseconds pass.
    Pass(i64),
    /// Somebody resets a key.
    Reset(usize),
    /// A probe found out whether a key is one.
    Probed(usize, bool),
    /// By hand inactive, or active again.
    Switch(usize),
    /// It costs nano-dollars.
    Spend(usize, i64),
    /// Another snapshot.
    Reload,
}

struct Key {
    slot: Slot,
    bans: Bans,
    active: bool,
    quota: Option<i64>,
    provider: usize,
    weight: u32,
    /// The pick it served last, and the first of the unbroken row it was in for.
    picked: usize,
    in_since: usize,
}

pub struct World {
    strategy: Strategy,
    keys: Vec<Key>,
    /// Until when each provider must be left alone.
    providers: Vec<i64>,
    /// Which keys the lineup is made of.
    lined: Vec<usize>,
    lineup: Lineup,
    turns: Turns,
    running: Vec<(usize, Lease)>,
    now: i64,
    picks: usize,
    random: u64,
}

impl World {
    /// Keys by weight, quota and provider.
    pub fn new(strategy: Strategy, keys: &[(u32, Option<i64>, usize)]) -> Self {
        let provisions: [Arc<Provision>; 2] = Default::default();
        let key = |(n, (weight, quota, provider)): (usize, &(u32, Option<i64>, usize))| {
            let place = Arc::new(Place::default());
            place.set_quota(*quota);
            let (provider, quota) = (*provider, *quota);
            let provision = provisions[provider].clone();
            let slot = Slot::new(n as i64 + 1, place, provision, "m".into()).with_weight(*weight);
            let bans = Bans::default();
            Key {
                slot,
                bans,
                active: true,
                quota,
                provider,
                weight: *weight,
                picked: 0,
                in_since: 0,
            }
        };
        let mut world = Self {
            strategy,
            keys: keys.iter().enumerate().map(key).collect(),
            providers: vec![0; 2],
            lined: vec![],
            lineup: Lineup::default(),
            turns: Turns::default(),
            running: vec![],
            now: 1_000_000,
            picks: 0,
            random: 1,
        };
        world.reload();
        world
    }

    fn reload(&mut self) {
        self.lined = (0..self.keys.len()).filter(|n| self.keys[*n].active).collect();
        self.lineup = Lineup::new(self.lined.iter().map(|n| self.keys[*n].slot.clone()).collect());
    }

    /// Lets it happen and checks what must hold.
    pub fn happen(&mut self, event: Event) {
        match event {
            Event::Ask(said) => {
                if let Some(n) = self.begin() {
                    let (key, lease) = self.running.remove(n);
                    self.answer(key, said);
                    drop(lease);
                }
            }
            Event::Begin => drop(self.begin()),
            Event::Answer(said) => {
                if !self.running.is_empty() {
                    let (key, _lease) = self.running.remove(0);
                    self.answer(key, said);
                }
            }
            Event::Pass(ms) => self.now += ms,
            Event::Reset(n) => {
                if let Some(key) = self.keys.get_mut(n) {
                    key.slot.place.change(self.now, |health| *health = Default::default());
                    key.bans.reset();
                }
            }
            Event::Probed(n, fine) => self.probed(n, fine),
            Event::Switch(n) => {
                if let Some(key) = self.keys.get_mut(n) {
                    key.active = !key.active;
                    self.reload();
                }
            }
            Event::Spend(n, nano) => {
                if let Some(key) = self.keys.get(n) {
                    key.slot.place.spend(nano);
                }
            }
            Event::Reload => self.reload(),
        }
    }

    fn begin(&mut self) -> Option<usize> {
        let key = self.pick()?;
        let place = &self.keys[key].slot.place;
        self.running.push((key, Lease::take(place, self.now, true)));
        self.keys[key].slot.provider.ask(self.now, Limits::default());
        place.ask(self.now, Rests::default());
        self.keys[key].bans.picked(self.now);
        Some(self.running.len() - 1)
    }

    /// Picks, and checks the pick.
    pub fn pick(&mut self) -> Option<usize> {
        self.picks += 1;
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (random, conversation) = (self.random, self.random >> 60);
        let occasion = Occasion { now_ms: self.now, random, conversation };
        let ins: Vec<usize> = (0..self.keys.len()).filter(|n| self.is_in(*n)).collect();
        for (n, key) in self.keys.iter_mut().enumerate() {
            if !ins.contains(&n) {
                key.in_since = self.picks + 1;
            }
        }
        let picked = self.lineup.pick(self.strategy, occasion, &[], &self.turns);
        let Some(picked) = picked.map(|n| self.lined[n]) else {
            assert!(ins.is_empty(), "{ins:?} are in, and none was picked");
            return None;
        };
        assert!(ins.contains(&picked), "key {picked} is out: {:?}", self.keys[picked].bans);
        self.check_order(picked, &ins, conversation);
        if self.strategy == Strategy::RoundRobin {
            self.check_turns(picked, &ins);
        }
        self.keys[picked].picked = self.picks;
        Some(picked)
    }

    fn is_in(&self, n: usize) -> bool {
        let key = &self.keys[n];
        let spent = key.slot.place.spent();
        key.active
            && !key.bans.any(self.now)
            && key.quota.is_none_or(|quota| spent < quota)
            && self.providers[key.provider] <= self.now
            && key.slot.provider.state(self.now).until.is_none_or(|until| until <= self.now)
    }

    fn check_order(&self, picked: usize, ins: &[usize], conversation: u64) {
        let place = |n: usize| &self.keys[n].slot.place;
        let least = |value: &dyn Fn(usize) -> u64| {
            let least = ins.iter().map(|n| value(*n)).min();
            assert_eq!(Some(value(picked)), least, "{:?}", self.strategy);
        };
        match self.strategy {
            Strategy::LeastUsed => least(&|n| place(n).used()),
            Strategy::LeastBusy => least(&|n| place(n).in_flight().into()),
            Strategy::Smart => least(&|n| match self.keys[n].quota {
                None => 0,
                Some(quota) => (place(n).spent() * 10 / quota) as u64,
            }),
            Strategy::Affinity => {
                // The order of a conversation's keys, found with fresh ones that are all in.
                let fresh = |n: &usize| {
                    let key_id = self.keys[*n].slot.key_id;
                    Slot::new(key_id, Arc::default(), Arc::default(), "m".into())
                };
                let lineup = Lineup::new(ins.iter().map(fresh).collect());
                let occasion = Occasion { now_ms: 0, random: 0, conversation };
                let home = lineup.pick(Strategy::Affinity, occasion, &[], &Turns::default());
                assert_eq!(ins[home.unwrap()], picked, "a conversation has its home");
            }
            Strategy::RoundRobin | Strategy::Random => {}
        }
    }

    /// Of two keys that stay in, neither serves twice as often as its weight allows while
    /// the other waits: with equal weights they alternate.
    fn check_turns(&self, picked: usize, ins: &[usize]) {
        let last = self.keys[picked].picked;
        for &other in ins.iter().filter(|other| **other != picked) {
            let (key, waiting) = (&self.keys[picked], &self.keys[other]);
            if key.weight == waiting.weight && last > 0 && waiting.in_since <= last {
                assert!(waiting.picked > last, "{picked} served twice, {other} waits");
            }
            // Each other key may go first as often as it is heavier, and once more.
            let bound = |k: &Key| k.weight.div_ceil(waiting.weight) as usize + 1;
            let bound: usize = self.keys.iter().map(bound).sum();
            let since = waiting.picked.max(waiting.in_since);
            assert!(self.picks - since <= bound, "{other} waits since {since}, bound {bound}");
        }
    }

    fn answer(&mut self, n: usize, said: Said) {
        let now = self.now;
        let reason = String::from("r");
        let ms = |ms| Some(Duration::from_millis(ms));
        let signal = match said {
            Said::Fine => Signal::Fine,
            Said::Client => Signal::Client,
            Said::Egress => Signal::Egress(reason),
            Said::Limited(wait) => Signal::RateLimited { reason, wait: ms(wait) },
            Said::NoModel => Signal::NoModel(reason),
            Said::Exhausted => Signal::Exhausted(reason),
            Said::Invalid => Signal::InvalidKey(reason),
            Said::Overloaded(wait) => Signal::Overloaded { reason, wait: ms(wait) },
            Said::Failing => Signal::Failing(reason),
        };
        let key = &mut self.keys[n];
        let bans = &mut key.bans;
        let whole = [Why::Exhausted, Why::Suspect];
        match said {
            Said::Fine => {
                bans.lift(&[Why::NoModel, Why::Suspect]);
                if std::mem::take(&mut bans.trying) {
                    bans.lift(&[Why::Exhausted]);
                }
            }
            Said::Limited(wait) => bans.ban(Why::Limited, now + wait as i64),
            Said::NoModel => bans.ban(Why::NoModel, now + 600_000),
            Said::Exhausted if !bans.has(Why::Invalid, now) => {
                bans.lift(&whole);
                bans.ban(Why::Exhausted, now + 3_600_000);
                bans.trying = false;
            }
            Said::Invalid if !bans.has(Why::Invalid, now) && !bans.has(Why::Suspect, now) => {
                bans.lift(&whole);
                bans.ban(Why::Suspect, now + 60_000);
            }
            Said::Overloaded(wait) => {
                let until = &mut self.providers[key.provider];
                *until = (*until).max(now + wait as i64);
            }
            _ => {}
        }
        // An answer that closes an open breaker also ends what the provider asked for.
        let open = key.slot.provider.state(now).status == "open";
        if open && !matches!(said, Said::Overloaded(_) | Said::Failing) {
            self.providers[key.provider] = 0;
        }
        key.slot.place.change(now, |h| h.hear(&signal, "m", now, Rests::default()));
        key.slot.provider.hear(&signal, now, Limits::default());
    }

    fn probed(&mut self, n: usize, fine: bool) {
        let now = self.now;
        let Some(key) = self.keys.get_mut(n) else { return };
        let signal = if fine { Signal::Fine } else { Signal::InvalidKey("r".into()) };
        key.slot.place.change(now, |h| h.probed(&signal, now, Rests::default()));
        key.bans.lift(&[Why::Exhausted, Why::Suspect, Why::Invalid]);
        key.bans.trying = false;
        if !fine {
            key.bans.ban(Why::Invalid, FOR_EVER);
        }
    }
}
