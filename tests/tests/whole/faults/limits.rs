//! Too few file descriptors, too little memory.

use std::{net::TcpStream, time::Duration};

use glassway_tests::{
    Gate, Glassway, Upstream,
    client::{get, post},
    eventually,
    glassway::Which,
    team::{self, ANSWER, paste},
    upstream::json,
};

use super::until_recorded;

#[test]
fn out_of_file_descriptors_it_neither_spins_nor_dies() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::setup()
        .upstream(&upstream.url())
        .set("proxy.header_timeout", "3s")
        .under(&["prlimit", "--nofile=96:96"])
        .start();
    let addr = glassway.proxy_addr();
    let crowd: Vec<_> = (0..200).map(|_| TcpStream::connect(addr).unwrap()).collect();
    eventually("it says so", || {
        glassway.log(Which::Proxy).contains("cannot accept a connection").then_some(())
    });
    let before = cpu(glassway.pid(Which::Proxy));
    std::thread::sleep(Duration::from_secs(1));
    let spent = cpu(glassway.pid(Which::Proxy)) - before;
    assert!(spent < 50, "{spent} hundredths of a second of CPU in a second of waiting");
    drop(crowd);
    eventually("whoever comes then is served", || {
        (glassway.client().ask(get("/v1/after")).status() == 200).then_some(())
    });
    until_recorded(&glassway, "/v1/recorded");
}

/// Hundredths of a second, user and system.
fn cpu(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<_> = after_name.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn within_a_cap_of_memory_large_bodies_by_the_hundred_are_served() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup()
        .upstream(&upstream.url())
        .set("record.queue_bytes", 16 << 20)
        // Less than what is sent: whoever kept all of it would die.
        .under(&["prlimit", "--data=300000000"])
        .start();
    let body = format!(r#"{{"model":"gpt-4o","n":"{}"}}"#, "z".repeat(4 << 20));
    let request = post("/v1/large", &body);
    std::thread::scope(|scope| {
        let clients = (0..8).map(|_| {
            scope.spawn(|| {
                for _ in 0..12 {
                    assert_eq!(glassway.client().ask(&request).status(), 200);
                }
            })
        });
        clients.collect::<Vec<_>>().into_iter().for_each(|client| client.join().unwrap());
    });
    eventually("every one has its record", || {
        (glassway.api().json("/api/stats")["calls"]["all"] == 96).then_some(())
    });
    assert_eq!(glassway.api().json("/api/stats")["lost"]["records_lost"], 0);
}

/// A question of so many bytes, and some more.
fn question(bytes: usize) -> String {
    let text = "x".repeat(bytes);
    let body = format!(r#"{{"model":"gpt-4o","messages":[{{"role":"user","content":"{text}"}}]}}"#);
    team::post("/v1/chat/completions", &body)
}

#[test]
fn bodies_that_are_held_for_another_attempt_have_a_bound_together() {
    let gate = Gate::new();
    let held = gate.clone();
    let upstream = Upstream::respond(move |_| {
        held.wait();
        json(ANSWER)
    });
    let setup = Glassway::setup().upstream(&upstream.url());
    let glassway = setup.set("proxy.managed_bytes", 4 << 20).start();
    paste(&glassway, 1);
    let large = question(1_500_000);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asking: Vec<_> =
            (0..6).map(|_| scope.spawn(|| glassway.client().ask(&large))).collect();
        // Nobody waits for the others: who finds no room hears so at once.
        eventually("some are refused", || {
            asking.iter().any(|asking| asking.is_finished()).then_some(())
        });
        gate.open();
        let answers: Vec<_> = asking.into_iter().map(|asking| asking.join().unwrap()).collect();
        for answer in answers.iter().filter(|answer| answer.status() != 200) {
            assert_eq!(answer.json()["error"]["code"], "no_memory_left", "{}", answer.text());
            assert!(answer.text().contains("proxy.managed_bytes"), "{}", answer.text());
            assert_eq!(answer.head.header("retry-after"), Some("1"));
        }
        answers.iter().map(|answer| answer.status()).collect()
    });
    let refused = statuses.iter().filter(|status| **status == 503).count();
    // Those who come once there is room again are served.
    assert!((1..=4).contains(&refused), "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 503)), "{statuses:?}");
    // What was held is given back.
    for _ in 0..6 {
        assert_eq!(glassway.client().ask(&large).status(), 200);
    }
    glassway.finished(12);
}

#[test]
fn within_a_cap_of_memory_managed_bodies_by_the_hundred_are_served_or_refused() {
    let upstream = Upstream::answer(json(ANSWER));
    let glassway = Glassway::setup()
        .upstream(&upstream.url())
        .set("record.queue_bytes", 16 << 20)
        .set("proxy.managed_bytes", 64 << 20)
        .under(&["prlimit", "--data=500000000"])
        .start();
    paste(&glassway, 1);
    let request = question(8 << 20);
    std::thread::scope(|scope| {
        let clients = (0..16).map(|_| {
            scope.spawn(|| {
                for _ in 0..6 {
                    eventually("it is served", || match glassway.client().ask(&request).status() {
                        200 => Some(()),
                        503 => None,
                        status => panic!("{status}"),
                    });
                }
            })
        });
        clients.collect::<Vec<_>>().into_iter().for_each(|client| client.join().unwrap());
    });
}
