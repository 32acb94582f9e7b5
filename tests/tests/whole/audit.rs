//! Whatever is done through the admin API is written down: by whom, to what, what was there
//! before and after, and what came of it. By the API's own description, so that no
//! operation can be forgotten, and never with a secret.

use glassway_tests::{
    Glassway, Upstream,
    client::post,
    eventually,
    glassway::{ADMIN_KEY, Which},
    upstream::json,
};
use serde_json::{Value, json as value};

const KEY: &str = "sk-live-0123456789abcdefghijkl";

fn started() -> (Upstream, Glassway) {
    let upstream = Upstream::answer(json("{\"data\":[]}"));
    let glassway = Glassway::before(&upstream);
    (upstream, glassway)
}

fn entries(glassway: &Glassway, query: &str) -> Vec<Value> {
    let page = glassway.api().json(&format!("/api/audit?limit=1000{query}"));
    page["items"].as_array().unwrap().clone()
}

/// Every operation of the description that can change something: id, method, path.
fn changing(glassway: &Glassway) -> Vec<(String, String, String)> {
    let spec = glassway.api().json("/openapi.json");
    let mut all = Vec::new();
    for (path, operations) in spec["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            if matches!(&method[..], "post" | "put" | "delete" | "patch") {
                let id = operation["operationId"].as_str().unwrap().to_owned();
                all.push((id, method.to_uppercase(), path.clone()));
            }
        }
    }
    all
}

/// With something in the place of each parameter.
fn filled(path: &str) -> String {
    let part = |part: &str| match part {
        "{model}" | "{name}" => "some-model".to_owned(),
        part if part.starts_with('{') => "1".to_owned(),
        part => part.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[test]
fn every_operation_that_changes_something_is_written_down() {
    let (_upstream, glassway) = started();
    let all = changing(&glassway);
    assert!(all.len() > 35, "{}", all.len());
    let api = glassway.api();
    for (id, method, path) in &all {
        let body = (method != "DELETE").then(|| value!({"not a field": 1}));
        let answer = api.call(method, &filled(path), &[], body.as_ref());
        assert_ne!(answer.status, 405, "{method} {path}");
        let found = entries(&glassway, &format!("&action={id}"));
        let entry = found.first().unwrap_or_else(|| panic!("nothing of {id}"));
        assert_eq!(entry["status"], answer.status, "{entry:#}");
        assert_eq!(entry["method"], &method[..]);
        if id != "signIn" {
            assert_eq!((&entry["actor"], &entry["via"]), (&value!("admin_key"), &value!("bearer")));
        }
        assert_eq!(entry["address"], "127.0.0.1");
    }
    let refused = entries(&glassway, "&action=addClientToken").remove(0);
    assert_eq!(refused["status"], 400);
    assert!(refused["detail"].as_str().unwrap().contains("not a field"), "{refused:#}");
    // To read is no deed, to carry away is.
    let before = entries(&glassway, "").len();
    for path in ["/api/keys", "/api/requests", "/api/audit", "/healthz"] {
        assert_eq!(api.get(path).status, 200);
    }
    assert_eq!(entries(&glassway, "").len(), before);
    for path in ["/api/export.har", "/api/export.jsonl", "/api/export.csv"] {
        assert_eq!(api.get(path).status, 200, "{path}");
    }
    let exports = entries(&glassway, "");
    let named: Vec<_> = exports[..3].iter().map(|e| e["action"].as_str().unwrap()).collect();
    assert_eq!(named, ["exportCsv", "exportJsonl", "exportHar"]);
}

#[test]
fn what_was_there_before_and_after_is_kept_and_no_secret() {
    let (_upstream, mut glassway) = started();
    let api = glassway.api();
    let signed = api.anonymous().post("/token", &value!({"api_key": ADMIN_KEY}));
    let session = signed.json()["access_token"].as_str().unwrap().to_owned();
    let page = api.with_bearer(&session);
    let made = page.post("/api/client-tokens", &value!({"name": "app", "rpm": 5}));
    let (id, token) =
        (made.json()["id"].clone(), made.json()["token"].as_str().unwrap().to_owned());
    let put = page.call("PUT", &format!("/api/client-tokens/{id}"), &[], Some(&value!({"rpm": 7})));
    assert_eq!(put.status, 200);
    let gone = page.call("DELETE", &format!("/api/client-tokens/{id}"), &[], None);
    assert_eq!(gone.status, 204);
    let key = api.post("/api/keys", &value!({"provider_id": 1, "name": "main", "key_value": KEY}));
    assert_eq!(key.status, 201, "{}", key.text());
    let key = key.json()["id"].clone();
    let off = value!({"status": "inactive"});
    assert_eq!(api.call("PUT", &format!("/api/keys/{key}/status"), &[], Some(&off)).status, 200);
    let settings = value!({"strategy": "random"});
    assert_eq!(api.call("PUT", "/api/settings", &[], Some(&settings)).status, 200);

    let of = |action: &str| entries(&glassway, &format!("&action={action}")).remove(0);
    let made = of("addClientToken");
    assert_eq!((&made["before"], &made["after"]["rpm"]), (&Value::Null, &value!(5)));
    assert_eq!((&made["target"], &made["actor"]), (&value!("app"), &value!("session")));
    assert!(made["after"].get("token").is_none(), "{made:#}");
    let sessions = api.json("/api/sessions");
    assert_eq!(made["session"], sessions["items"][0]["id"]);
    let changed = of("changeClientToken");
    assert_eq!((&changed["before"]["rpm"], &changed["after"]["rpm"]), (&value!(5), &value!(7)));
    let deleted = of("deleteClientToken");
    assert_eq!((&deleted["before"]["rpm"], &deleted["after"]), (&value!(7), &Value::Null));
    let switched = of("switchKey");
    assert_eq!(switched["before"]["status"], "active");
    assert_eq!(
        (&switched["after"]["status"], &switched["target"]),
        (&value!("inactive"), &value!("main"))
    );
    let settings = of("changeSettings");
    assert_eq!(settings["before"]["strategy"], "round_robin");
    assert_eq!(settings["after"]["strategy"], "random");
    let signed = of("signIn");
    assert_eq!((&signed["status"], &signed["actor"]), (&value!(200), &value!("admin_key")));

    let all = api.get("/api/audit?limit=1000").text();
    for secret in [&token[..], &session, KEY, ADMIN_KEY] {
        assert!(!all.contains(secret), "{all}");
    }
    // Nobody can change what was written.
    for method in ["POST", "PUT", "DELETE"] {
        assert_eq!(api.call(method, "/api/audit", &[], Some(&value!({}))).status, 405);
    }
    assert_eq!(api.anonymous().get("/api/audit").status, 401);
    for which in [Which::Monitor, Which::Proxy] {
        glassway.term(which);
    }
}

#[test]
fn failed_sign_ins_are_written_down_and_push_out_nothing() {
    let (_upstream, glassway) = started();
    let api = glassway.api();
    let wrong = api.with_bearer("wrong-key-0123456789");
    assert_eq!(wrong.get("/api/keys").status, 401);
    let guess = api.anonymous().post("/token", &value!({"api_key": "guess"}));
    assert_eq!(guess.status, 401);
    let found = entries(&glassway, "&actor=nobody");
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!((&found[1]["path"], &found[1]["status"]), (&value!("/api/keys"), &value!(401)));
    assert_eq!((&found[0]["action"], &found[0]["status"]), (&value!("signIn"), &value!(401)));
    assert!(found.iter().all(|entry| entry["before"].is_null() && entry["after"].is_null()));
    assert!(!api.get("/api/audit?limit=100").text().contains("guess"));
    for n in 0..300 {
        let _ = api.anonymous().post("/token", &value!({"api_key": format!("guess{n}")}));
    }
    let flood = entries(&glassway, "&actor=nobody").len();
    assert!((20..150).contains(&flood), "{flood}");
}

#[test]
fn the_log_is_read_page_by_page_and_by_what_one_looks_for() {
    let (_upstream, glassway) = started();
    let api = glassway.api();
    for n in 0..5 {
        let _ = api.post("/api/client-tokens", &value!({"name": format!("app{n}")}));
    }
    let first = api.json("/api/audit?limit=2");
    assert_eq!((&first["total"], &first["items"][0]["target"]), (&value!(5), &value!("app4")));
    let next = first["next"].as_str().unwrap();
    let second = api.json(&format!("/api/audit?limit=2&cursor={next}"));
    assert_eq!(second["items"][0]["target"], "app2");
    let at = second["items"][0]["at"].as_str().unwrap();
    let since = api.json(&format!("/api/audit?since={at}"));
    assert_eq!(since["total"], 3);
    let until = api.json(&format!("/api/audit?until={at}"));
    assert_eq!(until["total"], 2);
    for wrong in ["cursor=x", "actor=somebody", "since=then", "limit=0", "other=1"] {
        let answer = api.get(&format!("/api/audit?{wrong}"));
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
    }
}

#[test]
fn commands_are_written_down_too() {
    let upstream = Upstream::answer(json("{}"));
    let glassway =
        Glassway::setup().upstream(&upstream.url()).unset("monitor.admin_key").start_nothing();
    let mut glassway = glassway;
    glassway.start(Which::Monitor);
    let output =
        glassway.started_with().command(Which::Monitor).arg("new-admin-key").output().unwrap();
    let key = String::from_utf8(output.stdout).unwrap().lines().next().unwrap().to_owned();
    let api = glassway.api().with_bearer(&key);
    let entry = eventually("the new key counts", || {
        let page = api.get("/api/audit");
        (page.status == 200).then(|| page.json()["items"][0].clone())
    });
    assert_eq!(
        (&entry["actor"], &entry["action"]),
        (&value!("command_line"), &value!("newAdminKey"))
    );
    assert!(!entry.to_string().contains(&key));
    glassway.start(Which::Proxy);
    for (which, command) in [(Which::Proxy, "rekey"), (Which::Monitor, "vacuum")] {
        let output = glassway.started_with().command(which).arg(command).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let entry = api.json("/api/audit")["items"][0].clone();
        assert_eq!(
            (&entry["actor"], &entry["action"]),
            (&value!("command_line"), &value!(command))
        );
    }
}

#[test]
fn what_stood_before_is_kept_where_a_request_says_nothing_itself() {
    let (_upstream, glassway) = started();
    let api = glassway.api();
    let key = api.post("/api/keys", &value!({"provider_id": 1, "name": "main", "key_value": KEY}));
    assert_eq!(key.status, 201, "{}", key.text());
    assert_eq!(api.call("POST", "/api/keys/reset", &[], None).status, 200);
    let entry = entries(&glassway, "&action=resetKeys").remove(0);
    assert_eq!(entry["before"]["items"][0]["name"], "main", "{entry:#}");
    assert!(entry["after"]["reset"].is_number(), "{entry:#}");
    assert!(!entry.to_string().contains(KEY));
}

#[test]
fn of_a_list_the_one_that_is_meant_is_kept_and_of_a_large_exchange_its_note() {
    let (_upstream, glassway) = started();
    let api = glassway.api();
    let change = |method: &str, path: &str, body: Option<Value>| {
        let reply = api.call(method, path, &[], body.as_ref());
        assert!(reply.status < 300, "{method} {path}: {}", reply.text());
    };
    let of = |action: &str| entries(&glassway, &format!("&action={action}")).remove(0);
    change("PUT", "/api/prices/gpt-4o", Some(value!({"input": 7.0, "output": 8.0})));
    let priced = of("setPrice");
    assert_eq!(priced["before"]["input"], 2.5, "the list's: {priced:#}");
    assert_eq!(priced["after"]["input"], 7.0, "{priced:#}");
    change("DELETE", "/api/prices/gpt-4o", None);
    let unset = of("unsetPrice");
    assert_eq!((&unset["before"]["input"], &unset["after"]["input"]), (&value!(7.0), &value!(2.5)));

    for _ in 0..30 {
        let _ = api.anonymous().post("/token", &value!({"api_key": ADMIN_KEY}));
    }
    let sessions = api.json("/api/sessions?limit=200");
    let oldest = sessions["items"].as_array().unwrap().last().unwrap().clone();
    change(
        "DELETE",
        &format!("/api/sessions/{}", oldest["id"].to_string().trim_matches('"')),
        None,
    );
    let ended = of("endSession");
    assert_eq!((&ended["before"]["id"], &ended["after"]), (&oldest["id"], &Value::Null));

    let body = format!(r#"{{"model":"gpt-4o","n":"{}"}}"#, "z".repeat(600_000));
    assert_eq!(glassway.client().ask(post("/v1/large", &body)).status(), 200);
    let id = glassway.only_exchange()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/request/{id}");
    change("PUT", &path, Some(value!({"note": "first"})));
    change("PUT", &path, Some(value!({"note": "second", "pinned": true})));
    let noted = of("annotateRequest");
    assert_eq!(
        (&noted["before"]["note"], &noted["after"]["note"]),
        (&value!("first"), &value!("second"))
    );
    assert_eq!(
        (&noted["before"]["pinned"], &noted["after"]["pinned"]),
        (&value!(false), &value!(true))
    );
    assert!(!noted.to_string().contains("zzz"), "no body");
}
