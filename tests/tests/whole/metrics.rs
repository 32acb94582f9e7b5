//! What both processes count: documented, drawn and alerted on by names that exist, and
//! open to Prometheus alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use glassway_tests::{
    Glassway, Upstream, eventually,
    team::{self, asked, paste},
    upstream::answer,
};
use serde_json::Value;

const TOKEN: &str = "scrape-me-0123456789";

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A Glassway that has answered two questions.
fn busy() -> (Upstream, Glassway) {
    let upstream = Upstream::respond(|_| answer("200 OK", "application/json", team::ANSWER));
    let setup = Glassway::setup().upstream(&upstream.url()).set("monitor.metrics_token", TOKEN);
    // Nobody is there: what is counted of the export shows all the same.
    let setup = setup.set("otlp.endpoint", "http://127.0.0.1:9");
    let glassway = setup.start();
    paste(&glassway, 1);
    assert_eq!((asked(&glassway), asked(&glassway)), (200, 200));
    assert_eq!(team::from_clients(&glassway, 2).len(), 2);
    (upstream, glassway)
}

/// Type and labels of every metric on a page.
fn exposed(page: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut metrics = BTreeMap::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let before = metrics.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
            assert!(before.is_none(), "{name} comes twice");
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap();
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end).filter(|base| metrics.contains_key(*base)));
            let (_, labels) = metrics.get_mut(base.unwrap_or(name)).expect(line);
            let inside = line.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
            for label in inside.map_or("", |(labels, _)| labels).split("\",") {
                let label = label.split('=').next().unwrap();
                if !label.is_empty() && label != "le" {
                    labels.insert(label.to_owned());
                }
            }
        }
    }
    metrics
}

#[test]
fn the_tables_say_what_is_exposed() {
    let (_upstream, glassway) = busy();
    let page = glassway.api().get("/metrics").text();
    let exposed = exposed(&page);
    for file in ["docs/metrics.md", "docs/metrics.zh-CN.md"] {
        let text = fs::read_to_string(repository().join(file)).unwrap();
        let mut told = BTreeMap::new();
        for row in text.lines().filter(|line| line.starts_with("| `glassway_")) {
            let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            let labels = cells[2].split(", ").map(|l| l.trim_matches('`').to_owned());
            let labels: BTreeSet<String> = labels.filter(|l| !l.is_empty()).collect();
            assert_eq!(cells.len(), 4, "{row}");
            let name = cells[0].trim_matches('`').to_owned();
            told.insert(name, (cells[1].to_owned(), labels));
        }
        assert_eq!(told, exposed, "{file} and the page");
    }
}

#[test]
fn the_page_counts_what_happened() {
    let (_upstream, glassway) = busy();
    let lines = [
        r#"glassway_model_requests_total{provider="openai",model="gpt-4o",outcome="ok"} 2"#,
        r#"glassway_model_tokens_total{provider="openai",model="gpt-4o",kind="prompt"} 2000"#,
        r#"glassway_keys{provider="openai",status="active"} 1"#,
        r#"glassway_provider_state{provider="openai",state="ok"} 1"#,
        r#"glassway_proxy_health{status="ok"} 1"#,
        "glassway_proxy_max_connections 10000",
        "glassway_journal_unwritten_records 0",
        "glassway_records_lost_total 0",
        "glassway_database_readable 1",
        "glassway_proxy_up 1",
        "glassway_monitor_sign_in_failures_total 1",
    ];
    assert_eq!(glassway.api().with_bearer("wrong").get("/api/stats").status, 401);
    eventually("all of it is counted", || {
        let page = glassway.api().get("/metrics").text();
        let missing: Vec<_> = lines.iter().filter(|l| !page.lines().any(|p| p == **l)).collect();
        missing.is_empty().then_some(()).or_else(|| {
            eprintln!("missing {missing:?}");
            None
        })
    });
    let page = glassway.api().get("/metrics").text();
    let value = |name: &str| -> f64 {
        let line = page.lines().find(|line| line.split(' ').next() == Some(name)).expect(name);
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    for process in ["proxy", "monitor"] {
        assert!(value(&format!("glassway_{process}_resident_memory_bytes")) > 1e6);
        assert!(value(&format!("glassway_{process}_open_fds")) > 3.0);
    }
    assert!(value("glassway_database_bytes") > 1e4);
    assert!(value("glassway_disk_size_bytes") > value("glassway_disk_free_bytes"));
    assert!(value("glassway_proxy_data_threads_silent_seconds") < 10.0);
}

#[test]
fn the_metrics_token_opens_metrics_and_nothing_else() {
    let (_upstream, glassway) = busy();
    let scraper = glassway.api().with_bearer(TOKEN);
    assert_eq!(scraper.get("/metrics").status, 200);
    for path in ["/api/requests", "/api/settings", "/openapi.json", "/api/log-levels"] {
        assert_eq!(scraper.get(path).status, 401, "{path}");
    }
    assert_eq!(scraper.post("/metrics", &Value::Null).status, 401);
    assert_eq!(glassway.api().anonymous().get("/metrics").status, 401);
    let health = scraper.get("/api/health").json();
    assert_eq!(health["proxy"]["in_flight"], Value::Null, "a scraper is a stranger elsewhere");
}

/// Every name of ours in a text.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("glassway_")).map(str::to_owned).collect()
}

#[test]
fn dashboard_and_alerts_name_what_is_exposed() {
    let (_upstream, glassway) = busy();
    let exposed = exposed(&glassway.api().get("/metrics").text());
    let known = |name: &str| {
        let ends = ["_bucket", "_sum", "_count"];
        exposed.contains_key(name)
            || ends.iter().any(|end| {
                let base = name.strip_suffix(end).and_then(|base| exposed.get(base));
                base.is_some_and(|(kind, _)| kind == "histogram" || kind == "summary")
            })
    };
    let folder = repository().join("monitoring");
    let text = fs::read_to_string(folder.join("glassway-dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut drawn = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        assert!(panel["type"] == "row" || !targets.is_empty(), "{}", panel["title"]);
        for target in targets {
            assert_eq!(target["datasource"]["uid"], "${datasource}");
            drawn.extend(names(target["expr"].as_str().unwrap()));
        }
    }
    let rules = fs::read_to_string(folder.join("glassway-alerts.yml")).unwrap();
    let unknown: Vec<_> =
        drawn.union(&names(&rules)).filter(|name| !known(name)).cloned().collect();
    assert!(unknown.is_empty(), "not exposed: {unknown:?}");
    assert!(drawn.len() > 30, "{drawn:?}");
    // Whoever looks at the dashboard sees everything there is.
    let undrawn: Vec<_> = exposed
        .keys()
        .filter(|name| !drawn.iter().any(|drawn| drawn.starts_with(&name[..])))
        .collect();
    assert!(undrawn.is_empty(), "on no panel: {undrawn:?}");
}
