//! What an operator types as root beside the services, with nothing but the configuration
//! that is installed.

use std::{thread, time::Duration};

use anyhow::{Result, ensure};

use super::{all_recorded, machine::Machine, recorded};

const MONITOR: &str = "glassway-monitor --config /etc/glassway/config.toml";
const COPY: &str = "/root/copy.db";
const STATE: &str = "/var/lib/private/glassway";

/// Each finds the database of the services, and leaves nothing behind that they cannot open.
pub fn commands_find_the_database(machine: &Machine) -> Result<()> {
    // Until the last of what went before is on record.
    thread::sleep(Duration::from_secs(1));
    let before = recorded()?;
    let said = machine.run(&format!("{MONITOR} backup {COPY}"))?;
    ensure!(
        said.contains("/etc/glassway/credentials/private/key"),
        "which key to keep beside the copy: {said}"
    );
    let said = machine.run(&format!("{MONITOR} doctor"))?;
    ensure!(said.contains("the proxy is running"), "the doctor looks elsewhere: {said}");
    let said = machine.run(&format!("{MONITOR} vacuum"))?;
    ensure!(said.contains("/var/lib/glassway/glassway.db: "), "vacuumed: {said}");
    let said = machine.run(&format!("{MONITOR} new-admin-key"))?;
    ensure!(said.contains("sign in at"), "a new admin key: {said}");
    let said = machine.run("glassway-proxy --config /etc/glassway/config.toml check")?;
    ensure!(said.contains("all of which can be opened"), "checked: {said}");
    for program in ["proxy", "monitor"] {
        machine.run(&format!("glassway-{program} --config /etc/glassway/config.toml health"))?;
    }
    services(machine, "stop")?;
    let said = machine.run(&format!("{MONITOR} restore {COPY}"))?;
    ensure!(said.contains("What was there is"), "restored beside nothing: {said}");
    services(machine, "start")?;
    all_recorded(before)?;
    let foreign = machine.output(&format!("find {STATE} ! -user glassway"))?;
    ensure!(foreign.is_empty(), "root's own files in the services' folder: {foreign}");

    // Where there is none, none is made.
    let command = "mkdir /tmp/elsewhere && cd /tmp/elsewhere";
    for arguments in ["backup copy.db", "vacuum", "doctor", "new-admin-key"] {
        let said = machine.output(&format!(
            "rm -rf /tmp/elsewhere; {command} && glassway-monitor {arguments} 2>&1; ls -A"
        ))?;
        ensure!(said.contains("there is no database") && !said.contains("\ndata"), "{said}");
    }
    Ok(())
}

fn services(machine: &Machine, what: &str) -> Result<()> {
    machine.run(&format!(
        "systemctl {what} glassway-proxy.socket glassway-monitor.socket \
         glassway-proxy glassway-monitor"
    ))?;
    Ok(())
}
