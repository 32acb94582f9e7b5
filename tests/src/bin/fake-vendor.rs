//! The fake vendor by itself, for client suites in other languages: prints where it
//! listens and answers until its standard input is closed.

use std::io::Read;

use glassway_tests::llm::{self, Pace};

fn main() {
    let vendor = llm::start(Pace::INSTANT);
    println!("listening on {}", vendor.url());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
