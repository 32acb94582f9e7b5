//! `cargo xtask test`: every test there is, in one command. Steps that cannot
//! run here are listed with the reason; a step that fails fails the run, after
//! the others had their turn.

mod container;
mod monitoring;
mod steps;
mod systemd;

use std::{
    process::ExitCode,
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
    let done: Vec<Done> = STEPS
        .iter()
        .filter(|step| step.is_wanted(arguments))
        .map(|step| step.perform(arguments.full))
        .collect();
    Ok(summary(&done))
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
        Done { name: self.name, result, took: start.elapsed() }
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
