//! Whether all is well, in one word and a few reasons: for load balancers, for
//! supervisors and for people. Says nothing that a stranger should not know. Pure.

use std::time::Duration;

use serde_json::{Value, json};

/// Silence past this is no longer a busy moment.
pub const SILENT: Duration = Duration::from_secs(10);

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Signs {
    /// Whether the last write worked.
    pub writable: bool,
    /// Since the journal came round.
    pub journal_silent: Duration,
    /// Since the data thread that is silent longest came round.
    pub threads_silent: Duration,
}

/// In one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Everything works.
    Ok,
    /// Clients are served; something else does not work.
    Degraded,
    /// Clients are not served, or not all of them.
    Failing,
}

impl Status {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Ok, Self::Degraded, Self::Failing];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Failing => "failing",
        }
    }
}

/// How it stands, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// In one word.
    pub status: Status,
    /// In words for programs.
    pub reasons: Vec<&'static str>,
}

/// Judges.
pub fn judge(signs: Signs) -> Health {
    let mut health = Health { status: Status::Ok, reasons: Vec::new() };
    if !signs.writable {
        health.status = Status::Degraded;
        health.reasons.push("records_not_written");
    }
    if signs.journal_silent > SILENT {
        health.status = Status::Degraded;
        health.reasons.push("journal_stuck");
    }
    if signs.threads_silent > SILENT {
        health.status = Status::Failing;
        health.reasons.push("data_thread_stuck");
    }
    health
}

impl Health {
    /// Status code and body for whoever asks.
    pub fn answer(&self, recording: bool) -> (http::StatusCode, Value) {
        let code = match self.status {
            // A client is served as well as ever: nobody gains by going elsewhere.
            Status::Ok | Status::Degraded => http::StatusCode::OK,
            Status::Failing => http::StatusCode::SERVICE_UNAVAILABLE,
        };
        let body = json!({
            "status": self.status.as_str(),
            "reasons": self.reasons,
            "version": glassway_shared::VERSION,
            "recording": recording,
        });
        (code, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(true, 0, 0, "ok", "", 200)]
    #[case(true, 9, 9, "ok", "", 200)]
    #[case(false, 0, 0, "degraded", "records_not_written", 200)]
    #[case(true, 30, 0, "degraded", "journal_stuck", 200)]
    #[case(false, 30, 0, "degraded", "records_not_written journal_stuck", 200)]
    #[case(true, 0, 30, "failing", "data_thread_stuck", 503)]
    #[case(false, 0, 30, "failing", "records_not_written data_thread_stuck", 503)]
    fn what_is_judged(
        #[case] writable: bool,
        #[case] journal: u64,
        #[case] threads: u64,
        #[case] status: &str,
        #[case] reasons: &str,
        #[case] code: u16,
    ) {
        let health = judge(Signs {
            writable,
            journal_silent: Duration::from_secs(journal),
            threads_silent: Duration::from_secs(threads),
        });
        let (answered, body) = health.answer(true);
        assert_eq!((answered.as_u16(), body["status"].as_str()), (code, Some(status)));
        assert_eq!(health.reasons.join(" "), reasons);
    }
}
