//! A small Debian to boot: made once and kept in `target/systemd`. It is never written
//! to, as each boot lays a memory file system over it.

use std::{fs, path::PathBuf};

use anyhow::Result;

use crate::tools::{command, must, need, target};

const SUITE: &str = "bookworm";
const PACKAGES: &str = "systemd,systemd-sysv,dbus";

/// The folder of the tree; why there can be none.
pub fn tree() -> Result<PathBuf, String> {
    let folder = target().join("systemd");
    let tree = folder.join("tree");
    if tree.join("sbin/init").exists() {
        return Ok(tree);
    }
    let mmdebstrap = need("mmdebstrap", &["mmdebstrap"])?;
    let making = folder.join("making");
    let made = (|| -> Result<()> {
        fs::create_dir_all(&folder)?;
        let _ = fs::remove_dir_all(&making);
        must(
            command(mmdebstrap)
                .args(["--quiet", "--variant=minbase"])
                .arg(format!("--include={PACKAGES}"))
                .arg(SUITE)
                .arg(&making),
        )?;
        // Whole or not at all.
        fs::rename(&making, &tree)?;
        Ok(())
    })();
    match made {
        Ok(()) => Ok(tree),
        Err(error) => Err(format!("no Debian tree can be made here: {error:#}")),
    }
}
