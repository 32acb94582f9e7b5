//! The Debian package, by cargo-deb, from binaries that are built already. What goes
//! into it says `[package.metadata.deb]` in proxy/Cargo.toml.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::manual;
use crate::tools::{cargo, has, must, root, target};

/// Which binaries to pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// For people.
    Release,
    /// For tests: built anyway, and packed with little effort.
    Debug,
}

/// The version that is packed for people.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Packs what is in `target/<profile>` as this version; gives the package's file.
pub fn package(profile: Profile, version: &str) -> Result<PathBuf> {
    let tool = cargo_deb()?;
    let folder = root().join("dist/package");
    let _ = fs::remove_dir_all(&folder);
    manual::write(&folder)?;
    super::installed_config(&folder.join("config.toml"))?;
    let folder_of_it = match profile {
        Profile::Release => root().join("dist"),
        Profile::Debug => target().join("debug"),
    };
    let file = folder_of_it.join(format!("glassway_{version}.deb"));
    let mut deb = crate::tools::command(tool);
    deb.args(["--no-build", "-q", "-p", "glassway-proxy", "--no-dbgsym", "-o"]).arg(&file);
    deb.args(["--deb-version", &format!("{version}-1")]);
    deb.env("CARGO_TARGET_DIR", target());
    if profile == Profile::Debug {
        deb.args(["--profile", "dev", "--no-strip", "--compress-system", "-Z", "gz"]);
    }
    must(&mut deb)?;
    let _ = fs::remove_dir_all(&folder);
    Ok(file)
}

/// cargo-deb: as installed, else built once beside our own output.
fn cargo_deb() -> Result<PathBuf> {
    if has("cargo-deb") {
        return Ok("cargo-deb".into());
    }
    let tools = target().join("tools");
    let tool = tools.join("bin/cargo-deb");
    if !tool.exists() {
        install(&tools).context("cargo-deb is not installed (cargo install cargo-deb)")?;
    }
    Ok(tool)
}

/// Without optimisation: that takes longer than packing does with it.
fn install(tools: &Path) -> Result<()> {
    must(
        cargo()
            .args(["install", "cargo-deb", "--locked", "--debug", "--quiet", "--root"])
            .arg(tools)
            .env("CARGO_TARGET_DIR", tools.join("build")),
    )?;
    let _ = fs::remove_dir_all(tools.join("build"));
    Ok(())
}
