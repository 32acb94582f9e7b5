//! Crowds: thousands of idle connections, heads that never end, feeds that never read,
//! and feeds that talk without end.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use glassway_tests::{
    Glassway, Upstream, client::get, eventually, glassway::Which, upstream::json,
};
use serde_json::json as value;

#[test]
fn five_thousand_idle_connections_cost_little_and_go_by_themselves() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway =
        Glassway::setup().upstream(&upstream.url()).set("proxy.header_timeout", "20s").start();
    let addr = glassway.proxy_addr();
    let before = glassway.resident(Which::Proxy);
    let mut idle: Vec<TcpStream> = (0..5_000).map(|_| TcpStream::connect(addr).unwrap()).collect();
    assert_eq!(glassway.client().ask(get("/v1/meanwhile")).status(), 200);
    let grown = glassway.resident(Which::Proxy).saturating_sub(before);
    assert!(grown < 150 << 20, "{grown} bytes for 5,000 idle connections");
    for (n, stream) in idle.iter_mut().enumerate() {
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        assert_eq!(stream.read(&mut [0]).ok(), Some(0), "idle connection {n} is not closed");
    }
    assert_eq!(glassway.client().ask(get("/v1/after")).status(), 200);
    glassway.finished(2);
}

#[test]
fn heads_that_drip_without_end_hold_no_place_for_long() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup()
        .upstream(&upstream.url())
        .set("proxy.header_timeout", "2s")
        .set("proxy.max_connections", 50)
        .start();
    let addr = glassway.proxy_addr();
    std::thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(move || {
                let mut stream = TcpStream::connect(addr).unwrap();
                let _ = stream.write_all(b"GET /v1/slow HTTP/1.1\r\nHost: localhost\r\n");
                // A byte now and then, until it is shown the door.
                while stream.write_all(b"x").is_ok() {
                    std::thread::sleep(Duration::from_millis(100));
                }
            });
        }
        std::thread::sleep(Duration::from_millis(300));
        eventually("an honest client gets its turn", || {
            (glassway.client().ask(get("/v1/honest")).status() == 200).then_some(())
        });
    });
    assert_eq!(glassway.finished(1)[0]["path"], "/v1/honest");
}

#[test]
fn browsers_that_never_read_cost_the_monitor_little_and_the_proxy_nothing() {
    let upstream = Upstream::answer(json(&format!(r#"{{"text":"{}"}}"#, "y".repeat(2_000))));
    let mut glassway = Glassway::before(&upstream);
    let silent: Vec<_> = (0..60).map(|_| glassway.feed()).collect();
    let before = glassway.resident(Which::Monitor);
    let mut client = glassway.client();
    for n in 0..3_000 {
        assert_eq!(client.ask(get(&format!("/v1/x/{n}"))).status(), 200);
    }
    eventually("all of it is recorded", || {
        (glassway.api().json("/api/stats")["calls"]["all"] == 3_000).then_some(())
    });
    let grown = glassway.resident(Which::Monitor).saturating_sub(before);
    assert!(grown < 200 << 20, "the monitor grew by {grown} for 60 feeds that nobody reads");
    let mut feed = glassway.feed();
    client.ask(get("/v1/live"));
    feed.until("one who reads is served", |event| {
        (event["request"]["path"] == "/v1/live").then_some(())
    });
    drop(silent);
}

#[test]
fn a_feed_that_talks_without_end_is_answered_or_closed_and_disturbs_nobody() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    let before = glassway.resident(Which::Monitor);
    let flood = {
        let mut feed = glassway.feed();
        std::thread::spawn(move || {
            for n in 0..20_000 {
                let command = match n % 3 {
                    0 => value!({"watch": format!("{n:032x}")}),
                    1 => value!({"filter": {"q": "x".repeat(500), "model": format!("m{n}")}}),
                    _ => value!({"resume_after": n}),
                };
                if feed.try_send(&command).is_err() {
                    return;
                }
            }
        })
    };
    let mut other = glassway.feed();
    for n in 0..20 {
        glassway.client().ask(get(&format!("/v1/x/{n}")));
    }
    other.until("another feed goes on", |event| {
        (event["request"]["path"] == "/v1/x/19").then_some(())
    });
    flood.join().unwrap();
    let grown = glassway.resident(Which::Monitor).saturating_sub(before);
    assert!(grown < 150 << 20, "the monitor grew by {grown}");
}

#[test]
fn clients_of_the_monitor_that_stop_reading_are_let_go_of() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    let pid = glassway.pid(Which::Monitor);
    let sockets = || std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let before = sockets();
    let ask = "GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".repeat(200);
    let stopped: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(glassway.monitor_addr()).unwrap();
            // Anybody may ask for this, and nobody reads it here.
            stream.write_all(ask.as_bytes()).unwrap();
            stream
        })
        .collect();
    assert_eq!(glassway.api().get("/api/keys").status, 200);
    assert!(sockets() >= before + 20, "they are connected");
    // A quarter of a minute for what they ask next, a minute where nothing is taken.
    let since = std::time::Instant::now();
    while sockets() > before + 2 {
        assert!(since.elapsed() < Duration::from_secs(150), "they keep their places");
        std::thread::sleep(Duration::from_secs(1));
    }
    drop(stopped);
}

#[test]
fn one_address_cannot_take_all_places_of_the_monitor() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::before(&upstream);
    let addr = glassway.monitor_addr();
    let mut crowd: Vec<_> = (0..900).map(|_| TcpStream::connect(addr).unwrap()).collect();
    // The last of them are closed unread.
    let mut last = crowd.pop().unwrap();
    last.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(last.read(&mut [0]).ok(), Some(0));
    // 127.0.0.2 is somebody else, and is served.
    let other = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    other.bind(&"127.0.0.2:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    other.connect(&addr.into()).unwrap();
    let mut other: TcpStream = other.into();
    other.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let ask = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    other.write_all(ask.as_bytes()).unwrap();
    let mut text = String::new();
    other.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
}
