//! `cargo xtask demo`: Glassway at work without a key. A built-in upstream
//! answers at the pace of a vendor while a few believable clients talk to it.
//! Everything is kept in a temporary folder that goes when the demo ends.

pub mod clients;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
};

use anyhow::{Context, Result};
use glassway_tests::{
    api::Api,
    llm::{self, Pace},
};

use crate::{
    pair::{Pair, Plan, Stop},
    run::{admin_key, announce, build},
    tools::root,
};

#[derive(clap::Args)]
pub struct Arguments {
    /// Make each call once, without waiting, on free ports; fail unless all were
    /// recorded.
    #[arg(long)]
    once: bool,
    /// Build with the development profile: quicker to build, slower to run.
    #[arg(long)]
    debug: bool,
}

/// Both processes before that upstream, with all they keep in `data`.
pub fn plan(binaries: PathBuf, upstream: &str, data: &Path, free_ports: bool) -> Plan {
    let file = |name: &str| data.join(name).to_string_lossy().into_owned();
    let host = upstream.trim_start_matches("http://").to_owned();
    let mut env = vec![
        ("GLASSWAY_DATABASE__PATH", file("glassway.db")),
        ("GLASSWAY_PROXY__LINK", file("glassway.sock")),
        ("GLASSWAY_SECRETS__PRIVATE_KEY", file("glassway.key")),
        ("GLASSWAY_UPSTREAM__BASE_URL", upstream.to_owned()),
        ("GLASSWAY_UPSTREAM__ANTHROPIC_BASE_URL", upstream.to_owned()),
        ("GLASSWAY_UPSTREAM__ALLOW", host),
    ];
    if free_ports {
        env.push(("GLASSWAY_PROXY__LISTEN", "127.0.0.1:0".to_owned()));
        env.push(("GLASSWAY_MONITOR__LISTEN", "127.0.0.1:0".to_owned()));
    }
    Plan {
        binaries,
        config: root().join("config.toml"),
        env: env.into_iter().map(|(n, v)| (n.to_owned(), v)).collect(),
    }
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let binaries = build(arguments.debug)?;
    let pace = if arguments.once { Pace::INSTANT } else { Pace::REAL };
    let upstream = llm::start(pace);
    let data = tempfile::TempDir::with_prefix("glassway-demo-")?;
    let (mut pair, addresses) =
        Pair::start(&plan(binaries, &upstream.url(), data.path(), arguments.once))?;
    let key = admin_key(&data.path().join("glassway.db"));
    announce(&addresses, key.as_deref());

    if arguments.once {
        let made = clients::once(addresses.proxy);
        let key = key.context("the monitor left no sign-in link")?;
        let api = Api::new(addresses.monitor, &key);
        glassway_tests::eventually(format_args!("{made} recorded calls"), || {
            let recorded = api.requests("?limit=1000");
            let ended = recorded.iter().filter(|r| r["outcome"] != "in_flight");
            (ended.count() == made).then_some(())
        });
        eprintln!("{made} calls made, {made} recorded.");
        return Ok(pair.stop(&Stop::Asked));
    }

    eprintln!("Clients are at work; Ctrl-C ends the demo.");
    let proxy = addresses.proxy;
    thread::spawn(move || clients::forever(proxy));
    let why = pair.wait(|| true);
    Ok(pair.stop(&why))
}
