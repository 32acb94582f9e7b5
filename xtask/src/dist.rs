//! `cargo xtask dist`: one archive with all it takes to run Glassway.

use std::{fs, path::Path, process::ExitCode};

use anyhow::{Context, Result, bail};

use crate::{
    tools::{cargo, command, must, output, root, target},
    ui,
};

/// What goes in beside the binaries.
const FILES: [&str; 5] = ["config.toml", "systemd", "README.md", "README.zh-CN.md", "LICENSE"];

pub fn run() -> Result<ExitCode> {
    if let ui::Built::Not(why) = ui::build_where_stale()? {
        bail!("an archive without the web UI is of no use: {why}");
    }
    must(cargo().args(["build", "--release", "-p", "glassway-proxy", "-p", "glassway-monitor"]))?;
    let name = format!("glassway-{}-{}", env!("CARGO_PKG_VERSION"), host()?);
    let staging = target().join("dist").join(&name);
    let _ = fs::remove_dir_all(&staging);
    fs::create_dir_all(&staging)?;
    for binary in ["glassway-proxy", "glassway-monitor"] {
        copy(&target().join("release").join(binary), &staging)?;
    }
    for file in FILES {
        copy(&root().join(file), &staging)?;
    }
    let archive = root().join("dist").join(format!("{name}.tar.gz"));
    fs::create_dir_all(root().join("dist"))?;
    // Owners and times of whoever builds do not belong into an archive.
    must(
        command("tar")
            .args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "-czf"])
            .arg(&archive)
            .arg("-C")
            .arg(target().join("dist"))
            .arg(&name),
    )?;
    println!("{}", archive.display());
    Ok(ExitCode::SUCCESS)
}

/// The target the compiler builds for.
fn host() -> Result<String> {
    let version = output(command("rustc").arg("-vV"))?;
    version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("rustc -vV names no host")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    must(command("cp").arg("-R").arg(from).arg(to))
}
