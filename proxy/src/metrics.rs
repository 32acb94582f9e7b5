//! Counters and histograms, in Prometheus' text form. Counted by the journal when an
//! exchange is written, so that the data path only touches its own state.

use std::{
    fmt::Write,
    sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
};

use glassway_shared::{model::Outcome, store::record::Record};

/// Upper bounds in seconds: from a cached lookup to a long agent turn.
const BOUNDS: [f64; 16] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
];

#[derive(Default)]
struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

impl Histogram {
    fn observe(&self, us: u64) {
        let seconds = us as f64 / 1e6;
        if let Some(at) = BOUNDS.iter().position(|bound| seconds <= *bound) {
            self.buckets[at].fetch_add(1, Relaxed);
        }
        self.count.fetch_add(1, Relaxed);
        self.sum_us.fetch_add(us, Relaxed);
    }

    fn write(&self, out: &mut String, name: &str, help: &str) {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} histogram");
        let mut below = 0;
        for (bound, bucket) in BOUNDS.iter().zip(&self.buckets) {
            below += bucket.load(Relaxed);
            let _ = writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {below}");
        }
        let count = self.count.load(Relaxed);
        let sum = self.sum_us.load(Relaxed) as f64 / 1e6;
        let _ = writeln!(
            out,
            "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}"
        );
    }
}

/// The process's numbers and its few global facts.
#[derive(Default)]
pub struct Metrics {
    requests: [AtomicU64; Outcome::ALL.len()],
    duration: Histogram,
    first_token: Histogram,
    cursor: AtomicI64,
    unwritable: AtomicBool,
    stopping: AtomicBool,
    handed_over: AtomicBool,
}

/// What others count.
pub struct Gauges {
    /// Exchanges running.
    pub in_flight: u64,
    /// Memory held for recording.
    pub queue_bytes: u64,
    /// Bodies dropped.
    pub bodies_shed: u64,
    /// Records lost.
    pub records_lost: u64,
}

impl Metrics {
    /// A record was committed.
    pub fn count(&self, record: &Record) {
        self.ended(record.outcome);
        if let Some(us) = record.times.duration_us {
            self.duration.observe(us);
        }
        if let Some(us) = record.times.first_token_us {
            self.first_token.observe(us);
        }
    }

    /// An exchange ended, recorded or not.
    pub fn ended(&self, outcome: Outcome) {
        self.requests[outcome as usize].fetch_add(1, Relaxed);
    }

    /// `exchanges.seq` of the newest.
    pub fn cursor(&self, cursor: i64) {
        self.cursor.store(cursor, Relaxed);
    }

    /// The newest commit.
    pub fn newest(&self) -> i64 {
        self.cursor.load(Relaxed)
    }

    /// Whether the last write worked.
    pub fn writable(&self, yes: bool) {
        self.unwritable.store(!yes, Relaxed);
    }

    /// Whether records can be written at the moment.
    pub fn is_writable(&self) -> bool {
        !self.unwritable.load(Relaxed)
    }

    /// The process has been asked to stop.
    pub fn stop(&self) {
        self.stopping.store(true, Relaxed);
    }

    /// Whether it has.
    pub fn stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// Another process serves in our place.
    pub fn hand_over(&self) {
        self.handed_over.store(true, Relaxed);
    }

    /// Whether another process does.
    pub fn handed_over(&self) -> bool {
        self.handed_over.load(Relaxed)
    }

    /// Prometheus' text exposition format, version 0.0.4.
    pub fn render(&self, gauges: &Gauges) -> String {
        let mut out = String::new();
        let _ = writeln!(
            out,
            "# HELP glassway_requests_total Exchanges ended, by outcome.\n# TYPE glassway_requests_total counter"
        );
        for outcome in Outcome::ALL.iter().filter(|o| **o != Outcome::InFlight) {
            let n = self.requests[*outcome as usize].load(Relaxed);
            let _ =
                writeln!(out, "glassway_requests_total{{outcome=\"{}\"}} {n}", outcome.as_str());
        }
        self.duration.write(
            &mut out,
            "glassway_request_duration_seconds",
            "From a request's head to its answer's last byte.",
        );
        self.first_token.write(
            &mut out,
            "glassway_time_to_first_token_seconds",
            "From a request's head to the first content of its stream.",
        );
        for (name, kind, help, value) in [
            ("glassway_in_flight", "gauge", "Exchanges running.", gauges.in_flight),
            ("glassway_queue_bytes", "gauge", "Memory held for recording.", gauges.queue_bytes),
            (
                "glassway_bodies_shed_total",
                "counter",
                "Bodies not kept for want of memory.",
                gauges.bodies_shed,
            ),
            (
                "glassway_records_lost_total",
                "counter",
                "Exchanges without a record.",
                gauges.records_lost,
            ),
        ] {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_the_fixed_names() {
        let metrics = Metrics::default();
        metrics.ended(Outcome::Ok);
        metrics.duration.observe(30_000);
        let gauges = Gauges { in_flight: 1, queue_bytes: 2, bodies_shed: 3, records_lost: 4 };
        let text = metrics.render(&gauges);
        for line in [
            "glassway_requests_total{outcome=\"ok\"} 1",
            "glassway_request_duration_seconds_bucket{le=\"0.025\"} 0",
            "glassway_request_duration_seconds_bucket{le=\"0.05\"} 1",
            "glassway_time_to_first_token_seconds_count 0",
            "glassway_records_lost_total 4",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }
}
