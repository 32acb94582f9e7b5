//! `cargo xtask test`: every test there is, in one command. Steps that cannot
//! run here are listed with the reason; a step that fails fails the run, after
//! the others had their turn.

mod beside;
mod container;
mod monitoring;
mod steps;
mod systemd;

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::tools::paint;
use steps::STEPS;

#[derive(clap::Args)]
pub struct Arguments {
    /// Run only these steps (by name or beginning of a name), separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "STEPS")]
    only: Vec<String>,
    /// Run the slow ones too: the soak tests and a short bench.
    #[arg(long)]
    full: bool,
    /// Fail after so many minutes, with what was found until then, instead of being cut off
    /// by who waits for it.
    #[arg(long, value_name = "MINUTES")]
    minutes: Option<u64>,
    /// Where to write what the steps came to.
    #[arg(long, hide = true, value_name = "FILE")]
    report: Option<PathBuf>,
    /// List the steps and do nothing.
    #[arg(long)]
    list: bool,
}

/// What a step came to, errors aside.
enum Verdict {
    Passed,
    Skipped(String),
}

struct Step {
    name: &'static str,
    what: &'static str,
    /// Runs with `--full` or when it is named.
    slow: bool,
    /// Runs beside those that follow it and are not: it shares no folder with them that it
    /// writes to.
    beside: bool,
    run: fn(full: bool) -> Result<Verdict>,
}

/// A step that has run.
struct Done {
    name: &'static str,
    result: Result<Verdict>,
    took: Duration,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.list {
        for step in STEPS {
            let slow = if step.slow { " (with --full)" } else { "" };
            println!("{:<16} {}{slow}", step.name, step.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    for wanted in &arguments.only {
        if !STEPS.iter().any(|step| step.name.starts_with(wanted)) {
            bail!("there is no step {wanted}; `cargo xtask test --list` shows them");
        }
    }
    if arguments.report.is_none() {
        beside::forget();
    }
    let done = Arc::new(Mutex::new(Vec::new()));
    let start = Instant::now();
    let time = arguments.minutes.map(|minutes| Duration::from_secs(minutes * 60));
    if let Some(time) = time {
        end_after(time, done.clone(), arguments.report.clone());
    }
    let wanted: Vec<&Step> = STEPS.iter().filter(|step| step.is_wanted(arguments)).collect();
    let (beside, others): (Vec<&Step>, Vec<&Step>) = wanted.iter().partition(|step| step.beside);
    // What comes after the first of them has what they need, too: both programs, built.
    let first = beside.first().and_then(|first| wanted.iter().position(|s| s.name == first.name));
    let (before, after) = others.split_at(first.unwrap_or(others.len()));
    let perform = |steps: &[&Step]| {
        for step in steps {
            let has_run = step.perform(arguments.full);
            lock(&done).push(has_run);
        }
    };
    // What measures would measure the others.
    let (alone, after): (Vec<&Step>, Vec<&Step>) = after.iter().partition(|step| step.slow);
    perform(before);
    if after.is_empty() {
        perform(&beside);
    } else {
        let left = time.map(|time| time.saturating_sub(start.elapsed()));
        let running = beside::Beside::start(&beside, arguments, left)?;
        perform(&after);
        let told = running.end();
        lock(&done).extend(told);
    }
    perform(&alone);
    let done = lock(&done);
    if let Some(file) = &arguments.report {
        beside::report(file, &done)?;
    }
    Ok(summary(&done))
}

/// Ends the whole run once its time is over.
fn end_after(time: Duration, done: Arc<Mutex<Vec<Done>>>, report: Option<PathBuf>) {
    std::thread::spawn(move || {
        std::thread::sleep(time);
        // Held to the end: no step is told as done after this.
        let done = lock(&done);
        match report {
            // Who runs this beside itself prints what we have printed.
            Some(file) => drop(beside::report(&file, &done)),
            None => beside::print(),
        }
        summary(&done);
        println!("FAILED: cut off after {} minutes", time.as_secs() / 60);
        std::process::exit(1);
    });
}

fn lock(done: &Mutex<Vec<Done>>) -> MutexGuard<'_, Vec<Done>> {
    done.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Step {
    fn is_wanted(&self, arguments: &Arguments) -> bool {
        if arguments.only.is_empty() {
            return !self.slow || arguments.full;
        }
        arguments.only.iter().any(|w| self.name.starts_with(w))
    }

    fn perform(&self, full: bool) -> Done {
        eprintln!("\n{} {}", paint("1", &format!("── {}", self.name)), self.what);
        let start = Instant::now();
        let result = (self.run)(full);
        if let Err(error) = &result {
            eprintln!("{} {error:#}", paint("31", "failed:"));
        }
        let took = start.elapsed();
        eprintln!("{} took {} s", self.name, took.as_secs());
        Done { name: self.name, result, took }
    }
}

/// Prints the table and the last line; the exit code says whether all is well.
fn summary(done: &[Done]) -> ExitCode {
    println!();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for step in done {
        let (word, why) = match &step.result {
            Ok(Verdict::Passed) => {
                passed += 1;
                ("passed", String::new())
            }
            Ok(Verdict::Skipped(why)) => {
                skipped += 1;
                ("skipped", why.clone())
            }
            Err(error) => {
                failed += 1;
                let text = format!("{error:#}");
                ("FAILED", text.lines().next().unwrap_or_default().to_owned())
            }
        };
        println!("{:<16} {word:<8} {:>5} s  {why}", step.name, step.took.as_secs());
    }
    println!("\n{passed} passed, {failed} failed, {skipped} skipped");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
