//! The steps of `cargo xtask test`, in the order in which a mistake shows soonest.

use anyhow::{Context, Result, anyhow};
use glassway_tests::{Glassway, llm};

use super::{Step, Verdict};
use crate::tools::{
    cargo, command, find, has, may_install, must, need, npm_ci, output, python, root, target,
};

pub const STEPS: &[Step] = &[
    Step { name: "format", what: "rustfmt", slow: false, beside: false, run: format },
    Step {
        name: "ui",
        what: "type check, unit tests and build of the web UI",
        slow: false,
        beside: false,
        run: ui,
    },
    Step {
        name: "clippy",
        what: "clippy with warnings denied",
        slow: false,
        beside: false,
        run: clippy,
    },
    Step {
        name: "deny",
        what: "licences, bans and sources of dependencies",
        slow: false,
        beside: false,
        run: deny,
    },
    Step { name: "fuzz", what: "the fuzz targets compile", slow: false, beside: false, run: fuzz },
    Step {
        name: "units",
        what: "systemd-analyze verify, and security to an exposure of 1.5",
        slow: false,
        beside: false,
        run: units,
    },
    Step {
        name: "rust",
        what: "unit tests and both binaries as whole processes",
        slow: false,
        beside: false,
        run: rust,
    },
    Step {
        name: "monitoring",
        what: "alert rules and metrics, judged by promtool",
        slow: false,
        beside: true,
        run: super::monitoring::run,
    },
    Step {
        name: "container",
        what: "the image built and run: read-only, no root, no capability",
        slow: false,
        beside: true,
        run: super::container::run,
    },
    Step {
        name: "demo",
        what: "the demo makes each call once",
        slow: false,
        beside: true,
        run: demo,
    },
    Step {
        name: "clients-python",
        what: "the official OpenAI and Anthropic SDKs of PyPI",
        slow: false,
        beside: true,
        run: clients_python,
    },
    Step {
        name: "frameworks",
        what: "LangChain and LlamaIndex",
        slow: false,
        beside: true,
        run: frameworks,
    },
    Step {
        name: "clients-node",
        what: "the official SDKs of npm, the Vercel AI SDK, a Claude-style agent",
        slow: false,
        beside: false,
        run: clients_node,
    },
    Step {
        name: "schema",
        what: "schemathesis against the API's own description",
        slow: false,
        beside: true,
        run: schema,
    },
    Step {
        name: "browser",
        what: "the web UI in Chromium, both languages, with axe",
        slow: false,
        beside: false,
        run: browser,
    },
    Step {
        name: "systemd",
        what: "the Debian package in a machine that boots: restarts under load, watchdog, secrets",
        slow: false,
        beside: true,
        run: super::systemd::run,
    },
    Step { name: "bench", what: "a short bench", slow: true, beside: false, run: bench },
];

const NO_NODE: &str = "Node.js with npm is not installed (https://nodejs.org, 20.19 or newer)";

fn format(_: bool) -> Result<Verdict> {
    if find("rustfmt").is_none() {
        return Ok(Verdict::Skipped(
            "rustfmt is not installed (rustup component add rustfmt)".into(),
        ));
    }
    must(cargo().args(["fmt", "--all", "--check"]))?;
    Ok(Verdict::Passed)
}

fn clippy(_: bool) -> Result<Verdict> {
    if find("cargo-clippy").is_none() {
        return Ok(Verdict::Skipped(
            "clippy is not installed (rustup component add clippy)".into(),
        ));
    }
    must(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    Ok(Verdict::Passed)
}

fn ui(_: bool) -> Result<Verdict> {
    let folder = root().join("monitor/ui");
    if !has("npm") {
        return Ok(Verdict::Skipped(NO_NODE.into()));
    }
    npm_ci(&folder)?;
    for script in [&["run", "check"][..], &["test"], &["run", "build"]] {
        must(command("npm").args(script).current_dir(&folder))?;
    }
    Ok(Verdict::Passed)
}

fn deny(_: bool) -> Result<Verdict> {
    if !has("cargo-deny") {
        return Ok(Verdict::Skipped(
            "cargo-deny is not installed (cargo install cargo-deny)".into(),
        ));
    }
    must(cargo().args(["deny", "--offline", "check", "licenses", "bans", "sources"]))?;
    Ok(Verdict::Passed)
}

/// Without instrumentation, and with the workspace's own versions: that they still fit.
fn fuzz(_: bool) -> Result<Verdict> {
    let folder = root().join("fuzz");
    std::fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    must(
        cargo()
            .args(["check", "--bins", "--no-default-features", "--manifest-path"])
            .arg(folder.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(target()),
    )?;
    Ok(Verdict::Passed)
}

fn units(_: bool) -> Result<Verdict> {
    if !has("systemd-analyze") {
        return Ok(Verdict::Skipped("systemd-analyze is not installed (Debian: systemd)".into()));
    }
    let services = ["systemd/glassway-proxy.service", "systemd/glassway-monitor.service"];
    let sockets = ["proxy", "monitor", "trace"].map(|n| format!("systemd/glassway-{n}.socket"));
    // Programs and manual are where the units say only once they are installed.
    let verify = command("systemd-analyze").arg("verify").args(services).args(sockets).output()?;
    let said = String::from_utf8_lossy(&verify.stderr);
    let complaints: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("glassway"))
        .filter(|line| !line.contains("is not executable") && !line.contains("Command 'man "))
        .collect();
    if !complaints.is_empty() {
        return Err(anyhow!("{}", complaints.join("\n")));
    }
    for service in services {
        let args = ["security", "--offline=true", "--threshold=15", "--no-pager", service];
        output(command("systemd-analyze").args(args))?;
    }
    Ok(Verdict::Passed)
}

/// Builds both binaries and all tests in one go: built apart, with other features
/// of what they depend on, much of it would be built twice. What `GLASSWAY_BIN_DIR` names
/// is taken as it is.
pub fn build() -> Result<()> {
    if std::env::var_os("GLASSWAY_BIN_DIR").is_some() {
        return Ok(());
    }
    must(cargo().args(["build", "--workspace", "--all-targets"]))
}

fn rust(full: bool) -> Result<Verdict> {
    build()?;
    let mut tests = cargo();
    if has("cargo-nextest") {
        tests.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
        if full {
            tests.args(["--run-ignored", "all"]);
        }
    } else {
        tests.args(["test", "--workspace", "--no-fail-fast"]);
        if full {
            tests.args(["--", "--include-ignored"]);
        }
    }
    if full {
        tests.env("GLASSWAY_LONG", "1");
    }
    // Faults: errors in system calls, clocks that jump, lost packets.
    let mut complete = is_root();
    for (program, package) in [
        ("strace", "strace"),
        ("faketime", "faketime"),
        ("iptables", "iptables"),
        ("ip", "iproute2"),
    ] {
        if let Err(why) = need(program, &[package]) {
            eprintln!("{why}: the tests of faults that need it are left out");
            complete = false;
        }
    }
    // Then none of them may pass by unseen, unless whoever runs this says otherwise.
    if complete && std::env::var_os("GLASSWAY_REQUIRE_FAULTS").is_none() {
        tests.env("GLASSWAY_REQUIRE_FAULTS", "1");
    }
    // A trace's image is read by a real OCR.
    if let Err(why) = need("tesseract", &["tesseract-ocr"]) {
        eprintln!("{why}: the test that reads trace images is left out");
        tests.env("GLASSWAY_NO_OCR", "1");
    }
    must(&mut tests)?;
    Ok(Verdict::Passed)
}

/// Mounting, tracing and namespaces need it.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0)
}

fn demo(_: bool) -> Result<Verdict> {
    build()?;
    must(
        cargo()
            .args(["run", "--quiet", "-p", "xtask", "--", "demo", "--once"])
            .env("GLASSWAY_BIN_DIR", target().join("debug")),
    )?;
    Ok(Verdict::Passed)
}

const PYTHON_TESTS: &str = "tests/clients/python";

fn clients_python(_: bool) -> Result<Verdict> {
    let folder = root().join(PYTHON_TESTS);
    let others = format!("--ignore={}", folder.join("frameworks").display());
    python_tests("clients", &folder, &[&others])
}

/// Apart from the SDKs' own tests: the frameworks want older SDKs.
fn frameworks(_: bool) -> Result<Verdict> {
    let folder = root().join(PYTHON_TESTS);
    let fixtures = format!("--confcutdir={}", folder.display());
    python_tests("frameworks", &folder.join("frameworks"), &[&fixtures])
}

/// Runs the pytest files of a folder in an environment made of its requirements.
fn python_tests(name: &str, folder: &std::path::Path, arguments: &[&str]) -> Result<Verdict> {
    if !has("python3") {
        return Ok(Verdict::Skipped("python3 is not installed".into()));
    }
    build()?;
    let bin = match python(name, &folder.join("requirements.txt")) {
        Ok(bin) => bin,
        Err(error) => return Ok(Verdict::Skipped(format!("{error:#}"))),
    };
    must(
        command(bin.join("pytest"))
            .args(["-q", "-p", "no:cacheprovider"])
            .args(arguments)
            .arg(folder)
            .env("GLASSWAY_BIN_DIR", target().join("debug"))
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )?;
    Ok(Verdict::Passed)
}

fn clients_node(_: bool) -> Result<Verdict> {
    node_tests("tests/clients/node", &[])
}

fn browser(_: bool) -> Result<Verdict> {
    let chromium = match need("chromium", &["chromium", "fonts-noto-cjk"]) {
        Ok(path) => path,
        Err(why) => return Ok(Verdict::Skipped(why)),
    };
    let chromium = chromium.to_string_lossy().into_owned();
    node_tests("tests/browser", &[("CHROMIUM", &chromium)])
}

/// Runs the `*.test.mjs` of a folder, one file after the other.
fn node_tests(folder: &str, env: &[(&str, &str)]) -> Result<Verdict> {
    if !has("npm") {
        return Ok(Verdict::Skipped(NO_NODE.into()));
    }
    if let crate::ui::Built::Not(why) = crate::ui::build_where_stale()? {
        return Ok(Verdict::Skipped(why.into()));
    }
    build()?;
    npm_ci(&root().join("tests"))?;
    let mut tests: Vec<_> = std::fs::read_dir(root().join(folder))
        .with_context(|| format!("cannot read {folder}"))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(".test.mjs"))
        .collect();
    tests.sort();
    must(
        command("node")
            .args(["--test", "--test-concurrency=1", "--test-reporter=spec"])
            .args(tests)
            .env("GLASSWAY_BIN_DIR", target().join("debug"))
            .envs(env.iter().copied()),
    )?;
    Ok(Verdict::Passed)
}

/// Asks schemathesis to find an answer that the API's description does not
/// allow, on a Glassway with a little history.
fn schema(full: bool) -> Result<Verdict> {
    if !has("python3") {
        return Ok(Verdict::Skipped("python3 is not installed".into()));
    }
    build()?;
    let requirements = root().join("tests/schema/requirements.txt");
    let bin = match python("schema", &requirements) {
        Ok(bin) => bin,
        Err(error) => return Ok(Verdict::Skipped(format!("{error:#}"))),
    };
    let upstream = llm::start(llm::Pace::INSTANT);
    let glassway = Glassway::before(&upstream);
    let body = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}"#;
    for _ in 0..3 {
        glassway.client().ask(glassway_tests::client::post("/v1/chat/completions", body));
    }
    let newest = glassway.finished(3).pop().unwrap_or_default();
    let examples = if full { "200" } else { "25" };
    must(
        command(bin.join("schemathesis"))
            .arg("--config-file")
            .arg(root().join("tests/schema/schemathesis.toml"))
            .arg("run")
            .arg(format!("http://{}/openapi.json", glassway.monitor_addr()))
            .args(["--max-examples", examples, "--no-color"])
            .env("GLASSWAY_BEARER", glassway_tests::glassway::ADMIN_KEY)
            .env("GLASSWAY_EXCHANGE", newest["id"].as_str().unwrap_or_default()),
    )?;
    Ok(Verdict::Passed)
}

fn bench(_: bool) -> Result<Verdict> {
    for (program, package) in [("nginx", "nginx-light"), ("wrk", "wrk")] {
        if let Err(why) = need(program, &[package]) {
            return Ok(Verdict::Skipped(why));
        }
    }
    if !may_install() && !has("taskset") {
        return Ok(Verdict::Skipped("taskset is not installed".into()));
    }
    crate::bench::measure(true)?;
    Ok(Verdict::Passed)
}
