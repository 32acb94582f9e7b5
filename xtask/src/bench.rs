//! `cargo xtask bench`: builds everything in release and hands over to the
//! bench crate, which measures and writes `bench/RESULTS.md`.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::tools::{cargo, must, need, target};

#[derive(clap::Args)]
pub struct Arguments {
    /// Fewer and shorter rounds; writes nothing.
    #[arg(long)]
    short: bool,
    /// Only how long picking a key takes: ten seconds, and needs no other program.
    #[arg(long)]
    pick: bool,
    /// Mixed load for so many minutes instead: memory, open files and losses.
    #[arg(long, value_name = "MINUTES")]
    soak: Option<f64>,
    /// With --soak: so many requests a second, instead of as many as are answered.
    #[arg(long, value_name = "REQUESTS", requires = "soak")]
    rate: Option<f64>,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.pick {
        build(&["glassway-bench"])?;
        must(crate::tools::command(target().join("release/glassway-bench")).arg("pick"))?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(minutes) = arguments.soak {
        build(&["glassway-proxy", "glassway-monitor", "glassway-bench"])?;
        let release = target().join("release");
        let mut soak = crate::tools::command(release.join("glassway-bench"));
        soak.arg("soak").arg(minutes.to_string()).env("GLASSWAY_BIN_DIR", &release);
        if let Some(rate) = arguments.rate {
            soak.arg("--rate").arg(rate.to_string());
        }
        must(&mut soak)?;
        return Ok(ExitCode::SUCCESS);
    }
    for (program, package) in [("nginx", "nginx-light"), ("wrk", "wrk"), ("taskset", "util-linux")]
    {
        if let Err(why) = need(program, &[package]) {
            bail!(why);
        }
    }
    measure(arguments.short)?;
    Ok(ExitCode::SUCCESS)
}

fn build(packages: &[&str]) -> Result<()> {
    let packages = packages.iter().flat_map(|package| ["-p", *package]);
    must(cargo().args(["build", "--release"]).args(packages))
}

/// Builds and runs the bench crate.
pub fn measure(short: bool) -> Result<()> {
    build(&["glassway-proxy", "glassway-monitor", "glassway-bench"])?;
    let mut bench = crate::tools::command(target().join("release/glassway-bench"));
    if short {
        bench.arg("--short");
    }
    must(&mut bench)
}
