//! How a key is picked among those that can serve, and what each way prefers: a number
//! per key, of which the smallest is the best. Pure.

use std::sync::atomic::Ordering::Relaxed;

use serde::{Deserialize, Serialize};

use super::lineup::Slot;

/// How a key is picked among those that can serve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// In turn, a key of twice the weight twice as often.
    #[default]
    RoundRobin,
    /// By weight.
    Random,
    /// The one with the fewest requests ever.
    LeastUsed,
    /// The one with the fewest running.
    LeastBusy,
    /// Quota left, then cost, then time to answer.
    Smart,
    /// The one that a conversation's beginning hashes to.
    Affinity,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::RoundRobin,
        Self::Random,
        Self::LeastUsed,
        Self::LeastBusy,
        Self::Smart,
        Self::Affinity,
    ];

    /// From the contract's word.
    pub fn named(name: &str) -> Option<Self> {
        serde_json::from_value(serde_json::Value::from(name)).ok()
    }
}

/// One turn of a key of weight 1, in steps of pace; a heavier key's turn is shorter.
const TURN: u64 = 1 << 20;

/// What a turn adds to a key's pace; the key furthest behind is next.
/// <https://en.wikipedia.org/wiki/Stride_scheduling>
pub(super) fn stride(weight: u32) -> u64 {
    (TURN / u64::from(weight.max(1))).max(1)
}

/// Quota left in tenths, then cost, then latency, packed so that the smallest is best.
pub(super) fn smart(slot: &Slot) -> u64 {
    let cost = (slot.cost.max(0) as u64 / 1000).min((1 << 28) - 1);
    let latency = (slot.place.latency_us.load(Relaxed) / 1000).min((1 << 28) - 1);
    u64::from(slot.place.spent_tenths.load(Relaxed)) << 56 | cost << 28 | latency
}

/// Rendezvous hashing: every conversation has an order of keys of its own.
/// <https://en.wikipedia.org/wiki/Rendezvous_hashing>
pub(super) fn affinity(slot: &Slot, conversation: u64) -> u64 {
    mix(conversation, slot.identity)
}

/// What rendezvous hashing knows a key and model by, the same after a restart (FNV-1a).
pub(super) fn identity(key_id: i64, model: &str) -> u64 {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    mix(model.bytes().fold(0xcbf2_9ce4_8422_2325, fnv), key_id as u64)
}

/// Mixes two numbers well enough for hashing (splitmix64's finisher).
pub fn mix(a: u64, b: u64) -> u64 {
    let mut x = a ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
