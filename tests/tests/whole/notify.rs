//! What a service manager is told: that a process serves, that it goes on (the watchdog), and
//! which one is the main one.

use std::{
    fs,
    io::ErrorKind,
    os::unix::net::UnixDatagram,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use glassway_tests::{
    Client, Glassway, Upstream,
    client::get,
    eventually,
    glassway::Which,
    inject::Injected,
    process::{Process, Signal},
    refused::passes_by,
    upstream::json,
};
use nix::{
    sys::{
        ptrace,
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};

/// Answered by both.
const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

const BOTH: [Which; 2] = [Which::Proxy, Which::Monitor];

/// In the environment of a process that is to feed a watchdog.
const FED: &[(&str, &str)] = &[("WATCHDOG_USEC", "2000000")];

/// What a process tells its service manager.
struct Manager(UnixDatagram);

impl Manager {
    /// Starts one of the two, with this in its environment, and hears that it serves.
    fn start(which: Which, upstream: &Upstream, env: &[(&str, &str)]) -> (Self, Glassway) {
        let setup = Glassway::setup().upstream(&upstream.url());
        let socket = setup.folder().join("notify");
        let manager = Self::at(&socket);
        let setup = setup.env("NOTIFY_SOCKET", socket.to_str().unwrap());
        let setup = env.iter().fold(setup, |setup, (name, value)| setup.env(name, value));
        let mut glassway = setup.start_nothing();
        glassway.start(which);
        manager.wait_for("READY=1");
        (manager, glassway)
    }

    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        Self(socket)
    }

    /// Everything that is said within this time.
    fn hear(&self, during: Duration) -> Vec<String> {
        let start = Instant::now();
        let mut heard = Vec::new();
        while start.elapsed() < during {
            let mut buffer = [0; 4096];
            match self.0.recv(&mut buffer) {
                Ok(n) => heard.push(String::from_utf8_lossy(&buffer[..n]).into_owned()),
                Err(e) => assert!(matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)),
            }
        }
        heard
    }

    /// Waits until something of the kind is said.
    fn wait_for(&self, what: &str) -> String {
        eventually(what, || {
            self.hear(Duration::from_millis(200)).into_iter().find(|said| said.contains(what))
        })
    }

    fn is_fed(&self) -> bool {
        self.hear(Duration::from_secs(2)).iter().any(|said| said.contains("WATCHDOG=1"))
    }
}

#[test]
fn the_watchdog_is_fed_while_work_goes_on_and_though_the_database_is_locked() {
    let upstream = Upstream::answer(json("{}"));
    for which in BOTH {
        let (manager, mut glassway) = Manager::start(which, &upstream, FED);
        assert!(manager.is_fed(), "{which:?}");

        let other = rusqlite::Connection::open(glassway.database()).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        if which == Which::Proxy {
            // Something to write, which cannot be.
            assert_eq!(glassway.client().ask(get("/v1/x")).status(), 200);
            thread::sleep(Duration::from_secs(6));
            manager.hear(Duration::from_millis(200));
        }
        assert!(manager.is_fed(), "{which:?}, with a locked database");
        other.execute_batch("ROLLBACK").unwrap();

        glassway.signal(which, Signal::SIGSTOP);
        manager.hear(Duration::from_millis(500));
        assert!(!manager.is_fed(), "{which:?} is stopped and feeds on");
        glassway.signal(which, Signal::SIGCONT);
        assert!(manager.is_fed(), "{which:?} goes on");

        let (status, log) = glassway.term(which);
        assert_eq!(status.code(), Some(0), "{log}");
        let said = manager.wait_for("STOPPING=1");
        assert!(said.contains("EXTEND_TIMEOUT_USEC="), "{said}");
    }
}

/// A part may be silent so long before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(30);

/// A thread of a process that does not run, though all others do; as a debugger stops it.
struct Stopped(Pid);

impl Stopped {
    fn at(pid: u32, name: &str) -> Self {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        let task = tasks.map(|task| task.unwrap()).find(|task| {
            fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
        });
        let number = task.unwrap_or_else(|| panic!("no thread {name}")).file_name();
        let thread = Pid::from_raw(number.to_str().unwrap().parse().unwrap());
        ptrace::attach(thread).unwrap();
        waitpid(thread, Some(WaitPidFlag::__WALL)).unwrap();
        Self(thread)
    }

    fn go_on(self) {
        ptrace::detach(self.0, None).unwrap();
    }
}

#[test]
fn one_part_that_is_stuck_ends_the_feeding_though_clients_are_served() {
    let upstream = Upstream::answer(json("{}"));
    // Threads of their own: who stops a thread must be who lets it go on.
    thread::scope(|scope| {
        for part in ["journal", "data-0"] {
            let upstream = &upstream;
            scope.spawn(move || {
                let (manager, mut glassway) = Manager::start(Which::Proxy, upstream, FED);
                let stopped = Stopped::at(glassway.pid(Which::Proxy), part);
                let since = Instant::now();
                assert!(manager.is_fed(), "{part}: a moment is no sign of anything");
                if part == "journal" {
                    assert_eq!(glassway.client().ask(get("/v1/x")).status(), 200);
                }
                while manager.is_fed() {
                    assert!(since.elapsed() < PATIENCE * 2, "{part} is stuck, and it is fed on");
                }
                assert!(since.elapsed() > PATIENCE / 2, "{part}: given up at once");
                stopped.go_on();
                assert!(manager.is_fed(), "{part} goes on");
            });
        }
    });
}

#[test]
fn a_read_that_never_comes_back_ends_the_monitors_feeding_though_it_answers() {
    let upstream = Upstream::answer(json("{}"));
    let (manager, mut glassway) = Manager::start(Which::Monitor, &upstream, FED);
    // What it reads of the file takes longer than anybody waits.
    let pid = glassway.pid(Which::Monitor);
    let Some(stuck) = Injected::into(pid, "pread64:delay_enter=300000000") else {
        return passes_by("strace may not attach to a process here");
    };
    // Something new, so that it must.
    let other = rusqlite::Connection::open(glassway.database()).unwrap();
    other.execute_batch("BEGIN; CREATE TABLE new(x); DROP TABLE new; COMMIT").unwrap();
    let since = Instant::now();
    assert!(manager.is_fed(), "a moment is no sign of anything");
    while manager.is_fed() {
        assert!(since.elapsed() < PATIENCE * 2, "a read is stuck, and it is fed on");
    }
    assert!(since.elapsed() > PATIENCE / 2, "given up at once");
    let health = Client::connect(glassway.monitor_addr()).ask(HEALTH);
    assert_eq!(health.status(), 503, "it answers, and says what is wrong");
    let log = glassway.log(Which::Monitor);
    assert!(log.contains("stuck") && log.contains("reads of the database"), "{log}");
    drop(stuck);
    eventually("it goes on", || manager.is_fed().then_some(()));
}

#[test]
fn nothing_goes_on_after_a_hand_over_until_the_manager_knows_of_it() {
    let upstream = Upstream::answer(json("{}"));
    let (manager, mut glassway) = Manager::start(Which::Proxy, &upstream, &[]);

    let mut command = glassway.started_with().command(Which::Proxy);
    command.arg("--take-over");
    let mut successor = Process::spawn("successor", command, Box::new(|_| {})).unwrap();
    assert_eq!(Client::connect(successor.listening().unwrap()).ask(get("/v1/x")).status(), 200);
    // A manager that is busy.
    thread::sleep(Duration::from_secs(1));
    let log = glassway.log(Which::Proxy);
    assert!(!log.contains("another process serves now"), "{log}");

    let main = format!("MAINPID={}", successor.pid());
    let mut heard = String::new();
    eventually("the new one speaks", || {
        heard += &manager.hear(Duration::from_millis(200)).concat();
        heard.contains("READY=1").then_some(())
    });
    assert_eq!(heard.lines().collect::<Vec<_>>(), [&*main, "BARRIER=1", "READY=1"]);
    let status = glassway.wait(Which::Proxy, Duration::from_secs(60)).expect("it ends");
    assert_eq!(status.code(), Some(0), "{}", glassway.log(Which::Proxy));
    assert!(manager.hear(Duration::from_millis(500)).is_empty(), "the old one says no more");
}
