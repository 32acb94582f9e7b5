//! What a team does with the managed gateway: pastes keys, gives apps tokens, asks. And
//! an upstream that tells their keys apart.

use serde_json::{Value, json as value};

use crate::{
    Glassway, Upstream, eventually,
    upstream::{Request, answer},
};

/// An answer of 1,000 tokens to 100.
pub const ANSWER: &str = r#"{"id":"c","object":"chat.completion","model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":100}}"#;
/// A question.
pub const ASK: &str = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}"#;

/// The how-manieth key that is pasted.
#[must_use]
pub fn key(n: usize) -> String {
    format!("sk-test{n:02}abcdefghijklmnopqrstuvwxyz")
}

/// Which pasted key a request carries, in whichever header.
#[must_use]
pub fn bearer(request: &Request) -> String {
    let headers = ["authorization", "x-api-key", "api-key"];
    let found = headers.iter().find_map(|name| request.head.header(name));
    found.unwrap_or_default().replace("Bearer ", "")
}

/// An error as OpenAI shapes it.
#[must_use]
pub fn error(status: &str, code: &str) -> Vec<u8> {
    error_with(status, code, "")
}

/// [`error`] with more header lines, each ended.
#[must_use]
pub fn error_with(status: &str, code: &str, headers: &str) -> Vec<u8> {
    let body = value!({"error": {"message": "no", "type": "x", "param": null, "code": code}});
    let bytes = answer(status, "application/json", &body.to_string());
    let text = String::from_utf8(bytes).expect("it was text");
    text.replacen("\r\n", &format!("\r\n{headers}"), 1).into_bytes()
}

/// Pastes keys 0 to `keys` into the built-in provider; gives what was added.
pub fn paste(glassway: &Glassway, keys: usize) -> Vec<Value> {
    paste_to(glassway, 1, 0..keys)
}

/// Pastes keys into a provider; gives what was added.
pub fn paste_to(glassway: &Glassway, provider: i64, keys: std::ops::Range<usize>) -> Vec<Value> {
    let text: Vec<_> = keys.map(|n| format!("key{n}, {}", key(n))).collect();
    let body = value!({"provider_id": provider, "text": text.join("\n")});
    let reply = glassway.api().post("/api/keys/bulk", &body);
    assert!(reply.status < 300, "{}", reply.text());
    reply.json()["added"].as_array().expect("a list").clone()
}

/// Adds a provider; gives its id.
#[must_use]
pub fn provider(glassway: &Glassway, name: &str, kind: &str, url: &str) -> i64 {
    let body = value!({"name": name, "kind": kind, "base_url": url});
    let reply = glassway.api().post("/api/providers", &body);
    assert!(reply.status < 300, "{}", reply.text());
    reply.json()["id"].as_i64().expect("an id")
}

/// A new client token with these further fields.
#[must_use]
pub fn token(glassway: &Glassway, more: &Value) -> String {
    let mut body = value!({"name": "app"});
    let fields = more.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(fields);
    let reply = glassway.api().post("/api/client-tokens", &body);
    assert!(reply.status < 300, "{}", reply.text());
    reply.json()["token"].as_str().expect("a token").to_owned()
}

/// Changes something by this method, which must succeed.
pub fn change(glassway: &Glassway, method: &str, path: &str, body: &Value) {
    let reply = glassway.api().call(method, path, &[], Some(body));
    assert!(reply.status < 300, "{method} {path}: {}", reply.text());
}

/// [`change`], of what is there.
pub fn put(glassway: &Glassway, path: &str, body: &Value) {
    change(glassway, "PUT", path, body);
}

/// The newest exchange in full, once there are so many.
#[must_use]
pub fn newest(glassway: &Glassway, n: usize) -> Value {
    let all = glassway.finished(n);
    let last = all.last().expect("there is one");
    glassway.api().request(last["id"].as_str().expect("an id"))
}

/// A POST without a credential, as a client on this machine sends it.
#[must_use]
pub fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost:8080\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The same for a GET.
#[must_use]
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost:8080\r\n\r\n")
}

/// A request with a credential.
#[must_use]
pub fn with(request: &str, credential: &str) -> String {
    request.replacen("\r\n", &format!("\r\nAuthorization: Bearer {credential}\r\n"), 1)
}

/// The question with a credential.
#[must_use]
pub fn chat(path: &str, credential: &str) -> String {
    with(&post(path, ASK), credential)
}

/// Asks the question without a credential; gives the status.
#[must_use]
pub fn asked(glassway: &Glassway) -> u16 {
    glassway.client().ask(post("/v1/chat/completions", ASK)).status()
}

/// A key as the API shows it.
#[must_use]
pub fn key_named(glassway: &Glassway, name: &str) -> Value {
    let keys = glassway.api().json("/api/keys?limit=1000");
    let found = keys["items"].as_array().expect("a list").iter().find(|k| k["name"] == name);
    found.unwrap_or_else(|| panic!("no key {name} in {keys}")).clone()
}

/// Waits until a key stands so, and gives it.
pub fn stands(glassway: &Glassway, name: &str, status: &str) -> Value {
    eventually(format!("{name} is {status}"), || {
        Some(key_named(glassway, name)).filter(|key| key["status"] == status)
    })
}

/// What clients asked, newest first; probes of refused keys are recorded beside it.
#[must_use]
pub fn from_clients(glassway: &Glassway, n: usize) -> Vec<Value> {
    eventually(format!("{n} exchanges of clients"), || {
        let mut all = glassway.api().requests("?origin=client&limit=1000");
        all.retain(|r| r["outcome"] != "in_flight");
        (all.len() == n).then_some(all)
    })
}

/// An upstream that answers each key in its own way.
pub fn by_key(answers: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static) -> Upstream {
    Upstream::respond(move |request| match pasted(request) {
        Some(n) => answers(n),
        None => error("401 Unauthorized", "not_a_pasted_key"),
    })
}

/// The number of the pasted key that a request carries.
#[must_use]
pub fn pasted(request: &Request) -> Option<usize> {
    let bearer = bearer(request);
    (0..100).find(|n| key(*n) == bearer)
}
