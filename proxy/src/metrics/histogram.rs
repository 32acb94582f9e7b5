//! Counts by upper bounds, without a lock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use glassway_shared::exposition::{Kind, Page};

/// Seconds: from a cached lookup to a long agent turn.
pub(super) const ANSWERS: [f64; 16] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
];
/// Seconds: from a commit into memory to a disk that hardly answers.
pub(super) const COMMITS: [f64; 16] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

pub(super) struct Histogram {
    bounds: [f64; 16],
    buckets: [AtomicU64; 16],
    count: AtomicU64,
    sum_us: AtomicU64,
}

impl Histogram {
    pub(super) fn new(bounds: [f64; 16]) -> Self {
        Self {
            bounds,
            buckets: Default::default(),
            count: AtomicU64::default(),
            sum_us: AtomicU64::default(),
        }
    }

    pub(super) fn observe(&self, us: u64) {
        let seconds = us as f64 / 1e6;
        if let Some(at) = self.bounds.iter().position(|bound| seconds <= *bound) {
            self.buckets[at].fetch_add(1, Relaxed);
        }
        self.count.fetch_add(1, Relaxed);
        self.sum_us.fetch_add(us, Relaxed);
    }

    pub(super) fn write(&self, page: &mut Page, name: &str, help: &str) {
        page.family(name, Kind::Histogram, help);
        let bucket = format!("{name}_bucket");
        let mut below = 0;
        for (bound, count) in self.bounds.iter().zip(&self.buckets) {
            below += count.load(Relaxed);
            page.sample(&bucket, &[("le", &bound.to_string())], below);
        }
        let count = self.count.load(Relaxed);
        page.sample(&bucket, &[("le", "+Inf")], count);
        page.sample(&format!("{name}_sum"), &[], self.sum_us.load(Relaxed) as f64 / 1e6);
        page.sample(&format!("{name}_count"), &[], count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up() {
        let histogram = Histogram::new(ANSWERS);
        [30_000, 40_000, 900_000_000].into_iter().for_each(|us| histogram.observe(us));
        let mut page = Page::default();
        histogram.write(&mut page, "x_seconds", "How long.");
        let text = page.text();
        for line in [
            "# TYPE x_seconds histogram",
            "x_seconds_bucket{le=\"0.025\"} 0",
            "x_seconds_bucket{le=\"0.05\"} 2",
            "x_seconds_bucket{le=\"600\"} 2",
            "x_seconds_bucket{le=\"+Inf\"} 3",
            "x_seconds_sum 900.07",
            "x_seconds_count 3",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }
}
