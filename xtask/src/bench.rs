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
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    for (program, package) in [("nginx", "nginx-light"), ("wrk", "wrk"), ("taskset", "util-linux")]
    {
        if let Err(why) = need(program, &[package]) {
            bail!(why);
        }
    }
    measure(arguments.short)?;
    Ok(ExitCode::SUCCESS)
}

/// Builds and runs the bench crate.
pub fn measure(short: bool) -> Result<()> {
    must(cargo().args([
        "build",
        "--release",
        "-p",
        "glassway-proxy",
        "-p",
        "glassway-monitor",
        "-p",
        "glassway-bench",
    ]))?;
    let mut bench = crate::tools::command(target().join("release/glassway-bench"));
    if short {
        bench.arg("--short");
    }
    must(&mut bench)
}
