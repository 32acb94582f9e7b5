//! The alert rules, their tests and both processes' metrics, judged by promtool. The
//! package it comes in would start a server, so that only the program is taken out of it.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::Stdio,
};

use anyhow::{Context, Result};
use glassway_tests::{Glassway, llm};

use super::Verdict;
use crate::tools::{command, find, has, may_install, must, output, root, target};

pub fn run(_: bool) -> Result<Verdict> {
    let promtool = match promtool() {
        Ok(path) => path,
        Err(why) => return Ok(Verdict::Skipped(why)),
    };
    let folder = root().join("monitoring");
    let check = |arguments: &[&str]| must(command(&promtool).args(arguments).current_dir(&folder));
    check(&["check", "rules", "glassway-alerts.yml"])?;
    check(&["test", "rules", "glassway-alerts.test.yml"])?;
    check(&["check", "config", "--syntax-only", "prometheus.yml"])?;
    super::steps::build()?;
    let page = target().join("metrics.txt");
    fs::write(&page, page_of_both()?)?;
    must(command(&promtool).args(["check", "metrics"]).stdin(Stdio::from(File::open(&page)?)))?;
    Ok(Verdict::Passed)
}

/// The page of a Glassway that has something to count.
fn page_of_both() -> Result<Vec<u8>> {
    let upstream = llm::start(llm::Pace::INSTANT);
    let glassway = Glassway::before(&upstream);
    glassway_tests::team::paste(&glassway, 2);
    let body = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}"#;
    for _ in 0..3 {
        glassway.client().ask(glassway_tests::team::post("/v1/chat/completions", body));
    }
    glassway.finished(3);
    let reply = glassway.api().get("/metrics");
    anyhow::ensure!(reply.status == 200, "/metrics answers {}", reply.status);
    Ok(reply.body)
}

/// Where it is, or why it is nowhere.
fn promtool() -> Result<PathBuf, String> {
    if let Some(path) = find("promtool") {
        return Ok(path);
    }
    let folder = target().join("tools/prometheus");
    let path = folder.join("usr/bin/promtool");
    if path.is_file() {
        return Ok(path);
    }
    let by_hand = "promtool is not installed (Debian: prometheus)".to_owned();
    if !may_install() || !has("apt-get") || !has("dpkg-deb") {
        return Err(by_hand);
    }
    unpack(&folder).map_err(|error| format!("{by_hand}; fetching it failed: {error:#}"))?;
    path.is_file().then_some(path).ok_or(by_hand)
}

fn unpack(folder: &PathBuf) -> Result<()> {
    fs::create_dir_all(folder)?;
    let download =
        || must(command("apt-get").args(["download", "-qq", "prometheus"]).current_dir(folder));
    // A fresh machine has no lists yet.
    if download().is_err() {
        must(command("apt-get").args(["update", "-qq"]))?;
        download()?;
    }
    let package = output(command("sh").args(["-c", "ls prometheus_*.deb"]).current_dir(folder))?;
    let package = folder.join(package.lines().next().context("no package came")?);
    must(command("dpkg-deb").arg("-x").arg(&package).arg(folder))?;
    fs::remove_file(package)?;
    // Ten times the size of what is used.
    let _ = fs::remove_file(folder.join("usr/bin/prometheus"));
    Ok(())
}
