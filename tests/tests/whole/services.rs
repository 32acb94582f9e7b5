//! As a service: listeners that were passed, a stop that no client notices, a process that
//! takes over from another.

use std::{
    net::{TcpListener, UdpSocket},
    os::{fd::OwnedFd, unix::net::UnixListener},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use glassway_tests::{
    Client, Gate, Glassway, Upstream,
    client::{get, post},
    eventually,
    glassway::{Setup, Which},
    process::{Process, Signal},
    upstream::{SSE_HEAD, json},
    wire::End,
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
fn sigint_ends_what_is_in_flight_first_and_signals_without_a_meaning_end_nothing() {
    let gate = Gate::new();
    let held = gate.clone();
    let upstream = Upstream::respond(move |_| {
        held.wait();
        json("{}")
    });
    let mut glassway = Glassway::before(&upstream);
    for which in BOTH {
        glassway.signal(which, Signal::SIGUSR1);
    }
    glassway.signal(Which::Monitor, Signal::SIGUSR2);
    thread::sleep(Duration::from_millis(300));
    let mut client = glassway.client();
    client.send(get("/v1/x"));
    eventually("it is asked", || (upstream.connections() > 0).then_some(()));
    for which in [Which::Monitor, Which::Proxy] {
        glassway.signal(which, Signal::SIGINT);
    }
    assert_eq!(glassway.wait(Which::Monitor, Duration::from_secs(30)).unwrap().code(), Some(0));
    assert!(glassway.wait(Which::Proxy, Duration::from_millis(300)).is_none(), "it waits");
    gate.open();
    assert_eq!(client.answer().status(), 200);
    assert_eq!(glassway.wait(Which::Proxy, Duration::from_secs(30)).unwrap().code(), Some(0));
}

#[test]
fn an_address_that_a_passed_socket_takes_the_place_of_is_named() {
    let upstream = Upstream::answer(json("{}"));
    for (which, name, key) in [
        (Which::Proxy, "proxy", "proxy.listen"),
        (Which::Monitor, "monitor", "monitor.listen"),
        (Which::Monitor, "trace", "monitor.trace_listen"),
    ] {
        let setup = setup(&upstream).set(key, "127.0.0.1:1");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut process = start_with(&setup, which, listener, name);
        process.listening().unwrap();
        if name == "trace" {
            assert_eq!(Client::connect(address).ask(get("/")).status(), 404, "images alone");
        }
        let log = stopped(process);
        let line = format!("listening on {address}, a socket that was passed; {key} = ");
        assert!(log.contains(&line), "{name}: {log}");
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
