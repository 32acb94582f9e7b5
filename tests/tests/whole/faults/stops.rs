//! A process that stands still, as a debugger or a starved machine makes it; and a link
//! whose socket somebody deleted.

use std::{fs, time::Duration};

use glassway_tests::{
    Glassway, Upstream, client::get, eventually, glassway::Which, process::Signal, upstream::json,
};

#[test]
fn a_monitor_that_stands_still_costs_no_client_anything() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    let mut feed = glassway.feed();
    glassway.signal(Which::Monitor, Signal::SIGSTOP);
    let before = glassway.resident(Which::Proxy);
    let mut client = glassway.client();
    for n in 0..2_000 {
        assert_eq!(client.ask(get(&format!("/v1/x/{n}"))).status(), 200);
    }
    let grown = glassway.resident(Which::Proxy).saturating_sub(before);
    assert!(grown < 64 << 20, "the proxy grew by {grown} for a monitor that does not listen");
    glassway.signal(Which::Monitor, Signal::SIGCONT);
    eventually("everything is there", || {
        (glassway.api().json("/api/stats")["calls"]["all"] == 2_000).then_some(())
    });
    feed.until("the feed goes on", |event| {
        (event["type"] == "request.finished" || event["type"] == "resync").then_some(())
    });
}

#[test]
fn a_proxy_that_stands_still_is_told_of_and_goes_on() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    glassway.client().ask(get("/v1/before"));
    glassway.finished(1);
    glassway.signal(Which::Proxy, Signal::SIGSTOP);
    // What the monitor knows by itself it answers; what it must ask the proxy, it gives up.
    assert_eq!(glassway.api().requests("").len(), 1);
    let key = serde_json::json!({"name": "a", "key_value": "sk-abcdefghijklmnopqrstuvwx"});
    let reply = glassway.api().post("/api/keys", &key);
    assert!(reply.status == 201 || reply.status == 503, "{}", reply.text());
    let addr = glassway.proxy_addr();
    let waiting = std::thread::spawn(move || {
        let mut client = glassway_tests::Client::connect(addr);
        client.ask(get("/v1/waits")).status()
    });
    std::thread::sleep(Duration::from_millis(300));
    glassway.signal(Which::Proxy, Signal::SIGCONT);
    assert_eq!(waiting.join().unwrap(), 200, "who waited is served");
    eventually("the monitor hears it again", || {
        glassway.client().ask(get("/healthz"));
        (glassway.api().json("/api/stats")["calls"]["all"].as_u64() >= Some(2)).then_some(())
    });
}

#[test]
fn a_link_whose_socket_was_deleted_comes_back() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    let link = glassway.folder().join("data/glassway.sock");
    fs::remove_file(&link).unwrap();
    // A monitor that starts now has nothing to connect to until the proxy notices.
    glassway.kill9(Which::Monitor);
    glassway.start(Which::Monitor);
    glassway.connected();
    glassway.client().ask(get("/v1/after"));
    glassway.finished(1);
    assert!(link.exists());
}
