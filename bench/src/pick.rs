//! What choosing a key costs with a thousand of them: no sockets, one thread, the
//! lineup that a request walks.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use glassway_proxy::pool::{
    health::Rests,
    lineup::{Lineup, Occasion, Slot, Turns},
    signal::Signal,
    strategy::Strategy,
};

/// One strategy's cost in each [`State`].
pub struct Figure {
    pub strategy: String,
    pub nanoseconds: [f64; 4],
}

/// How the keys stand.
#[derive(Clone, Copy)]
enum State {
    AllIn,
    EveryOtherCooling,
    QuotasHalfSpent,
    OneIn,
}

const KEYS: i64 = 1000;
const PICKS: u64 = 2000;
const ROUNDS: usize = 40;
const NOW: i64 = 1_000_000;

/// Measures every strategy; about ten seconds.
pub fn measure() -> Vec<Figure> {
    let states = [State::AllIn, State::EveryOtherCooling, State::QuotasHalfSpent, State::OneIn];
    let figure = |strategy| Figure {
        strategy: format!("{strategy:?}"),
        nanoseconds: states.map(|state| best(&lineup(state), strategy)),
    };
    Strategy::ALL.into_iter().map(figure).collect()
}

fn lineup(state: State) -> Lineup {
    let provider = Arc::default();
    let slot = |n| Slot::new(n, Arc::default(), Arc::clone(&provider), "gpt-4o".into());
    let slots: Vec<_> = (1..=KEYS).map(slot).collect();
    let wait = Some(Duration::from_secs(3600));
    let limited = Signal::RateLimited { reason: "rate_limit_exceeded".into(), wait };
    for slot in &slots {
        let cools = match state {
            State::AllIn => false,
            State::EveryOtherCooling => slot.key_id % 2 == 0,
            State::OneIn => slot.key_id != 777,
            State::QuotasHalfSpent => {
                slot.place.set_quota(Some(1000));
                slot.place.spend(slot.key_id % 990);
                false
            }
        };
        if cools {
            slot.place.change(NOW, |health| {
                health.hear(&limited, &slot.model, NOW, Rests::default());
            });
        }
    }
    Lineup::new(slots)
}

fn best(lineup: &Lineup, strategy: Strategy) -> f64 {
    let turns = Turns::default();
    let round = || {
        let start = Instant::now();
        for n in 0..PICKS {
            let random = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let occasion = Occasion { now_ms: NOW, random, conversation: random };
            black_box(black_box(lineup).pick(strategy, occasion, &[], &turns));
        }
        start.elapsed().as_nanos() as f64 / PICKS as f64
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}
