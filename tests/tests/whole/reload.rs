//! `glassway-proxy reload`, as an operator or a unit asks for it: one process follows
//! another, never two, and whoever asked hears what became of it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
    thread,
    time::Duration,
};

use glassway_tests::{
    Client, Glassway, Upstream, client::get, eventually, glassway::Which, process::Signal,
    upstream::json,
};
use nix::{sys::signal, unistd::Pid};

/// The proxies that run by a configuration. They are not the test's own children, and so
/// are ended by it, before the one whose output they share.
struct Proxies(PathBuf);

impl Proxies {
    fn of(glassway: &Glassway) -> Self {
        Self(glassway.folder().join("config.toml"))
    }

    fn running(&self) -> Vec<i32> {
        let serves = |pid: &i32| {
            let read = |file: &str| fs::read(Path::new("/proc").join(pid.to_string()).join(file));
            let line = read("cmdline").unwrap_or_default();
            let words: Vec<_> =
                line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
            words[0].ends_with("glassway-proxy")
                && words.iter().any(|word| *word == self.0.to_string_lossy())
                && !words.iter().any(|word| word == "reload")
        };
        let pids = fs::read_dir("/proc").unwrap().flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(serves).collect()
    }

    fn only_one(&self) -> i32 {
        eventually("one proxy is left", || match self.running()[..] {
            [one] => Some(one),
            _ => None,
        })
    }
}

impl Drop for Proxies {
    fn drop(&mut self) {
        for pid in self.running() {
            let _ = signal::kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

fn reload(glassway: &Glassway) -> Output {
    glassway.started_with().command(Which::Proxy).arg("reload").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// The process that serves now, by what a reload that succeeded says.
fn successor(output: &Output) -> i32 {
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said} {}", text(&output.stderr));
    let pid = said.strip_prefix("process ").and_then(|rest| rest.strip_suffix(" serves now"));
    pid.unwrap_or_else(|| panic!("{said}")).parse().unwrap()
}

#[test]
fn a_reload_returns_when_another_process_serves() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    let proxies = Proxies::of(&glassway);
    let (address, first) = (glassway.proxy_addr(), glassway.pid(Which::Proxy));
    let mut before = first.cast_signed();
    for _ in 0..2 {
        let pid = successor(&reload(&glassway));
        assert_ne!(pid, before);
        assert_eq!(Client::connect(address).ask(get("/v1/x")).status(), 200);
        assert_eq!(proxies.only_one(), pid);
        before = pid;
    }
    glassway.connected();
    assert_eq!(glassway.finished(2).len(), 2);
}

#[test]
fn a_reload_fails_where_the_new_process_refuses_and_the_old_one_serves_on() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    let proxies = Proxies::of(&glassway);
    let first = glassway.pid(Which::Proxy).cast_signed();
    let missing = glassway.folder().join("missing.pem");
    let missing = missing.to_str().unwrap();
    glassway.reconfigure("proxy.tls_cert", missing);
    glassway.reconfigure("proxy.tls_key", missing);
    let refused = reload(&glassway);
    let said = text(&refused.stderr);
    assert_eq!((refused.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    for part in ["no new process took over", "serves on: ", "missing.pem"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(proxies.only_one(), first);
    assert_eq!(glassway.client().ask(get("/v1/x")).status(), 200);

    // A configuration that cannot even be read is refused before anybody is asked.
    let config = glassway.folder().join("config.toml");
    let sound = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{sound}\n[prox]\nlisten = \"127.0.0.1:1\"\n")).unwrap();
    let refused = reload(&glassway);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("did you mean `proxy`?"));
    assert_eq!(proxies.only_one(), first);

    for key in ["proxy.tls_cert", "proxy.tls_key"] {
        glassway.reconfigure(key, "");
    }
    assert_ne!(successor(&reload(&glassway)), first, "mended, it succeeds");
    proxies.only_one();
}

#[test]
fn reloads_that_come_together_leave_one_proxy() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    let proxies = Proxies::of(&glassway);
    let address = glassway.proxy_addr();
    let first = glassway.pid(Which::Proxy).cast_signed();
    for round in 0..3 {
        let outputs: Vec<_> = thread::scope(|scope| {
            let asking: Vec<_> = (0..3).map(|_| scope.spawn(|| reload(&glassway))).collect();
            let serving = *proxies.running().first().unwrap();
            for _ in 0..3 {
                let _ = signal::kill(Pid::from_raw(serving), Signal::SIGUSR2);
                thread::sleep(Duration::from_millis(20 * round));
            }
            asking.into_iter().map(|asking| asking.join().unwrap()).collect()
        });
        let pids: Vec<_> = outputs.iter().map(successor).collect();
        let left = proxies.only_one();
        assert!(left != first, "{pids:?}");
        assert_eq!(Client::connect(address).ask(get("/v1/x")).status(), 200);
    }
    glassway.connected();
    assert_eq!(glassway.finished(3).len(), 3);
}

#[test]
fn processes_that_take_over_together_leave_one_proxy() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::before(&upstream);
    let proxies = Proxies::of(&glassway);
    let address = glassway.proxy_addr();
    let mut takers: Vec<_> = (0..3)
        .map(|_| {
            let mut command = glassway.started_with().command(Which::Proxy);
            command.arg("--take-over").stderr(std::process::Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    // One that failed is a child of ours until it is waited for; its line says why.
    let left = eventually("one is left", || {
        let running = takers.iter_mut().filter_map(|taker| match taker.try_wait().unwrap() {
            None => Some(taker.id().cast_signed()),
            Some(status) => {
                assert!(matches!(status.code(), Some(0 | 1)), "{status}");
                None
            }
        });
        match (&running.collect::<Vec<_>>()[..], &proxies.running()[..]) {
            ([one], [same]) if one == same => Some(*one),
            _ => None,
        }
    });
    assert_eq!(Client::connect(address).ask(get("/v1/x")).status(), 200);
    signal::kill(Pid::from_raw(left), Signal::SIGTERM).unwrap();
    for mut taker in takers {
        taker.wait().unwrap();
    }
}

#[test]
fn a_reload_where_nobody_serves_says_so() {
    let glassway = Glassway::setup().upstream("http://127.0.0.1:1").start_nothing();
    let refused = reload(&glassway);
    let said = text(&refused.stderr);
    assert_eq!((refused.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("no proxy runs at") && said.contains("glassway.sock"), "{said}");
}
