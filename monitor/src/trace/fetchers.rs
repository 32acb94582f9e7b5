//! Who a fetch may be from: by the network it came from, by what it calls itself, by
//! headers that platforms add. All of it is data; built-in and the user's own files have
//! one form. Pure, save for reading those files.

use std::{net::IpAddr, path::Path};

use ipnet::IpNet;
use serde::Deserialize;

/// Files looked at, and bytes of one.
const MOST_FILES: usize = 100;
const MOST_BYTES: u64 = 4 << 20;

/// One that is known.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fetcher {
    /// As people read it.
    pub name: String,
    /// A vendor's or cloud's short name; empty for software that anybody runs.
    #[serde(default)]
    pub owner: String,
    /// `vendor`, `cloud`, `relay` or `software`.
    #[serde(default)]
    pub role: String,
    /// Parts of user agents, in lower case.
    #[serde(default)]
    agents: Vec<String>,
    /// Published networks.
    #[serde(default)]
    networks: Vec<IpNet>,
    /// Names of headers that only it sends.
    #[serde(default)]
    headers: Vec<String>,
    /// Where this is said.
    #[serde(default)]
    pub source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "about")]
    _about: String,
    #[serde(default, rename = "as_of")]
    _as_of: String,
    fetchers: Vec<Fetcher>,
}

/// What it was recognized by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Its address is in a network that the owner published: hard to make up.
    Network,
    /// A header: anybody can send it.
    Header,
    /// The user agent: anybody can say it.
    Agent,
}

/// All that are known.
pub struct Fetchers(Vec<Fetcher>);

impl Fetchers {
    /// Those that came with the program, and the user's own before them; a file that
    /// cannot be read is said in the log.
    pub fn read(dir: &Path) -> Self {
        let mut all = own(dir);
        all.extend(parse(BUILT_IN).expect("the embedded list is ours, and tested"));
        Self(all)
    }

    /// Who it is, by the strongest sign there is.
    pub fn recognize(
        &self,
        ip: &str,
        agent: Option<&str>,
        headers: &[[String; 2]],
    ) -> Option<(&Fetcher, By)> {
        let ip: Option<IpAddr> = ip.parse().ok();
        let agent = agent.unwrap_or_default().to_lowercase();
        let in_network = |one: &&Fetcher| {
            ip.is_some_and(|ip| one.networks.iter().any(|network| network.contains(&ip)))
        };
        let sends = |one: &&Fetcher| {
            one.headers.iter().any(|name| headers.iter().any(|[sent, _]| sent == name))
        };
        let says = |one: &&Fetcher| one.agents.iter().any(|part| agent.contains(&part[..]));
        let all = || self.0.iter();
        all()
            .find(in_network)
            .map(|one| (one, By::Network))
            .or_else(|| all().find(sends).map(|one| (one, By::Header)))
            .or_else(|| all().find(says).map(|one| (one, By::Agent)))
    }
}

const BUILT_IN: &[u8] = include_bytes!("../../data/fetchers.json");

fn parse(json: &[u8]) -> serde_json::Result<Vec<Fetcher>> {
    let mut fetchers = serde_json::from_slice::<File>(json)?.fetchers;
    for one in &mut fetchers {
        one.agents.retain(|part| !part.is_empty());
        one.agents.iter_mut().chain(&mut one.headers).for_each(|t| *t = t.to_lowercase());
    }
    Ok(fetchers)
}

fn own(dir: &Path) -> Vec<Fetcher> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "json"));
    files.sort();
    let read = |path: &std::path::PathBuf| -> Result<Vec<Fetcher>, String> {
        let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
        if size > MOST_BYTES {
            return Err("is larger than 4 MiB".to_owned());
        }
        let json = std::fs::read(path).map_err(|e| e.to_string())?;
        parse(&json).map_err(|e| e.to_string())
    };
    let mut all = Vec::new();
    for path in files.iter().take(MOST_FILES) {
        match read(path) {
            Ok(fetchers) => all.extend(fetchers),
            Err(reason) => {
                tracing::warn!(path = %path.display(), reason, "a file of known fetchers is not used");
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(ip: &str, agent: &str) -> Option<(String, By)> {
        let known = Fetchers::read(Path::new("/nowhere"));
        known.recognize(ip, Some(agent), &[]).map(|(one, by)| (one.owner.clone(), by))
    }

    #[test]
    fn a_network_says_more_than_a_name() {
        let openai = |by| Some(("openai".to_owned(), by));
        assert_eq!(told("192.0.2.1", "OpenAI Image Downloader"), openai(By::Agent));
        assert_eq!(told("20.171.206.9", "curl/8"), openai(By::Network));
        assert_eq!(told("160.79.105.1", "x"), Some(("anthropic".to_owned(), By::Network)));
        assert_eq!(told("192.0.2.1", "IPS/1.0"), Some(("azure".to_owned(), By::Agent)));
        assert_eq!(told("192.0.2.1", "Go-http-client/2.0"), Some((String::new(), By::Agent)));
        assert_eq!(told("192.0.2.1", "something else"), None);
    }

    #[test]
    fn the_user_s_own_files_go_first_and_a_bad_one_harms_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file =
            r#"{"fetchers":[{"name":"My relay","role":"relay","networks":["192.0.2.0/24"]}]}"#;
        std::fs::write(dir.path().join("a.json"), "{").unwrap();
        std::fs::write(dir.path().join("b.json"), file).unwrap();
        let known = Fetchers::read(dir.path());
        let (one, by) = known.recognize("192.0.2.7", Some("GPTBot"), &[]).unwrap();
        assert_eq!((&one.name[..], by), ("My relay", By::Network));
        let worker = [["cf-worker".to_owned(), "relay.example".to_owned()]];
        let (one, by) = known.recognize("203.0.113.1", None, &worker).unwrap();
        assert_eq!((&one.owner[..], by), ("cloudflare", By::Header));
    }
}
