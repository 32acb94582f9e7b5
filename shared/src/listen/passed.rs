//! Listeners that a service manager opened for us (`LISTEN_FDS`, `LISTEN_FDNAMES`): it
//! keeps them open while we restart, so that clients wait instead of being refused.

use std::{net::TcpListener, os::fd::AsFd};

use listenfd::ListenFd;
use socket2::SockRef;

/// What was passed and cannot be used, in one line that says what to do.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PassedError {
    /// A name nobody knows.
    #[error(
        "the service manager passed a listener named `{name}`, which this program does not know: \
         name it {known} (FileDescriptorName= in the .socket unit)"
    )]
    Unknown {
        /// As it was passed.
        name: String,
        /// What it may be.
        known: String,
    },
    /// The same name twice.
    #[error(
        "the service manager passed more than one listener named `{0}`: \
         leave one ListenStream= in the .socket unit"
    )]
    Twice(String),
    /// Fewer or more names than listeners.
    #[error("LISTEN_FDNAMES names {names} listeners where LISTEN_FDS passes {listeners}")]
    Miscounted {
        /// How many names.
        names: usize,
        /// How many listeners.
        listeners: usize,
    },
    /// Not what we serve on.
    #[error(
        "the listener `{name}` that the service manager passed is not a listening TCP socket \
         ({reason}): the .socket unit needs ListenStream=ADDRESS:PORT and Accept=no"
    )]
    Kind {
        /// As it was passed.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The listeners that were passed to this process.
#[derive(Debug, Default)]
pub struct Passed(Vec<(String, TcpListener)>);

impl Passed {
    /// Takes what is there. `known` are the names it may have, the main one first.
    /// To be called before there is a second thread: it takes the variables away.
    pub fn from_env(known: &[&str]) -> Result<Self, PassedError> {
        let given = std::env::var("LISTEN_FDNAMES").ok();
        let mut fds = ListenFd::from_env();
        let mut passed = Vec::new();
        for (at, name) in names(given.as_deref(), fds.len(), known)?.into_iter().enumerate() {
            let wrong = |reason: String| PassedError::Kind { name: name.clone(), reason };
            let listener = match fds.take_tcp_listener(at) {
                Ok(Some(listener)) => listener,
                Ok(None) => return Err(wrong("it is not there".into())),
                Err(e) => return Err(wrong(e.to_string())),
            };
            let listens = SockRef::from(&listener.as_fd()).is_listener();
            if !listens.map_err(|e| wrong(e.to_string()))? {
                return Err(wrong("it does not listen".into()));
            }
            listener.set_nonblocking(true).map_err(|e| wrong(e.to_string()))?;
            passed.push((name, listener));
        }
        Ok(Self(passed))
    }

    /// The listener of this name.
    pub fn take(&mut self, name: &str) -> Option<TcpListener> {
        let at = self.0.iter().position(|(found, _)| found == name)?;
        Some(self.0.remove(at).1)
    }
}

/// Which of the known names each of `count` listeners has. One alone needs no name: what
/// systemd then calls it is no mistake.
fn names(given: Option<&str>, count: usize, known: &[&str]) -> Result<Vec<String>, PassedError> {
    let given: Vec<&str> = match given {
        Some(text) if !text.is_empty() => text.split(':').collect(),
        _ => vec!["unknown"; count],
    };
    if count == 0 {
        return Ok(Vec::new());
    }
    if given.len() != count {
        return Err(PassedError::Miscounted { names: given.len(), listeners: count });
    }
    let unnamed = |name: &str| name.is_empty() || name == "unknown" || name.ends_with(".socket");
    let mut names: Vec<String> = Vec::new();
    for name in given {
        let name = if count == 1 && unnamed(name) { known[0] } else { name };
        if !known.contains(&name) {
            return Err(PassedError::Unknown { name: name.to_owned(), known: known.join(" or ") });
        }
        if names.iter().any(|taken| taken == name) {
            return Err(PassedError::Twice(name.to_owned()));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["monitor", "trace"];

    #[test]
    fn names_are_known_and_one_alone_needs_none() {
        let ok = |given, count| names(given, count, KNOWN).unwrap();
        assert!(ok(None, 0).is_empty());
        assert!(ok(Some("left:over"), 0).is_empty());
        assert_eq!(ok(None, 1), ["monitor"]);
        assert_eq!(ok(Some("glassway-monitor.socket"), 1), ["monitor"]);
        assert_eq!(ok(Some("trace"), 1), ["trace"]);
        assert_eq!(ok(Some("trace:monitor"), 2), ["trace", "monitor"]);
    }

    #[test]
    fn what_cannot_be_right_is_said() {
        let error = |given, count| names(given, count, KNOWN).unwrap_err().to_string();
        assert!(error(Some("proxy"), 1).contains("`proxy`"));
        assert!(error(Some("proxy"), 1).contains("monitor or trace"));
        assert!(error(None, 2).contains("`unknown`"));
        assert!(error(Some("trace:trace"), 2).contains("more than one listener named `trace`"));
        assert!(error(Some("trace"), 2).contains("names 1 listeners where LISTEN_FDS passes 2"));
    }
}
