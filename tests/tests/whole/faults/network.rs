//! An upstream behind a bad line: packets lost both ways, connections reset.

use std::{
    net::{IpAddr, TcpListener},
    process::Command,
};

use glassway_tests::{
    Client, Glassway, Upstream,
    client::post,
    eventually,
    upstream::{Conn, json},
};

use super::skip;

/// A network namespace with a line to this one, gone when the test is.
struct Elsewhere {
    name: String,
    here: String,
    there: String,
}

impl Elsewhere {
    /// `None` where it may not be made.
    fn make() -> Option<Self> {
        let id = std::process::id() % 200 + 20;
        let elsewhere = Self {
            name: format!("gw-test-{id}"),
            here: format!("10.213.{id}.1"),
            there: format!("10.213.{id}.2"),
        };
        let (name, here, there) = (&elsewhere.name, &elsewhere.here, &elsewhere.there);
        let (outer, inner) = (format!("gwa{id}"), format!("gwb{id}"));
        let steps = [
            format!("netns add {name}"),
            format!("link add {outer} type veth peer name {inner}"),
            format!("link set {inner} netns {name}"),
            format!("addr add {here}/24 dev {outer}"),
            format!("link set {outer} up"),
            format!("-n {name} addr add {there}/24 dev {inner}"),
            format!("-n {name} link set {inner} up"),
            format!("-n {name} link set lo up"),
        ];
        let done = steps.iter().all(|step| {
            let ip = Command::new("ip").args(step.split(' ')).output();
            ip.is_ok_and(|output| output.status.success())
        });
        done.then_some(elsewhere)
    }

    /// Whether a rule of the packet filter could be set there.
    fn filter(&self, rule: &str) -> bool {
        let rule = format!("netns exec {} iptables {rule}", self.name);
        let done = Command::new("ip").args(rule.split(' ')).output();
        done.is_ok_and(|output| output.status.success())
    }

    /// Glassway there, with its upstream and its clients here.
    fn glassway(&self, upstream: &Upstream) -> Glassway {
        Glassway::setup()
            .upstream(&upstream.url())
            .set("proxy.listen", format!("{}:0", self.there))
            .set("proxy.allow_open", true)
            .set("monitor.listen", format!("{}:0", self.there))
            .under(&["ip", "netns", "exec", &self.name])
            .start()
    }

    fn upstream(&self, script: impl Fn(&mut Conn) + Send + Sync + 'static) -> Upstream {
        let here: IpAddr = self.here.parse().unwrap();
        Upstream::on(TcpListener::bind((here, 0)).unwrap(), script)
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}

fn answers(conn: &mut Conn) {
    while conn.try_request().is_some() {
        conn.send(json(r#"{"answer":42}"#));
    }
}

#[test]
fn lost_packets_slow_things_down_and_lose_nothing() {
    let Some(elsewhere) = Elsewhere::make() else {
        skip!("a network namespace needs root and iproute2");
    };
    let upstream = elsewhere.upstream(answers);
    let glassway = elsewhere.glassway(&upstream);
    for chain in ["INPUT", "OUTPUT"] {
        if !elsewhere.filter(&format!(
            "-A {chain} -p tcp -m statistic --mode random --probability 0.03 -j DROP"
        )) {
            skip!("iptables cannot drop packets at random here");
        }
    }
    let addr = glassway.proxy_addr();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            scope.spawn(move || {
                let mut client = Client::connect(addr);
                for n in 0..15 {
                    let answer = client.ask(post(&format!("/v1/{worker}/{n}"), "{}"));
                    assert_eq!(answer.text(), r#"{"answer":42}"#);
                }
            });
        }
    });
    let recorded = glassway.finished(60);
    assert!(recorded.iter().all(|exchange| exchange["outcome"] == "ok"));
}

#[test]
fn an_upstream_that_cannot_be_reached_any_more_is_told_and_comes_back() {
    let Some(elsewhere) = Elsewhere::make() else {
        skip!("a network namespace needs root and iproute2");
    };
    let upstream = elsewhere.upstream(answers);
    let glassway = elsewhere.glassway(&upstream);
    let port = upstream.addr().port();
    assert_eq!(glassway.client().ask(post("/v1/before", "{}")).status(), 200);
    let rule = format!("OUTPUT -p tcp --dport {port} -j REJECT --reject-with tcp-reset");
    if !elsewhere.filter(&format!("-A {rule}")) {
        skip!("iptables cannot reset connections here");
    }
    assert_eq!(glassway.client().ask(post("/v1/reset", "{}")).status(), 502);
    assert!(elsewhere.filter(&format!("-D {rule}")));
    eventually("it comes back by itself", || {
        (glassway.client().ask(post("/v1/after", "{}")).status() == 200).then_some(())
    });
    let outcome = |path: &str| {
        eventually(format_args!("{path} is recorded"), || {
            let found = glassway.api().requests(&format!("?path={path}"));
            found.last().map(|exchange| exchange["outcome"].clone())
        })
    };
    assert_eq!(outcome("/v1/before"), "ok");
    // On a connection that served before, or on one that could not be made.
    let reset = outcome("/v1/reset");
    assert!(reset == "upstream_closed" || reset == "upstream_error", "{reset}");
}
