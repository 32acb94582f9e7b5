//! Prometheus' text exposition format, version 0.0.4, and what every process says of
//! itself in it.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::{
    fmt::{Display, Write},
    path::Path,
};

/// Linux counts a process's time in these, whatever its kernel's clock.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by upper bounds.
    Histogram,
    /// Sum and count.
    Summary,
}

/// A page under way.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Begins a metric; its samples follow.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        debug_assert_eq!(kind == Kind::Counter, name.ends_with("_total"), "{name}");
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
        };
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One number of the metric that was begun last.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (n, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"", if n == 0 { '{' } else { ',' });
            for c in text.chars() {
                match c {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    c => self.0.push(c),
                }
            }
            self.0.push('"');
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// A metric that is one number.
    pub fn single(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    /// What this process is and takes, under names that begin so. What the system does
    /// not say is left out.
    pub fn process(&mut self, prefix: &str, started: jiff::Timestamp) {
        let name = |rest: &str| format!("{prefix}_{rest}");
        let build = name("build_info");
        self.family(&build, Kind::Gauge, "Always 1; the version is a label.");
        self.sample(&build, &[("version", crate::VERSION)], 1);
        let started = started.as_second();
        self.single(
            &name("start_time_seconds"),
            Kind::Gauge,
            "When the process began, in seconds since 1970.",
            started,
        );
        let own = Own::read(Path::new("/proc/self"));
        let mut put = |rest: &str, kind, help: &str, value: Option<f64>| {
            if let Some(value) = value {
                self.single(&name(rest), kind, help, value);
            }
        };
        put("cpu_seconds_total", Kind::Counter, "Processor time, user and system.", own.cpu);
        put("resident_memory_bytes", Kind::Gauge, "Memory in use.", own.resident);
        put("open_fds", Kind::Gauge, "Open file descriptors.", own.fds);
        put("max_fds", Kind::Gauge, "File descriptors it may open.", own.max_fds);
        put("threads", Kind::Gauge, "Threads.", own.threads);
    }

    /// The page.
    pub fn text(self) -> String {
        self.0
    }
}

/// What the system says of a process.
#[derive(Debug, Default, PartialEq)]
struct Own {
    cpu: Option<f64>,
    resident: Option<f64>,
    fds: Option<f64>,
    max_fds: Option<f64>,
    threads: Option<f64>,
}

impl Own {
    fn read(folder: &Path) -> Self {
        let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        let (stat, status, limits) = (text("stat"), text("status"), text("limits"));
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<f64>().ok()
        };
        // Fields 14 and 15, counted behind the name, which may hold anything.
        let times = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().skip(11).take(2));
        let cpu = times
            .and_then(|times| times.map(|ticks| ticks.parse::<f64>().ok()).sum::<Option<f64>>());
        let max_fds = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
        Self {
            cpu: cpu.map(|ticks| ticks / TICKS_PER_SECOND),
            resident: field("VmRSS:").map(|kilobytes| kilobytes * 1024.0),
            fds: std::fs::read_dir(folder.join("fd")).ok().map(|fds| fds.count() as f64),
            max_fds: max_fds.and_then(|rest| rest.split_whitespace().next()?.parse().ok()),
            threads: field("Threads:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut page = Page::default();
        page.family("a_total", Kind::Counter, "What.");
        page.sample("a_total", &[("model", "a\"b\\c\nd"), ("x", "")], 2);
        page.sample("a_total", &[], 0.5);
        assert_eq!(
            page.text(),
            "# HELP a_total What.\n# TYPE a_total counter\n\
             a_total{model=\"a\\\"b\\\\c\\nd\",x=\"\"} 2\na_total 0.5\n"
        );
    }

    #[test]
    fn a_process_knows_itself() {
        let own = Own::read(Path::new("/proc/self"));
        assert!(own.resident.unwrap() > 1e6, "{own:?}");
        assert!(own.threads.unwrap() >= 1.0 && own.fds.unwrap() >= 3.0, "{own:?}");
        assert!(own.max_fds.unwrap() >= own.fds.unwrap(), "{own:?}");
        assert!(own.cpu.is_some(), "{own:?}");
        assert_eq!(Own::read(Path::new("/nowhere")), Own::default());
    }
}
