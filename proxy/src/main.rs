//! `glassway-proxy`: arguments, configuration, signals, exit codes.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use glassway_shared::{
    config::{self, Config},
    listen, logging,
    store::migrate,
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
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = match config::load(arguments.config.as_deref()) {
        Ok(config) => config,
        Err(e) => return complain(2, &e),
    };
    match arguments.command {
        Some(Command::Check) => check(&config),
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
        Err(e) => complain(1, &format!("{e:#}")),
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
    let path = &config.database.path;
    let mut ok = true;
    if path.exists() {
        match migrate::due(path) {
            Ok(0) => println!("{}: up to date", path.display()),
            Ok(n) => println!("{}: {n} migrations are due at the next start", path.display()),
            Err(e) => {
                eprintln!("{e}");
                ok = false;
            }
        }
    } else {
        println!("{}: will be created", path.display());
    }
    if ok { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn complain(code: u8, what: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("glassway-proxy: {what}");
    ExitCode::from(code)
}
