//! The two processes side by side: started, watched, shown line by line, and
//! stopped together.

use std::{
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitCode},
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use glassway_tests::process::{Echo, Process, Signal};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::tools::paint;

/// Both processes.
pub struct Pair {
    proxy: Process,
    monitor: Process,
    signals: Signals,
}

/// Where they are.
pub struct Addresses {
    pub proxy: SocketAddr,
    pub monitor: SocketAddr,
}

/// What to start.
pub struct Plan {
    /// The folder of the binaries.
    pub binaries: PathBuf,
    /// Their configuration.
    pub config: PathBuf,
    /// Environment beside it.
    pub env: Vec<(String, String)>,
}

/// Why the pair is to stop.
pub enum Stop {
    /// Somebody asked.
    Asked,
    /// One of the two ended by itself.
    Died,
}

impl Plan {
    fn spawn(&self, binary: &str, label: &'static str, style: &'static str) -> Result<Process> {
        let path = self.binaries.join(binary);
        let mut command = Command::new(&path);
        command
            .arg("--config")
            .arg(&self.config)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            // A Ctrl-C on the terminal reaches only us; we decide what it means.
            .process_group(0);
        let echo: Echo = Box::new(move |line| eprintln!("{} {line}", paint(style, label)));
        Process::spawn(binary, command, echo)
            .with_context(|| format!("cannot start {}", path.display()))
    }
}

impl Pair {
    /// Starts both and waits until both listen.
    pub fn start(plan: &Plan) -> Result<(Self, Addresses)> {
        // Before the children: a Ctrl-C from here on is ours to pass on.
        let signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let mut proxy = plan.spawn("glassway-proxy", "proxy  │", "36")?;
        let mut monitor = plan.spawn("glassway-monitor", "monitor│", "35")?;
        let listening = |process: &mut Process, what: &str| {
            process
                .listening()
                .map_err(|_| anyhow!("the {what} did not start; its lines above say why"))
        };
        let addresses = Addresses {
            proxy: listening(&mut proxy, "proxy")?,
            monitor: listening(&mut monitor, "monitor")?,
        };
        let pair = Self { proxy, monitor, signals };
        Ok((pair, addresses))
    }

    /// Waits until somebody asks to stop or one of the two ends; calls `turn` in
    /// between, which may ask to stop by giving false.
    pub fn wait(&mut self, mut turn: impl FnMut() -> bool) -> Stop {
        loop {
            for (process, other) in [(&mut self.proxy, "monitor"), (&mut self.monitor, "proxy")] {
                if let Some(status) = process.exited() {
                    let name = if other == "monitor" { "proxy" } else { "monitor" };
                    eprintln!("The {name} ended by itself ({status}); stopping the {other} too.");
                    return Stop::Died;
                }
            }
            if self.signals.pending().next().is_some() || !turn() {
                return Stop::Asked;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Lets both finish what they are doing; a second signal ends them at once.
    pub fn stop(mut self, why: &Stop) -> ExitCode {
        eprintln!("Stopping: exchanges in flight may end (Ctrl-C again stops at once).");
        self.proxy.signal(Signal::SIGTERM);
        self.monitor.signal(Signal::SIGTERM);
        loop {
            if let (Some(proxy), Some(monitor)) = (self.proxy.exited(), self.monitor.exited()) {
                let clean = proxy.success() && monitor.success() && matches!(why, Stop::Asked);
                return if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE };
            }
            if self.signals.pending().next().is_some() {
                self.proxy.signal(Signal::SIGKILL);
                self.monitor.signal(Signal::SIGKILL);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
