//! The package as it is in use: installed in a Debian that really boots, both services
//! restarted under load, killed by the watchdog, asked for each other's secrets, removed.

mod archive;
mod byhand;
mod load;
mod machine;
mod migrate;
mod reload;
mod secrets;
mod tree;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use glassway_tests::{client, wire::Wire};

use self::{
    load::{Kind, Load},
    machine::Machine,
};
use super::{Verdict, steps};
use crate::{
    dist::debian::{self, Profile},
    tools::need,
};

const PROXY: &str = "127.0.0.1:8080";
const MONITOR: &str = "127.0.0.1:8081";
const UPSTREAM: &str = "127.0.0.1:9000";
const ADMIN_KEY: &str = "gwadmin-of-the-booted-test-0123456789";
/// Inside the machine.
const PACKAGE: &str = "/root/glassway.deb";
/// What is installed first, so that the upgrade is one.
const OLDER: &str = "0.0.1";

/// The step.
pub fn run(full: bool) -> Result<Verdict> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(Verdict::Skipped("booting a machine needs root".into()));
    }
    if let Err(why) = need("systemd-nspawn", &["systemd-container"]) {
        return Ok(Verdict::Skipped(why));
    }
    let tree = match tree::tree() {
        Ok(tree) => tree,
        Err(why) => return Ok(Verdict::Skipped(why)),
    };
    if std::env::var_os("GLASSWAY_BIN_DIR").is_none() {
        steps::build()?;
    }
    let package = |version| Ok(std::fs::read(debian::package(Profile::Debug, version)?)?);
    let packages: [Vec<u8>; 2] = match (package(OLDER), package(debian::VERSION)) {
        (Ok(older), Ok(newer)) => [older, newer],
        (Err(error), _) | (_, Err(error)) => {
            let error: anyhow::Error = error;
            return Ok(Verdict::Skipped(format!("{error:#}")));
        }
    };
    let machine = match Machine::boot(&tree)? {
        Ok(machine) => machine,
        Err(why) => return Ok(Verdict::Skipped(why)),
    };
    let restarts = if full { 20 } else { 5 };
    // A thread of its own, since a thread that has joined a network stays there.
    let done =
        thread::scope(|scope| scope.spawn(|| scenario(&machine, &packages, restarts)).join());
    if !matches!(done, Ok(Ok(()))) {
        let journal =
            machine.output("journalctl --no-pager -o short-monotonic -u 'glassway*' | tail -n 60");
        eprintln!("{}", journal.unwrap_or_default());
    }
    match done {
        Ok(done) => done.map(|()| Verdict::Passed),
        Err(_) => bail!("a check in the booted machine panicked; see above"),
    }
}

fn scenario(machine: &Machine, [older, newer]: &[Vec<u8>; 2], restarts: usize) -> Result<()> {
    machine.join_network()?;
    let upstream = load::upstream(TcpListener::bind(UPSTREAM)?);
    installed_and_running(machine, older)?;
    say("installed: both services run, and a request goes through");
    restarted_under_load(machine, "glassway-proxy", restarts)?;
    restarted_under_load(machine, "glassway-monitor", restarts)?;
    handed_over_under_load(machine, restarts.min(5))?;
    upgraded_under_load(machine, newer)?;
    migrate::alone_under_load(machine)?;
    reload::refused(machine)?;
    say("a reload that the new process refuses fails, and the old one serves on");
    reload::together(machine)?;
    say("reloads at once: one process is left");
    byhand::commands_find_the_database(machine)?;
    say("by hand: every command finds the services' database");
    stuck_and_restarted(machine, "glassway-proxy", PROXY)?;
    stuck_and_restarted(machine, "glassway-monitor", MONITOR)?;
    secrets::are_kept_apart(machine)?;
    say("secrets: neither service reads the other's");
    secrets::a_key_of_its_own_is_hidden(machine)?;
    say("a private key in the state folder: taken over, and hidden from the monitor");
    secrets::a_group_reads_what_the_user_cannot(machine)?;
    say("certificates: a group's key is read by both services");
    secrets::rekeyed(machine)?;
    say("rekeyed: the proxy has the new private key");
    stops_when_streams_have_ended(machine)?;
    say("stopped: after the stream's end; a new client starts it again");
    purged(machine)?;
    say("purged: nothing is left");
    archive::is_installed_by_hand(machine)?;
    drop(upstream);
    Ok(())
}

fn say(what: &str) {
    eprintln!("  {what}");
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("the addresses are constants")
}

/// One request to its answer's status and body.
fn ask(to: &str, request: String) -> Result<(u16, String)> {
    let stream = std::net::TcpStream::connect_timeout(&address(to), Duration::from_secs(30))?;
    let mut wire = Wire::new(stream);
    wire.try_send(request)?;
    let head = wire.head_or_end().context("no answer")?;
    let body = wire.body(&head, false, false);
    Ok((head.status(), body.text()))
}

fn admin(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {MONITOR}\r\nAuthorization: Bearer {ADMIN_KEY}\r\n\
         Accept-Encoding: identity\r\n\r\n"
    )
}

fn installed_and_running(machine: &Machine, package: &[u8]) -> Result<()> {
    machine.write(PACKAGE, "644", package)?;
    let said = machine.run(&format!("dpkg -i {PACKAGE} 2>&1"))?;
    ensure!(said.contains("/var/lib/glassway/sign-in"), "no word of the sign-in link: {said}");
    for unit in ["glassway-proxy", "glassway-monitor"] {
        for (kind, enabled) in [("service", true), ("socket", true)] {
            let unit = format!("{unit}.{kind}");
            let state = machine.property(&unit, "ActiveState")?;
            ensure!(state == "active", "{unit} is {state} after the installation:\n{said}");
            let is = machine.output(&format!("systemctl is-enabled {unit}"))?;
            ensure!((is == "enabled") == enabled, "{unit} is {is}");
        }
    }
    // Shown once by the API for a key of its own; here somebody sets one.
    let link = machine.run("cat /var/lib/glassway/sign-in")?;
    ensure!(link.starts_with("http://127.0.0.1:8081/#key="), "the sign-in link is {link}");
    machine.write("/etc/glassway/credentials/admin/key", "600", ADMIN_KEY.as_bytes())?;
    machine.run(&format!(
        "sed -i 's,^base_url = .*,base_url = \"http://{UPSTREAM}\",' /etc/glassway/config.toml"
    ))?;
    for unit in ["glassway-proxy", "glassway-monitor"] {
        let folder = format!("/run/systemd/system/{unit}.service.d");
        machine.write(&format!("{folder}/test.conf"), "644", b"[Service]\nWatchdogSec=5s\n")?;
    }
    machine.run("systemctl daemon-reload && systemctl restart glassway-proxy glassway-monitor")?;
    let (status, body) = ask(PROXY, client::post("/v1/chat/completions", "{}"))?;
    ensure!(status == 200 && body.contains("42"), "through the proxy: {status} {body}");
    let (status, body) = ask(MONITOR, admin("/api/requests?limit=1"))?;
    ensure!(status == 200, "the admin key of the credential is refused: {status} {body}");
    Ok(())
}

const CLIENTS: &[Kind] = &[
    Kind::Kept,
    Kind::Kept,
    Kind::Fresh,
    Kind::Fresh,
    Kind::Pausing,
    Kind::Pausing,
    Kind::Pausing,
    Kind::Streaming,
    Kind::Streaming,
];

fn proxy_load() -> Load {
    Load::start(address(PROXY), CLIENTS, |kind| match kind {
        Kind::Streaming => client::post("/v1/stream", r#"{"stream":true}"#),
        _ => client::post("/v1/chat/completions", "{}"),
    })
}

fn monitor_load() -> Load {
    let kinds = &CLIENTS[..7];
    Load::start(address(MONITOR), kinds, |_| admin("/api/requests?limit=5"))
}

/// How many exchanges are on record.
fn recorded() -> Result<u64> {
    let (_, body) = ask(MONITOR, admin("/api/stats"))?;
    let stats: serde_json::Value = serde_json::from_str(&body)?;
    ensure!(stats["lost"]["records_lost"] == 0, "records were lost: {body}");
    stats["calls"]["all"].as_u64().with_context(|| body.clone())
}

/// Waits until so many exchanges are on record, and finds no more.
fn all_recorded(wanted: u64) -> Result<()> {
    let mut found = 0;
    wait("every exchange is on record", || {
        found = recorded().unwrap_or_default();
        found >= wanted
    })
    .with_context(|| format!("{found} recorded, {wanted} expected"))?;
    ensure!(found == wanted, "{found} recorded, {wanted} expected");
    Ok(())
}

/// Restarts `unit` again and again while clients of it are at work.
fn restarted_under_load(machine: &Machine, unit: &str, restarts: usize) -> Result<()> {
    let before = recorded()?;
    let of_proxy = unit == "glassway-proxy";
    let load = if of_proxy { proxy_load() } else { monitor_load() };
    let mut longest = Duration::ZERO;
    for _ in 0..restarts {
        let seen = load.answered();
        wait("an answer before the next restart", || load.answered() > seen + 20)?;
        let start = Instant::now();
        machine.run(&format!("systemctl restart {unit}"))?;
        longest = longest.max(start.elapsed());
    }
    let seen = load.answered();
    wait("an answer after the last restart", || load.answered() > seen + 20)?;
    let (answered, failures) = load.end();
    ensure!(
        failures.is_empty(),
        "{unit}: {} of {answered} requests failed: {:?}",
        failures.len(),
        &failures[..failures.len().min(5)]
    );
    if of_proxy {
        all_recorded(before + answered as u64)?;
    }
    say(&format!(
        "{unit}: {restarts} restarts under load, {answered} requests, none failed; \
         the longest restart took {:.1} s",
        longest.as_secs_f64()
    ));
    Ok(())
}

/// `systemctl reload`: a new process serves at once, the old one ends its streams beside it.
fn handed_over_under_load(machine: &Machine, times: usize) -> Result<()> {
    let before = recorded()?;
    let load = proxy_load();
    let mut longest = Duration::ZERO;
    for _ in 0..times {
        let pid = machine.property("glassway-proxy", "MainPID")?;
        let seen = load.answered();
        wait("an answer before the next reload", || load.answered() > seen + 20)?;
        let start = Instant::now();
        machine.run("systemctl reload glassway-proxy")?;
        let now = machine.property("glassway-proxy", "MainPID")?;
        ensure!(now != pid, "reloaded, and the old process is the main one");
        longest = longest.max(start.elapsed());
    }
    let seen = load.answered();
    wait("an answer after the last reload", || load.answered() > seen + 20)?;
    let (answered, failures) = load.end();
    ensure!(failures.is_empty(), "of {answered} requests failed: {failures:?}");
    all_recorded(before + answered as u64)?;
    wait("the old processes to end", || one_process(machine))?;
    let state = machine.property("glassway-proxy", "ActiveState")?;
    ensure!(state == "active", "the proxy is {state} after it was handed over");
    say(&format!(
        "glassway-proxy: handed over {times} times under load, {answered} requests, none failed; \
         the longest took {:.1} s",
        longest.as_secs_f64()
    ));
    Ok(())
}

/// Whether the proxy is one process.
fn one_process(machine: &Machine) -> bool {
    let group = "/sys/fs/cgroup/system.slice/glassway-proxy.service/cgroup.procs";
    machine.output(&format!("wc -l <{group}")).is_ok_and(|n| n == "1")
}

/// The next version's package over the one before.
fn upgraded_under_load(machine: &Machine, package: &[u8]) -> Result<()> {
    machine.write(PACKAGE, "644", package)?;
    let main = || machine.property("glassway-proxy", "MainPID");
    let invocation = || machine.property("glassway-proxy", "InvocationID");
    let (pid, started, before) = (main()?, invocation()?, recorded()?);
    let (clients, browsers) = (proxy_load(), monitor_load());
    migrate::one_more(machine, "CREATE TABLE to_come (a INTEGER PRIMARY KEY) STRICT;")?;
    let said = machine.run(&format!("dpkg -i {PACKAGE} 2>&1"))?;
    let over = format!("({}-1) over ({OLDER}-1)", debian::VERSION);
    ensure!(said.contains(&over), "no upgrade {over}:\n{said}");
    let answered = none_failed(clients, browsers)?;
    all_recorded(before + answered)?;
    ensure!(migrate::is_up_to_date(machine)?, "the step was not taken");
    ensure!(main()? != pid, "the old proxy still runs");
    ensure!(invocation()? == started, "the proxy was restarted, and has not handed over:\n{said}");
    let file = "/usr/share/glassway/monitoring/glassway-alerts.yml";
    machine.run(&format!("grep -q GlasswayRestartsOften {file}"))?;
    say("upgraded under load, with a step of the database: handed over, and no request failed");
    Ok(())
}

/// Of what clients and browsers asked until now, and a little longer; gives how many answers the
/// clients had.
fn none_failed(clients: Load, browsers: Load) -> Result<u64> {
    let seen = clients.answered();
    wait("an answer after the upgrade", || clients.answered() > seen + 20)?;
    let mut of_clients = None;
    for (whose, load) in [("the proxy", clients), ("the monitor", browsers)] {
        let (answered, failures) = load.end();
        ensure!(failures.is_empty(), "{whose}: of {answered} requests failed: {failures:?}");
        of_clients.get_or_insert(answered as u64);
    }
    Ok(of_clients.unwrap_or_default())
}

/// A process that hangs is killed and started again; who connected meanwhile is served.
fn stuck_and_restarted(machine: &Machine, unit: &str, to: &str) -> Result<()> {
    let pid = machine.property(unit, "MainPID")?;
    machine.run(&format!("kill -STOP {pid}"))?;
    let start = Instant::now();
    let (status, body) = ask(to, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".into())
        .with_context(|| format!("{unit} after the watchdog"))
        .or_else(|_| ask(to, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".into()))?;
    ensure!(status == 200, "{unit} after the watchdog: {status} {body}");
    wait("another process", || {
        machine.property(unit, "MainPID").is_ok_and(|now| now != pid && now != "0")
    })?;
    let log = machine.run(&format!("journalctl --no-pager -u {unit}"))?;
    ensure!(log.contains("Watchdog timeout"), "{unit} came back, but not by the watchdog");
    say(&format!("{unit}: stuck, killed and back after {:.1} s", start.elapsed().as_secs_f64()));
    Ok(())
}

/// What the proxy says over the link that keys are to be sealed to.
fn public_key(machine: &Machine) -> Result<String> {
    let socket = format!("/proc/{}/root/run/glassway/glassway.sock", machine.leader());
    let mut link = std::os::unix::net::UnixStream::connect(socket)?;
    let mut answer = String::new();
    link.write_all(b"GET /public-key HTTP/1.1\r\nHost: glassway\r\nConnection: close\r\n\r\n")?;
    link.read_to_string(&mut answer)?;
    answer.rsplit("\r\n").next().map(str::to_owned).context("no public key")
}

/// Also where the main process is not the one that systemd has started.
fn stops_when_streams_have_ended(machine: &Machine) -> Result<()> {
    machine.run("systemctl reload glassway-proxy")?;
    wait("the old process to end", || one_process(machine))?;
    let stream = Load::start(address(PROXY), &[Kind::Streaming], |_| {
        client::post("/v1/stream", r#"{"stream":true}"#)
    });
    thread::sleep(Duration::from_millis(500));
    let stopping = thread::scope(|scope| {
        let stopping = scope.spawn(|| machine.run("systemctl stop glassway-proxy.service"));
        thread::sleep(Duration::from_millis(300));
        let (answered, failures) = stream.end();
        ensure!(answered == 1 && failures.is_empty(), "{answered} streams, {failures:?}");
        stopping.join().map_err(|_| anyhow::anyhow!("the stop panicked"))?
    });
    stopping?;
    let result = machine.property("glassway-proxy", "Result")?;
    let code = machine.property("glassway-proxy", "ExecMainStatus")?;
    ensure!((&*result, &*code) == ("success", "0"), "stopped with {result}, exit code {code}");
    let (status, _) = ask(PROXY, client::post("/v1/chat/completions", "{}"))?;
    ensure!(status == 200, "the socket did not start the proxy: {status}");
    Ok(())
}

fn purged(machine: &Machine) -> Result<()> {
    machine.run("dpkg --purge glassway 2>&1")?;
    for path in ["/var/lib/glassway", "/var/lib/private/glassway", "/etc/glassway", "/run/glassway"]
    {
        let there = machine.output(&format!("ls -d {path} 2>/dev/null"))?;
        ensure!(there.is_empty(), "{path} is still there");
    }
    for to in [PROXY, MONITOR] {
        ensure!(ask(to, admin("/")).is_err(), "{to} still answers");
    }
    Ok(())
}

fn wait(what: &str, mut condition: impl FnMut() -> bool) -> Result<()> {
    let start = Instant::now();
    while !condition() {
        ensure!(start.elapsed() < Duration::from_secs(60), "waited in vain for: {what}");
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
