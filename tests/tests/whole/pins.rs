//! Pins and notes as people use them: set over the API, seen by everyone who looks, kept
//! whole by a proxy whose retention takes everything else.

use glassway_tests::{
    Glassway, Upstream, eventually,
    glassway::Which,
    team::{ANSWER, post},
    upstream::{SSE_HEAD, json},
};
use serde_json::{Value, json as value};

/// A conversation of 60 KB of which most is the same each time, as an agent sends it.
fn history(turn: usize) -> String {
    let past: String = (0..8000).map(|n| format!("{n} words ")).collect();
    value!({"model": "gpt-4o", "messages": [{"role": "user", "content": format!("{past}{turn}")}]})
        .to_string()
}

fn put(glassway: &Glassway, id: &str, body: &Value) -> glassway_tests::api::Reply {
    glassway.api().call("PUT", &format!("/api/request/{id}"), &[], Some(body))
}

fn ask(glassway: &Glassway, turn: usize) {
    let request = post("/v1/chat/completions", &history(turn));
    assert_eq!(glassway.client().ask(request).status(), 200);
}

fn ended(glassway: &Glassway, n: usize) -> Vec<Value> {
    eventually(format!("{n} exchanges"), || {
        let mut all = glassway.api().requests("?limit=1000");
        all.retain(|one| one["outcome"] == "ok");
        (all.len() == n).then_some(all)
    })
}

#[test]
fn a_pinned_exchange_outlives_retention_whole_and_leaves_with_its_pin() {
    let upstream = Upstream::answer(json(ANSWER));
    let setup = Glassway::setup().upstream(&upstream.url()).set("record.max_exchanges", 3);
    let mut glassway = setup.start();
    ask(&glassway, 0);
    let first = ended(&glassway, 1)[0]["id"].as_str().unwrap().to_owned();
    let reply = put(&glassway, &first, &value!({"pinned": true, "note": "the one that broke"}));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!((&reply.json()["pinned"], &reply.json()["id"]), (&true.into(), &first[..].into()));

    for turn in 1..8 {
        ask(&glassway, turn);
    }
    let gone = |n: usize| {
        eventually("retention takes the rest", || {
            let all = glassway.api().requests("?limit=1000");
            (all.len() == n).then_some(all)
        })
    };
    assert_eq!(gone(4).last().unwrap()["id"], first);
    let whole = glassway.api().get(&format!("/api/request/{first}/request-body"));
    assert_eq!(whole.text(), history(0));
    let pinned = glassway.api().requests("?pinned=true");
    assert_eq!(pinned.len(), 1);
    assert_eq!(pinned[0]["note"], "the one that broke");
    assert_eq!(glassway.api().requests("?pinned=false").len(), 3);

    // Also for processes that start later.
    glassway.term(Which::Proxy);
    glassway.term(Which::Monitor);
    glassway.start(Which::Proxy);
    glassway.start(Which::Monitor);
    glassway.connected();
    for turn in 8..12 {
        ask(&glassway, turn);
    }
    eventually("retention went on", || {
        let all = glassway.api().requests("?limit=1000");
        (all.len() == 4 && all[2]["id"] != first && all[3]["id"] == first).then_some(())
    });
    let whole = glassway.api().get(&format!("/api/request/{first}/request-body"));
    assert_eq!(whole.text(), history(0));

    assert_eq!(put(&glassway, &first, &value!({"pinned": false})).status, 200);
    eventually("it is taken like any other", || {
        (glassway.api().get(&format!("/api/request/{first}")).status == 404).then_some(())
    });
    assert_eq!(put(&glassway, &first, &value!({"pinned": true})).status, 404);
}

#[test]
fn others_who_look_are_told() {
    let upstream = Upstream::answer(json(ANSWER));
    let glassway = Glassway::before(&upstream);
    ask(&glassway, 0);
    let id = ended(&glassway, 1)[0]["id"].as_str().unwrap().to_owned();
    let mut everything = glassway.feed();
    let mut pinned_only = glassway.feed();
    pinned_only.send(&value!({"filter": {"pinned": true}}));
    let mut elsewhere = glassway.feed();
    elsewhere.send(&value!({"filter": {"model": "another"}}));

    put(&glassway, &id, &value!({"pinned": true}));
    let event = everything.event("request.updated");
    assert_eq!(
        (&event["request"]["id"], &event["request"]["pinned"]),
        (&id[..].into(), &true.into())
    );
    assert_eq!(event["request"]["outcome"], "ok", "it has ended and stays so");
    put(&glassway, &id, &value!({"note": "看"}));
    assert_eq!(everything.event("request.updated")["request"]["note"], "看");
    put(&glassway, &id, &value!({"pinned": false, "note": null}));
    for _ in 0..2 {
        assert_eq!(pinned_only.event("request.updated")["request"]["pinned"], true);
    }
    let last = pinned_only.event("request.updated");
    assert_eq!(last["request"]["pinned"], false, "so that it leaves the list");
    assert_eq!(last["request"]["note"], Value::Null);

    ask(&glassway, 1);
    let other = elsewhere.try_next(std::time::Duration::from_millis(700));
    assert!(other.is_none_or(|event| event["type"] != "request.updated"));
}

#[test]
fn one_that_runs_can_be_pinned_and_stays_so_when_it_ends() {
    let upstream = Upstream::script(|conn| {
        let _ = conn.request();
        conn.send(SSE_HEAD);
        conn.send_chunk("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n");
        conn.closed();
    });
    let glassway = Glassway::before(&upstream);
    let mut feed = glassway.feed();
    let mut client = glassway.client();
    client.send(post("/v1/chat/completions", &history(0)));
    assert_eq!(client.head().status(), 200);
    let id = feed.event("request.started")["request"]["id"].as_str().unwrap().to_owned();
    let reply = put(&glassway, &id, &value!({"pinned": true, "note": "slow"}));
    assert_eq!((reply.status, &reply.json()["outcome"]), (200, &"in_flight".into()));
    feed.until("others see it", |event| (event["request"]["note"] == "slow").then_some(()));
    assert_eq!(glassway.api().request(&id)["note"], "slow");
    assert_eq!(glassway.api().requests("?pinned=true").len(), 1);
    drop(client);
    let ended = feed.event("request.finished");
    assert_eq!(
        (&ended["request"]["pinned"], &ended["request"]["note"]),
        (&true.into(), &"slow".into())
    );
    assert_eq!(glassway.api().request(&id)["pinned"], true);
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let upstream = Upstream::answer(json(ANSWER));
    let glassway = Glassway::before(&upstream);
    ask(&glassway, 0);
    let id = ended(&glassway, 1)[0]["id"].as_str().unwrap().to_owned();
    let refused = |body: Value, field: &str| {
        let reply = put(&glassway, &id, &body);
        assert_eq!((reply.status, &reply.json()["errors"][0]["field"]), (400, &field.into()));
    };
    refused(value!({"pinned": null}), "pinned");
    refused(value!({"pinned": "yes"}), "pinned");
    refused(value!({"note": "n".repeat(10_001)}), "note");
    refused(value!({"nota": "n"}), "nota");
    let nobody = put(&glassway, "01890000-0000-7000-8000-000000000000", &value!({"pinned": true}));
    assert_eq!(nobody.status, 404);
}
