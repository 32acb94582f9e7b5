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
const ROWS: usize = 6_000;
const START_US: i64 = 1_700_000_000_000_000;

/// Slices by what was to be done.
pub struct Slices {
    what: &'static str,
    taken: Vec<Duration>,
    computed: Vec<Duration>,
    held: Vec<Duration>,
}

/// Measures them.
pub fn measure() -> Result<Vec<Slices>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("glassway.db");
    let mut writer = Writer::open(&path)?;
    let mut checkpointer = Checkpointer::start(&path)?;
    let records: Vec<_> = (0..ROWS).map(record).collect();
    for batch in records.chunks(64) {
        writer.append(batch, Losses::default())?;
        checkpointer.keep_up(&writer);
    }
    let watch = Watch::start(&path)?;
    let mut tender = Tender::default();
    let mut now_us = START_US + 3_600_000_000;
    let mut run = |what, limits| -> Result<Slices> {
        let (mut taken, mut computed) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            now_us += 700_000_000;
            loop {
                let (began, before) = (Instant::now(), used()?);
                let more = tender.slice(&mut writer, limits, now_us)?;
                taken.push(began.elapsed());
                computed.push(used()? - before);
                // Or one hold would look like one with the next.
                thread::sleep(Duration::from_micros(300));
                checkpointer.keep_up(&writer);
                if !more {
                    break;
                }
            }
        }
        Ok(Slices { what, taken, computed, held: watch.taken() })
    };
    let disk = |max_disk_bytes| Limits { max_disk_bytes, ..Limits::NONE };
    let age = |seconds| Limits { max_age: Some(Duration::from_secs(seconds)), ..Limits::NONE };
    Ok(vec![
        run("indexing", Limits::NONE)?,
        run("a disk budget of a third", disk(80 << 20))?,
        run("all past its age", age(1))?,
    ])
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
        "{ROWS} exchanges with requests of 60 KB. One slice of idle work stands between two batches\n\
         of records; what it writes it commits. The aim is 20 ms of write lock, here as it is seen\n\
         from beside the writer.\n\n\
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
                let _ = write!(out, " {:.1} |", at.map_or(0.0, |time| time.as_secs_f64()) * 1000.0);
            }
        }
        out.push('\n');
    }
    out
}

fn record(n: usize) -> Record {
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
            START_US + n as i64 * 100_000,
            "POST",
            "/v1/chat/completions",
            "127.0.0.1",
        )
    }
}
