//! `systemctl reload` where it cannot succeed, and where it comes more than once at a time.

use anyhow::{Result, ensure};
use glassway_tests::client;

use super::{PACKAGE, PROXY, ask, machine::Machine, wait};

const UNIT: &str = "glassway-proxy";
const CONFIG: &str = "/etc/glassway/config.toml";

/// A configuration that a start would refuse fails the reload, with the reason, and an
/// upgrade leaves the old process in its place.
pub fn refused(machine: &Machine) -> Result<()> {
    let pid = machine.property(UNIT, "MainPID")?;
    let serves_on = |what: &str| -> Result<()> {
        let now = machine.property(UNIT, "MainPID")?;
        let state = machine.property(UNIT, "ActiveState")?;
        ensure!((&*now, &*state) == (&*pid, "active"), "after {what}: {state}, process {now}");
        let (status, _) = ask(PROXY, client::post("/v1/chat/completions", "{}"))?;
        ensure!(status == 200, "after {what}: {status}");
        Ok(())
    };
    machine.run(&format!(
        "cp -p {CONFIG} /root/config.toml && \
         sed -i '0,/^tls_cert = \"\"/s,,tls_cert = \"/nowhere/cert.pem\",; \
                 0,/^tls_key = \"\"/s,,tls_key = \"/nowhere/key.pem\",' {CONFIG}"
    ))?;
    let code = machine.output(&format!("systemctl reload {UNIT} >/dev/null 2>&1; echo $?"))?;
    ensure!(code != "0", "a reload that cannot succeed does");
    serves_on("a reload that is refused")?;
    let log = machine.run(&format!("journalctl --no-pager -p err -u {UNIT}"))?;
    ensure!(
        log.contains("the old one serves on") && log.contains("/nowhere/cert.pem"),
        "the journal does not say why, as an error:\n{log}"
    );
    let said = machine.run(&format!("dpkg -i {PACKAGE} 2>&1"))?;
    ensure!(said.contains("/nowhere/cert.pem") && said.contains("the old one runs on"), "{said}");
    serves_on("an upgrade that is refused")?;
    machine.run(&format!("cp -p /root/config.toml {CONFIG} && systemctl reload {UNIT}"))?;
    let now = machine.property(UNIT, "MainPID")?;
    ensure!(now != pid, "mended, it is another process at once");
    Ok(())
}

/// However many ask for it at once, one process is left, and it is the unit's main one, as
/// systemd knew of every one between them.
pub fn together(machine: &Machine) -> Result<()> {
    let begun = machine.output("date +%s")?;
    for _ in 0..10 {
        let pid = machine.property(UNIT, "MainPID")?;
        machine.run(&format!(
            "ask='glassway-proxy --config {CONFIG} reload'; \
             $ask >/dev/null & one=$!; $ask >/dev/null & two=$!; kill -USR2 {pid}; \
             systemctl reload {UNIT} && wait $one && wait $two"
        ))?;
        wait("one process is left", || {
            let group = format!("/sys/fs/cgroup/system.slice/{UNIT}.service/cgroup.procs");
            let left = machine.output(&format!("cat {group}"));
            let main = machine.property(UNIT, "MainPID");
            matches!((left, main), (Ok(left), Ok(main)) if left == main && main != pid)
        })?;
        let state = machine.property(UNIT, "ActiveState")?;
        ensure!(state == "active", "the proxy is {state}");
        let (status, _) = ask(PROXY, client::post("/v1/chat/completions", "{}"))?;
        ensure!(status == 200, "after reloads at once: {status}");
    }
    let log = machine.run(&format!("journalctl --no-pager -u {UNIT} --since @{begun}"))?;
    let misunderstood = |line: &&str| line.contains("systemd[1]") && line.contains("main PID");
    if let Some(line) = log.lines().find(misunderstood) {
        anyhow::bail!("systemd took one process for another: {line}");
    }
    Ok(())
}
