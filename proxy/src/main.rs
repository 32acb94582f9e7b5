//! `glassway-proxy`: arguments, configuration, signals, exit codes.

use std::{net::TcpListener, path::PathBuf, process::ExitCode};

use clap::Parser;
use glassway_proxy::{
    arguments::{Arguments, Command},
    check,
    handover::{Takeover, ask, successor},
    hardened, rekey,
};
use glassway_shared::{
    command_line,
    config::{self, Config},
    listen::{self, Passed},
    logging,
    networks::Networks,
    probe,
    tls::TlsError,
};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    // First of all: from here on nothing secret that is read can be dumped.
    if let Err(e) = hardened::keep_memory_private() {
        return complain(1, &format!("cannot protect this process's memory: {e}"));
    }
    if let Some(code) = successor::between() {
        return code;
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(e) if !e.use_stderr() => {
            let _ = e.print();
            return ExitCode::SUCCESS;
        }
        Err(e) => return complain(2, &command_line::one_line(&e.to_string())),
    };
    let config = match config::load(arguments.config.as_deref()) {
        Ok(config) => config,
        // `check` only ever says yes or no.
        Err(e) if matches!(arguments.command, Some(Command::Check)) => return complain(1, &e),
        Err(e) => return complain(2, &e),
    };
    match arguments.command {
        Some(Command::Check) => check(&config),
        Some(Command::Rekey) => rekey(&config),
        Some(Command::Health) => health(&config),
        Some(Command::Reload) => reload(&config),
        None => serve(config, arguments.config, arguments.take_over),
    }
}

fn serve(config: Config, file: Option<PathBuf>, take_over: bool) -> ExitCode {
    if let Err(e) = logging::init(&config.log) {
        return complain(2, &e);
    }
    let passed = match Passed::from_env(&["proxy"]) {
        Ok(mut passed) => passed.take("proxy"),
        Err(e) => return complain(2, &e),
    };
    let taken = match take_over.then(|| Takeover::ask(&config.proxy.link)).transpose() {
        Ok(taken) => taken.flatten(),
        Err(e) => return complain(1, &format!("{e:#}")),
    };
    let (predecessor, given) = match taken {
        Some((predecessor, listener)) => (Some(predecessor), Some(listener)),
        None => (None, passed),
    };
    let (config, listener) = match given {
        Some(listener) => match adopt(config, &listener) {
            Ok(config) => (config, listener),
            Err(e) => return complain(2, &e),
        },
        None => match listen::bind(config.proxy.listen) {
            Ok(listener) => (config, listener),
            Err(e) => return complain(1, &e),
        },
    };
    if let Err(e) = logging::follow_hangups(file) {
        return complain(1, &format!("cannot wait for SIGHUP: {e}"));
    }
    match glassway_proxy::run(config, listener, predecessor, asked_to_stop()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => complain(if e.is::<TlsError>() { 2 } else { 1 }, &format!("{e:#}")),
    }
}

/// The configuration, at the address of a listener that was passed.
fn adopt(config: Config, listener: &TcpListener) -> Result<Config, String> {
    let address = listener.local_addr().map_err(|e| format!("the passed listener: {e}"))?;
    let configured = config.proxy.listen;
    if configured != address {
        tracing::warn!(
            "listening on {address}, a socket that was passed; proxy.listen = \"{configured}\" is not used"
        );
    }
    config.at(address).map_err(|e| e.to_string())
}

/// Resolves on SIGTERM and SIGINT.
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

fn health(config: &Config) -> ExitCode {
    let tls = !config.proxy.tls_cert.as_os_str().is_empty();
    let allowed = Networks::of(&config.proxy.allowed_clients);
    match probe::ask("proxy.listen", config.proxy.listen, tls, &allowed) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(e) => complain(1, &e),
    }
}

fn reload(config: &Config) -> ExitCode {
    match ask::reload(&config.proxy.link) {
        Ok(pid) => {
            println!("process {pid} serves now");
            ExitCode::SUCCESS
        }
        Err(e) => complain(1, &format!("{e:#}")),
    }
}

/// One line, whatever it was made of.
fn complain(code: u8, what: &dyn std::fmt::Display) -> ExitCode {
    let line = what.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    logging::complain(&format!("glassway-proxy: {line}"));
    successor::tell(&line);
    ExitCode::from(code)
}
