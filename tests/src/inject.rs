//! Errors and delays in system calls of a running process, as a failing disk gives them:
//! strace, attached and taken off again.

use std::{
    fs,
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
        let calls = what.split(':').next().unwrap_or_default();
        let mut strace = Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}")])
            .args(["-e", &format!("inject={what}"), "-p", &pid.to_string()])
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let attached = eventually("strace attaches or gives up", || {
            if strace.try_wait().is_ok_and(|ended| ended.is_some()) {
                return Some(false);
            }
            is_traced(pid).then_some(true)
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

/// Whether every thread of it is.
fn is_traced(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    threads.flatten().all(|thread| {
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
    })
}
