//! Health that means something: words for strangers, status codes for load balancers, and
//! commands for containers.

use std::{net::TcpListener, time::Duration};

use glassway_tests::{
    Glassway, Upstream, client::get, eventually, glassway::Which, process::Process,
    process::Signal, upstream::json, wait::PATIENCE,
};
use rusqlite::Connection;
use serde_json::{Value, json as value};

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Runs `health`; gives the exit code and what it said.
fn health(glassway: &Glassway, which: Which) -> (i32, String) {
    let mut command = glassway.started_with().command(which);
    command.arg("health");
    let mut process = Process::spawn("health", command, Box::new(|_| {})).unwrap();
    let code = process.wait(PATIENCE).and_then(|status| status.code()).unwrap_or(-1);
    (code, process.log())
}

#[test]
fn records_that_cannot_be_written_degrade_the_proxy_and_clients_are_served() {
    let upstream = Upstream::respond(|_| json("{}"));
    let glassway = Glassway::before(&upstream);
    let ask = || {
        let reply = glassway.client().ask(get("/healthz"));
        (reply.status(), reply.json())
    };
    let (status, body) = ask();
    assert_eq!((status, &body["status"], &body["reasons"]), (200, &value!("ok"), &value!([])));

    let lock = Connection::open(glassway.database()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    glassway.client().ask(get("/v1/x"));
    let degraded = eventually("the proxy is degraded", || {
        let (status, body) = ask();
        (body["status"] == "degraded").then_some((status, body))
    });
    assert_eq!(degraded.0, 200, "clients are served as well as ever");
    // Writing waits for the lock before it gives up, so either may be said first.
    let reasons = degraded.1["reasons"].as_array().unwrap().clone();
    let known = [value!("records_not_written"), value!("journal_stuck")];
    assert!(!reasons.is_empty() && reasons.iter().all(|r| known.contains(r)), "{reasons:?}");
    assert_eq!(glassway.client().ask(get("/v1/x")).status(), 200);
    drop(lock);
    eventually("it is well again", || (ask().1["status"] == "ok").then_some(()));
}

#[test]
fn a_stranger_is_told_words_and_no_numbers() {
    let upstream = Upstream::respond(|_| json("{}"));
    let glassway = Glassway::before(&upstream);
    let stranger = glassway.api().anonymous().json("/api/health");
    assert_eq!((&stranger["status"], &stranger["reasons"]), (&value!("ok"), &value!([])));
    for counted in ["in_flight", "queue_bytes", "bodies_shed", "records_lost"] {
        assert_eq!(stranger["proxy"][counted], Value::Null, "{stranger}");
        assert!(glassway.api().json("/api/health")["proxy"][counted].is_u64());
        assert_eq!(glassway.api().json("/healthz")["proxy"][counted], Value::Null);
    }
    // A wrong credential sends nobody away from here.
    assert_eq!(glassway.api().with_bearer("wrong").get("/api/health").status, 200);
}

#[test]
fn the_health_command_asks_the_instance_that_runs() {
    let upstream = Upstream::respond(|_| json("{}"));
    let (proxy, monitor) = (free_port(), free_port());
    let mut glassway = Glassway::setup()
        .upstream(&upstream.url())
        .set("proxy.listen", format!("127.0.0.1:{proxy}"))
        .set("monitor.listen", format!("0.0.0.0:{monitor}"))
        .start();
    assert_eq!(health(&glassway, Which::Proxy), (0, "ok".to_owned()));
    assert_eq!(health(&glassway, Which::Monitor), (0, "ok".to_owned()));

    glassway.kill9(Which::Proxy);
    let (code, said) = health(&glassway, Which::Proxy);
    let line = format!("proxy.listen: no answer from http://127.0.0.1:{proxy}: ");
    assert!(code == 1 && said.contains(&line) && said.lines().count() == 1, "{code} {said}");
    eventually("the monitor says that the proxy is away", || {
        let told = health(&glassway, Which::Monitor);
        (told == (0, "degraded: proxy_away".to_owned())).then_some(())
    });

    // Stopped, it answers nobody, and the question has an end.
    glassway.signal(Which::Monitor, Signal::SIGSTOP);
    let (code, said) = health(&glassway, Which::Monitor);
    assert!(code == 1 && said.contains("no answer"), "{code} {said}");
    glassway.signal(Which::Monitor, Signal::SIGCONT);
    std::thread::sleep(Duration::from_millis(1));
    assert_eq!(glassway.api().get("/healthz").status, 200);
}

#[test]
fn the_health_command_wants_a_port() {
    let upstream = Upstream::respond(|_| json("{}"));
    let glassway = Glassway::before(&upstream);
    let (code, said) = health(&glassway, Which::Proxy);
    assert!(code == 1 && said.contains("proxy.listen: with port 0"), "{code} {said}");
}

#[test]
fn the_health_command_says_when_it_may_not_ask() {
    let (proxy, monitor) = (free_port(), free_port());
    let mut glassway = Glassway::setup()
        .upstream("http://127.0.0.1:1")
        .set("proxy.listen", format!("127.0.0.1:{proxy}"))
        .set("proxy.allowed_clients", vec!["10.0.0.0/8"])
        .set("monitor.listen", format!("127.0.0.1:{monitor}"))
        .set("monitor.allowed_clients", vec!["10.0.0.0/8"])
        .set("monitor.trusted_proxies", vec!["127.0.0.1"])
        .start_nothing();
    for which in [Which::Proxy, Which::Monitor] {
        glassway.start(which);
        let (code, said) = health(&glassway, which);
        assert!(code == 1 && said.contains("allowed_clients leaves 127.0.0.1 out"), "{said}");
    }
}
