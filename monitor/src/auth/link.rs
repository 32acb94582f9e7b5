//! The file with the sign-in link of a key that was made: the one place where that key lies
//! in the clear, and so only until somebody has signed in, or until another key counts.

use std::{
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use glassway_shared::config::Config;

/// Where it is: beside the database.
pub fn path(config: &Config) -> PathBuf {
    config.data_dir().join("sign-in")
}

/// Leaves it, for its owner alone.
pub fn leave(path: &Path, link: &str) -> io::Result<()> {
    // A file somebody left there keeps its mode: begin anew.
    remove(path)?;
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{link}")
}

/// Removes it, where it is there.
pub fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Removes it while the monitor serves. Where that fails the log says so: the key goes on
/// lying there, and nobody should be kept from signing in for that.
pub(super) fn forget(path: &Path) {
    if let Err(e) = remove(path) {
        tracing::error!(
            error = %e, path = %path.display(),
            "the sign-in link could not be removed; it holds the admin key: delete the file"
        );
    }
}
