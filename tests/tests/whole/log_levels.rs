//! What is logged can be changed while both processes run: by SIGHUP, and by the API.

use glassway_tests::{
    Glassway, Upstream, client::get, eventually, glassway::Which, process::Signal, upstream::json,
};
use serde_json::json as value;

const BOTH: [Which; 2] = [Which::Proxy, Which::Monitor];
const CONNECTS: &str = "a connection to an upstream was asked for";

fn running() -> (Upstream, Glassway) {
    let upstream = Upstream::respond(|_| json("{}"));
    let glassway = Glassway::before(&upstream);
    (upstream, glassway)
}

#[test]
fn a_hangup_reads_the_level_again_and_ends_nothing() {
    let (_upstream, mut glassway) = running();
    glassway.client().ask(get("/v1/x"));
    for which in BOTH {
        assert!(!glassway.log(which).contains("DEBUG"), "{}", glassway.log(which));
    }
    glassway.reconfigure("log.level", "info,glassway_proxy::upstream=debug");
    for which in BOTH {
        glassway.signal(which, Signal::SIGHUP);
        eventually("it has read the level again", || {
            glassway.log(which).contains("read log.level again").then_some(())
        });
    }
    glassway.client().ask(get("/v1/x").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
    let now = glassway.api().json("/api/log-levels");
    assert_eq!(now["proxy"]["filter"], "info,glassway_proxy::upstream=debug");
    assert_eq!(now["monitor"]["configured"], "info,glassway_proxy::upstream=debug");

    // What is wrong is a line; the filter stays, and the process too.
    glassway.reconfigure("log.level", "info,glassway_proxy::nonsense=debug");
    for which in BOTH {
        glassway.signal(which, Signal::SIGHUP);
        let said = eventually("it says what is wrong", || {
            let log = glassway.log(which);
            log.lines().find(|l| l.contains("the log filter stays as it is")).map(str::to_owned)
        });
        assert!(said.contains("no module `glassway_proxy::nonsense`"), "{said}");
        assert!(said.contains("glassway_proxy::journal"), "{said}");
    }
    assert_eq!(glassway.api().json("/api/log-levels")["proxy"], now["proxy"]);
    assert_eq!(glassway.client().ask(get("/v1/x")).status(), 200);
}

#[test]
fn the_api_changes_both_processes_until_it_is_taken_back() {
    let (_upstream, mut glassway) = running();
    let put = |filter: serde_json::Value| {
        glassway.api().call("PUT", "/api/log-levels", &[], Some(&value!({ "filter": filter })))
    };
    let reply = put(value!("warn,glassway_proxy::upstream=debug"));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let levels = reply.json();
    for process in ["proxy", "monitor"] {
        assert_eq!(levels[process]["filter"], "warn,glassway_proxy::upstream=debug");
        assert_eq!(levels[process]["configured"], "info");
    }
    assert!(levels["modules"].as_array().unwrap().contains(&value!("glassway_proxy::journal")));
    glassway.client().ask(get("/v1/x"));
    eventually("the proxy logs connections", || {
        glassway.log(Which::Proxy).contains(CONNECTS).then_some(())
    });

    let wrong = put(value!("info,glassway_proxy::jurnal=debug"));
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("glassway_proxy::journal"), "{}", wrong.text());
    assert_eq!(wrong.json()["errors"][0]["field"], "filter");
    assert_eq!(put(value!(7)).status, 400);
    let missing = glassway.api().call("PUT", "/api/log-levels", &[], Some(&value!({})));
    assert_eq!(missing.status, 400, "{}", missing.text());

    let back = put(value!(null)).json();
    assert_eq!(
        (&back["proxy"]["filter"], &back["monitor"]["filter"]),
        (&value!("info"), &value!("info"))
    );

    glassway.kill9(Which::Proxy);
    let alone = eventually("the monitor alone is changed", || {
        let put = value!({"filter": "error"});
        let reply = glassway.api().call("PUT", "/api/log-levels", &[], Some(&put));
        (reply.header("x-glassway-warnings") == Some("proxy_away")).then(|| reply.json())
    });
    assert_eq!((&alone["proxy"], &alone["monitor"]["filter"]), (&value!(null), &value!("error")));
}

#[test]
fn json_lines_name_their_module_and_no_trace_shows_a_credential() {
    let upstream = Upstream::respond(|_| json("{}"));
    let setup = Glassway::setup().upstream(&upstream.url());
    let glassway = setup.set("log.format", "json").set("log.level", "trace").start();
    let secret = "sk-very-secret-0123456789";
    glassway.client().ask(
        get("/v1/x").replace("\r\n\r\n", &format!("\r\nAuthorization: Bearer {secret}\r\n\r\n")),
    );
    glassway.finished(1);
    for which in BOTH {
        let log = glassway.log(which);
        for line in log.lines() {
            let line: serde_json::Value = serde_json::from_str(line).expect(line);
            assert!(line["target"].is_string() && line["message"].is_string(), "{line}");
        }
        assert!(!log.contains(secret), "{log}");
    }
    let named = r#""target":"glassway_proxy::upstream""#;
    assert!(glassway.log(Which::Proxy).contains(named), "{}", glassway.log(Which::Proxy));
}
