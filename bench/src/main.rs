//! What Glassway costs: CPU time per request and per chunk as ratios to plain
//! nginx in the same run, memory per held stream, connections, disk.
//!
//! Wall-clock figures of small shared machines lie, ratios of CPU time hold. The
//! proxy under test has core 0 to itself; load and upstream share core 1. All
//! traffic is loopback and everything stops by itself.
//!
//! - `peers`: nginx, a bare TCP relay and Glassway (off, recording), each ready
//!   on a port of its own
//! - `cpu`: CPU time of a process
//! - `load`: what drives them
//! - `upstream`, `relay`: subprocesses of this program, pinned like everything
//! - `measure`: the measurements
//! - `pick`: how long choosing a key takes, in this process
//! - `soak`: hours of mixed load
//! - `tend`: how long idle work holds the write lock
//! - `report`: the tables

mod cpu;
mod load;
mod lock;
mod measure;
mod peers;
mod pick;
mod relay;
mod report;
mod soak;
mod tend;
mod upstream;

use std::net::SocketAddr;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about)]
struct Arguments {
    /// Fewer and shorter rounds; prints the table and writes nothing.
    #[arg(long)]
    short: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What runs as a process of its own.
#[derive(Subcommand)]
enum Part {
    /// The upstream.
    Upstream,
    /// The bare relay: the least a proxy can cost.
    Relay { to: SocketAddr },
    /// A load that asks at a fixed rate.
    Rate { to: SocketAddr, rps: u64, seconds: u64 },
    /// Only how long picking a key takes; writes that section.
    Pick,
    /// Only how long slices of idle work take; writes that section.
    Tend,
    /// Hours of mixed load; writes that section.
    Soak {
        /// For how long.
        #[arg(default_value_t = 60.0)]
        minutes: f64,
        /// So many requests a second, instead of as many as are answered.
        #[arg(long)]
        rate: Option<f64>,
    },
    /// A load of event streams.
    Streams { to: SocketAddr, streams: usize, chunks: usize, gap_ms: u64 },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.part {
        Some(Part::Upstream) => upstream::run(),
        Some(Part::Relay { to }) => relay::run(to),
        Some(Part::Pick) => report::publish_picks(&pick::measure(), arguments.short),
        Some(Part::Tend) => {
            report::publish_tend(&tend::section(&tend::measure()?), arguments.short)
        }
        Some(Part::Soak { minutes, rate }) => {
            let soaked = soak::soak(minutes, rate)?;
            report::publish_soak(&soaked.section(), rate.is_some(), arguments.short)
        }
        Some(Part::Rate { to, rps, seconds }) => load::rate(to, rps, seconds),
        Some(Part::Streams { to, streams, chunks, gap_ms }) => {
            load::streams(to, streams, chunks, gap_ms)
        }
        None => {
            let picks = pick::measure();
            let results = measure::all(arguments.short)?;
            report::publish(&results, arguments.short)?;
            report::publish_picks(&picks, arguments.short)
        }
    }
}
