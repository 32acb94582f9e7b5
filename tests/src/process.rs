//! One child process: its lines are captured, it is never left behind, and
//! what it said is shown where a test fails.

use std::{
    io::{self, BufRead, BufReader, Read},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{sys::signal, unistd::Pid};

pub use nix::sys::signal::Signal;

use crate::wire::locked;

/// Called with every line a process writes.
pub type Echo = Box<dyn Fn(&str) + Send + Sync>;

/// A running child. Dropping it kills it.
pub struct Process {
    name: String,
    child: Child,
    status: Option<ExitStatus>,
    lines: Arc<Lines>,
    readers: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Lines {
    seen: Mutex<Vec<String>>,
    more: Condvar,
}

impl Process {
    /// Starts `command`, in our process group unless it says otherwise: whoever
    /// ends a test or a measurement ends what it has started too.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn(name: &str, command: Command, echo: Echo) -> io::Result<Self> {
        Self::spawn_with(name, command, Stdio::null(), echo)
    }

    /// [`Self::spawn`], with something to read from: a file, a socket to be passed on.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn_with(
        name: &str,
        mut command: Command,
        stdin: Stdio,
        echo: Echo,
    ) -> io::Result<Self> {
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let lines = Arc::new(Lines::default());
        let echo = Arc::new(echo);
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        let readers = vec![
            follow(stdout, Arc::clone(&lines), Arc::clone(&echo)),
            follow(stderr, Arc::clone(&lines), echo),
        ];
        Ok(Self { name: name.to_owned(), child, status: None, lines, readers })
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written so far, both streams together.
    #[must_use]
    pub fn log(&self) -> String {
        locked(&self.lines.seen).join("\n")
    }

    /// The first line, from the start on, that `pick` takes.
    ///
    /// # Errors
    /// It ended, or said nothing of the kind in time; with its log.
    pub fn line<T>(
        &mut self,
        patience: Duration,
        pick: impl Fn(&str) -> Option<T>,
    ) -> Result<T, String> {
        let start = Instant::now();
        let mut looked_at = 0;
        loop {
            let ended = self.exited().is_some();
            if ended {
                self.join();
            }
            {
                let seen = locked(&self.lines.seen);
                if let Some(found) = seen.iter().skip(looked_at).find_map(|l| pick(l)) {
                    return Ok(found);
                }
                looked_at = seen.len();
                if !ended {
                    let wait = Duration::from_millis(50);
                    drop(self.lines.more.wait_timeout(seen, wait));
                }
            }
            if ended || start.elapsed() > patience {
                let how =
                    self.status.map_or_else(|| "is silent".to_owned(), |s| format!("ended ({s})"));
                return Err(format!("{} {how}:\n{}", self.name, self.log()));
            }
        }
    }

    /// Waits for the line that names the address it listens on.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub fn listening(&mut self) -> Result<SocketAddr, String> {
        self.line(crate::wait::PATIENCE, listening_address)
    }

    /// Sends a signal; a process that has ended gets none.
    pub fn signal(&mut self, signal: Signal) {
        if self.exited().is_none() {
            let pid = i32::try_from(self.child.id()).expect("a process id is an i32");
            let _ = signal::kill(Pid::from_raw(pid), signal);
        }
    }

    /// How it ended, if it has.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// Waits for its end; none if that does not come in time.
    pub fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        while self.exited().is_none() && start.elapsed() < patience {
            thread::sleep(Duration::from_millis(10));
        }
        if self.status.is_some() {
            self.join();
        }
        self.status
    }

    fn join(&mut self) {
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.exited().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        self.join();
        if thread::panicking() {
            eprintln!("--- {} said:\n{}\n---", self.name, self.log());
        }
    }
}

/// The address in a line that says `listening on http://ADDRESS` (or `https`).
#[must_use]
pub fn listening_address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on ")?;
    let rest = rest.strip_prefix("http://").or_else(|| rest.strip_prefix("https://"))?;
    let end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || ".:[]".contains(c)))
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// Where a Glassway binary is: beside the program that runs now, wherever cargo
/// put that, or in the folder `GLASSWAY_BIN_DIR`.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let folder = std::env::var_os("GLASSWAY_BIN_DIR").map_or_else(built_beside, PathBuf::from);
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is not built; build it with: cargo build -p glassway-proxy -p glassway-monitor",
        path.display()
    );
    path
}

/// `target/debug` for a program in `target/debug` or `target/debug/deps`.
fn built_beside() -> PathBuf {
    let exe = std::env::current_exe().expect("a running program has a path");
    let folder = exe.parent().expect("a program is in a folder");
    if folder.ends_with("deps") {
        return folder.parent().expect("deps is in a folder").to_owned();
    }
    folder.to_owned()
}

fn follow(
    stream: impl Read + Send + 'static,
    lines: Arc<Lines>,
    echo: Arc<Echo>,
) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            echo(&text);
            locked(&lines.seen).push(text);
            lines.more.notify_all();
            line.clear();
        }
    })
}
