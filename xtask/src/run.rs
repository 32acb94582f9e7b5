//! `cargo xtask run`: from a fresh clone to a running Glassway.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use glassway_tests::api::Api;

use crate::{
    pair::{Addresses, Pair, Plan},
    tools::{cargo, must, paint, root, target},
    ui,
};

#[derive(clap::Args)]
pub struct Arguments {
    /// Build with the development profile: quicker to build, slower to run.
    #[arg(long)]
    debug: bool,
    /// The configuration to run with.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let config = arguments.config.clone().unwrap_or_else(|| root().join("config.toml"));
    if !config.is_file() {
        bail!("there is no configuration at {}", config.display());
    }
    let config = config.canonicalize()?;
    let plan = Plan { binaries: build(arguments.debug)?, env: Vec::new(), config };
    let database = database(&plan.config)?;
    let (mut pair, addresses) = Pair::start(&plan)?;
    let key = admin_key(&database).filter(|key| opens(&addresses, key));
    announce(&addresses, key.as_deref());
    let why = pair.wait(|| true);
    Ok(pair.stop(&why))
}

/// Builds the UI where it is stale and both binaries; gives the folder they are
/// in. Without Node the monitor serves the page it embeds in that case. Where
/// `GLASSWAY_BIN_DIR` names a folder, what is in it is taken as it is.
pub fn build(debug: bool) -> Result<PathBuf> {
    if let Some(built) = std::env::var_os("GLASSWAY_BIN_DIR") {
        return Ok(built.into());
    }
    if let ui::Built::Not(why) = ui::build_where_stale()? {
        eprintln!("{}", paint("33", &format!("Going on without the web UI: {why}.")));
    }
    let mut build = cargo();
    build.args(["build", "-p", "glassway-proxy", "-p", "glassway-monitor"]);
    if !debug {
        build.arg("--release");
        eprintln!("Building Glassway (the first time takes a few minutes).");
    }
    must(&mut build)?;
    Ok(target().join(if debug { "debug" } else { "release" }))
}

/// Prints where everything is; `key` is the admin key, where it is still known.
pub fn announce(addresses: &Addresses, key: Option<&str>) {
    let monitor = page(addresses.monitor);
    let sign_in = match key {
        Some(key) => format!("{monitor}/#key={key}"),
        None => format!("{monitor} with the admin key (lost? glassway-monitor new-admin-key)"),
    };
    eprintln!();
    eprintln!("  {}", paint("1", "Glassway runs."));
    eprintln!("    clients   {}/v1", page(addresses.proxy));
    eprintln!("    monitor   {monitor}");
    eprintln!("    sign in   {}", paint("1", &sign_in));
    eprintln!();
}

/// Where to point a program on this machine.
fn page(mut addr: SocketAddr) -> String {
    if addr.ip().is_unspecified() {
        addr.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    format!("http://{addr}")
}

/// The admin key, out of the sign-in link the monitor left beside the database
/// when it made it.
pub fn admin_key(database: &Path) -> Option<String> {
    let text = std::fs::read_to_string(database.with_file_name("sign-in")).ok()?;
    let (_, key) = text.trim().split_once("/#key=")?;
    Some(key.to_owned())
}

/// Whether a key has not been replaced since it was left there.
fn opens(addresses: &Addresses, key: &str) -> bool {
    let asked = Api::new(addresses.monitor, key).try_call("GET", "/api/settings", &[], None);
    asked.is_ok_and(|reply| reply.status == 200)
}

/// Where the configuration puts the database.
fn database(config: &Path) -> Result<PathBuf> {
    let folder = config.parent().unwrap_or(Path::new("."));
    if let Some(path) = std::env::var_os("GLASSWAY_DATABASE__PATH") {
        return Ok(folder.join(path));
    }
    let text = std::fs::read_to_string(config)?;
    let table: toml::Table =
        text.parse().with_context(|| format!("cannot read {}", config.display()))?;
    let path = table
        .get("database")
        .and_then(|section| section.get("path"))
        .and_then(|path| path.as_str())
        .unwrap_or("data/glassway.db");
    Ok(folder.join(path))
}
