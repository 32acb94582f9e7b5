//! `cargo xtask fuzz`: lets every parser that meets the network read what nobody would write,
//! for as long as is asked. What was found worth reading again is kept in `fuzz/corpora`, a
//! packed file for each target, minimised; for how long each has run, in seconds of CPU, in
//! `fuzz/seconds.toml`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::resource::{UsageWho, getrusage};

use crate::tools::{must, root};

/// All of them; `fuzz/Cargo.toml` says what each reads.
const TARGETS: [&str; 11] = [
    "sse",
    "streams",
    "requests",
    "json",
    "heads",
    "bodies",
    "sockets",
    "questions",
    "answers",
    "redaction",
    "words",
];

#[derive(clap::Args)]
pub struct Arguments {
    /// Which of them; all where none is named.
    targets: Vec<String>,
    /// Seconds of CPU for each: on a busy machine that takes longer by the clock.
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let asked: Vec<&str> = match &arguments.targets[..] {
        [] => TARGETS.to_vec(),
        named => named.iter().map(String::as_str).collect(),
    };
    if let Some(unknown) = asked.iter().find(|target| !TARGETS.contains(target)) {
        bail!("there is no fuzz target {unknown}: there are {}", TARGETS.join(", "));
    }
    let cargo_fuzz = Command::new("cargo").args(["fuzz", "--version"]).output();
    ensure!(
        cargo_fuzz.is_ok_and(|said| said.status.success()),
        "cargo-fuzz is needed: install it by `cargo install cargo-fuzz`"
    );
    for target in asked {
        fuzz(target, arguments.seconds).with_context(|| format!("fuzzing {target}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn fuzz(target: &str, seconds: u64) -> Result<()> {
    let folder = root().join("fuzz");
    let corpus = root().join("target/fuzz-corpus").join(target);
    fs::create_dir_all(&corpus)?;
    let kept = folder.join(format!("corpora/{target}.tar.xz"));
    if kept.exists() {
        must(Command::new("tar").arg("-xJf").arg(&kept).arg("-C").arg(&corpus))?;
    }
    must(&mut cargo_fuzz("build", target))?;
    let mut spent = 0;
    while spent < seconds {
        let before = of_children()?;
        must(cargo_fuzz("run", target).arg(&corpus).arg(folder.join("seeds").join(target)).args(
            [
                "--",
                &dictionary(&folder, target),
                &format!("-max_total_time={}", (seconds - spent).clamp(60, 900)),
                "-rss_limit_mb=4096",
                "-timeout=60",
            ],
        ))?;
        let ran = of_children()? - before;
        ensure!(ran > 0, "a run used no CPU");
        count(&folder.join("seconds.toml"), target, ran)?;
        spent += ran;
    }
    keep(target, &corpus, &kept)
}

/// Seconds of CPU that the programs we started, and that have ended, used.
fn of_children() -> Result<u64> {
    let used = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok(u64::try_from(used.user_time().tv_sec() + used.system_time().tv_sec())?)
}

/// Adds to what the target has run. Another may be counting at the same time.
fn count(file: &Path, target: &str, seconds: u64) -> Result<()> {
    let turn = fs::File::create(root().join("target/fuzz-corpus/turn"))?;
    turn.lock()?;
    let so_far = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(e).context(file.display().to_string()),
    };
    let mut of: BTreeMap<String, u64> =
        toml::from_str(&so_far).with_context(|| file.display().to_string())?;
    *of.entry(target.to_owned()).or_default() += seconds;
    let head = "# Seconds of CPU that each target has run; `cargo xtask fuzz` adds its own.\n";
    Ok(fs::write(file, format!("{head}{}", toml::to_string(&of)?))?)
}

/// Of inputs that reach the same code, the smallest.
fn keep(target: &str, corpus: &Path, kept: &Path) -> Result<()> {
    let smallest = corpus.with_extension("smallest");
    if smallest.exists() {
        fs::remove_dir_all(&smallest)?;
    }
    fs::create_dir_all(&smallest)?;
    must(cargo_fuzz("run", target).arg(&smallest).arg(corpus).args(["--", "-merge=1"]))?;
    fs::create_dir_all(kept.parent().context("a folder")?)?;
    // The same contents make the same file.
    let same = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
    must(Command::new("tar").args(same).arg("-cJf").arg(kept).arg("-C").arg(smallest).arg("."))
}

fn dictionary(folder: &Path, target: &str) -> String {
    let own = folder.join(format!("{target}.dict"));
    let dictionary: PathBuf = if own.exists() { own } else { folder.join("json.dict") };
    format!("-dict={}", dictionary.display())
}

fn cargo_fuzz(what: &str, target: &str) -> Command {
    let mut command = Command::new("cargo");
    command
        .current_dir(root())
        .args(["fuzz", what, "--fuzz-dir", "fuzz", "--target-dir", "target/fuzz-hours", target])
        // SQLite is linked in twice, which the address sanitizer would stop at.
        .env("ASAN_OPTIONS", "detect_odr_violation=0")
        // Instrumentation is not in the stable compiler.
        .env("RUSTC_BOOTSTRAP", "1");
    command
}
