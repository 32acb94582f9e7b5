//! A Debian that really boots: systemd as process 1 in a container of its own, with a
//! network of its own, gone without a trace when dropped.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use nix::{
    sched::{CloneFlags, setns},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::tools::target;

/// How long a boot may take.
const BOOT: Duration = Duration::from_secs(60);

/// See the module.
pub struct Machine {
    nspawn: Child,
    leader: i32,
    groups: Vec<PathBuf>,
    log: PathBuf,
}

impl Machine {
    /// Boots `tree`; none, with the reason, where that cannot be done on this machine.
    pub fn boot(tree: &Path) -> Result<Result<Self, String>> {
        let groups = groups()?;
        if groups.is_empty() {
            return Ok(Err("there is no cgroup file system to boot systemd on".into()));
        }
        let log = target().join("systemd/console.log");
        let console = File::create(&log)?;
        // A control group of its own, entered before nspawn begins.
        let enter: String =
            groups.iter().map(|g| format!("echo $$ >{}/cgroup.procs && ", g.display())).collect();
        let nspawn = Command::new("sh")
            .arg("-c")
            .arg(format!(
                "{enter}exec setpriv --pdeathsig TERM \
                 systemd-nspawn --quiet --boot --register=no --keep-unit --private-network \
                 --volatile=overlay --link-journal=no -D \"$1\" systemd.unit=multi-user.target"
            ))
            .arg("sh")
            .arg(tree)
            .env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1")
            .stdin(Stdio::null())
            .stdout(console.try_clone()?)
            .stderr(console)
            .process_group(0)
            .spawn()?;
        let mut machine = Self { nspawn, leader: 0, groups, log };
        match machine.wait_for_boot()? {
            true => Ok(Ok(machine)),
            false => {
                let said = machine.console();
                let last = said.lines().rev().find(|line| !line.trim().is_empty());
                let last = last.unwrap_or("nothing was said").trim().to_owned();
                Ok(Err(format!("systemd-nspawn cannot boot here: {last}")))
            }
        }
    }

    /// False where nspawn gave up, or nothing comes of it.
    fn wait_for_boot(&mut self) -> Result<bool> {
        let start = Instant::now();
        while start.elapsed() < BOOT {
            if self.nspawn.try_wait()?.is_some() {
                return Ok(false);
            }
            self.leader = child_of(self.nspawn.id()).unwrap_or(0);
            if self.leader != 0 {
                let state = self.output("systemctl is-system-running").unwrap_or_default();
                if ["running", "degraded"].contains(&state.trim()) {
                    return Ok(true);
                }
            }
            thread::sleep(Duration::from_millis(200));
        }
        Ok(false)
    }

    fn enter(&self, script: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["-t", &self.leader.to_string(), "-a", "env", "-i", "LC_ALL=C.UTF-8"])
            .args(["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive"])
            .args(["sh", "-c", script])
            .stdin(Stdio::null());
        command
    }

    /// Runs a line of shell as root; its standard output, whatever its exit code.
    pub fn output(&self, script: &str) -> Result<String> {
        let output = self.enter(script).output().context("cannot start nsenter")?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Runs a line of shell as root, which must succeed; its standard output.
    pub fn run(&self, script: &str) -> Result<String> {
        let output = self.enter(script).output().context("cannot start nsenter")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if !output.status.success() {
            let (out, err) = (text(&output.stdout), text(&output.stderr));
            bail!("failed in the machine: {script}\n{out}\n{err}");
        }
        Ok(text(&output.stdout))
    }

    /// Process 1 of the machine, as it is called outside.
    pub fn leader(&self) -> i32 {
        self.leader
    }

    /// A property of a unit.
    pub fn property(&self, unit: &str, name: &str) -> Result<String> {
        self.run(&format!("systemctl show -P {name} {unit}"))
    }

    /// Writes a file in the machine.
    pub fn write(&self, path: &str, mode: &str, bytes: &[u8]) -> Result<()> {
        let mut child = self
            .enter(&format!(
                "umask 077; mkdir -p \"${{0%/*}}\" && cat >\"$0\" && chmod {mode} \"$0\""
            ))
            .arg(path)
            .stdin(Stdio::piped())
            .spawn()?;
        child.stdin.take().context("stdin is piped")?.write_all(bytes)?;
        match child.wait()?.success() {
            true => Ok(()),
            false => Err(anyhow!("cannot write {path} in the machine")),
        }
    }

    /// Puts this thread, and those it will start, on the machine's network.
    pub fn join_network(&self) -> Result<()> {
        let net = File::open(format!("/proc/{}/ns/net", self.leader))?;
        setns(net, CloneFlags::CLONE_NEWNET).context("cannot join the machine's network")
    }

    fn console(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The end of process 1 is the end of every process of the container.
        if self.leader != 0 {
            let _ = kill(Pid::from_raw(self.leader), Signal::SIGKILL);
        }
        let start = Instant::now();
        while matches!(self.nspawn.try_wait(), Ok(None)) {
            if start.elapsed() > Duration::from_secs(10) {
                let _ = self.nspawn.kill();
                let _ = self.nspawn.wait();
            }
            thread::sleep(Duration::from_millis(50));
        }
        for group in &self.groups {
            remove_group(group);
        }
    }
}

/// A control group of ours in each hierarchy that systemd needs: the unified one, and on
/// older arrangements its named one.
fn groups() -> Result<Vec<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mut groups = Vec::new();
    for line in mounts.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let &[_, folder, kind, options, ..] = &fields[..] else { continue };
        let named = kind == "cgroup" && options.split(',').any(|o| o == "name=systemd");
        if kind == "cgroup2" || named {
            let group = Path::new(folder).join(format!("glassway-test-{}", std::process::id()));
            if fs::create_dir(&group).is_ok() {
                groups.push(group);
            }
        }
    }
    Ok(groups)
}

/// From the leaves up; what is busy for a moment yet is tried again.
fn remove_group(group: &Path) {
    for _ in 0..20 {
        remove_below(group);
        if !group.exists() {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
}

fn remove_below(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_below(&entry.path());
        }
    }
    let _ = fs::remove_dir(group);
}

/// The first child of a process.
fn child_of(pid: u32) -> Option<i32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}
