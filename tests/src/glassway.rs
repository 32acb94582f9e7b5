//! Both processes on a folder of their own and on ports the system picks.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    api::Api,
    client::Client,
    feed::Feed,
    process::{Echo, Process, Signal, binary},
    wait::{PATIENCE, eventually},
};

/// The admin key every fixture starts with.
pub const ADMIN_KEY: &str = "test-admin-key-0123456789abcdef";

/// A running Glassway. Dropping it kills what runs of it and removes its folder.
pub struct Glassway {
    proxy: Option<Running>,
    monitor: Option<Running>,
    setup: Setup,
}

struct Running {
    process: Process,
    addr: SocketAddr,
}

/// What to start: configuration, environment, which processes.
pub struct Setup {
    folder: TempDir,
    config: toml::Table,
    env: BTreeMap<String, String>,
    wrapper: Vec<String>,
    echo: fn(&'static str) -> Echo,
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// `glassway-proxy`.
    Proxy,
    /// `glassway-monitor`.
    Monitor,
}

impl Which {
    /// The binary's name.
    #[must_use]
    pub fn binary(self) -> &'static str {
        match self {
            Self::Proxy => "glassway-proxy",
            Self::Monitor => "glassway-monitor",
        }
    }
}

impl Default for Setup {
    fn default() -> Self {
        let folder = TempDir::with_prefix("glassway-").expect("a temporary folder");
        let setup = Self {
            folder,
            config: toml::Table::new(),
            env: BTreeMap::new(),
            wrapper: Vec::new(),
            echo: |_| Box::new(|_| {}),
        };
        setup
            .set("proxy.listen", "127.0.0.1:0")
            .set("proxy.drain_timeout", "10s")
            .set("monitor.listen", "127.0.0.1:0")
            .set("monitor.admin_key", ADMIN_KEY)
    }
}

impl Setup {
    /// Sets a configuration key (`section.key`).
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<toml::Value>) -> Self {
        self.put(key, value.into());
        self
    }

    fn put(&mut self, key: &str, value: toml::Value) {
        let (section, key) = key.split_once('.').expect("a key is section.name");
        self.config
            .entry(section)
            .or_insert_with(|| toml::Table::new().into())
            .as_table_mut()
            .expect("a section is a table")
            .insert(key.to_owned(), value);
    }

    /// Takes a configuration key out again.
    #[must_use]
    pub fn unset(mut self, key: &str) -> Self {
        let (section, key) = key.split_once('.').expect("a key is section.name");
        if let Some(section) = self.config.get_mut(section).and_then(|s| s.as_table_mut()) {
            section.remove(key);
        }
        self
    }

    /// Sets an environment variable of both processes.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sends everything to one upstream.
    #[must_use]
    pub fn upstream(self, url: &str) -> Self {
        self.set("upstream.base_url", url).set("upstream.anthropic_base_url", url)
    }

    /// Shows the lines of both processes with this.
    #[must_use]
    pub fn echo(mut self, echo: fn(&'static str) -> Echo) -> Self {
        self.echo = echo;
        self
    }

    /// Starts the binaries through another program (`taskset -c 0`).
    #[must_use]
    pub fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|&w| w.to_owned()).collect();
        self
    }

    /// The folder everything is in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts both and waits until both listen.
    #[must_use]
    pub fn start(self) -> Glassway {
        let mut glassway = self.start_nothing();
        glassway.start(Which::Proxy);
        glassway.start(Which::Monitor);
        glassway.connected();
        glassway
    }

    /// Starts the proxy alone.
    #[must_use]
    pub fn start_proxy(self) -> Glassway {
        let mut glassway = self.start_nothing();
        glassway.start(Which::Proxy);
        glassway
    }

    /// Starts nothing yet.
    #[must_use]
    pub fn start_nothing(self) -> Glassway {
        self.write_config();
        Glassway { proxy: None, monitor: None, setup: self }
    }

    /// Writes `config.toml` and gives its path.
    pub fn write_config(&self) -> PathBuf {
        let path = self.folder.path().join("config.toml");
        fs::write(&path, self.config.to_string()).expect("the folder can be written");
        path
    }

    /// The command that starts one of the two with this configuration.
    #[must_use]
    pub fn command(&self, which: Which) -> Command {
        let binary = binary(which.binary());
        let mut command = match self.wrapper.split_first() {
            Some((program, args)) => {
                let mut command = Command::new(program);
                command.args(args).arg(binary);
                command
            }
            None => Command::new(binary),
        };
        command
            .arg("--config")
            .arg(self.folder.path().join("config.toml"))
            .current_dir(self.folder.path())
            .envs(&self.env);
        for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            for name in [proxy.to_owned(), proxy.to_lowercase()] {
                if !self.env.contains_key(&name) {
                    command.env_remove(name);
                }
            }
        }
        command
    }
}

impl Glassway {
    /// A setup to change before it starts.
    #[must_use]
    pub fn setup() -> Setup {
        Setup::default()
    }

    /// Both processes in front of one upstream, everything else as shipped.
    #[must_use]
    pub fn before(upstream: &crate::Upstream) -> Self {
        Setup::default().upstream(&upstream.url()).start()
    }

    /// Starts one of the two, which must not run, and waits until it listens.
    pub fn start(&mut self, which: Which) {
        assert!(self.slot(which).is_none(), "{which:?} runs already");
        let process = self.spawn(which);
        let mut running = Running { process, addr: SocketAddr::from(([0, 0, 0, 0], 0)) };
        running.addr = running
            .process
            .listening()
            .unwrap_or_else(|e| panic!("{which:?} does not listen: {e}"));
        *self.slot(which) = Some(running);
    }

    /// Starts one of the two without waiting for anything.
    #[must_use]
    pub fn spawn(&self, which: Which) -> Process {
        let name = which.binary();
        Process::spawn(name, self.setup.command(which), (self.setup.echo)(name))
            .unwrap_or_else(|e| panic!("{name} starts: {e}"))
    }

    /// Waits until the monitor says that it hears the proxy.
    pub fn connected(&self) {
        eventually("the monitor hears the proxy", || {
            let health = self.api().get("/api/health").json();
            (health["proxy"]["connected"] == true).then_some(())
        });
    }

    /// Changes the configuration for what is started from now on.
    pub fn reconfigure(&mut self, key: &str, value: impl Into<toml::Value>) {
        self.setup.put(key, value.into());
        self.setup.write_config();
    }

    /// Where clients go.
    #[must_use]
    pub fn proxy_addr(&self) -> SocketAddr {
        self.proxy.as_ref().expect("the proxy runs").addr
    }

    /// Where the monitor is.
    #[must_use]
    pub fn monitor_addr(&self) -> SocketAddr {
        self.monitor.as_ref().expect("the monitor runs").addr
    }

    /// A raw connection to the proxy.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::connect(self.proxy_addr())
    }

    /// The monitor's API with the admin key.
    #[must_use]
    pub fn api(&self) -> Api {
        Api::new(self.monitor_addr(), ADMIN_KEY)
    }

    /// A connection to the feed.
    #[must_use]
    pub fn feed(&self) -> Feed {
        Feed::connect(self.monitor_addr(), ADMIN_KEY)
    }

    /// The folder of configuration and data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.setup.folder.path()
    }

    /// The database file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.folder().join("data/glassway.db")
    }

    /// The setup it was started with.
    #[must_use]
    pub fn started_with(&self) -> &Setup {
        &self.setup
    }

    /// The process id of one of the two.
    pub fn pid(&mut self, which: Which) -> u32 {
        self.running(which).process.pid()
    }

    /// What one of the two has written.
    #[must_use]
    pub fn log(&self, which: Which) -> String {
        match which {
            Which::Proxy => &self.proxy,
            Which::Monitor => &self.monitor,
        }
        .as_ref()
        .map(|r| r.process.log())
        .unwrap_or_default()
    }

    /// Kills one of the two as the kernel would for lack of memory.
    pub fn kill9(&mut self, which: Which) {
        let mut running = self.slot(which).take().expect("it runs");
        running.process.signal(Signal::SIGKILL);
        running.process.wait(PATIENCE).expect("a killed process ends");
    }

    /// Asks one of the two to stop and waits for its end.
    pub fn term(&mut self, which: Which) -> (ExitStatus, String) {
        let mut running = self.slot(which).take().expect("it runs");
        running.process.signal(Signal::SIGTERM);
        let status = running
            .process
            .wait(PATIENCE)
            .unwrap_or_else(|| panic!("{which:?} does not stop: {}", running.process.log()));
        (status, running.process.log())
    }

    /// Sends a signal to one of the two.
    pub fn signal(&mut self, which: Which, signal: Signal) {
        self.running(which).process.signal(signal);
    }

    /// Waits for one of the two to end by itself.
    pub fn wait(&mut self, which: Which, patience: Duration) -> Option<ExitStatus> {
        let status = self.running(which).process.wait(patience);
        if status.is_some() {
            *self.slot(which) = None;
        }
        status
    }

    /// Waits until there are `n` finished exchanges and gives them, oldest first.
    pub fn finished(&self, n: usize) -> Vec<Value> {
        let api = self.api();
        let mut last = Vec::new();
        crate::wait::within(PATIENCE, format_args!("{n} finished exchanges"), || {
            last = api.requests("?limit=1000");
            last.retain(|r| r["outcome"] != "in_flight");
            assert!(last.len() <= n, "more than {n} exchanges: {last:#?}");
            (last.len() == n).then(|| last.iter().rev().cloned().collect())
        })
    }

    /// The only exchange, in full, once it has finished.
    #[must_use]
    pub fn only_exchange(&self) -> Value {
        let exchange = &self.finished(1)[0];
        self.api().request(exchange["id"].as_str().expect("an id"))
    }

    /// Resident memory of one of the two, in bytes.
    pub fn resident(&mut self, which: Which) -> u64 {
        resident(self.pid(which))
    }

    fn running(&mut self, which: Which) -> &mut Running {
        self.slot(which).as_mut().expect("it runs")
    }

    fn slot(&mut self, which: Which) -> &mut Option<Running> {
        match which {
            Which::Proxy => &mut self.proxy,
            Which::Monitor => &mut self.monitor,
        }
    }
}

/// Resident memory of a process, in bytes.
#[must_use]
pub fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kilobytes: u64 = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .and_then(|v| v.split_whitespace().next()?.parse().ok())
        .unwrap_or_default();
    kilobytes * 1024
}
