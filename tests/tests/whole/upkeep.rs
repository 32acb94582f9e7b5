//! `glassway-monitor backup`, `restore`, `vacuum` and `doctor` beside running services, as
//! an operator types them.

use std::{fs, process::Output};

use glassway_tests::{Glassway, Upstream, client::post, glassway::Which, upstream::json};
use serde_json::{Value, json as value};

fn run(glassway: &Glassway, arguments: &[&str]) -> Output {
    glassway.started_with().command(Which::Monitor).args(arguments).output().unwrap()
}

#[track_caller]
fn done(output: &Output) -> String {
    let text = said(output);
    assert!(output.status.success(), "{text}");
    text
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).into_owned()
}

fn ask(glassway: &Glassway, n: usize) {
    let answer = glassway.client().ask(post(&format!("/v1/x/{n}"), r#"{"said":"a fox"}"#));
    assert_eq!(answer.status(), 200);
}

#[test]
fn a_backup_taken_while_it_runs_brings_everything_back() {
    let upstream = Upstream::answer(json(r#"{"answer":42}"#));
    let mut glassway = Glassway::setup().upstream(&upstream.url()).start();
    let key = value!({"provider_id": 1, "name": "a", "key_value": "sk-abcdefghijklmnopqrstuvwx"});
    assert_eq!(glassway.api().post("/api/keys", &key).status, 201);
    (1..=3).for_each(|n| ask(&glassway, n));
    glassway.finished(3);
    let copy = glassway.folder().join("copy.db");
    let copy = copy.to_str().unwrap();
    let text = done(&run(&glassway, &["backup", copy]));
    assert!(text.contains("copy.db: ") && text.contains("glassway.key"), "{text}");
    let again = run(&glassway, &["backup", copy]);
    assert_eq!(again.status.code(), Some(2), "{}", said(&again));

    (4..=5).for_each(|n| ask(&glassway, n));
    glassway.finished(5);
    let refused = run(&glassway, &["restore", copy]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("stop glassway-proxy and glassway-monitor first"));
    assert_eq!(said(&refused).lines().count(), 1);

    glassway.term(Which::Proxy);
    glassway.term(Which::Monitor);
    let text = done(&run(&glassway, &["restore", copy]));
    assert!(text.contains("restored, 3 exchanges") && text.contains(".before-restore-"), "{text}");
    glassway.start(Which::Proxy);
    glassway.start(Which::Monitor);
    glassway.connected();
    assert_eq!(glassway.finished(3).len(), 3);
    assert_eq!(glassway.api().json("/api/keys")["items"][0]["status"], "active");
    ask(&glassway, 6);
    let recorded = glassway.finished(4);
    assert_eq!(recorded[3]["path"], "/v1/x/6");
}

#[test]
fn a_backup_without_bodies_holds_no_word_of_what_was_said() {
    let upstream = Upstream::answer(json(r#"{"answer":"a hedgehog"}"#));
    let glassway = Glassway::before(&upstream);
    ask(&glassway, 1);
    glassway.finished(1);
    let copy = glassway.folder().join("figures.db");
    done(&run(&glassway, &["backup", "--without-bodies", copy.to_str().unwrap()]));
    let bytes = fs::read(&copy).unwrap();
    let holds = |word: &str| bytes.windows(word.len()).any(|piece| piece == word.as_bytes());
    assert!(!holds("hedgehog") && !holds("a fox") && holds("/v1/x/1"));
}

#[test]
fn the_doctor_tells_what_is_there_and_finds_what_is_wrong() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    ask(&glassway, 1);
    glassway.finished(1);
    let text = done(&run(&glassway, &["doctor"]));
    for line in ["the proxy is running", "every page", "1 exchanges, 0 of them pinned, from 20"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let json = |output: &Output| -> Value { serde_json::from_slice(&output.stdout).unwrap() };
    assert_eq!(json(&run(&glassway, &["doctor", "--full", "--json"]))["sound"], true);

    glassway.term(Which::Proxy);
    glassway.term(Which::Monitor);
    let database = glassway.database();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(&database, mode).unwrap();
    let text = said(&run(&glassway, &["doctor"]));
    assert!(text.contains("WRONG") && text.contains("chmod 600"), "{text}");
    let mut bytes = fs::read(&database).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0xa5);
    fs::write(&database, bytes).unwrap();
    let broken = run(&glassway, &["doctor", "--json"]);
    assert_eq!(broken.status.code(), Some(1));
    let report = json(&broken);
    let text = report["findings"].to_string();
    assert!(report["sound"] == false && text.contains("estore a backup"), "{text}");
}

#[test]
fn a_vacuum_beside_the_services_disturbs_nobody() {
    let upstream = Upstream::answer(json("{}"));
    let mut glassway = Glassway::before(&upstream);
    ask(&glassway, 1);
    let text = done(&run(&glassway, &["vacuum"]));
    assert!(text.contains("The services are running"), "{text}");
    ask(&glassway, 2);
    glassway.finished(2);
    glassway.term(Which::Proxy);
    glassway.term(Which::Monitor);
    let text = done(&run(&glassway, &["vacuum"]));
    assert!(!text.contains("The services are running"), "{text}");
}

#[test]
fn commands_on_nothing_say_so() {
    let setup = Glassway::setup().unset("monitor.admin_key");
    setup.write_config();
    let glassway = setup.start_nothing();
    let list = glassway.folder().join("list.json");
    fs::write(&list, r#"{"one": {"mode": "chat", "input_cost_per_token": 3e-6}}"#).unwrap();
    for command in [
        &["backup", "x.db"][..],
        &["vacuum"],
        &["doctor"],
        &["new-admin-key"],
        &["import-prices", list.to_str().unwrap()],
    ] {
        let output = run(&glassway, command);
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert!(said(&output).contains("there is no database"), "{command:?}: {}", said(&output));
        assert!(!glassway.database().parent().unwrap().exists(), "{command:?} made its folder");
    }
    let output = glassway.started_with().command(Which::Proxy).arg("rekey").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("there is no database"), "{}", said(&output));
    let output = run(&glassway, &["restore", "/nowhere/x.db"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("/nowhere/x.db"));
    let output = run(&glassway, &["backup"]);
    assert_eq!(output.status.code(), Some(2));
}
