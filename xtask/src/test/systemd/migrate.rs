//! Upgrades that change the database: a version to come is this one with a step more, which a
//! program built for tests finds in a folder beside itself.

use anyhow::{Result, ensure};

use super::{
    PACKAGE, all_recorded, machine::Machine, monitor_load, none_failed, proxy_load, recorded, say,
};

/// Gives both programs, from their next start on, one step more.
pub(super) fn one_more(machine: &Machine, sql: &str) -> Result<()> {
    for program in ["glassway-proxy", "glassway-monitor"] {
        let folder = format!("/usr/bin/{program}.steps");
        machine.run(&format!("mkdir -p {folder}"))?;
        let n = machine.run(&format!("ls {folder} | wc -l"))?;
        machine.write(&format!("{folder}/{n}.sql"), "644", sql.as_bytes())?;
    }
    ensure!(!is_up_to_date(machine)?, "the step is not found");
    Ok(())
}

/// Whether the database has been through all steps; it has not before the first start with one more.
pub(super) fn is_up_to_date(machine: &Machine) -> Result<bool> {
    let check = "glassway-proxy --config /etc/glassway/config.toml check 2>&1";
    let said = machine.output(check)?;
    let due = said.contains("1 migrations are due");
    ensure!(due || said.contains("glassway.db: up to date"), "{check}: {said}");
    Ok(!due)
}

/// A step that the version before cannot live with: nothing is handed over, both services are
/// restarted, and the new ones wait for the streams of the old.
pub(super) fn alone_under_load(machine: &Machine) -> Result<()> {
    one_more(machine, "-- alone\nDROP TABLE to_come;")?;
    let before = recorded()?;
    let pid = machine.property("glassway-proxy", "MainPID")?;
    let refused = machine.output("systemctl reload glassway-proxy 2>&1")?;
    let log = machine.run("journalctl --no-pager -n 30 -u glassway-proxy")?;
    ensure!(log.contains("restart both services, do not reload"), "reload: {refused}\n{log}");
    ensure!(machine.property("glassway-proxy", "MainPID")? == pid, "it was handed over");

    let (clients, browsers) = (proxy_load(), monitor_load());
    machine.run(&format!("dpkg -i {PACKAGE} 2>&1"))?;
    let answered = none_failed(clients, browsers)?;
    ensure!(machine.property("glassway-proxy", "MainPID")? != pid, "the old proxy still runs");
    ensure!(is_up_to_date(machine)?, "the step was not taken");
    all_recorded(before + answered)?;
    say(
        "upgraded under load, with a step that wants to be alone: restarted, and no request failed",
    );
    Ok(())
}
