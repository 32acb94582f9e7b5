//! The table, on the terminal and in `bench/RESULTS.md`.

use std::{fmt::Write, fs, process::Command};

use anyhow::Result;

use crate::{
    measure::{Comparison, Results, Series},
    pick::Figure,
};

/// What one aims at, × nginx or as a number.
const AIMS: [(&str, &str, &str); 6] = [
    ("saturation, 32 connections", "Glassway, off", "≤ 1.1"),
    ("saturation, 32 connections", "Glassway, recording", "≤ 2.0"),
    ("1,000 requests a second", "Glassway, recording", "≤ 1.5"),
    ("KB per held stream", "Glassway, recording", "≤ 45"),
    ("upstream connections per 100 streams", "Glassway, recording", "≤ 1"),
    ("60-turn conversation on disk", "Glassway, recording", "≤ 0.2 ×"),
];

/// Everything from this line of the file on is kept: written by people, or by another part.
const KEPT: &str = "## ";
const NOTES: &str = "## Notes";
const PICKS: &str = "## Picking a key";
const TEND: &str = "## Idle work on the database";
const SOAK: &str = "## Hours of mixed load";
/// The same by the clock.
const SOAK_PACED: &str = "## An hour at a rate that is recorded whole";
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/RESULTS.md");

/// Prints the table; a full run also writes the file.
pub fn publish(results: &Results, short: bool) -> Result<()> {
    let table = table(results);
    println!("\n{table}");
    if short {
        return Ok(());
    }
    let before = fs::read_to_string(FILE).unwrap_or_default();
    let notes = before.find(KEPT).map_or("", |at| &before[at..]);
    let text = format!(
        "# What Glassway costs\n\nMeasured by `cargo xtask bench`; the numbers are replaced by each run, the notes \
         are kept.\nCPU is the time on a core of all threads of the proxy, per unit; `× nginx` is the median of\n\
         the ratios to nginx in the same round, which is what holds on a shared machine.\n\n{}\n{table}\n{notes}",
        machine()
    );
    fs::write(FILE, text.trim_end().to_owned() + "\n")?;
    eprintln!("Written to bench/RESULTS.md.");
    Ok(())
}

/// Prints what picks cost and puts it into its own section, before the notes.
pub fn publish_picks(figures: &[Figure], short: bool) -> Result<()> {
    let mut section = format!(
        "{PICKS}\n\nOne thread, 1,000 keys, nanoseconds per pick: the best of many rounds. The aim is under\n\
         2,000 with most keys in. That a pick allocates nothing is a test\n(`proxy/tests/allocations.rs`).\n\n\
         | strategy | all in | every other cooling | quotas half spent | one of 1,000 in |\n\
         |---|---|---|---|---|\n"
    );
    for figure in figures {
        let _ = write!(section, "| {} |", figure.strategy);
        for ns in figure.nanoseconds {
            let _ = write!(section, " {ns:.0} |");
        }
        section.push('\n');
    }
    replace(PICKS, &section, short)
}

/// Prints what hours of load did and puts it into its own section, before the notes.
pub fn publish_soak(text: &str, paced: bool, short: bool) -> Result<()> {
    let title = if paced { SOAK_PACED } else { SOAK };
    replace(title, &format!("{title}\n\n{text}"), short)
}

/// Prints how long idle work holds the lock and puts it into its own section.
pub fn publish_tend(text: &str, short: bool) -> Result<()> {
    replace(TEND, &format!("{TEND}\n\n{text}"), short)
}

/// Puts a section in the place of its predecessor, else before the notes.
fn replace(title: &str, section: &str, short: bool) -> Result<()> {
    println!("\n{section}");
    if short {
        return Ok(());
    }
    let before = fs::read_to_string(FILE).unwrap_or_default();
    fs::write(FILE, with_section(&before, title, section))?;
    Ok(())
}

fn with_section(before: &str, title: &str, section: &str) -> String {
    let at = |needle: &str| before.find(needle);
    let (from, to) = match at(title) {
        Some(from) => {
            let next = before[from + 1..].find("\n## ").map(|next| from + 1 + next + 1);
            (from, next.unwrap_or(before.len()))
        }
        None => {
            let from = at(NOTES).unwrap_or(before.len());
            (from, from)
        }
    };
    let (head, tail) = (before[..from].trim_end(), before[to..].trim());
    format!("{head}\n\n{}\n\n{tail}", section.trim()).trim().to_owned() + "\n"
}

fn table(results: &Results) -> String {
    let mut out =
        String::from("| measurement | proxy | value | × nginx | aim |\n|---|---|---|---|---|\n");
    for comparison in &results.comparisons {
        for series in &comparison.series {
            let _ = writeln!(
                out,
                "| {} | {} | {:.1} µs per {} | {} | {} |",
                comparison.what,
                series.name,
                least(series),
                comparison.unit,
                ratio(comparison, series),
                aim(comparison.what, series.name),
            );
        }
    }
    for fact in &results.facts {
        let _ = writeln!(
            out,
            "| {} | {} | {} | | {} |",
            fact.what,
            fact.name,
            fact.value,
            aim(fact.what, fact.name),
        );
    }
    out
}

fn aim(what: &str, name: &str) -> &'static str {
    AIMS.iter().find(|(w, n, _)| (*w, *n) == (what, name)).map_or("", |(_, _, aim)| aim)
}

fn least(series: &Series) -> f64 {
    series.rounds.iter().copied().fold(f64::INFINITY, f64::min)
}

/// The median of the rounds' ratios to nginx.
fn ratio(comparison: &Comparison, series: &Series) -> String {
    let Some(nginx) = comparison.series.iter().find(|s| s.name == "nginx") else {
        return String::new();
    };
    let mut ratios: Vec<f64> =
        series.rounds.iter().zip(&nginx.rounds).map(|(a, b)| a / b).collect();
    ratios.sort_by(f64::total_cmp);
    let middle = ratios.len() / 2;
    let median = if ratios.len().is_multiple_of(2) {
        (ratios[middle - 1] + ratios[middle]) / 2.0
    } else {
        ratios[middle]
    };
    format!("{median:.2}")
}

/// Machine and versions.
fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("?", |m| m.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes: u64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|m| m.split_whitespace().next()?.parse().ok())
        .unwrap_or(0);
    let mut out = String::new();
    let _ = writeln!(out, "- {model}, {cores} cores, {} GB", kilobytes / 1_000_000);
    for (program, flag) in
        [("uname", "-sr"), ("rustc", "--version"), ("nginx", "-v"), ("wrk", "-v")]
    {
        let said = Command::new(program).arg(flag).output();
        let text = said.map(|o| [o.stdout, o.stderr].concat()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let _ = writeln!(out, "- {}", text.lines().next().unwrap_or(program).trim());
    }
    let _ = writeln!(out, "- Glassway {}", env!("CARGO_PKG_VERSION"));
    out
}

#[cfg(test)]
mod tests {
    use super::with_section;

    #[test]
    fn a_section_takes_its_predecessors_place_and_the_rest_stays() {
        let file = "# T\n\n## Picking a key\n\nold\n\n## Notes\n\nkept\n";
        let once = with_section(file, "## Picking a key", "## Picking a key\n\nnew\n");
        assert_eq!(once, "# T\n\n## Picking a key\n\nnew\n\n## Notes\n\nkept\n");
        let more = with_section(&once, "## Hours", "## Hours\n\nlong");
        assert_eq!(
            more,
            "# T\n\n## Picking a key\n\nnew\n\n## Hours\n\nlong\n\n## Notes\n\nkept\n"
        );
        assert_eq!(with_section(&more, "## Hours", "## Hours\n\nlong"), more);
    }
}
