//! Steps that run beside the others: what they print is kept until the others are done, and
//! what they came to is told in the same table.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command},
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};

use super::{Arguments, Done, Step, Verdict};
use crate::tools::target;

/// This program once more, with the steps that need not wait for the others.
pub struct Beside {
    steps: Vec<&'static str>,
    child: Child,
    report: PathBuf,
}

impl Beside {
    /// Starts them; `time` is what is left for the whole run.
    pub fn start(steps: &[&Step], given: &Arguments, time: Option<Duration>) -> Result<Self> {
        let steps: Vec<&'static str> = steps.iter().map(|step| step.name).collect();
        let log = log();
        let report = told();
        let output = File::create(&log).with_context(|| log.display().to_string())?;
        // This program as it runs: a step that builds has put another one in its file's place.
        let mut program = Command::new("/proc/self/exe");
        program.args(["test", "--only", &steps.join(","), "--report"]).arg(&report);
        if given.full {
            program.arg("--full");
        }
        if let Some(time) = time {
            // Before the others are cut off, so that it is told what these came to.
            program.args(["--minutes", &(time.as_secs() / 60).saturating_sub(1).to_string()]);
        }
        eprintln!("\nbeside what follows: {}", steps.join(", "));
        let child = program.stdout(output.try_clone()?).stderr(output).spawn()?;
        Ok(Self { steps, child, report })
    }

    /// Waits for them, prints what they printed, and tells what they came to.
    pub fn end(mut self) -> Vec<Done> {
        let ended = self.child.wait();
        eprintln!("\n── beside the others: {}", self.steps.join(", "));
        print();
        read(&self.report).unwrap_or_else(|error| {
            let how = ended.map_or_else(|e| e.to_string(), |status| status.to_string());
            let untold = |name: &&'static str| Done {
                name,
                result: Err(anyhow!("ended without a word ({how}): {error:#}")),
                took: Duration::ZERO,
            };
            self.steps.iter().map(untold).collect()
        })
    }
}

fn log() -> PathBuf {
    target().join("test-beside.log")
}

fn told() -> PathBuf {
    target().join("test-beside.json")
}

/// What an earlier run left is none of this one's.
pub fn forget() {
    for left in [log(), told()] {
        let _ = fs::remove_file(left);
    }
}

/// Prints what they have printed so far.
pub fn print() {
    eprintln!("{}", fs::read_to_string(log()).unwrap_or_default());
}

/// What the steps came to, for [`Beside::end`].
pub fn report(file: &PathBuf, done: &[Done]) -> Result<()> {
    let lines: Vec<Value> = done
        .iter()
        .map(|step| {
            let (skipped, failed) = match &step.result {
                Ok(Verdict::Passed) => (None, None),
                Ok(Verdict::Skipped(why)) => (Some(why.clone()), None),
                Err(error) => (None, Some(format!("{error:#}"))),
            };
            json!({
                "name": step.name, "seconds": step.took.as_secs(),
                "skipped": skipped, "failed": failed,
            })
        })
        .collect();
    fs::write(file, Value::from(lines).to_string()).with_context(|| file.display().to_string())
}

fn read(file: &PathBuf) -> Result<Vec<Done>> {
    let lines: Vec<Value> = serde_json::from_slice(&fs::read(file)?)?;
    lines
        .iter()
        .map(|line| {
            let name = line["name"].as_str().unwrap_or_default();
            let step = super::STEPS.iter().find(|step| step.name == name);
            let result = match (line["failed"].as_str(), line["skipped"].as_str()) {
                (Some(error), _) => Err(anyhow!("{error}")),
                (None, Some(why)) => Ok(Verdict::Skipped(why.to_owned())),
                (None, None) => Ok(Verdict::Passed),
            };
            Ok(Done {
                name: step.with_context(|| format!("there is no step {name}"))?.name,
                result,
                took: Duration::from_secs(line["seconds"].as_u64().unwrap_or_default()),
            })
        })
        .collect()
}
