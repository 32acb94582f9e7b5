//! Secrets in the booted machine: what each service is given the other cannot read, a private
//! key that is no credential is hidden from the monitor, and a new one takes its place.

use anyhow::{Result, ensure};
use glassway_tests::client;

use super::{PROXY, ask, machine::Machine, public_key};

const CREDENTIAL: &str = "/etc/glassway/credentials/private/key";
const STATE: &str = "/var/lib/private/glassway";

/// Runs in a service's own sandbox, as its user, before it begins: its own secret can be
/// read (so that silence means something), and no other.
const SPY: &str = r#"#!/bin/sh
out=/var/lib/glassway/spy-$1
exec >"$out" 2>/dev/null
grep -q . "$CREDENTIALS_DIRECTORY/$2" && echo "own: read"
for file in /run/credentials/*/* /etc/glassway/credentials/*/* \
    /proc/[0-9]*/root/run/credentials/*/* /proc/[0-9]*/root/etc/glassway/credentials/*/* \
    /proc/[0-9]*/cwd/run/credentials/*/* /proc/[0-9]*/environ /proc/[0-9]*/maps; do
    case $file in
    "$CREDENTIALS_DIRECTORY"/*) continue ;;
    "/proc/$$"/* | "/proc/$PPID"/* | /proc/self/* | /proc/thread-self/*) continue ;;
    esac
    cat "$file" >/dev/null 2>&1 && echo "foreign: $file"
done
for other in /proc/[0-9]*; do
    [ "$other" = "/proc/$$" ] || [ "$other" = "/proc/$PPID" ] && continue
    (exec 3<"$other/mem") 2>/dev/null && echo "foreign: $other/mem"
done
echo end
"#;

/// Neither service reads what the other is given.
pub fn are_kept_apart(machine: &Machine) -> Result<()> {
    machine.write("/usr/local/bin/spy", "755", SPY.as_bytes())?;
    let key = machine.run("cat /etc/glassway/credentials/private/key")?;
    ensure!(key.len() == 64, "the package made no private key: {key}");
    for (unit, own) in [("proxy", "private_key"), ("monitor", "admin_key")] {
        let conf = format!(
            "[Service]\nExecStart=\nExecStart=/bin/sh -c '/usr/local/bin/spy {unit} {own}; \
             exec /usr/bin/glassway-{unit} --config /etc/glassway/config.toml'\n"
        );
        let folder = format!("/run/systemd/system/glassway-{unit}.service.d");
        machine.write(&format!("{folder}/spy.conf"), "644", conf.as_bytes())?;
    }
    // Twice: the first time the other one may not run yet.
    machine.run("systemctl daemon-reload && systemctl restart glassway-proxy glassway-monitor")?;
    for unit in ["proxy", "monitor"] {
        machine.run(&format!("systemctl restart glassway-{unit}"))?;
        let found = machine.run(&format!("cat /var/lib/glassway/spy-{unit}"))?;
        ensure!(found == "own: read\nend", "what the {unit} could read:\n{found}");
    }
    machine.run("rm /run/systemd/system/glassway-*.service.d/spy.conf; systemctl daemon-reload")?;
    Ok(())
}

/// The documented way to a new private key.
pub fn rekeyed(machine: &Machine) -> Result<()> {
    let file = CREDENTIAL;
    let before = machine.run(&format!("cat {file}"))?;
    let published = public_key(machine)?;
    machine.run(
        "systemctl stop glassway-proxy.service glassway-proxy.socket && \
         glassway-proxy --config /etc/glassway/config.toml rekey && \
         systemctl start glassway-proxy.socket glassway-proxy.service",
    )?;
    let after = machine.run(&format!("cat {file}"))?;
    ensure!(after.len() == 64 && after != before, "the key's file is now {after}");
    ensure!(public_key(machine)? != published, "the proxy still has the old key");
    let foreign = machine.output("find /var/lib/private/glassway ! -user glassway")?;
    ensure!(foreign.is_empty(), "rekeying as root left files of its own: {foreign}");
    let (status, _) = ask(PROXY, client::post("/v1/chat/completions", "{}"))?;
    ensure!(status == 200, "after rekeying: {status}");
    Ok(())
}

/// Without the credential the proxy keeps its key in a folder that the monitor cannot see,
/// whatever is renamed in it; a key where earlier versions had it moves there.
pub fn a_key_of_its_own_is_hidden(machine: &Machine) -> Result<()> {
    let published = public_key(machine)?;
    machine.run(&format!(
        "systemctl stop glassway-proxy.service glassway-monitor.service && \
         mv {CREDENTIAL} {STATE}/glassway.key && \
         chown --reference={STATE} {STATE}/glassway.key && \
         systemctl start glassway-proxy.service glassway-monitor.service"
    ))?;
    ensure!(public_key(machine)? == published, "the key was not taken over");
    let files = machine.run(&format!("ls -A {STATE} {STATE}/secret"))?;
    ensure!(files.matches("glassway.key").count() == 1, "the key has not moved: {files}");

    let by_hand = "glassway-proxy --config /etc/glassway/config.toml";
    machine.run(&format!("{by_hand} check && {by_hand} rekey && {by_hand} check"))?;
    let file = "/var/lib/glassway/secret/glassway.key";
    let reads = |unit: &str| -> Result<String> {
        let pid = machine.property(unit, "MainPID")?;
        machine.output(&format!("nsenter -t {pid} -m cat {file} 2>&1"))
    };
    let (proxy, monitor) = (reads("glassway-proxy")?, reads("glassway-monitor")?);
    ensure!(proxy.len() == 64, "the proxy cannot read its key: {proxy}");
    ensure!(monitor.contains("No such file"), "the monitor reads {monitor}");
    let foreign = machine.output(&format!("find {STATE} ! -user glassway"))?;
    ensure!(foreign.is_empty(), "rekeying as root left files of its own: {foreign}");

    // As the package has it.
    machine.run(&format!(
        "systemctl stop glassway-proxy.service && mv {STATE}/secret/glassway.key {CREDENTIAL} && \
         chown root:root {CREDENTIAL} && systemctl start glassway-proxy.service"
    ))?;
    let (status, _) = ask(PROXY, client::post("/v1/chat/completions", "{}"))?;
    ensure!(status == 200, "with the credential again: {status}");
    Ok(())
}

/// A certificate's key is read by a group, as the services' user exists only while they run.
pub fn a_group_reads_what_the_user_cannot(machine: &Machine) -> Result<()> {
    let file = "/etc/glassway/tls.key";
    machine.run("groupadd --system glassway-tls")?;
    machine.write(file, "640", b"a key")?;
    machine.run(&format!("chgrp glassway-tls {file}"))?;
    for unit in ["glassway-proxy", "glassway-monitor"] {
        let folder = format!("/run/systemd/system/{unit}.service.d");
        let conf = |group: &str| format!("[Service]\n{group}ExecStartPre=/bin/cat {file}\n");
        machine.write(&format!("{folder}/tls.conf"), "644", conf("").as_bytes())?;
        let restart = format!("systemctl daemon-reload && systemctl restart {unit}");
        ensure!(machine.run(&restart).is_err(), "{unit} reads a file of root's");
        let with = conf("SupplementaryGroups=glassway-tls\n");
        machine.write(&format!("{folder}/tls.conf"), "644", with.as_bytes())?;
        machine.run(&restart)?;
        machine.run(&format!("rm {folder}/tls.conf && {restart}"))?;
    }
    Ok(())
}
