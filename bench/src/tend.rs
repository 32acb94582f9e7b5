//! How long one slice of the writer's idle work takes, by the clock and by what it computes
//! (what is more is the disk, the kernel and whoever else has the CPU), and how long it holds
//! the write lock, which it takes once it has read what it writes: indexing, then retention by
//! a disk budget over large bodies, merging and giving pages back.

use std::{
    fmt::Write,
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use glassway_proxy::pool::strategy::mix;
use glassway_shared::{
    feed::Losses,
    id::ExchangeId,
    model::Outcome,
    store::{
        checkpoint::Checkpointer,
        record::{Message, Record, Times},
        tend::{Limits, Tender},
        write::Writer,
    },
};
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};

use crate::lock::Watch;

/// Exchanges, each with a request of some 60 KB of which half is another's.
const LARGE: usize = 6_000;
/// Exchanges, each with a request of 2 KB of prose.
const SMALL: usize = 300_000;
const START_US: i64 = 1_700_000_000_000_000;
/// Between two slices of so many something is computed that always takes as long, to know what
/// the machine adds.
const CONTROL_EVERY: usize = 8;

/// Slices by what was to be done.
#[derive(Default)]
pub struct Slices {
    what: &'static str,
    taken: Vec<Duration>,
    computed: Vec<Duration>,
    held: Vec<Duration>,
}

/// Measures them.
pub fn measure() -> Result<Vec<Slices>> {
    let disk = |max_disk_bytes| Limits { max_disk_bytes, ..Limits::NONE };
    let age = |seconds| Limits { max_age: Some(Duration::from_secs(seconds)), ..Limits::NONE };
    let count = |max_exchanges| Limits { max_exchanges, ..Limits::NONE };
    let mut control = Control::calibrated();
    let mut bench = Bench::of(LARGE, large, &mut control)?;
    let mut all = vec![
        bench.run("indexing", Limits::NONE)?,
        bench.run("a disk budget of a third", disk(80 << 20))?,
        bench.run("all past its age", age(1))?,
    ];
    drop(bench);
    let prose = Prose::new();
    let mut bench = Bench::of(SMALL, |n| prose.small(n), &mut control)?;
    all.push(bench.run("small: indexing", Limits::NONE)?);
    all.push(bench.run("small: two of three past their number", count(SMALL as u64 / 3))?);
    drop(bench);
    all.push(control.slices);
    Ok(all)
}

/// A database, and the idle work on it by a clock of its own.
struct Bench<'a> {
    writer: Writer,
    checkpointer: Checkpointer,
    watch: Watch,
    tender: Tender,
    now_us: i64,
    control: &'a mut Control,
    _dir: tempfile::TempDir,
}

impl<'a> Bench<'a> {
    fn of(rows: usize, row: impl Fn(usize) -> Record, control: &'a mut Control) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("glassway.db");
        let mut writer = Writer::open(&path)?;
        let mut checkpointer = Checkpointer::start(&path)?;
        for from in (0..rows).step_by(64) {
            let batch: Vec<_> = (from..rows.min(from + 64)).map(&row).collect();
            writer.append(&batch, Losses::default())?;
            checkpointer.keep_up(&writer);
        }
        let watch = Watch::start(&path)?;
        let now_us = START_US + 3_600_000_000;
        let tender = Tender::default();
        Ok(Self { writer, checkpointer, watch, tender, now_us, control, _dir: dir })
    }

    /// Idle work until nothing is left of it.
    fn run(&mut self, what: &'static str, limits: Limits) -> Result<Slices> {
        let mut slices = Slices { what, ..Slices::default() };
        for _ in 0..3 {
            self.now_us += 700_000_000;
            loop {
                let more = slices
                    .time(|| Ok(self.tender.slice(&mut self.writer, limits, self.now_us)?))?;
                if slices.taken.len().is_multiple_of(CONTROL_EVERY) {
                    self.control.compute()?;
                }
                // Or one hold would look like one with the next.
                thread::sleep(Duration::from_micros(300));
                self.checkpointer.keep_up(&self.writer);
                if !more {
                    break;
                }
            }
        }
        slices.held = self.watch.taken();
        Ok(slices)
    }
}

impl Slices {
    fn time<T>(&mut self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let (began, before) = (Instant::now(), used()?);
        let out = work()?;
        self.taken.push(began.elapsed());
        self.computed.push(used()? - before);
        Ok(out)
    }
}

/// Something that takes about 5 ms, and always as long.
struct Control {
    rounds: u64,
    slices: Slices,
}

impl Control {
    fn calibrated() -> Self {
        const ROUNDS: u64 = 1 << 20;
        let mut times: Vec<_> = (0..51)
            .map(|_| {
                let began = Instant::now();
                spin(ROUNDS);
                began.elapsed()
            })
            .collect();
        times.sort();
        let rounds = (ROUNDS as f64 * 0.005 / times[25].as_secs_f64()) as u64;
        let what = "a loop that only computes";
        Self { rounds, slices: Slices { what, ..Slices::default() } }
    }

    fn compute(&mut self) -> Result<()> {
        let rounds = self.rounds;
        self.slices.time(|| {
            spin(rounds);
            Ok(())
        })
    }
}

fn spin(rounds: u64) {
    let mut state = 1_u64;
    for n in 0..rounds {
        state = std::hint::black_box(state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(n));
    }
}

/// CPU time of this thread so far.
fn used() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD)?;
    let us = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(us.unsigned_abs()))
}

/// As a section of the results.
pub fn section(all: &[Slices]) -> String {
    let mut out = format!(
        "{LARGE} exchanges with requests of 60 KB, half of it words that no other has, and {SMALL}\n\
         with 2 KB of prose (small). One slice of idle work stands between two batches\n\
         of records; what it writes it commits. The aim is 20 ms of write lock, here as it is seen\n\
         from beside the writer. The last row is what the machine makes, in the same minutes, of\n\
         something that always takes as long.\n\n\
         | ms | slices | median | 99 of 100 | longest | CPU: median | 99 of 100 | longest \
         | locked: median | 99 of 100 | longest |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n"
    );
    for Slices { what, taken, computed, held } in all {
        let _ = write!(out, "| {what} | {} |", taken.len());
        for mut times in [taken.clone(), computed.clone(), held.clone()] {
            times.sort();
            for share in [0.5, 0.99, 1.0] {
                let at = times.get((times.len().saturating_sub(1) as f64 * share) as usize);
                let _ = match at {
                    Some(time) => write!(out, " {:.1} |", time.as_secs_f64() * 1000.0),
                    None => write!(out, " |"),
                };
            }
        }
        out.push('\n');
    }
    out
}

fn large(n: usize) -> Record {
    // Spread, as identifiers are: in order, all words of a document would stand together in
    // the index.
    let words = |from: usize| {
        (from..from + 5_000)
            .map(|w| format!("{:x} ", (w as u32).wrapping_mul(0x9e37_79b1) >> 4))
            .collect::<String>()
    };
    let body = format!(
        r#"{{"messages":[{{"role":"user","content":"{}{}"}}]}}"#,
        words(n % 50 * 7_000),
        words(1_000_000 + n * 6_000)
    );
    record(n, body)
}

/// Words as often as a language has them: the n-th one time in n.
struct Prose {
    words: Vec<String>,
    up_to: Vec<f64>,
}

impl Prose {
    fn new() -> Self {
        let mut state = 1;
        let words = (0..50_000)
            .map(|_| {
                let letters = 2 + next(&mut state) % 8;
                (0..letters).map(|_| (b'a' + (next(&mut state) % 26) as u8) as char).collect()
            })
            .collect();
        let mut sum = 0.0;
        let up_to = (1..=50_000).map(|rank| {
            sum += 1.0 / f64::from(rank);
            sum
        });
        Self { words, up_to: up_to.collect() }
    }

    fn small(&self, n: usize) -> Record {
        let mut state = n as u64 + 1;
        let whole = self.up_to[self.up_to.len() - 1];
        let mut body = r#"{"messages":[{"role":"user","content":""#.to_owned();
        while body.len() < 2_000 {
            let at = next(&mut state) as f64 / f64::from(u32::MAX) * whole;
            let rank = self.up_to.partition_point(|up_to| *up_to < at);
            body.push_str(self.words.get(rank).map_or("end", |word| word));
            body.push(' ');
        }
        body.push_str(r#""}]}"#);
        record(n, body)
    }
}

/// Steele and Vigna's SplitMix64; 32 bits of it.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mix(*state, 0) >> 32
}

fn record(n: usize, body: String) -> Record {
    let message = |body: String| Message {
        headers: b"content-type: application/json\r\n".to_vec(),
        body_bytes: body.len() as u64,
        body: body.into_bytes(),
        ..Message::default()
    };
    Record {
        http_version: "HTTP/1.1".into(),
        provider: Some("openai".into()),
        model: Some("gpt-4o".into()),
        status: Some(200),
        outcome: Outcome::Ok,
        times: Times { duration_us: Some(2_000), ..Times::default() },
        reused: true,
        attempts: 1,
        request: message(body),
        response: Some(message(r#"{"ok":true}"#.to_owned())),
        ..Record::begun(
            ExchangeId::new(),
            START_US + n as i64 * 10_000,
            "POST",
            "/v1/chat/completions",
            "127.0.0.1",
        )
    }
}
