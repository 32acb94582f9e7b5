//! Turns that belong together: read off what was recorded, whatever the dialect, and kept
//! apart by client.

use glassway_tests::{Glassway, Upstream, client::post, upstream::json, wait::eventually};
use serde_json::{Value, json as value};

const ANSWER: &str = r#"{"model":"gpt-4o","choices":[{"message":{"role":"assistant","content":"so"}}],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#;

fn conversations(glassway: &Glassway, query: &str) -> Vec<Value> {
    let page = glassway.api().get(&format!("/api/conversations{query}")).json();
    page["items"].as_array().unwrap().clone()
}

fn turn(text: &str, turns: usize) -> Value {
    let mut messages = vec![value!({"role": "user", "content": text})];
    for _ in 1..turns {
        messages.push(value!({"role": "assistant", "content": "so"}));
        messages.push(value!({"role": "user", "content": "go on"}));
    }
    value!({"model": "gpt-4o", "messages": messages})
}

/// Two agents that begin with the same words are told apart by what they were asked to do.
#[test]
fn agents_that_begin_alike_are_not_mixed_up() {
    let upstream = Upstream::respond(|request| {
        let n = request.body.text().matches("tool_call_id").count();
        let who = if request.body.text().contains("agent b") { "b" } else { "a" };
        json(&format!(
            r#"{{"model":"gpt-4o","choices":[{{"message":{{"role":"assistant","content":null,"tool_calls":[{{"id":"call_{who}{n}","type":"function","function":{{"name":"f","arguments":"{{}}"}}}}]}}}}]}}"#
        ))
    });
    let glassway = Glassway::before(&upstream);
    let ask = |who: &str, turns: usize| {
        let system = value!({"role": "system", "content": format!("agent {who}")});
        let mut messages = vec![system, value!({"role": "user", "content": "do it"})];
        for n in 1..turns {
            let id = format!("call_{who}{}", n - 1);
            let call = value!([{"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
            messages.push(value!({"role": "assistant", "content": null, "tool_calls": call}));
            messages.push(value!({"role": "tool", "tool_call_id": id, "content": "done"}));
        }
        let body = value!({"model": format!("gpt-{who}"), "messages": messages});
        glassway.client().ask(post("/v1/chat/completions", &body.to_string()));
    };
    for (who, turns) in [("a", 1), ("b", 1), ("a", 2), ("b", 2), ("b", 3), ("a", 3)] {
        ask(who, turns);
    }
    glassway.finished(6);
    let found = eventually("two conversations", || {
        let found = conversations(&glassway, "");
        let turns: Vec<u64> = found.iter().map(|c| c["turns"].as_u64().unwrap()).collect();
        (turns == [3, 3]).then_some(found)
    });
    for one in found {
        let id = one["first"].as_str().unwrap();
        let turns = glassway.api().requests(&format!("?conversation={id}"));
        assert!(turns.iter().all(|turn| turn["model"] == one["newest"]["model"]), "{turns:#?}");
    }
}

#[test]
fn turns_are_found_by_what_they_begin_with() {
    let upstream = Upstream::respond(|_| json(ANSWER));
    let glassway = Glassway::before(&upstream);
    for body in [turn("fox", 1), turn("hare", 1), turn("fox", 2), turn("fox", 3), turn("hare", 2)] {
        glassway.client().ask(post("/v1/chat/completions", &body.to_string()));
    }
    let input = value!({"model": "gpt-4o", "input": "owl"});
    glassway.client().ask(post("/v1/responses", &input.to_string()));
    glassway.client().ask(post("/v1/embeddings", r#"{"model":"e","input":["owl"]}"#));
    glassway.finished(7);
    let found = eventually("two conversations", || {
        let found = conversations(&glassway, "");
        let turns: Vec<u64> = found.iter().map(|c| c["turns"].as_u64().unwrap()).collect();
        (turns == [1, 1, 2, 3]).then_some(found)
    });
    let fox = &found[3];
    assert_eq!((&fox["prompt_tokens"], &fox["completion_tokens"]), (&value!(15), &value!(6)));
    let id = fox["newest"]["id"].as_str().unwrap();
    for id in [id, fox["first"].as_str().unwrap()] {
        let turns = glassway.api().requests(&format!("?conversation={id}"));
        assert_eq!(turns.len(), 3);
        assert_eq!((&turns[0]["id"], &turns[2]["id"]), (&fox["newest"]["id"], &fox["first"]));
    }
    assert_eq!(conversations(&glassway, "?path=/v1/responses").len(), 1);
    assert_eq!(conversations(&glassway, "?status=5xx").len(), 0);
    // Page by page, each once.
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = glassway.api().get(&format!("/api/conversations?limit=1{cursor}")).json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|c| c["first"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    seen.dedup();
    assert!(seen.len() >= 4, "{seen:?}");
    let bad = glassway.api().get("/api/requests?conversation=7");
    assert_eq!(bad.status, 400);
}
