//! What was recorded is found again: by words, by filters, page after page, and in figures.

use glassway_tests::{
    Glassway, Upstream,
    client::{get, post},
    eventually,
    upstream::{Request, answer, json, sse},
};
use serde_json::json as value;

#[test]
fn full_text_search_finds_words_of_both_languages() {
    let upstream = Upstream::respond(|request: &Request| {
        let reply = if request.body.text().contains("天气") {
            "今天北京晴朗"
        } else {
            "a quick brown fox"
        };
        json(&value!({"model": "gpt-4o", "choices": [{"message": {"role": "assistant", "content": reply}}]}).to_string())
    });
    let glassway = Glassway::before(&upstream);
    for question in ["北京的天气怎么样？", "tell me about animals"] {
        let body = value!({"model": "gpt-4o", "messages": [{"role": "user", "content": question}]});
        glassway.client().ask(post("/v1/chat/completions", &body.to_string()));
    }
    glassway.finished(2);
    for (word, expected) in [
        ("天气", 1),
        ("北京", 1),
        ("晴朗", 1),
        ("brown", 1),
        ("animals", 1),
        ("gpt-4o", 2),
        ("completions", 2),
        ("zebra", 0),
        ("气怎", 1),
        ("上海", 0),
    ] {
        let found = || glassway.api().requests(&format!("?q={}", encode(word))).len();
        if expected == 0 {
            assert_eq!(found(), 0, "{word}");
        } else {
            eventually(format_args!("{expected} hits for {word}"), || {
                (found() == expected).then_some(())
            });
        }
    }
}

#[test]
fn filters_select_what_they_name() {
    let upstream = Upstream::respond(|request: &Request| {
        if request.head.first_line.contains("embeddings") {
            return answer("404 Not Found", "application/json", "{}");
        }
        if request.body.text().contains(r#""stream":true"#) {
            return sse(&["[DONE]"]);
        }
        json("{}")
    });
    let glassway = Glassway::before(&upstream);
    glassway.client().ask(post("/v1/chat/completions", r#"{"model":"gpt-4o"}"#));
    glassway
        .client()
        .ask(post("/v1/chat/completions", r#"{"model":"deepseek-chat","stream":true}"#));
    glassway.client().ask(post("/v1/embeddings", r#"{"model":"text-embedding-3-small"}"#));
    glassway.client().ask(get("/v1/models"));
    let all = glassway.finished(4);
    let started = all[2]["started_at"].as_str().unwrap().to_owned();
    let since = format!("?since={}", encode(&started));
    let cases = [
        ("?method=GET", 1),
        ("?method=POST", 3),
        ("?path=/v1/embeddings", 1),
        ("?status=200", 3),
        ("?status=4xx", 1),
        ("?outcome=client_error", 1),
        ("?origin=client", 4),
        ("?origin=chat", 0),
        ("?model=gpt-4o", 1),
        ("?provider=openai", 4),
        ("?mode=transparent", 4),
        ("?mode=managed", 0),
        ("?stream=true", 1),
        ("?stream=false", 3),
        ("?min_duration_ms=600000", 0),
        ("?method=POST&status=200", 2),
        (since.as_str(), 2),
    ];
    for (query, expected) in cases {
        let found = glassway.api().requests(query);
        assert_eq!(found.len(), expected, "{query}: {found:#?}");
    }
}

#[test]
fn pages_follow_each_other_without_gap_or_repeat() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::before(&upstream);
    let mut client = glassway.client();
    for n in 0..25 {
        client.ask(get(&format!("/v1/x/{n}")));
    }
    glassway.finished(25);
    let mut paths = Vec::new();
    let mut query = "?limit=10".to_owned();
    loop {
        let page = glassway.api().json(&format!("/api/requests{query}"));
        assert!(page["total"] == 25 || page["total"].is_null(), "{}", page["total"]);
        let items = page["items"].as_array().unwrap();
        paths.extend(items.iter().map(|e| e["path"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => query = format!("?limit=10&cursor={}", encode(next)),
            None => break,
        }
    }
    let expected: Vec<String> = (0..25).rev().map(|n| format!("/v1/x/{n}")).collect();
    assert_eq!(paths, expected);
    assert_eq!(glassway.api().requests("").len(), 20, "the default page");
}

#[test]
fn statistics_count_what_happened() {
    let upstream = Upstream::respond(|request: &Request| {
        if request.head.first_line.contains("bad") {
            return answer("500 X", "application/json", "{}");
        }
        json(
            r#"{"model":"gpt-4o","usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}}"#,
        )
    });
    let glassway = Glassway::before(&upstream);
    let empty = glassway.api().json("/api/stats");
    assert!(empty["success_rate"].is_null(), "{empty:#}");
    for _ in 0..3 {
        glassway.client().ask(post("/v1/chat/completions", r#"{"model":"gpt-4o"}"#));
    }
    glassway.client().ask(post("/v1/bad", r#"{"model":"gpt-4o"}"#));
    glassway.finished(4);
    let stats = glassway.api().json("/api/stats");
    assert_eq!(stats["success_rate"], 0.75, "{stats:#}");
    for period in ["1m", "1h", "24h", "all"] {
        assert_eq!(stats["calls"][period], 4, "{period}");
    }
    assert_eq!(stats["lost"], value!({"bodies_shed": 0, "records_lost": 0}));
    let models = glassway.api().json("/api/stats/models");
    let item = &models["items"][0];
    assert_eq!(
        (&item["model"], &item["calls"], &item["prompt_tokens"]),
        (&value!("gpt-4o"), &value!(4), &value!(30))
    );
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }
        })
        .collect()
}
