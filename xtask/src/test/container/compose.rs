//! compose.yaml as it stands: what its two services may do, which volumes each has, and what
//! is run in them. The jail runs them by this.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result, ensure};
use glassway_shared::config::Config;
use serde_json::{Value, json};

use crate::tools::root;

/// One service.
pub struct Service {
    /// What it runs.
    pub command: Vec<String>,
    /// The command that says whether it is well.
    pub check: Vec<String>,
    /// Names of volumes and the folders they are at.
    pub volumes: Vec<(String, String)>,
    /// Beside the image's.
    pub environment: Vec<(String, String)>,
    /// User and group, by number.
    pub user: (u32, u32),
}

/// Both, by name; refused where a service may do more than it must.
pub fn read() -> Result<BTreeMap<String, Service>> {
    let text = fs::read_to_string(root().join("compose.yaml"))?;
    let mut yaml: serde_yaml::Value = serde_yaml::from_str(&text)?;
    yaml.apply_merge()?;
    let all: Value = serde_json::to_value(yaml)?;
    let services = all["services"].as_object().context("there are no services")?;
    ensure!(services.keys().eq(["monitor", "proxy"]), "the services are {:?}", services.keys());
    let read = |(name, service): (&String, &Value)| {
        kept(service).with_context(|| format!("the service {name}"))?;
        let service = Service::of(service).with_context(|| format!("the service {name}"))?;
        for (volume, _) in &service.volumes {
            ensure!(all["volumes"].get(volume).is_some(), "the volume {volume} is not declared");
        }
        Ok((name.clone(), service))
    };
    services.iter().map(read).collect()
}

/// What it must not be able to do.
fn kept(service: &Value) -> Result<()> {
    let is = |name: &str, expected: Value| {
        ensure!(service[name] == expected, "{name} is {}, not {expected}", service[name]);
        Ok(())
    };
    is("read_only", true.into())?;
    is("cap_drop", json!(["ALL"]))?;
    is("security_opt", json!(["no-new-privileges:true"]))?;
    is("restart", "unless-stopped".into())?;
    is("environment", json!({"GLASSWAY_PROXY__CLIENT_ACCESS": "token"}))?;
    for port in list(&service["ports"])? {
        ensure!(port.starts_with("127.0.0.1:"), "{port} is published to more than this machine");
    }
    // An engine kills what has not ended by then.
    let grace = service["stop_grace_period"].as_str().and_then(|text| text.strip_suffix('s'));
    let grace: u64 = grace.context("stop_grace_period is not in seconds")?.parse()?;
    let drain = Config::default().proxy.drain_timeout.0.as_secs();
    let proxy = list(&service["command"])?.iter().any(|word| word == "glassway-proxy");
    ensure!(!proxy || grace > drain, "{grace} s to stop are less than the {drain} s of draining");
    Ok(())
}

impl Service {
    fn of(service: &Value) -> Result<Self> {
        let check = list(&service["healthcheck"]["test"])?;
        let user = service["user"].as_str().and_then(|user| user.split_once(':'));
        let (user, group) = user.context("no user and group")?;
        Ok(Self {
            command: list(&service["command"])?,
            check: executed(&check)?,
            volumes: list(&service["volumes"])?
                .iter()
                .map(|volume| Ok(pair(volume.split_once(':').context("a volume and its place")?)))
                .collect::<Result<_>>()?,
            environment: service["environment"]
                .as_object()
                .context("no environment")?
                .iter()
                .map(|(name, value)| pair((name, value.as_str().unwrap_or_default())))
                .collect(),
            user: (user.parse()?, group.parse()?),
        })
    }
}

/// A health check without the word that says how it is run.
pub fn executed(check: &[String]) -> Result<Vec<String>> {
    let (how, words) = check.split_first().context("an empty health check")?;
    ensure!(how == "CMD", "a health check by {how}");
    Ok(words.to_vec())
}

/// A list of texts.
pub fn list(value: &Value) -> Result<Vec<String>> {
    let all = value.as_array().with_context(|| format!("{value} is no list"))?;
    let text = |one: &Value| one.as_str().map(str::to_owned).context("a list of texts");
    all.iter().map(text).collect()
}

fn pair((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
