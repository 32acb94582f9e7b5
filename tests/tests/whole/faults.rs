//! What a machine does to a service that runs for months, each as a test: the table in
//! `docs/operations.md` names them. In all of them clients are served, what is lost is
//! counted, memory stays bounded and everything goes on by itself.
//!
//! More of them: `durability.rs` (a full disk, a locked database), `restarts.rs` (kills),
//! `failures.rs` (upstreams that reset, hang or talk nonsense), `large_bodies.rs` (slow
//! readers), `feed.rs` (feeds that do not read).

mod clock;
mod crowds;
mod disk;
mod kills;
mod limits;
mod network;
mod stops;

use glassway_tests::{Glassway, client::get, eventually};

/// Whether the long form is asked for (`cargo xtask test --full`).
fn long() -> bool {
    std::env::var_os("GLASSWAY_LONG").is_some()
}

/// What cannot be had is said, and the test passes by where it may.
macro_rules! skip {
    ($($why:tt)*) => {{
        glassway_tests::refused::passes_by(&format!($($why)*));
        return;
    }};
}
use skip;

/// Asks until what is asked is recorded; how often that took.
fn until_recorded(glassway: &Glassway, path: &str) -> u64 {
    let mut made = 0;
    eventually("recording goes on by itself", || {
        assert_eq!(glassway.client().ask(get(path)).status(), 200);
        made += 1;
        (!glassway.api().requests(&format!("?path={path}")).is_empty()).then_some(())
    });
    made
}
