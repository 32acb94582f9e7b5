//! Chat over the API, with a scripted proxy: what is asked is kept before it is answered,
//! and whatever comes back is passed on as it is.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    gateway::{self, Gateway, send},
    start::start,
};

const PATH: &str = "/managed/v1/chat/completions";

fn ask(content: &str) -> Value {
    json!({"model": "gpt-4o", "messages": [{"role": "user", "content": content}]})
}

/// The newest turn, once it is no longer running.
async fn ended(gateway: &Gateway) -> Value {
    for _ in 0..200 {
        let turn = gateway.get("/api/chat/history?limit=1").await["items"][0].clone();
        if turn["state"] != "running" {
            return turn;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it runs for ever");
}

#[tokio::test]
async fn an_answer_is_passed_on_and_kept_and_the_conversation_goes_on() {
    let gateway = gateway::start().await;
    let said = json!({"choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]});
    gateway.answer(PATH, 200, said.clone());
    let answer = gateway.send("POST", "/api/chat", ask("hello 狐狸")).await;
    assert_eq!((answer.status, answer.json()), (200, said));
    let id = answer.header("x-glassway-conversation").to_owned();
    let turn = ended(&gateway).await;
    assert_eq!((&turn["question"], &turn["answer"]), (&json!("hello 狐狸"), &json!("hi")));
    assert_eq!((&turn["state"], &turn["status"]), (&json!("done"), &json!(200)));
    assert_eq!(turn["request_id"], answer.header("x-glassway-id"));

    let more = json!({"model": "gpt-4o", "temperature": 0.5, "messages": [
        {"role": "user", "content": "hello 狐狸"}, {"role": "assistant", "content": "hi"},
        {"role": "user", "content": "and?"}]});
    let path = format!("/api/chat?conversation={id}&provider=openai");
    assert_eq!(gateway.send("POST", &path, more).await.header("x-glassway-conversation"), id);
    ended(&gateway).await;
    let shown = gateway.get(&format!("/api/chat/conversations/{id}")).await;
    assert_eq!((&shown["turns"], &shown["title"]), (&json!(2), &json!("hello 狐狸")));
    let (first, second) = (&shown["history"][0], &shown["history"][1]);
    assert_eq!(first["message_id"], second["message_ids"][1], "known again as that answer");
    assert_eq!(second["parameters"], json!({"temperature": 0.5}));
    assert_eq!(second["provider"], "openai");
    let detail = gateway.get(&format!("/api/chat/history/{}", first["id"])).await;
    assert_eq!(detail["message"], json!({"role": "assistant", "content": "hi"}));
}

#[tokio::test]
async fn history_is_searched_paged_renamed_and_deleted() {
    let gateway = gateway::start().await;
    for n in 0..5 {
        gateway.send("POST", "/api/chat", ask(&format!("question {n}"))).await;
    }
    let page = gateway.get("/api/chat/history?limit=2").await;
    assert_eq!((&page["total"], page["items"].as_array().unwrap().len()), (&json!(5), 2));
    assert_eq!(page["items"][0]["question"], "question 4");
    let next = page["next"].as_str().unwrap();
    let page = gateway.get(&format!("/api/chat/history?limit=9&cursor={next}")).await;
    assert_eq!(
        (&page["next"], &page["items"][0]["question"]),
        (&Value::Null, &json!("question 2"))
    );
    let found = gateway.get("/api/chat/conversations?q=tion%203").await;
    assert_eq!((&found["total"], &found["items"][0]["title"]), (&json!(1), &json!("question 3")));
    let id = &found["items"][0]["id"];
    let path = format!("/api/chat/conversations/{id}");
    let renamed = gateway.send("PUT", &path, json!({"title": "Third"})).await;
    assert_eq!(renamed.json()["title"], "Third");
    gateway.send("PUT", &path, json!({"title": " "})).await.refused(400);
    assert_eq!(gateway.send("DELETE", &path, Value::Null).await.status, 204);
    gateway.send("DELETE", &path, Value::Null).await.refused(404);
    gateway.send("PUT", &path, json!({"title": "x"})).await.refused(404);
    let mut seen = 0;
    let mut cursor = String::new();
    loop {
        let page = gateway.get(&format!("/api/chat/conversations?limit=3{cursor}")).await;
        seen += page["items"].as_array().unwrap().len();
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, 4);
    let turn = ended(&gateway).await["id"].clone();
    let path = format!("/api/chat/history/{turn}");
    assert_eq!(gateway.send("DELETE", &path, Value::Null).await.status, 204);
    gateway.send("GET", &path, Value::Null).await.refused(404);
    assert_eq!(gateway.send("DELETE", "/api/chat/history", Value::Null).await.status, 204);
    assert_eq!(gateway.get("/api/chat/history").await["total"], 0);
    for bad in ["limit=0", "limit=1001", "limit=x", "cursor=x", "nothing=1"] {
        gateway.send("GET", &format!("/api/chat/history?{bad}"), Value::Null).await.refused(400);
    }
    gateway.send("GET", "/api/chat/conversations?cursor=7", Value::Null).await.refused(400);
}

#[tokio::test]
async fn without_a_proxy_the_question_is_kept_all_the_same() {
    let monitor = start().await;
    let answer = send(&monitor, "POST", "/api/chat", ask("anybody?")).await;
    assert!(answer.refused(503).contains("kept"));
    assert!(!answer.header("x-glassway-conversation").is_empty());
    for _ in 0..200 {
        let turn = monitor.get("/api/chat/history").await.json()["items"][0].clone();
        if turn["state"] == "failed" {
            assert_eq!((&turn["question"], &turn["status"]), (&json!("anybody?"), &Value::Null));
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never failed");
}

#[tokio::test]
async fn what_is_no_chat_is_refused_and_nothing_is_kept() {
    let gateway = gateway::start().await;
    let field = |body: Value| {
        let gateway = &gateway;
        async move { gateway.send("POST", "/api/chat", body).await.refused(400) }
    };
    assert!(field(json!([])).await.contains("body"));
    assert!(field(json!({"model": "m"})).await.contains("messages"));
    assert!(field(json!({"model": 7, "messages": []})).await.contains("model"));
    assert!(field(json!({"model": "m", "messages": []})).await.contains("messages"));
    assert!(field(json!({"model": "m", "messages": [{"content": "x"}]})).await.contains("role"));
    let missing = gateway.send("POST", "/api/chat?conversation=99", ask("x")).await;
    assert!(missing.refused(404).contains("99"));
    let bearer = format!("Bearer {}", crate::start::KEY);
    let headers = [("authorization", &bearer[..]), ("content-type", "text/plain")];
    gateway.monitor.ask("POST", "/api/chat", &headers, "x").await.refused(415);
    let big = ask(&"x".repeat(33 << 20));
    let answer = gateway.send("POST", "/api/chat", big).await;
    assert!(answer.refused(413).contains("32 MiB"));
    assert_eq!(gateway.get("/api/chat/history").await["total"], 0);
    assert!(!gateway.asked().iter().any(|path| path == PATH));
    let large = gateway.send("POST", "/api/chat", ask(&"y".repeat(5 << 20))).await;
    assert_eq!(large.status, 404, "the scripted proxy's own answer: it was passed on");
    assert_eq!(ended(&gateway).await["state"], "failed");
}

#[tokio::test]
async fn a_model_is_tested_with_one_question_that_no_history_keeps() {
    let gateway = gateway::start().await;
    let said = json!({"choices": [{"message": {"role": "assistant", "content": "OK"}}]});
    gateway.answer(PATH, 200, said);
    let test = gateway.send("POST", "/api/test/model", json!({"model": "gpt-4o"})).await.json();
    assert_eq!((&test["ok"], &test["http_status"]), (&json!(true), &json!(200)), "{test}");
    assert_eq!(test["request_id"], "0199aaaa-0000-7000-8000-000000000000");
    assert_eq!(gateway.get("/api/chat/history").await["total"], 0);

    gateway.answer(PATH, 404, json!({"error": {"message": "no key serves gpt-5"}}));
    let body = json!({"model": "gpt-5", "provider": "openai"});
    let test = gateway.send("POST", "/api/test/model", body).await.json();
    assert_eq!((&test["ok"], &test["error"]), (&json!(false), &json!("404: no key serves gpt-5")));

    for (body, field) in [
        (json!({"model": "gpt-*"}), "model"),
        (json!({"model": " "}), "model"),
        (json!({"model": "m", "provider": "中转"}), "provider"),
    ] {
        let refused = gateway.send("POST", "/api/test/model", body).await;
        assert_eq!((refused.status, &refused.json()["errors"][0]["field"]), (400, &json!(field)));
    }
}
