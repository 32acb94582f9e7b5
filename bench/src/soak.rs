//! Hours of mixed load: whether memory, file descriptors or losses grow. Clients and the
//! upstream are threads of this process; both processes are watched from outside.

use std::{
    fmt::Write,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use glassway_tests::{
    Glassway, eventually,
    glassway::Which,
    llm::{self, Pace},
    mixed,
};

/// Clients; each asks as soon as it was answered, or by the clock.
const CLIENTS: usize = 4;
/// Share of the time after which everything is as warm as it gets.
const WARM_UP: f64 = 0.25;
/// Looks at the processes in all.
const LOOKS: u32 = 60;

/// What one look saw.
#[derive(Clone, Copy)]
struct Look {
    asked: u64,
    /// Of proxy and monitor: MB resident, open files.
    memory: [f64; 2],
    files: [usize; 2],
}

/// What came of it.
pub struct Soaked {
    minutes: f64,
    rate: Option<f64>,
    looks: Vec<Look>,
    asked: u64,
    rows: u64,
    shed: u64,
    lost: u64,
}

/// Loads for so long, with `rate` requests a second where it is given.
pub fn soak(minutes: f64, rate: Option<f64>) -> Result<Soaked> {
    let pace = rate.map(|rate| Duration::from_secs_f64(CLIENTS as f64 / rate));
    let upstream = llm::start(Pace::INSTANT);
    upstream.forget();
    let mut glassway = Glassway::setup()
        .upstream(&upstream.url())
        // Reached in minutes, so that retention is part of what is watched.
        .set("record.max_exchanges", 50_000)
        .set("record.max_disk_bytes", 300_000_000)
        .start();
    let addr = glassway.proxy_addr();
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (stop, asked) = (stop.clone(), asked.clone());
            thread::spawn(move || {
                let begun = Instant::now();
                for n in (0..).take_while(|_| !stop.load(Relaxed)) {
                    if let Some(pace) = pace {
                        let due = begun + pace.mul_f64(n as f64);
                        thread::sleep(due.saturating_duration_since(Instant::now()));
                    }
                    mixed::one(addr, client, n);
                    asked.fetch_add(1, Relaxed);
                }
            })
        })
        .collect();
    let begun = Instant::now();
    let long = Duration::from_secs_f64(minutes * 60.0);
    let mut looks = Vec::new();
    while begun.elapsed() < long {
        thread::sleep(long / LOOKS);
        let both = [Which::Proxy, Which::Monitor];
        let look = Look {
            asked: asked.load(Relaxed),
            memory: both.map(|which| glassway.resident(which) as f64 / 1e6),
            files: both.map(|which| files(glassway.pid(which))),
        };
        eprintln!(
            "{:5.1} min  {:8} asked  proxy {:6.1} MB {:3} files  monitor {:6.1} MB {:3} files",
            begun.elapsed().as_secs_f64() / 60.0,
            look.asked,
            look.memory[0],
            look.files[0],
            look.memory[1],
            look.files[1],
        );
        looks.push(look);
    }
    stop.store(true, Relaxed);
    for client in clients {
        ensure!(client.join().is_ok(), "a client failed");
    }
    eventually("nothing is in flight and nothing queued", || {
        let metrics = glassway.api().get("/metrics").text();
        let written = metrics.lines().any(|line| line == "glassway_queue_bytes 0");
        (glassway.api().json("/api/stats")["in_flight"] == 0 && written).then_some(())
    });
    let stats = glassway.api().json("/api/stats");
    let number = |value: &serde_json::Value| value.as_u64().unwrap_or(u64::MAX);
    Ok(Soaked {
        minutes,
        rate,
        looks,
        asked: asked.load(Relaxed),
        rows: number(&stats["calls"]["all"]),
        shed: number(&stats["lost"]["bodies_shed"]),
        lost: number(&stats["lost"]["records_lost"]),
    })
}

fn files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

impl Soaked {
    /// As a section of the results.
    pub fn section(&self) -> String {
        let warm = ((self.looks.len() as f64 * WARM_UP) as usize).min(self.looks.len() - 1);
        let rest = &self.looks[warm..];
        // The middle of the first and of the last fifth: one look may catch a moment.
        let fifth = (rest.len() / 5).max(1);
        let (first, last) = (&rest[..fifth], &rest[rest.len() - fifth..]);
        let mut out = String::new();
        let how = match self.rate {
            Some(rate) => format!("{rate} times a second together"),
            None => "as soon as they were answered".to_owned(),
        };
        let _ = writeln!(
            out,
            "{:.0} minutes, {CLIENTS} clients that ask {how}: JSON, streams of every\n\
             dialect, uploads of 300 KB, upstreams that answer 429, 500 and cut streams, one client in\n\
             seven leaving early. {:.0} requests a second on average; 50,000 exchanges and 300 MB kept.\n",
            self.minutes,
            self.asked as f64 / (self.minutes * 60.0),
        );
        out.push_str("| | proxy | monitor |\n|---|---|---|\n");
        let row = |out: &mut String, name: &str, of: &dyn Fn(usize) -> String| {
            let _ = writeln!(out, "| {name} | {} | {} |", of(0), of(1));
        };
        let memory = |looks: &[Look], at: usize| middle(looks.iter().map(|look| look.memory[at]));
        row(&mut out, "memory after warm-up, MB", &|at| format!("{:.1}", memory(first, at)));
        row(&mut out, "memory at the end, MB", &|at| format!("{:.1}", memory(last, at)));
        row(&mut out, "growth", &|at| {
            format!("{:+.1} %", (memory(last, at) / memory(first, at) - 1.0) * 100.0)
        });
        let files = |looks: &[Look], at: usize| middle(looks.iter().map(|l| l.files[at] as f64));
        row(&mut out, "open files after warm-up", &|at| format!("{:.0}", files(first, at)));
        row(&mut out, "open files at the end", &|at| format!("{:.0}", files(last, at)));
        let _ = writeln!(
            out,
            "\n{} asked, {} rows, {} bodies shed, {} records lost.",
            self.asked, self.rows, self.shed, self.lost
        );
        out
    }
}

fn middle(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
