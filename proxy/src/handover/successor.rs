//! The process that is to take over from this one: started where somebody asks for it
//! (`POST /succeed` on the link, SIGUSR2), one at a time, and whoever asked hears what
//! became of it.
//!
//! Refused: another one beside the first. Who asks meanwhile waits, and is then told that
//! the new process is the one to ask. Why the new one did not come to serve it says on its
//! standard output, one line, as its standard error is the log and belongs to no pipe of
//! ours: it lives longer than this process.
//!
//! It is no child of this process: it is started by one in between, which ends at once, so
//! that it is adopted by whoever adopts orphans, as a rule systemd. A main process that is
//! not systemd's own child is killed by a stop that should let its streams end.

use std::{
    io::{self, Write},
    process::{ExitCode, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use rustix::process::{Pid, Signal as Kill, getpid, getppid, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::{ChildStdout, Command},
    signal::unix::Signal,
    sync::Mutex,
};

use super::{Offer, Standing};

/// In the environment of a successor: the id of the process that started it, and of that one:
/// [`START`].
const MARK: &str = "GLASSWAY_SUCCESSOR";
const START: &str = "start";
/// How the one in between says which process it has started.
const STARTED: &str = "started ";
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
            match self.succeed().await {
                Ok(_) => {}
                Err(Refusal::Moved(pid)) => {
                    tracing::info!(pid, "SIGUSR2: another process serves already");
                }
                Err(e) => {
                    tracing::error!(error = %e, "SIGUSR2: no other process takes over from this one");
                }
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
        let started = exe.and_then(|exe| start(&exe).map(|said| (exe, said)));
        let (program, said) =
            started.map_err(|e| Refusal::Failed(format!("it cannot be started: {e}")))?;
        tracing::info!(program, "starting a process to take over");
        let mut pid = None;
        let result = tokio::select! {
            biased;
            pid = self.offer.taken() => Ok(pid),
            why = end(said, &mut pid) => Err(why),
            () = tokio::time::sleep(PATIENCE) => {
                Err(format!("it did not serve within {PATIENCE:?}, and was ended"))
            }
        };
        result.map_err(|why| {
            // Nothing to end where it has ended.
            let _ = pid.map(|pid| kill_process(pid, Kill::KILL));
            tracing::error!(reason = why, "no process took over; this one serves on");
            Refusal::Failed(why)
        })
    }
}

/// Starts the one in between, which starts the successor; gives what both say.
fn start(program: &str) -> io::Result<ChildStdout> {
    let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--take-over") {
        arguments.push("--take-over".into());
    }
    let mut between = Command::new(program)
        .args(arguments)
        // Meant for this process alone; without it the watchdog is the successor's, too.
        .env_remove("WATCHDOG_PID")
        .env(MARK, START)
        .stdout(Stdio::piped())
        .spawn()?;
    let said = between.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    tokio::spawn(async move { between.wait().await });
    Ok(said)
}

/// Why it ended, once nobody has its standard output any more; meanwhile, which process it is.
async fn end(said: impl AsyncRead + Unpin, pid: &mut Option<Pid>) -> String {
    let mut lines = BufReader::new(said.take(LONGEST)).lines();
    let mut why = None;
    while let Ok(Some(line)) = lines.next_line().await {
        match line.strip_prefix(STARTED) {
            Some(id) => *pid = id.parse().ok().and_then(Pid::from_raw),
            None => why = why.or(Some(line)),
        }
    }
    *pid = None;
    why.unwrap_or_else(|| "it ended; the log says why".to_owned())
}

/// For a process that is the one in between: starts the successor, and is to end then. `None`
/// for every other, a successor among them, which waits here until it is an orphan.
pub fn between() -> Option<ExitCode> {
    let mark = std::env::var(MARK).ok()?;
    if mark != START {
        let starter = mark.parse().ok().and_then(Pid::from_raw);
        while starter.is_some() && getppid() == starter {
            std::thread::sleep(Duration::from_millis(1));
        }
        return None;
    }
    let started = std::env::current_exe().and_then(|exe| {
        std::process::Command::new(exe)
            .args(std::env::args_os().skip(1))
            .env(MARK, getpid().as_raw_nonzero().to_string())
            .spawn()
    });
    match started {
        Ok(child) => {
            let _ = writeln!(io::stdout(), "{STARTED}{}", child.id());
            Some(ExitCode::SUCCESS)
        }
        Err(e) => {
            tell(&format!("it cannot be started: {e}"));
            Some(ExitCode::FAILURE)
        }
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
    async fn why_it_ended_is_its_own_line() {
        let mut pid = None;
        assert_eq!(end(&b"started 7\nno such key\nat all\n"[..], &mut pid).await, "no such key");
        assert_eq!(pid, None, "nobody is left");
        let silent = end(&b"started 7\n"[..], &mut pid).await;
        assert!(silent.contains("the log says why"), "{silent}");
        let (ours, mut its) = tokio::io::duplex(64);
        tokio::io::AsyncWriteExt::write_all(&mut its, b"started 7\n").await.unwrap();
        let heard = tokio::time::timeout(Duration::from_millis(100), end(ours, &mut pid)).await;
        assert!(heard.is_err() && pid == Pid::from_raw(7), "while it runs, its id is known");
    }

    #[tokio::test]
    async fn who_asks_a_process_that_has_handed_over_hears_whom_to_ask() {
        let offer = Offer::new(TcpListener::bind("127.0.0.1:0").unwrap());
        let succession = Succession::new(offer.clone());
        offer.open();
        offer.claim().unwrap().given(7).await;
        assert!(matches!(succession.succeed().await, Err(Refusal::Moved(7))));
        let offer = Offer::new(TcpListener::bind("127.0.0.1:0").unwrap());
        let succession = Succession::new(offer.clone());
        offer.withdraw();
        assert!(matches!(succession.succeed().await, Err(Refusal::Stopping)));
        assert!(!succession.is_asked());
    }
}
