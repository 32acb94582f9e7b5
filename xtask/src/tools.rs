//! Other programs: where they are, how they are run, what may be installed.

use std::{
    ffi::OsStr,
    fs::File,
    io::IsTerminal,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().expect("xtask is in the repository's root").to_owned()
}

/// Cargo's output folder, which this program was built into.
pub fn target() -> PathBuf {
    let exe = std::env::current_exe().expect("a running program has a path");
    exe.ancestors().nth(2).expect("cargo puts programs into target/<profile>").to_owned()
}

/// A command that starts in the root of the repository.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// The cargo that runs us.
pub fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a command to its end; anything but success is an error that names it.
pub fn must(command: &mut Command) -> Result<()> {
    let line = display(command);
    eprintln!("{}", dim(&format!("$ {line}")));
    let status = command.status().with_context(|| format!("cannot start: {line}"))?;
    if !status.success() {
        bail!("failed ({status}): {line}");
    }
    Ok(())
}

/// What a command writes to its standard output, trimmed.
pub fn output(command: &mut Command) -> Result<String> {
    let line = display(command);
    let output = command.output().with_context(|| format!("cannot start: {line}"))?;
    if !output.status.success() {
        bail!("failed ({}): {line}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether a program can be started.
pub fn has(program: &str) -> bool {
    find(program).is_some()
}

/// Where a program is on PATH.
pub fn find(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// Whether packages may be installed: as root, or where CI says it is CI.
pub fn may_install() -> bool {
    nix::unistd::geteuid().is_root() || std::env::var_os("CI").is_some()
}

/// Makes sure that `program` is there, from the given Debian packages if it may.
/// The error says what to install by hand.
pub fn need(program: &str, packages: &[&str]) -> Result<PathBuf, String> {
    if let Some(path) = find(program) {
        return Ok(path);
    }
    let by_hand = format!("{program} is not installed (Debian: {})", packages.join(" "));
    if !may_install() || !has("apt-get") {
        return Err(by_hand);
    }
    // Another step may be installing beside this one.
    let _alone = match lock("apt") {
        Ok(lock) => lock,
        Err(error) => return Err(format!("{by_hand}; {error:#}")),
    };
    if let Some(path) = find(program) {
        return Ok(path);
    }
    let apt = |arguments: &[&str]| {
        must(command("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    let install = ["install", "-y", "-qq", "--no-install-recommends"];
    match apt(&["update", "-qq"]).and_then(|()| apt(&[&install, packages].concat())) {
        Ok(()) => find(program).ok_or(by_hand),
        Err(error) => Err(format!("{by_hand}; installing it failed: {error:#}")),
    }
}

/// Waits until no other process of ours holds this lock; until what is given is dropped.
fn lock(name: &str) -> Result<File> {
    let path = target().join(format!("{name}.lock"));
    let lock = || {
        let file = File::create(&path)?;
        file.lock().map(|()| file)
    };
    lock().with_context(|| format!("cannot lock {}", path.display()))
}

/// A Python environment of its own for one tool, made from a requirements file
/// and made again when that file changes. Gives the folder of its programs.
pub fn python(name: &str, requirements: &Path) -> Result<PathBuf> {
    let venv = target().join("venv").join(name);
    let bin = venv.join("bin");
    let wanted = std::fs::read_to_string(requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let stamp = venv.join("requirements.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == wanted) {
        return Ok(bin);
    }
    if has("uv") {
        must(command("uv").args(["venv", "--quiet", "--clear"]).arg(&venv))?;
        must(
            command("uv")
                .args(["pip", "install", "--quiet", "--python"])
                .arg(bin.join("python"))
                .arg("-r")
                .arg(requirements),
        )?;
    } else {
        must(command("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        must(
            command(bin.join("pip"))
                .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
                .arg(requirements),
        )?;
    }
    std::fs::write(stamp, wanted)?;
    Ok(bin)
}

/// Runs `npm ci` in a folder unless its packages are those of its lock file.
pub fn npm_ci(folder: &Path) -> Result<()> {
    let installed = folder.join("node_modules/.package-lock.json");
    if newer(&installed, &folder.join("package-lock.json")) {
        return Ok(());
    }
    must(command("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(folder))
}

/// Whether `a` exists and is not older than `b`.
fn newer(a: &Path, b: &Path) -> bool {
    let time = |path: &Path| path.metadata().and_then(|m| m.modified());
    matches!((time(a), time(b)), (Ok(a), Ok(b)) if a >= b)
}

/// Faint text on a terminal, plain text elsewhere.
pub fn dim(text: &str) -> String {
    paint("2", text)
}

/// Text in an ANSI style where standard error is a terminal.
pub fn paint(style: &str, text: &str) -> String {
    if std::io::stderr().is_terminal() {
        format!("\x1b[{style}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

fn display(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}
