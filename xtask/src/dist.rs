//! `cargo xtask dist`: one archive with all it takes to run Glassway, and a Debian
//! package.

mod config;
pub mod debian;
mod manual;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};

use self::debian::Profile;
use crate::{
    tools::{cargo, command, must, output, root, target},
    ui,
};

/// What goes in beside the binaries.
const FILES: [&str; 7] =
    ["config.toml", "systemd", "monitoring", "docs", "README.md", "README.zh-CN.md", "LICENSE"];

pub fn run() -> Result<ExitCode> {
    if let ui::Built::Not(why) = ui::build_where_stale()? {
        bail!("an archive without the web UI is of no use: {why}");
    }
    must(cargo().args(["build", "--release", "-p", "glassway-proxy", "-p", "glassway-monitor"]))?;
    let archive = archive(Profile::Release)?;
    println!("{}", archive.display());
    match debian::package(Profile::Release, debian::VERSION) {
        Ok(package) => println!("{}", package.display()),
        Err(error) => {
            eprintln!("no Debian package: {error:#}");
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Packs what is built already; gives the archive's file.
pub fn archive(profile: Profile) -> Result<PathBuf> {
    let name = format!("glassway-{}-{}", env!("CARGO_PKG_VERSION"), host()?);
    let staging = target().join("dist").join(&name);
    let _ = fs::remove_dir_all(&staging);
    fs::create_dir_all(&staging)?;
    let (built, folder, pack) = match profile {
        Profile::Release => ("release", root().join("dist"), "gzip"),
        Profile::Debug => ("debug", target().join("debug"), "gzip -1"),
    };
    for binary in ["glassway-proxy", "glassway-monitor"] {
        copy(&target().join(built).join(binary), &staging)?;
    }
    for file in FILES {
        copy(&root().join(file), &staging)?;
    }
    manual::write(&staging)?;
    local_units(&staging.join("systemd"))?;
    installed_config(&staging.join("systemd/config.toml"))?;
    let archive = folder.join(format!("{name}.tar.gz"));
    fs::create_dir_all(&folder)?;
    // Owners and times of whoever builds do not belong into an archive.
    must(
        command("tar")
            .args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "-I", pack, "-cf"])
            .arg(&archive)
            .arg("-C")
            .arg(target().join("dist"))
            .arg(&name),
    )?;
    Ok(archive)
}

/// The units as whoever unpacks an archive needs them: binaries that no package manager
/// knows are in /usr/local.
fn local_units(folder: &Path) -> Result<()> {
    for unit in fs::read_dir(folder)? {
        let unit = unit?.path();
        let text = fs::read_to_string(&unit)?.replace("/usr/", "/usr/local/");
        fs::write(&unit, text)?;
    }
    Ok(())
}

/// Writes what is to be `/etc/glassway/config.toml`. The archive's own `config.toml` is for
/// those who run the binaries in the folder they unpacked.
fn installed_config(file: &Path) -> Result<()> {
    let text = fs::read_to_string(root().join("config.toml"))?;
    fs::write(file, config::installed(&text)?).with_context(|| file.display().to_string())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_the_archive_are_those_of_usr_local() {
        let folder = tempfile::tempdir().unwrap();
        let systemd = folder.path().join("systemd");
        copy(&root().join("systemd"), folder.path()).unwrap();
        local_units(&systemd).unwrap();
        let unit = fs::read_to_string(systemd.join("glassway-proxy.service")).unwrap();
        assert!(unit.contains("ExecStart=/usr/local/bin/glassway-proxy --config /etc/glassway/"));
        assert!(unit.contains("ExecReload=/usr/local/bin/glassway-proxy "));
        assert!(!unit.contains("/usr/bin/"));
        let monitor = fs::read_to_string(systemd.join("glassway-monitor.service")).unwrap();
        assert!(monitor.contains("ExecStartPre=/bin/mkdir "));
    }
}
