//! `cargo xtask`: the one command that builds, runs, tests, shows, measures and
//! packs Glassway. Each subcommand is a file; what they share about other
//! programs is in `tools.rs` and about the two processes in `pair.rs`.

mod bench;
mod demo;
mod dist;
mod fuzz;
mod pair;
mod run;
mod screenshots;
mod test;
mod tools;
mod ui;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build what is missing and run Glassway.
    Run(run::Arguments),
    /// Run Glassway before a built-in fake upstream with a few clients at work.
    Demo(demo::Arguments),
    /// Run every test there is.
    Test(test::Arguments),
    /// Build the web UI, or serve it for development.
    Ui(ui::Arguments),
    /// Measure Glassway beside nginx and a bare relay; writes bench/RESULTS.md.
    Bench(bench::Arguments),
    /// Let the parsers read what nobody would write, an hour each.
    Fuzz(fuzz::Arguments),
    /// Take the pictures of the documentation anew.
    Screenshots(screenshots::Arguments),
    /// Pack both binaries with all that belongs to them.
    Dist,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Ui(arguments) => ui::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Screenshots(arguments) => screenshots::run(&arguments),
        Command::Dist => dist::run(),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
