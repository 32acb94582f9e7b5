//! `cargo xtask ui`: the web UI, built only where it must be.

use std::{path::Path, process::ExitCode, time::SystemTime};

use anyhow::Result;

use crate::tools::{command, has, must, npm_ci, root};

#[derive(clap::Args)]
pub struct Arguments {
    /// Serve it with live reload for development, against a running monitor.
    #[arg(long)]
    watch: bool,
}

/// What became of the UI.
pub enum Built {
    /// It was built now.
    Now,
    /// It was up to date.
    Before,
    /// It could not be built; why.
    Not(&'static str),
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let folder = root().join("monitor/ui");
    if arguments.watch {
        npm_ci(&folder)?;
        must(command("npm").args(["run", "dev"]).current_dir(&folder))?;
        return Ok(ExitCode::SUCCESS);
    }
    Ok(match build_where_stale()? {
        Built::Now => ExitCode::SUCCESS,
        Built::Before => {
            eprintln!("The web UI is up to date.");
            ExitCode::SUCCESS
        }
        Built::Not(why) => {
            eprintln!("The web UI was not built: {why}.");
            ExitCode::FAILURE
        }
    })
}

/// Builds the UI where what was built is missing or older than its sources.
pub fn build_where_stale() -> Result<Built> {
    let folder = root().join("monitor/ui");
    if !folder.join("package.json").exists() {
        return Ok(Built::Not("this checkout has no monitor/ui"));
    }
    let built = folder.join("dist/index.html");
    let built_at = built.metadata().and_then(|m| m.modified()).ok();
    if built_at.is_some_and(|at| at >= newest(&folder)) {
        return Ok(Built::Before);
    }
    if !has("node") || !has("npm") {
        return Ok(Built::Not(
            "Node.js with npm is not installed (https://nodejs.org, 20.19 or newer)",
        ));
    }
    npm_ci(&folder)?;
    must(command("npm").args(["run", "build"]).current_dir(&folder))?;
    Ok(Built::Now)
}

/// When the newest source below a folder was changed.
fn newest(folder: &Path) -> SystemTime {
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let at = if kind.is_dir() {
            if name == "node_modules" || name == "dist" {
                continue;
            }
            self::newest(&entry.path())
        } else {
            entry.metadata().and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
        };
        newest = newest.max(at);
    }
    newest
}
