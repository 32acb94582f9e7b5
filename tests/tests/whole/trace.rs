//! A trace from beginning to end: a relay station fetches the image as a script says, and
//! the trace says who did, when, and whether a model saw it.

use std::net::TcpListener;

use glassway_tests::{
    Glassway, Upstream, eventually,
    glassway::Setup,
    relay::{Fetch, fetch, fetching, images, ocr, relay, says},
    team::{key, paste_to, provider},
};
use serde_json::{Value, json as value};

/// A port that nobody listens on.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn setup(relay: &Upstream) -> Setup {
    let images = format!("[::]:{}", free_port());
    let public = format!("http://127.0.0.1:{}", images.rsplit(':').next().unwrap());
    Glassway::setup()
        .set("monitor.trace_listen", images)
        .set("monitor.public_url", public)
        .set("upstream.allow", toml::Value::from(vec![relay.addr().to_string()]))
}

/// Glassway with a relay station of some groups.
fn with_groups(relay: &Upstream, groups: usize) -> (Glassway, Vec<i64>) {
    let glassway = setup(relay).start();
    let ids = groups_of(&glassway, relay, groups);
    (glassway, ids)
}

fn groups_of(glassway: &Glassway, relay: &Upstream, groups: usize) -> Vec<i64> {
    let id = provider(glassway, "relay", "openai", &relay.url());
    let added = paste_to(glassway, id, 0..groups);
    added.iter().map(|key| key["id"].as_i64().unwrap()).collect()
}

fn begin(glassway: &Glassway, body: &Value) -> Value {
    let reply = glassway.api().post("/api/traces", body);
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()
}

fn read(glassway: &Glassway, id: &Value) -> Value {
    glassway.api().json(&format!("/api/traces/{id}"))
}

/// The trace once it has ended and so many fetches are written.
fn ended(glassway: &Glassway, id: &Value, hits: usize) -> Value {
    eventually(format_args!("trace {id} with {hits} hits"), || {
        let trace = read(glassway, id);
        let over = trace["status"] == "done" || trace["status"] == "failed";
        let written = trace["hit_count"].as_u64() >= Some(hits as u64);
        (over && written).then_some(trace)
    })
}

fn hits<'a>(trace: &'a Value, field: &str) -> Vec<&'a Value> {
    trace["hits"].as_array().unwrap().iter().map(|hit| &hit[field]).collect()
}

fn observed<'a>(trace: &'a Value, kind: &str) -> &'a Value {
    let all = trace["verdict"].as_array().unwrap();
    all.iter().find(|one| one["kind"] == kind).unwrap_or_else(|| panic!("{kind}: {trace:#}"))
}

#[test]
fn a_relay_that_fetches_nothing_proves_nothing() {
    let relay = fetching(vec![]);
    let (glassway, groups) = with_groups(&relay, 1);
    let begun = begin(&glassway, &value!({"group_id": groups[0], "model": "gpt-4o"}));
    assert!(begun["image_url"].as_str().unwrap().contains("/api/img?traceid="));
    let trace = ended(&glassway, &begun["id"], 0);
    assert_eq!(trace["status"], "done");
    assert_eq!(trace["saw_image"], false);
    assert_eq!(trace["answer"], "I cannot open links.");
    assert_eq!(observed(&trace, "fetches")["weight"], "nothing");
    assert_eq!(observed(&trace, "code")["finding"], "never_fetched");
    assert_eq!(observed(&trace, "headers")["finding"], "gateway");
    assert_eq!(observed(&trace, "model")["finding"], "snapshot");
    // What was asked is what the defaults say, and it is recorded like any other.
    let asked = relay.only_request();
    assert_eq!(images(&asked), [begun["image_url"].as_str().unwrap()]);
    let exchange = glassway.finished(1).remove(0);
    assert_eq!(exchange["origin"], "trace");
    assert_eq!(exchange["id"], trace["request_id"]);
    let stats = glassway.api().json("/api/stats");
    assert_eq!(stats["calls"]["all"], 0, "traces do not count in statistics");
}

#[test]
fn every_fetch_is_told_with_its_address_agent_and_order() {
    let fetches = vec![
        fetch("127.0.0.2", "Go-http-client/1.1").by("HEAD"),
        fetch("127.0.0.2", "Go-http-client/1.1"),
        fetch("127.0.0.3", "OpenAI Image Downloader").with("Range: bytes=0-99\r\n"),
        fetch("::1", "curl/8.5"),
        fetch("127.0.0.4", "").with("Cookie: secret\r\nX-Forwarded-For: 6.6.6.6\r\n"),
    ];
    let relay = fetching(fetches);
    let (glassway, groups) = with_groups(&relay, 1);
    let mut feed = glassway.feed();
    let begun = begin(&glassway, &value!({"group_id": groups[0], "model": "gpt-4o"}));
    let event = feed.event("trace.hit");
    assert_eq!((&event["trace"], &event["hit"]["ip"]), (&begun["id"], &value!("127.0.0.2")));
    let trace = ended(&glassway, &begun["id"], 5);
    let expected = ["127.0.0.2", "127.0.0.2", "127.0.0.3", "::1", "127.0.0.4"];
    assert_eq!(hits(&trace, "ip"), expected);
    assert_eq!(hits(&trace, "peer"), expected);
    assert_eq!(hits(&trace, "method"), ["HEAD", "GET", "GET", "GET", "GET"]);
    assert_eq!(hits(&trace, "range")[2], "bytes=0-99");
    assert_eq!(hits(&trace, "user_agent")[4], &Value::Null);
    assert!(hits(&trace, "port").iter().all(|port| port.as_u64() > Some(1023)));
    assert!(hits(&trace, "http_version").iter().all(|version| *version == "HTTP/1.1"));
    let at: Vec<&str> = hits(&trace, "at").iter().map(|at| at.as_str().unwrap()).collect();
    assert!(at.is_sorted() && at[0].contains('.'), "to the millisecond: {at:?}");
    let headers = trace["hits"][4]["headers"].to_string();
    assert!(headers.contains("[redacted]") && !headers.contains("secret"), "{headers}");
    assert_eq!(trace["hits"][4]["forwarded"], value!([]), "a claim nobody vouches for");
    assert_eq!(trace["hits"][2]["fetcher"]["owner"], "openai");
    assert_eq!(trace["hits"][2]["fetcher"]["by"], "agent");
    assert_eq!(observed(&trace, "fetches")["finding"], "several");
    assert_eq!(observed(&trace, "fetches")["values"]["fetchers"], 4);
    assert_eq!(trace["saw_image"], false);
    assert_eq!(observed(&trace, "code")["finding"], "not_read");
}

#[test]
fn ocr_reads_the_code_and_the_trace_says_whose_copy_was_read() {
    if std::env::var_os("GLASSWAY_NO_OCR").is_some() {
        eprintln!("no OCR here: left out");
        return;
    }
    // The relay looks for itself first; what its vendor fetched is what the model reads.
    let relay = relay(|request| {
        let urls = images(request);
        let looked = fetch("127.0.0.2", "Go-http-client/1.1").get(&urls[0]);
        let seen = fetch("127.0.0.3", "IPS/1.0").get(&urls[0]);
        assert!(seen.head.to_lowercase().contains("cache-control: no-store"), "{}", seen.head);
        assert!(seen.head.to_lowercase().contains("content-type: image/png"), "{}", seen.head);
        assert_ne!(looked.body, seen.body, "never the same twice");
        assert_ne!(ocr(&looked.body), ocr(&seen.body), "each copy has its own code");
        says(&format!("It reads: {}", ocr(&seen.body)))
    });
    let (glassway, groups) = with_groups(&relay, 1);
    // An OCR misreads letters now and then, as models do; then that is said.
    let mut read = 0;
    for _ in 0..10 {
        let body = value!({"group_id": groups[0], "model": "gpt-4o"});
        let trace = ended(&glassway, &begin(&glassway, &body)["id"], 2);
        let code = observed(&trace, "code");
        if code["finding"] != "read" {
            assert_eq!(trace["saw_image"], false, "{trace:#}");
            continue;
        }
        assert_eq!(code["weight"], "proof");
        assert_eq!(trace["saw_image"], true, "{trace:#}");
        assert_eq!(code["values"]["addresses"], value!(["127.0.0.3"]));
        assert_eq!(hits(&trace, "read"), [false, true]);
        read += 1;
        if read == 3 {
            return;
        }
    }
    panic!("{read} of 10 could be read");
}

#[test]
fn late_fetches_are_kept_and_those_after_deletion_are_nobody_s() {
    let relay = fetching(vec![]);
    let (glassway, groups) = with_groups(&relay, 1);
    let mut feed = glassway.feed();
    let body = value!({"group_id": groups[0], "model": "gpt-4o"});
    let trace = ended(&glassway, &begin(&glassway, &body)["id"], 0);
    let url = trace["image_url"].as_str().unwrap().to_owned();
    let fetcher = fetch("127.0.0.5", "late");
    assert_eq!(fetcher.get(&url).status, 200);
    let late = ended(&glassway, &trace["id"], 1);
    assert_eq!(hits(&late, "late"), [true]);
    assert_eq!(observed(&late, "fetches")["finding"], "late");
    assert_eq!(feed.event("trace.hit")["hit"]["user_agent"], "late");

    let api = glassway.api();
    let path = format!("/api/traces/{}", trace["id"]);
    assert_eq!(api.call("DELETE", &path, &[], None).status, 204);
    assert_eq!(api.get(&path).status, 404);
    let after = fetcher.get(&url);
    assert!(after.status == 200 && after.body.starts_with(b"\x89PNG"), "still an image");
    let count = |table: &str| -> i64 {
        let database = rusqlite::Connection::open(glassway.database()).unwrap();
        database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("traces"), count("trace_hits")), (0, 0));
}

#[test]
fn several_images_have_addresses_and_codes_of_their_own() {
    let fetched = vec![fetch("127.0.0.2", "a")];
    let relay = fetching(fetched);
    let (glassway, groups) = with_groups(&relay, 1);
    let body = value!({"group_id": groups[0], "model": "gpt-4o", "images": 3, "prompt": "读图"});
    let trace = ended(&glassway, &begin(&glassway, &body)["id"], 3);
    assert_eq!(hits(&trace, "image"), [1, 2, 3]);
    let asked = relay.only_request();
    assert!(asked.body.bytes.windows(6).any(|w| w == "读图".as_bytes()));
    assert_eq!(images(&asked).len(), 3);
}

#[test]
fn runs_and_groups_are_compared_as_sets() {
    // Each group has an exit of its own, and one that all of them share.
    let relay = relay(|request| {
        let group = glassway_tests::team::bearer(request);
        let own = if group == key(0) { "127.0.0.2" } else { "127.0.0.3" };
        for from in [own, "127.0.0.9"] {
            assert_eq!(fetch(from, "Go-http-client/2.0").get(&images(request)[0]).status, 200);
        }
        says("no")
    });
    let (glassway, groups) = with_groups(&relay, 2);
    let body = value!({"group_ids": groups, "model": "org/gpt-4o", "repeat": 3});
    let first = begin(&glassway, &body);
    let api = glassway.api();
    let all = eventually("six traces", || {
        let list = api.json(&format!("/api/traces?series={}&limit=100", first["id"]));
        let done = |trace: &Value| trace["status"] == "done" && trace["hit_count"] == 2;
        let items = list["items"].as_array().unwrap();
        (items.len() == 6 && items.iter().all(done)).then(|| items.clone())
    });
    let compared = api.json(&format!("/api/traces/compare?series={}", first["series"]));
    assert_eq!(compared["shared"], value!(["127.0.0.9"]));
    assert_eq!(compared["differing"], value!(["127.0.0.2", "127.0.0.3"]));
    let targets = compared["targets"].as_array().unwrap();
    assert_eq!(targets.len(), 2);
    for target in targets {
        assert_eq!((&target["done"], &target["saw_image"]), (&value!(3), &value!(0)));
        let fetchers = target["fetchers"].as_array().unwrap();
        assert_eq!(fetchers.len(), 2, "{target:#}");
        assert!(fetchers.iter().all(|one| one["traces"] == 3 && one["hits"] == 3));
    }

    // The history: by model (whose name has a slash), by words, in pages, as a file.
    assert_eq!(api.json("/api/traces/model/org/gpt-4o")["total"], 6);
    assert_eq!(api.json("/api/traces/model/other")["total"], 0);
    assert_eq!(api.json("/api/traces?q=127.0.0.3")["total"], 3);
    assert_eq!(api.json("/api/traces?q=no%25such")["total"], 0, "no wildcard of SQL's");
    let page = api.json("/api/traces?limit=4");
    let rest = api.json(&format!("/api/traces?limit=4&cursor={}", page["next"].as_str().unwrap()));
    assert_eq!((page["items"].as_array().unwrap().len(), rest["next"].is_null()), (4, true));
    assert_eq!(rest["items"].as_array().unwrap().len(), 2);
    let file = api.get(&format!("/api/traces/export?series={}", first["series"]));
    assert!(file.header("content-disposition").unwrap().contains("traces.json"));
    assert_eq!(file.json()["traces"].as_array().unwrap().len(), 6);

    // Deleted by the handful.
    let ids: Vec<String> = all.iter().take(5).map(|trace| trace["id"].to_string()).collect();
    let path = format!("/api/traces?ids={}", ids.join(","));
    assert_eq!(api.call("DELETE", &path, &[], None).status, 204);
    assert_eq!(api.json("/api/traces")["total"], 1);
}

#[test]
fn a_station_is_traced_by_its_best_key_and_errors_are_said() {
    let relay = Upstream::answer(glassway_tests::team::error("404 Not Found", "model_not_found"));
    let (glassway, groups) = with_groups(&relay, 2);
    let api = glassway.api();
    let station = api.json(&format!("/api/keys/{}", groups[1]))["provider_id"].clone();
    let status = value!({"status": "inactive"});
    let path = format!("/api/keys/{}/status", groups[0]);
    assert_eq!(api.call("PUT", &path, &[], Some(&status)).status, 200);
    let begun = begin(&glassway, &value!({"provider_id": station, "model": "gpt-4o"}));
    assert_eq!(begun["group_id"], groups[1]);
    let trace = ended(&glassway, &begun["id"], 0);
    assert_eq!((&trace["status"], &trace["error"]), (&value!("failed"), &value!("404: no")));
    assert_eq!(trace["saw_image"], Value::Null);
    let path = format!("/api/keys/{}/status", groups[1]);
    assert_eq!(api.call("PUT", &path, &[], Some(&status)).status, 200);
    let none = api.post("/api/traces", &value!({"provider_id": station, "model": "gpt-4o"}));
    assert_eq!(none.status, 409, "{}", none.text());
    for (wrong, field) in [
        (value!({"model": "m"}), "group_id"),
        (value!({"group_id": 999, "model": "m"}), "group_id"),
        (value!({"group_id": groups[0]}), "model"),
        (value!({"group_id": groups[0], "provider_id": 1, "model": "m"}), "group_id"),
        (value!({"base_url": "https://a.example", "model": "m"}), "key_value"),
        (value!({"group_id": groups[0], "model": "m", "repeat": 21}), "repeat"),
    ] {
        let refused = api.post("/api/traces", &wrong);
        assert_eq!(refused.status, 400, "{wrong}: {}", refused.text());
        assert_eq!(refused.json()["errors"][0]["field"], field, "{}", refused.text());
    }
}

#[test]
fn a_trace_that_a_stop_cut_off_is_said_to_have_failed() {
    let relay = Upstream::script(|conn| {
        conn.request();
        conn.closed();
    });
    let (mut glassway, groups) = with_groups(&relay, 1);
    let begun = begin(&glassway, &value!({"group_id": groups[0], "model": "gpt-4o"}));
    relay.only_request();
    glassway.kill9(glassway_tests::glassway::Which::Monitor);
    glassway.start(glassway_tests::glassway::Which::Monitor);
    let trace = ended(&glassway, &begun["id"], 0);
    assert_eq!(trace["status"], "failed");
    // Its image address still counts.
    let fetcher: Fetch = fetch("127.0.0.6", "x");
    assert_eq!(fetcher.get(trace["image_url"].as_str().unwrap()).status, 200);
    ended(&glassway, &begun["id"], 1);
}
