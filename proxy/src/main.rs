//! `glassway-proxy`: arguments, configuration, signals, exit codes.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use glassway_proxy::{check, hardened, rekey};
use glassway_shared::{
    config::{self, Config},
    listen, logging,
    tls::TlsError,
};
use tokio::signal::unix::{SignalKind, signal};

/// A transparent, recording reverse proxy for LLM APIs.
#[derive(Parser)]
#[command(name = "glassway-proxy", version)]
struct Arguments {
    /// Configuration file [default: ./config.toml if it is there]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Say what is wrong with configuration and database, and change nothing
    Check,
    /// Make a new private key and seal every stored key anew; the proxy may run meanwhile
    Rekey,
}

fn main() -> ExitCode {
    // First of all: from here on nothing secret that is read can be dumped.
    if let Err(e) = hardened::keep_memory_private() {
        return complain(1, &format!("cannot protect this process's memory: {e}"));
    }
    let arguments = Arguments::parse();
    let config = match config::load(arguments.config.as_deref()) {
        Ok(config) => config,
        Err(e) => return complain(2, &e),
    };
    match arguments.command {
        Some(Command::Check) => check(&config),
        Some(Command::Rekey) => rekey(&config),
        None => serve(config),
    }
}

fn serve(config: Config) -> ExitCode {
    if let Err(e) = logging::init(&config.log) {
        return complain(2, &e);
    }
    let listener = match listen::bind(config.proxy.listen) {
        Ok(listener) => listener,
        Err(e) => return complain(1, &e),
    };
    match glassway_proxy::run(config, listener, asked_to_stop()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => complain(if e.is::<TlsError>() { 2 } else { 1 }, &format!("{e:#}")),
    }
}

async fn asked_to_stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn check(config: &Config) -> ExitCode {
    let report = check::check(config);
    report.fine.iter().for_each(|line| println!("{line}"));
    report.wrong.iter().for_each(|line| eprintln!("{line}"));
    if report.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn rekey(config: &Config) -> ExitCode {
    match rekey::rekey(config) {
        Ok(done) => {
            println!("{} keys are sealed anew, for a new private key", done.keys);
            if !done.unopened.is_empty() {
                println!(
                    "{} could not be opened before and stay as they are; paste them again: {}",
                    done.unopened.len(),
                    done.unopened.join(", ")
                );
            }
            ExitCode::SUCCESS
        }
        Err(e) => complain(1, &format!("{e:#}")),
    }
}

fn complain(code: u8, what: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("glassway-proxy: {what}");
    ExitCode::from(code)
}
