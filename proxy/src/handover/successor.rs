//! The process that is to take over from this one: started where somebody asks for it
//! (`POST /succeed` on the link, SIGUSR2), one at a time, and whoever asked hears what
//! became of it.
//!
//! Refused: another one beside the first. Who asks meanwhile waits, and is then told that
//! the new process is the one to ask. Why the new one did not come to serve it says on its
//! standard output, one line, as its standard error is the log and belongs to no pipe of
//! ours: it lives longer than this process.

use std::{
    io::{self, Write},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
    signal::unix::Signal,
    sync::Mutex,
};

use super::{Offer, Standing};

/// In the environment of a successor.
const MARK: &str = "GLASSWAY_SUCCESSOR";
/// So long a new process may take until it serves. Less than systemd waits for a reload.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);
/// No reason is longer.
const LONGEST: u64 = 4096;

/// Why no other process serves now.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// One does already, and is the one to ask.
    #[error("process {0} serves already")]
    Moved(u32),
    /// This one ends, and no other is to follow.
    #[error("it is stopping")]
    Stopping,
    /// The new one ended before it served; this one serves on.
    #[error("{0}")]
    Failed(String),
}

/// See the module.
pub struct Succession {
    offer: Arc<Offer>,
    /// Held while a process is on its way.
    one: Mutex<()>,
    /// How many wait to hear of it.
    asking: AtomicUsize,
}

/// One who waits.
struct Asking<'a>(&'a AtomicUsize);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Succession {
    /// Of the process that makes this offer.
    pub fn new(offer: Arc<Offer>) -> Arc<Self> {
        Arc::new(Self { offer, one: Mutex::new(()), asking: AtomicUsize::new(0) })
    }

    /// Starts a process of the program as it is installed now, with this one's arguments;
    /// gives its id once it serves in this one's place.
    pub async fn succeed(self: &Arc<Self>) -> Result<u32, Refusal> {
        self.asking.fetch_add(1, SeqCst);
        let _asking = Asking(&self.asking);
        let this = self.clone();
        // On its own: it goes on where who asked has gone.
        let work = tokio::spawn(async move { this.begin().await });
        work.await.unwrap_or(Err(Refusal::Stopping))
    }

    /// Whether somebody waits for an answer yet.
    pub fn is_asked(&self) -> bool {
        self.asking.load(SeqCst) > 0
    }

    /// Whenever this signal comes, until another process serves.
    pub async fn follow(self: Arc<Self>, mut signal: Signal) {
        while signal.recv().await.is_some() {
            if let Err(e) = self.succeed().await {
                tracing::error!(error = %e, "SIGUSR2: no other process takes over from this one");
            }
        }
    }

    async fn begin(&self) -> Result<u32, Refusal> {
        let _one = self.one.lock().await;
        // Only just begun: whose place it took answers in a moment, or never.
        while self.offer.standing() == Standing::Beginning {
            tokio::time::sleep(LOOK).await;
        }
        match self.offer.standing() {
            Standing::Open | Standing::Beginning => {}
            Standing::Taken(pid) => return Err(Refusal::Moved(pid)),
            Standing::Withdrawn => return Err(Refusal::Stopping),
        }
        let exe = std::env::current_exe().map(|exe| installed(&exe.to_string_lossy()));
        let started = exe.and_then(|exe| start(&exe).map(|child| (exe, child)));
        let (program, mut child) =
            started.map_err(|e| Refusal::Failed(format!("it cannot be started: {e}")))?;
        tracing::info!(pid = child.id(), program, "started a process to take over");
        let result = tokio::select! {
            biased;
            pid = self.offer.taken() => Ok(pid),
            why = end(&mut child) => Err(why),
            () = tokio::time::sleep(PATIENCE) => {
                let _ = child.kill().await;
                Err(format!("it did not serve within {PATIENCE:?}, and was ended"))
            }
        };
        match result {
            Ok(pid) => {
                tokio::spawn(reap(child));
                Ok(pid)
            }
            Err(why) => {
                tracing::error!(
                    reason = why,
                    "the process that was to take over has ended; this one serves on"
                );
                Err(Refusal::Failed(why))
            }
        }
    }
}

fn start(program: &str) -> io::Result<Child> {
    let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--take-over") {
        arguments.push("--take-over".into());
    }
    Command::new(program)
        .args(arguments)
        // Meant for this process alone; without it the watchdog is the successor's, too.
        .env_remove("WATCHDOG_PID")
        .env(MARK, "1")
        .stdout(Stdio::piped())
        .spawn()
}

/// Why it ended, once it has.
async fn end(child: &mut Child) -> String {
    let status = match child.wait().await {
        Ok(status) => status.to_string(),
        Err(e) => e.to_string(),
    };
    let mut said = Vec::new();
    if let Some(stdout) = &mut child.stdout {
        let _ = stdout.take(LONGEST).read_to_end(&mut said).await;
    }
    match String::from_utf8_lossy(&said).lines().next() {
        Some(line) => line.to_owned(),
        None => format!("it ended ({status}); the log says why"),
    }
}

/// One that ends while this process does yet leaves no trace of itself.
async fn reap(mut child: Child) {
    if let Ok(status) = child.wait().await {
        tracing::error!(%status, "the process that took over has ended");
    }
}

/// What a process that was started as a successor says before it ends without having
/// served. Others have nobody to say it to.
pub fn tell(why: &str) {
    if std::env::var_os(MARK).is_some() {
        let _ = writeln!(io::stdout(), "{why}");
    }
}

/// A program that was replaced while it runs is called so by the kernel.
fn installed(exe: &str) -> String {
    exe.strip_suffix(" (deleted)").unwrap_or(exe).to_owned()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_replaced_program_is_found_again() {
        assert_eq!(installed("/usr/bin/glassway-proxy (deleted)"), "/usr/bin/glassway-proxy");
        assert_eq!(installed("/usr/bin/glassway-proxy"), "/usr/bin/glassway-proxy");
    }

    #[tokio::test]
    async fn why_it_ended_is_its_own_line_or_its_exit_code() {
        let run = |script: &str| {
            Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap()
        };
        assert_eq!(end(&mut run("echo no such key; exit 2")).await, "no such key");
        let silent = end(&mut run("exit 2")).await;
        assert!(silent.contains("exit status: 2") && silent.contains("the log"), "{silent}");
    }

    #[tokio::test]
    async fn who_asks_a_process_that_has_handed_over_hears_whom_to_ask() {
        let offer = Offer::new(TcpListener::bind("127.0.0.1:0").unwrap());
        let succession = Succession::new(offer.clone());
        offer.open();
        offer.claim().unwrap().given(7);
        assert!(matches!(succession.succeed().await, Err(Refusal::Moved(7))));
        let offer = Offer::new(TcpListener::bind("127.0.0.1:0").unwrap());
        let succession = Succession::new(offer.clone());
        offer.withdraw();
        assert!(matches!(succession.succeed().await, Err(Refusal::Stopping)));
        assert!(!succession.is_asked());
    }
}
