//! Errors and delays in system calls of a running process, as a failing disk gives them:
//! strace, attached and taken off again.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};

use crate::eventually;

/// Injected until it is dropped.
pub struct Injected(Child);

impl Injected {
    /// `what` as strace takes it: `pwrite64:error=EIO`, `fdatasync:delay_enter=500000`.
    /// `None` where strace is missing or may not attach.
    #[must_use]
    pub fn into(pid: u32, what: &str) -> Option<Self> {
        Self::attach(&["-f"], &pid.to_string(), tasks(pid), what)
    }

    /// The same, into one thread of it.
    #[must_use]
    pub fn into_thread(pid: u32, name: &str, what: &str) -> Option<Self> {
        let comm = |task: &PathBuf| fs::read_to_string(task.join("comm")).unwrap_or_default();
        let task = tasks(pid).into_iter().find(|task| comm(task).trim() == name);
        let task = task.unwrap_or_else(|| panic!("no thread {name}"));
        let number = task.file_name().expect("a thread has a number").to_string_lossy();
        Self::attach(&[], &number, vec![task.clone()], what)
    }

    fn attach(options: &[&str], to: &str, tasks: Vec<PathBuf>, what: &str) -> Option<Self> {
        let calls = what.split(':').next().unwrap_or_default();
        let mut strace = Command::new("strace")
            .args(options)
            .args(["-qq", "-o", "/dev/null", "-e", &format!("trace={calls}")])
            .args(["-e", &format!("inject={what}"), "-p", to])
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let attached = eventually("strace attaches or gives up", || {
            if strace.try_wait().is_ok_and(|ended| ended.is_some()) {
                return Some(false);
            }
            tasks.iter().all(|task| is_traced(task)).then_some(true)
        });
        attached.then_some(Self(strace))
    }
}

impl Drop for Injected {
    fn drop(&mut self) {
        // Asked to end it detaches; killed it would leave threads stopped.
        let pid = i32::try_from(self.0.id()).expect("a process id is an i32");
        let _ = signal::kill(Pid::from_raw(pid), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

/// Every thread of a process, as folders.
fn tasks(pid: u32) -> Vec<PathBuf> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    threads.flatten().map(|thread| thread.path()).collect()
}

/// Whether a thread is traced, or gone.
fn is_traced(task: &Path) -> bool {
    let Ok(status) = fs::read_to_string(task.join("status")) else { return true };
    status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
}
