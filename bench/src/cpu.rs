//! CPU time of processes. User and system ticks of 10 ms are too coarse for one
//! second of load; the scheduler's own nanoseconds are not.

use std::fs;

/// Nanoseconds on a CPU of all threads of some processes so far. Threads that
/// have ended are not in it: nothing measured here starts and ends threads.
pub fn nanoseconds(pids: &[u32]) -> u64 {
    pids.iter().map(|pid| of_process(*pid)).sum()
}

fn of_process(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|line| line.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// A process and all it has started.
pub fn family(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let mut family = vec![pid];
    for child in children.unwrap_or_default().split_whitespace() {
        family.extend(child.parse().map(self::family).unwrap_or_default());
    }
    family
}
