//! The archive, installed by the lines of the README where no package ever was.

use std::fs;

use anyhow::{Context, Result, ensure};
use glassway_tests::client;

use super::{PROXY, UPSTREAM, ask, machine::Machine, say};
use crate::{
    dist::{self, debian::Profile},
    tools::root,
};

/// Inside the machine.
const FOLDER: &str = "/root/archive";

pub(super) fn is_installed_by_hand(machine: &Machine) -> Result<()> {
    let archive = fs::read(dist::archive(Profile::Debug)?)?;
    machine.write("/root/glassway.tar.gz", "644", &archive)?;
    machine.run(&format!(
        "mkdir {FOLDER} && tar -xzf /root/glassway.tar.gz --strip-components=1 -C {FOLDER}"
    ))?;
    machine.run(&format!(
        "sed -i 's,^base_url = .*,base_url = \"http://{UPSTREAM}\",' {FOLDER}/systemd/config.toml"
    ))?;
    let readme = fs::read_to_string(root().join("README.md"))?;
    let lines = block_with(&readme, "install glassway-proxy glassway-monitor")
        .context("the README does not say how the archive is installed")?;
    // Who reads it is somebody; here it is root.
    let lines = lines.replace("sudo ", "");
    machine.write("/root/install.sh", "644", lines.as_bytes())?;
    let said = machine.run(&format!("cd {FOLDER} && sh -e /root/install.sh 2>&1"))?;
    ensure!(said.contains("http://127.0.0.1:8081/#key="), "no link to sign in with: {said}");
    for unit in ["glassway-proxy", "glassway-monitor"] {
        for kind in ["socket", "service"] {
            let unit = format!("{unit}.{kind}");
            let state = machine.property(&unit, "ActiveState")?;
            ensure!(state == "active", "{unit} is {state}: {said}");
        }
    }
    let (status, body) = ask(PROXY, client::post("/v1/chat/completions", "{}"))?;
    ensure!(status == 200 && body.contains("42"), "through the proxy: {status} {body}");
    machine.run("systemctl reload glassway-proxy")?;
    let (status, _) = ask(PROXY, client::post("/v1/chat/completions", "{}"))?;
    ensure!(status == 200, "after a reload: {status}");
    say("the archive, by the README's lines: both services run, and the proxy hands over");
    Ok(())
}

/// The block of code that has this in it.
fn block_with<'a>(text: &'a str, what: &str) -> Option<&'a str> {
    let block = text.split("```").skip(1).step_by(2).find(|block| block.contains(what))?;
    // Its first line says which language it is in.
    block.split_once('\n').map(|(_, lines)| lines)
}
