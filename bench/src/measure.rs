//! The measurements. Every peer gets its slice in turn, round after round, so
//! that whatever else the machine does hits all of them.

use std::path::Path;

use anyhow::Result;

use crate::{
    cpu, load,
    peers::{self, Peer},
};

/// Microseconds of CPU per unit of one peer, one figure per round.
pub struct Series {
    pub name: &'static str,
    pub rounds: Vec<f64>,
}

/// One measurement over all peers.
pub struct Comparison {
    pub what: &'static str,
    pub unit: &'static str,
    pub series: Vec<Series>,
}

/// One number about one peer.
pub struct Fact {
    pub what: &'static str,
    pub name: &'static str,
    pub value: String,
}

/// All that was measured.
pub struct Results {
    pub comparisons: Vec<Comparison>,
    pub facts: Vec<Fact>,
}

struct Sizes {
    rounds: usize,
    slice_s: u64,
    rate_s: u64,
    streams: usize,
    chunks: usize,
    held: usize,
}

/// Measures everything; about five minutes, or one with `short`.
pub fn all(short: bool) -> Result<Results> {
    let sizes = if short {
        Sizes { rounds: 2, slice_s: 1, rate_s: 2, streams: 20, chunks: 50, held: 100 }
    } else {
        Sizes { rounds: 7, slice_s: 1, rate_s: 4, streams: 40, chunks: 200, held: 400 }
    };
    let folder = tempfile::TempDir::with_prefix("glassway-bench-")?;
    load::wrk_script(folder.path())?;
    let (_upstream, upstream) = peers::upstream()?;
    let start = || -> Result<Vec<Peer>> {
        Ok(vec![
            peers::relay(upstream)?,
            peers::nginx(folder.path(), upstream)?,
            peers::glassway(upstream, false),
            peers::glassway(upstream, true),
        ])
    };
    let mut facts = Vec::new();

    // Memory first, on processes that have served nothing else.
    let mut peers = start()?;
    held(&mut peers, sizes.held, &mut facts)?;
    drop(peers);

    let mut peers = start()?;
    connections(&mut peers, upstream, &mut facts)?;
    let mut answers = 0;
    let saturated =
        compare(&mut peers, sizes.rounds, "saturation, 32 connections", "request", |peer| {
            let n = load::saturate(folder.path(), peer.addr, sizes.slice_s)?;
            if peer.name == "Glassway, recording" {
                answers += n;
            }
            Ok(n)
        })?;
    kept(&mut peers, answers, &mut facts);
    let mut part = |what, unit, arguments: Vec<String>| {
        compare(&mut peers, sizes.rounds, what, unit, |peer| {
            let mut arguments = arguments.clone();
            arguments.insert(1, peer.addr.to_string());
            load::part(&arguments)
        })
    };
    let words = |words: &[&dyn ToString]| words.iter().map(|w| w.to_string()).collect();
    let comparisons = vec![
        saturated,
        part("1,000 requests a second", "request", words(&[&"rate", &1_000, &sizes.rate_s]))?,
        part(
            "event streams, 5 ms gaps",
            "chunk",
            words(&[&"streams", &sizes.streams, &sizes.chunks, &5]),
        )?,
        part(
            "event streams, no gaps",
            "chunk",
            words(&[&"streams", &sizes.streams, &(sizes.chunks * 10), &0]),
        )?,
    ];
    lost(&mut peers, &mut facts);
    drop(peers);
    facts.push(disk(upstream)?);
    Ok(Results { comparisons, facts })
}

/// What is written is written; making it searchable comes when there is time. Both
/// cost, and are told apart.
const INDEXED: &str = "Glassway, recording and indexed";

fn compare(
    peers: &mut [Peer],
    rounds: usize,
    what: &'static str,
    unit: &'static str,
    mut slice: impl FnMut(&Peer) -> Result<u64>,
) -> Result<Comparison> {
    let names = peers.iter().map(|peer| peer.name).chain([INDEXED]);
    let mut series: Vec<Series> = names.map(|name| Series { name, rounds: Vec::new() }).collect();
    for peer in peers.iter() {
        slice(peer)?; // Connections open, caches warm.
    }
    for round in 1..=rounds {
        for (i, peer) in peers.iter_mut().enumerate() {
            // Nothing of an earlier slice is charged to this one.
            peer.settle();
            peer.index()?;
            let before = cpu::nanoseconds(&peer.pids);
            let units = slice(peer)?;
            let per_unit = |peer: &Peer| {
                (cpu::nanoseconds(&peer.pids) - before) as f64 / 1_000.0 / units as f64
            };
            peer.settle();
            series[i].rounds.push(per_unit(peer));
            if peer.name == "Glassway, recording" {
                peer.index()?;
                let indexed = per_unit(peer);
                series.last_mut().expect("the last one is there").rounds.push(indexed);
            }
        }
        eprintln!("{what}: round {round} of {rounds}");
    }
    Ok(Comparison { what, unit, series })
}

/// Memory that a stream costs while it is open.
fn held(peers: &mut [Peer], n: usize, facts: &mut Vec<Fact>) -> Result<()> {
    for peer in peers {
        drop(load::hold(peer.addr, 20)?);
        peer.settle();
        let before = peer.resident();
        let streams = load::hold(peer.addr, n)?;
        let each = peer.resident().saturating_sub(before) as f64 / 1024.0 / n as f64;
        drop(streams);
        facts.push(Fact {
            what: "KB per held stream",
            name: peer.name,
            value: format!("{each:.1}"),
        });
    }
    Ok(())
}

/// Upstream connections that a stream costs.
fn connections(
    peers: &mut [Peer],
    upstream: std::net::SocketAddr,
    facts: &mut Vec<Fact>,
) -> Result<()> {
    const STREAMS: usize = 100;
    for peer in peers {
        let before = load::connections(upstream)?;
        load::one_after_the_other(peer.addr, STREAMS)?;
        let opened = load::connections(upstream)? - before - 1; // less the one that asks
        facts.push(Fact {
            what: "upstream connections per 100 streams",
            name: peer.name,
            value: opened.to_string(),
        });
    }
    Ok(())
}

/// Every answer that wrk counted has a row. wrk drops a few requests at the end
/// of each slice, so there are more rows than answers.
fn kept(peers: &mut [Peer], answers: u64, facts: &mut Vec<Fact>) {
    for peer in peers {
        let name = peer.name;
        peer.settle();
        let Some(glassway) = peer.glassway().filter(|_| name == "Glassway, recording") else {
            continue;
        };
        let rows = &glassway.api().json("/api/stats")["calls"]["all"];
        facts.push(Fact { what: "rows for answers", name, value: format!("{rows} for {answers}") });
    }
}

fn lost(peers: &mut [Peer], facts: &mut Vec<Fact>) {
    for peer in peers {
        let name = peer.name;
        let Some(glassway) = peer.glassway().filter(|_| name == "Glassway, recording") else {
            continue;
        };
        let lost = glassway.api().json("/api/stats")["lost"].clone();
        facts.push(Fact {
            what: "shed bodies, lost records",
            name,
            value: format!("{}, {}", lost["bodies_shed"], lost["records_lost"]),
        });
    }
}

/// What a long conversation costs on disk.
fn disk(upstream: std::net::SocketAddr) -> Result<Fact> {
    use glassway_tests::glassway::Which;
    const TURNS: usize = 60;
    let mut peer = peers::glassway(upstream, true);
    peer.settle();
    let addr = peer.addr;
    let glassway = peer.glassway().expect("it is a Glassway");
    let stop = |glassway: &mut glassway_tests::Glassway| {
        glassway.term(Which::Monitor);
        glassway.term(Which::Proxy);
        folder_size(&glassway.folder().join("data"))
    };
    let raw = load::conversation(addr, TURNS)?;
    glassway.finished(TURNS);
    let stored = stop(glassway);
    let mut empty = peers::glassway(upstream, true);
    let empty = stop(empty.glassway().expect("it is a Glassway"));
    let cost = stored.saturating_sub(empty);
    Ok(Fact {
        what: "60-turn conversation on disk",
        name: "Glassway, recording",
        value: format!(
            "{:.2} MB of {:.2} MB raw ({:.2} ×)",
            mb(cost),
            mb(raw),
            cost as f64 / raw as f64
        ),
    })
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// The size of all files in a folder.
fn folder_size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .filter(std::fs::Metadata::is_file)
        .map(|file| file.len())
        .sum()
}
