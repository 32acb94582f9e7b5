//! `cargo xtask screenshots`: the pictures of the documentation, taken anew of the real
//! product at work: a built-in upstream, a team's keys and tokens, a few clients.

use std::{process::ExitCode, thread, time::Duration};

use anyhow::{Context, Result, anyhow, bail};
use glassway_tests::{
    api::Api,
    client,
    llm::{self, Pace},
    team,
};
use serde_json::{Value, json};

use crate::{
    demo::{clients, plan},
    pair::{Pair, Stop},
    run::{admin_key, build},
    tools::{command, must, need, npm_ci, root},
};

#[derive(clap::Args)]
pub struct Arguments {
    /// Build with the development profile: quicker to build, slower to run.
    #[arg(long)]
    debug: bool,
    /// Only these pictures, such as `replay` or `sign-in`; all where none is named.
    pictures: Vec<String>,
}

/// Clients work so long before the first picture.
const WORK: Duration = Duration::from_secs(25);

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let chromium =
        need("chromium", &["chromium", "fonts-noto-cjk"]).map_err(|why| anyhow!("{why}"))?;
    npm_ci(&root().join("tests"))?;
    let binaries = build(arguments.debug)?;
    let upstream = llm::start(Pace::REAL);
    let data = tempfile::TempDir::with_prefix("glassway-screenshots-")?;
    let (pair, addresses) = Pair::start(&plan(binaries, &upstream.url(), data.path(), true))?;
    let key = admin_key(&data.path().join("glassway.db")).context("there is no sign-in link")?;
    let api = Api::new(addresses.monitor, &key);
    let token = furnish(&api, &upstream.url())?;
    let proxy = addresses.proxy;
    thread::spawn(move || clients::forever(proxy));
    for model in ["gpt-4o", "claude-sonnet-4-5", "gpt-4o-mini"] {
        let body = json!({"model": model, "max_tokens": 300, "messages": [
            {"role": "user", "content": "What's the weather in Lisbon?"}]});
        let path = "/v1/chat/completions";
        client::ask(proxy, team::with(&team::post(path, &body.to_string()), &token));
    }
    thread::sleep(WORK);
    let taken = must(
        command("node")
            .arg(root().join("tests/browser/pictures.mjs"))
            .arg(root().join("docs/images"))
            .args(&arguments.pictures)
            .env("CHROMIUM", chromium)
            .env("GLASSWAY_PAGE", format!("http://{}", addresses.monitor))
            .env("GLASSWAY_KEY", &key),
    );
    let stopped = pair.stop(&Stop::Asked);
    taken.map(|()| stopped)
}

/// What a small team has: providers, keys, a route, tokens. Gives a client token.
fn furnish(api: &Api, upstream: &str) -> Result<String> {
    let made = |path: &str, body: Value| -> Result<Value> {
        let reply = api.post(path, &body);
        if reply.status >= 300 {
            bail!("{path} refused {body}: {}", reply.text());
        }
        Ok(reply.json())
    };
    let kinds = [("anthropic", "anthropic"), ("yundian", "openai"), ("starry-relay", "openai")];
    let mut providers = vec![1];
    for (name, kind) in kinds {
        let body = json!({"name": name, "kind": kind, "base_url": upstream});
        providers.push(made("/api/providers", body)?["id"].as_i64().context("an id")?);
    }
    let names = ["main", "backup", "vip", "discount", "night", "staging", "shared"];
    for (n, name) in names.iter().enumerate() {
        let provider_id = providers[n % providers.len()];
        let key_value = format!("sk-picture-not-a-real-key-{n:04}");
        let mut body = json!({"provider_id": provider_id, "name": name, "key_value": key_value});
        if n == 3 {
            body["quota_usd"] = json!(20);
        }
        let id = made("/api/keys", body)?["id"].clone();
        if *name == "staging" {
            team_put(api, &format!("/api/keys/{id}/status"), &json!({"status": "inactive"}))?;
        }
    }
    let candidates = json!([{"provider_id": providers[0], "upstream_model": "gpt-4o-mini", "priority": 1},
        {"provider_id": providers[2], "upstream_model": "gpt-4o"}]);
    made("/api/routes", json!({"model": "fast-*", "candidates": candidates}))?;
    made("/api/client-tokens", json!({"name": "ci", "rpm": 60, "allowed_models": ["gpt-*"]}))?;
    let token = made(
        "/api/client-tokens",
        json!({"name": "web-app", "budget_usd": 50, "budget_period": "month"}),
    )?;
    Ok(token["token"].as_str().context("a token")?.to_owned())
}

fn team_put(api: &Api, path: &str, body: &Value) -> Result<()> {
    let reply = api.call("PUT", path, &[], Some(body));
    match reply.status {
        ..300 => Ok(()),
        _ => bail!("{path}: {}", reply.text()),
    }
}
