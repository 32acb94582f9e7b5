//! What a managed gateway answers where there is nothing good to say, and what is kept of
//! answers that say too much.

use glassway_tests::{
    Glassway, Upstream,
    team::{ANSWER, ASK, asked, bearer, error, from_clients, key, paste, post, put},
    upstream::json,
};
use serde_json::json as value;

#[test]
fn a_model_that_every_key_is_refused_is_unknown_until_keys_are_reset() {
    let upstream = Upstream::respond({
        let calls = std::sync::atomic::AtomicUsize::new(0);
        move |_| match calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 | 1 => error("404 Not Found", "model_not_found"),
            _ => json(ANSWER),
        }
    });
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 2);
    for _ in 0..2 {
        let answer = glassway.client().ask(post("/v1/chat/completions", ASK));
        assert_eq!(answer.status(), 404, "{}", answer.text());
        let error = &answer.json()["error"];
        assert_eq!((&error["code"], &error["param"]), (&"unknown_model".into(), &"model".into()));
        let message = error["message"].as_str().unwrap();
        for part in ["openai/key0", "openai/key1", "model_not_found"] {
            assert!(message.contains(part), "{message}");
        }
    }
    assert_eq!(upstream.requests().len(), 2, "a key is not asked again at once");
    let reset = glassway.api().post("/api/keys/reset", &value!({}));
    assert_eq!((reset.status, &reset.json()["reset"]), (200, &value!(0)), "none was out");
    assert_eq!(asked(&glassway), 200);
}

#[test]
fn with_every_key_switched_off_nothing_goes_through_unmanaged() {
    let upstream = Upstream::answer(json(ANSWER));
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 1);
    put(&glassway, "/api/keys/1/status", &value!({"status": "inactive"}));
    let answer = glassway.client().ask(post("/v1/chat/completions", ASK));
    assert_eq!(answer.status(), 503, "{}", answer.text());
    assert_eq!(answer.json()["error"]["code"], "no_usable_key");
    assert_eq!(upstream.requests().len(), 0);
}

#[test]
fn a_key_that_a_good_answer_repeats_is_not_kept() {
    let upstream = Upstream::respond(|request| {
        let body = ANSWER.replace("\"hi\"", &format!("\"your key is {}\"", bearer(request)));
        json(&body)
    });
    let glassway = Glassway::before(&upstream);
    paste(&glassway, 1);
    let answer = glassway.client().ask(post("/v1/chat/completions", ASK));
    assert!(answer.text().contains(&key(0)), "bytes of good answers are the upstream's");
    let one = from_clients(&glassway, 1).remove(0);
    let detail = glassway.api().request(one["id"].as_str().unwrap());
    let body = detail["response"]["body"].as_str().unwrap();
    assert!(body.contains("your key is ****") && !body.contains(&key(0)), "{body}");
    assert_eq!(body.len(), answer.body.bytes.len());
    assert_eq!(one["usage"]["prompt_tokens"], 1000);
    for file in std::fs::read_dir(glassway.database().parent().unwrap()).unwrap() {
        let path = file.unwrap().path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let secret = key(0);
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "the key is in {}", path.display());
    }
}

#[test]
fn an_id_that_is_none_is_refused_in_words() {
    let glassway = Glassway::setup().upstream("http://127.0.0.1:1").start();
    for (path, words) in [
        ("/api/keys/abc", "the id in the address must be a whole number"),
        ("/api/routes/99999999999999999999", "the id in the address must be a whole number"),
        ("/api/request/xyz", "`xyz` is not the id of an exchange"),
    ] {
        let refused = glassway.api().get(path);
        assert_eq!(refused.status, 400, "{}", refused.text());
        let problem = refused.json();
        assert_eq!(problem["errors"][0]["field"], "id", "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
}
