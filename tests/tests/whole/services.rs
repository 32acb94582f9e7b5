//! As a service: listeners that were passed, a stop that no client notices, a process that
//! takes over from another, a watchdog that is fed.

use std::{
    fs,
    io::ErrorKind,
    net::{TcpListener, UdpSocket},
    os::{
        fd::OwnedFd,
        unix::net::{UnixDatagram, UnixListener},
    },
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use glassway_tests::{
    Client, Gate, Glassway, Upstream,
    client::{get, post},
    eventually,
    glassway::{Setup, Which},
    inject::Injected,
    process::{Process, Signal},
    refused::passes_by,
    upstream::{SSE_HEAD, json},
    wire::End,
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

/// Starts one of the two with a socket as its file descriptor 3, as systemd would.
fn start_with(setup: &Setup, which: Which, socket: impl Into<OwnedFd>, name: &str) -> Process {
    setup.write_config();
    let inner = setup.command(which);
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!(
            "exec 3<&0 </dev/null; \
             LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES={name} exec \"$0\" \"$@\""
        ))
        .arg(inner.get_program())
        .args(inner.get_args())
        .envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let stdin = Stdio::from(socket.into());
    Process::spawn_with(which.binary(), command, stdin, Box::new(|_| {})).unwrap()
}

fn setup(upstream: &Upstream) -> Setup {
    Glassway::setup().upstream(&upstream.url())
}

fn stopped(mut process: Process) -> String {
    process.signal(Signal::SIGTERM);
    let status = process.wait(Duration::from_secs(60)).expect("it stops");
    assert_eq!(status.code(), Some(0), "{}", process.log());
    process.log()
}

#[test]
fn a_client_that_connects_between_two_processes_waits_and_is_served() {
    let upstream = Upstream::answer(json(r#"{"answer":42}"#));
    let setup = setup(&upstream);
    for which in BOTH {
        let name = if which == Which::Proxy { "proxy" } else { "monitor" };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut first = start_with(&setup, which, listener.try_clone().unwrap(), name);
        assert_eq!(first.listening().unwrap(), address);
        assert_eq!(Client::connect(address).ask(HEALTH).status(), 200);
        let log = stopped(first);
        assert!(log.contains("a socket that was passed"), "{log}");

        let mut waiting = Client::connect(address);
        waiting.send(HEALTH);
        let mut second = start_with(&setup, which, listener, name);
        assert_eq!(waiting.answer().status(), 200);
        second.listening().unwrap();
        stopped(second);
    }
}

#[test]
fn what_was_passed_wrongly_is_one_line() {
    let upstream = Upstream::answer(json("{}"));
    let setup = setup(&upstream);
    let folder = setup.folder().to_owned();
    let tcp = || OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap());
    let everyone = || OwnedFd::from(TcpListener::bind("0.0.0.0:0").unwrap());
    let connected = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        OwnedFd::from(std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap())
    };
    let unix = || OwnedFd::from(UnixListener::bind(folder.join("wrong.sock")).unwrap());
    let udp = || OwnedFd::from(UdpSocket::bind("127.0.0.1:0").unwrap());
    let cases: [(Which, OwnedFd, &str, &[&str]); 7] = [
        (Which::Proxy, tcp(), "monitor", &["`monitor`", "name it proxy", "FileDescriptorName="]),
        (Which::Monitor, tcp(), "proxy", &["`proxy`", "name it monitor or trace"]),
        (Which::Proxy, tcp(), "proxy:proxy", &["LISTEN_FDNAMES", "names 2"]),
        (Which::Proxy, unix(), "proxy", &["`proxy`", "not a listening TCP socket"]),
        (Which::Proxy, udp(), "proxy", &["`proxy`", "not a listening TCP socket"]),
        (Which::Monitor, connected(), "monitor", &["`monitor`", "does not listen"]),
        (Which::Proxy, everyone(), "proxy", &["allow_open", "can be reached from other machines"]),
    ];
    for (which, socket, name, wanted) in cases {
        let mut process = start_with(&setup, which, socket, name);
        let status = process.wait(Duration::from_secs(60)).expect("it ends");
        let log = process.log();
        assert_eq!(status.code(), Some(2), "{log}");
        let line = log.lines().last().unwrap();
        assert!(wanted.iter().all(|w| line.contains(w)), "{wanted:?} in {line}");
    }
}

/// The request and the stop cross on the way: the client must not see it.
#[test]
fn a_request_that_crosses_with_the_stop_is_answered() {
    let upstream = Upstream::answer(json(r#"{"answer":42}"#));
    let mut glassway = Glassway::before(&upstream);
    let addresses =
        [(Which::Proxy, glassway.proxy_addr()), (Which::Monitor, glassway.monitor_addr())];
    for (which, address) in addresses {
        let mut kept = Client::connect(address);
        assert_eq!(kept.ask(HEALTH).status(), 200);
        let mut fresh = Client::connect(address);
        let mut begun = Client::connect(address);
        let (head, tail) = HEALTH.split_at(9);
        begun.send(head);
        thread::sleep(Duration::from_millis(200));
        glassway.signal(which, Signal::SIGTERM);
        thread::sleep(Duration::from_millis(400));
        for client in [&mut kept, &mut fresh] {
            client.send(HEALTH);
            let answer = client.answer();
            assert_eq!(answer.status(), 200, "{which:?}");
            assert_eq!(answer.head.header("connection"), Some("close"), "{which:?}");
            assert!(client.closed());
        }
        begun.send(tail);
        assert_eq!(begun.answer().status(), 200, "{which:?}");
        let status = glassway.wait(which, Duration::from_secs(60)).unwrap();
        assert_eq!(status.code(), Some(0));
    }
}

#[test]
fn a_new_process_takes_over_while_the_old_one_ends_its_stream() {
    let open = Gate::new();
    let go_on = open.clone();
    let upstream = Upstream::script(move |conn| {
        while let Some(request) = conn.try_request() {
            if !request.head.first_line.contains("/stream") {
                conn.send(json("{}"));
                continue;
            }
            conn.send(SSE_HEAD);
            conn.send_chunk("data: 1\n\n");
            go_on.wait();
            conn.send_chunk("data: 2\n\n");
            conn.send("0\r\n\r\n");
        }
    });
    let mut glassway = Glassway::before(&upstream);
    let address = glassway.proxy_addr();
    let mut client = glassway.client();
    client.send(post("/v1/stream", r#"{"stream":true}"#));
    let head = client.head();
    let mut idle = glassway.client();
    idle.ask(get("/v1/before"));

    let mut command = glassway.started_with().command(Which::Proxy);
    command.arg("--take-over");
    let mut successor = Process::spawn("successor", command, Box::new(|_| {})).unwrap();
    assert_eq!(successor.listening().unwrap(), address);
    eventually("the old one has heard of it", || {
        glassway.log(Which::Proxy).contains("another process serves now").then_some(())
    });
    assert_eq!(Client::connect(address).ask(get("/v1/after")).status(), 200);
    assert_eq!(idle.ask(get("/v1/kept")).status(), 200, "on the old one's connection");
    // The monitor follows the new one.
    eventually("the monitor hears the new one", || {
        let health = glassway.api().json("/api/health");
        (health["proxy"]["connected"] == true).then_some(())
    });
    let link = glassway.folder().join("data/glassway.sock");
    open.open();
    let body = client.body(&head, false, false);
    assert_eq!((body.end, body.text()), (End::Clean, "data: 1\n\ndata: 2\n\n".into()));
    let status = glassway.wait(Which::Proxy, Duration::from_secs(60)).expect("the old one ends");
    assert_eq!(status.code(), Some(0));
    assert!(link.exists(), "the old one left the new one's socket alone");
    glassway.connected();
    assert_eq!(Client::connect(address).ask(get("/v1/last")).status(), 200);

    let exchanges = glassway.finished(5);
    assert!(exchanges.iter().all(|e| e["outcome"] == "ok"), "{exchanges:#?}");
    let log = stopped(successor);
    assert!(!log.contains("was killed"), "nothing of the old one was taken for lost: {log}");
    assert!(!link.exists(), "its owner has removed it");
}

#[test]
fn a_process_that_fails_to_take_over_changes_nothing() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::before(&upstream);
    let garbage = glassway.folder().join("garbage.db");
    std::fs::write(&garbage, vec![7; 50_000]).unwrap();
    let mut command = glassway.started_with().command(Which::Proxy);
    command.arg("--take-over").env("GLASSWAY_DATABASE__PATH", &garbage);
    let mut successor = Process::spawn("successor", command, Box::new(|_| {})).unwrap();
    let status = successor.wait(Duration::from_secs(60)).expect("it ends");
    assert_eq!(status.code(), Some(1), "{}", successor.log());
    eventually("the old one says so", || {
        glassway.log(Which::Proxy).contains("this one serves on").then_some(())
    });
    assert_eq!(glassway.client().ask(get("/v1/x")).status(), 200);
    glassway.connected();
}

#[test]
fn taking_over_from_nobody_is_an_ordinary_start() {
    let upstream = Upstream::answer(json("{}"));
    let setup = setup(&upstream);
    setup.write_config();
    let mut command = setup.command(Which::Proxy);
    command.arg("--take-over");
    let mut process = Process::spawn("alone", command, Box::new(|_| {})).unwrap();
    let address = process.listening().unwrap();
    assert_eq!(Client::connect(address).ask(get("/v1/x")).status(), 200);
    stopped(process);
}

/// What a process tells its service manager.
struct Manager(UnixDatagram);

impl Manager {
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
        let setup = setup(&upstream);
        let socket = setup.folder().join("notify");
        let manager = Manager::at(&socket);
        let setup =
            setup.env("NOTIFY_SOCKET", socket.to_str().unwrap()).env("WATCHDOG_USEC", "2000000");
        let mut glassway = setup.start_nothing();
        glassway.start(which);
        manager.wait_for("READY=1");
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
                let setup = setup(upstream);
                let socket = setup.folder().join("notify");
                let manager = Manager::at(&socket);
                let mut glassway = setup
                    .env("NOTIFY_SOCKET", socket.to_str().unwrap())
                    .env("WATCHDOG_USEC", "2000000")
                    .start_nothing();
                glassway.start(Which::Proxy);
                manager.wait_for("READY=1");
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
    let setup = setup(&upstream);
    let socket = setup.folder().join("notify");
    let manager = Manager::at(&socket);
    let mut glassway = setup
        .env("NOTIFY_SOCKET", socket.to_str().unwrap())
        .env("WATCHDOG_USEC", "2000000")
        .start_nothing();
    glassway.start(Which::Monitor);
    manager.wait_for("READY=1");
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
