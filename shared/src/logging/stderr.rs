//! Where lines go. What systemd's journal reads from standard error has no priority but the
//! one that a line begins with, `<4>` for a warning, and the journal takes that off again;
//! everywhere else such a beginning would be noise. Without it `journalctl -p warning` finds
//! nothing.

use std::{
    fs::File,
    io::{self, Write},
    os::{fd::AsFd, unix::fs::MetadataExt},
};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Priorities of syslog.
const ERROR: u8 = 3;
const WARNING: u8 = 4;
const INFO: u8 = 6;
const DEBUG: u8 = 7;

/// Standard error, and whether the journal reads it.
#[derive(Clone, Copy)]
pub(super) struct Stderr {
    journal: bool,
}

impl Stderr {
    /// As it is now.
    pub(super) fn here() -> Self {
        Self { journal: is_journal() }
    }

    /// A line of an error that ends the process.
    pub(super) fn complain(self, line: &str) {
        // Nobody is left to be told where this fails.
        let _ = writeln!(self.line(ERROR), "{line}");
    }

    fn line(self, priority: u8) -> Line {
        Line { priority: self.journal.then_some(priority), buffer: Vec::new() }
    }
}

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        self.line(INFO)
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line {
        self.line(match *meta.level() {
            Level::ERROR => ERROR,
            Level::WARN => WARNING,
            Level::INFO => INFO,
            _ => DEBUG,
        })
    }
}

/// One event, written at once when it is whole, so that lines of two threads do not mix.
pub(super) struct Line {
    priority: Option<u8>,
    buffer: Vec<u8>,
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.priority {
            Some(priority) if self.buffer.is_empty() => write!(self.buffer, "<{priority}>")?,
            _ => {}
        }
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let whole = io::stderr().write_all(&self.buffer);
        self.buffer.clear();
        whole
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

/// systemd names the stream it gave: device and inode. Whoever has redirected it since, or
/// started this process from another service, has another.
fn is_journal() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else { return false };
    let same = || -> io::Result<bool> {
        let meta = File::from(io::stderr().as_fd().try_clone_to_owned()?).metadata()?;
        Ok(named == format!("{}:{}", meta.dev(), meta.ino()))
    };
    same().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_the_journal_begins_with_its_priority_and_no_other_does() {
        for (journal, wanted) in [(true, "<4>a lock is held\n"), (false, "a lock is held\n")] {
            let mut line = Stderr { journal }.line(WARNING);
            line.write_all(b"a lock ").unwrap();
            line.write_all(b"is held\n").unwrap();
            assert_eq!(String::from_utf8_lossy(&line.buffer), wanted);
            line.buffer.clear();
        }
    }
}
