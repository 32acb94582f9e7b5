//! Whether rows and counted losses together are what was asked.

use crate::{Glassway, eventually};

/// Numbers the monitor tells about losses: bodies, records.
#[must_use]
pub fn losses(glassway: &Glassway) -> (u64, u64) {
    let lost = glassway.api().json("/api/stats")["lost"].clone();
    let number = |name: &str| lost[name].as_u64().expect("a number");
    (number("bodies_shed"), number("records_lost"))
}

/// Checks that rows and losses together are the requests made, and that shed
/// bodies are as many as were counted.
pub fn account_for(glassway: &Glassway, made: u64) {
    let (shed, lost) = eventually(format_args!("all {made} requests are accounted for"), || {
        let (shed, lost) = losses(glassway);
        let stats = glassway.api().json("/api/stats");
        let rows = stats["calls"]["all"].as_u64().expect("a number");
        let in_flight = stats["in_flight"] == 0;
        (in_flight && rows + lost == made).then_some((shed, lost))
    });
    let api = glassway.api();
    let mut shed_shown = 0;
    let mut rows = 0;
    let mut query = "?limit=1000".to_owned();
    loop {
        let page = api.json(&format!("/api/requests{query}"));
        for item in page["items"].as_array().expect("a list") {
            rows += 1;
            let detail = api.request(item["id"].as_str().expect("an id"));
            for side in ["request", "response"] {
                shed_shown += u64::from(detail[side]["shed"] == true);
            }
        }
        match page["next"].as_str() {
            Some(next) => query = format!("?limit=1000&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(rows + lost, made, "rows and counted losses");
    assert!(shed_shown <= shed, "{shed_shown} bodies are missing, {shed} were counted");
    let metrics = api.get("/metrics").text();
    assert!(metrics.contains(&format!("glassway_records_lost_total {lost}")), "{metrics}");
    assert!(metrics.contains(&format!("glassway_bodies_shed_total {shed}")), "{metrics}");
}
