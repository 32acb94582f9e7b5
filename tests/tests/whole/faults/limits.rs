//! Too few file descriptors, too little memory.

use std::{net::TcpStream, time::Duration};

use glassway_tests::{
    Glassway, Upstream,
    client::{get, post},
    eventually,
    glassway::Which,
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
