//! Several traces side by side: by whom they went to, who fetched for them as a set, and
//! which fetchers they share. Pure.

use std::collections::BTreeSet;

use poem_openapi::Object;

use super::shape::{Fetcher, Trace, TraceStatus};

/// A fetcher, over several traces of one target.
#[derive(Clone, Debug, Object)]
#[oai(rename = "ComparedFetcher")]
struct Compared {
    ip: String,
    user_agents: Vec<String>,
    hits: u64,
    /// In how many of the target's traces it fetched.
    traces: u64,
    /// A copy that it got was read.
    read: bool,
    fetcher: Option<Fetcher>,
}

/// A target with its traces.
#[derive(Clone, Debug, Object)]
#[oai(rename = "ComparedTarget")]
struct Target {
    provider: String,
    group: String,
    group_id: Option<i64>,
    model: String,
    traces: Vec<i64>,
    /// Of them, those that were answered.
    done: u64,
    /// Of them, those whose answer holds a code.
    saw_image: u64,
    /// Of those that were answered.
    median_ms: Option<f64>,
    /// Distinct addresses, in the order they first fetched.
    fetchers: Vec<Compared>,
}

/// Traces side by side.
#[derive(Debug, Object)]
#[oai(rename = "TraceComparison")]
pub(super) struct Comparison {
    targets: Vec<Target>,
    /// Addresses that fetched for every target.
    shared: Vec<String>,
    /// Addresses that fetched for some but not all.
    differing: Vec<String>,
}

impl Comparison {
    pub(super) fn of(mut traces: Vec<Trace>) -> Self {
        traces.sort_by_key(|trace| trace.id);
        let mut groups: Vec<Vec<Trace>> = Vec::new();
        for trace in traces {
            let same = |of: &Trace| {
                (of.group_id, &of.provider, &of.group, &of.model)
                    == (trace.group_id, &trace.provider, &trace.group, &trace.model)
            };
            match groups.iter_mut().find(|group| same(&group[0])) {
                Some(group) => group.push(trace),
                None => groups.push(vec![trace]),
            }
        }
        let targets: Vec<Target> = groups.iter().map(|group| target(group)).collect();
        let set = |target: &Target| -> BTreeSet<String> {
            target.fetchers.iter().map(|one| one.ip.clone()).collect()
        };
        let sets: Vec<BTreeSet<String>> = targets.iter().map(set).collect();
        let all: BTreeSet<String> = sets.iter().flatten().cloned().collect();
        let (shared, differing) =
            all.into_iter().partition(|ip| sets.iter().all(|set| set.contains(ip)));
        Self { targets, shared, differing }
    }
}

fn target(traces: &[Trace]) -> Target {
    let first = &traces[0];
    let mut fetchers: Vec<Compared> = Vec::new();
    for trace in traces {
        let mut here = BTreeSet::new();
        for hit in &trace.hits {
            let at = fetchers.iter().position(|one| one.ip == hit.ip);
            let at = at.unwrap_or_else(|| {
                fetchers.push(Compared {
                    ip: hit.ip.clone(),
                    user_agents: vec![],
                    hits: 0,
                    traces: 0,
                    read: false,
                    fetcher: hit.fetcher.clone(),
                });
                fetchers.len() - 1
            });
            let one = &mut fetchers[at];
            one.hits += 1;
            one.read |= hit.is_read();
            one.traces += u64::from(here.insert(at));
            let agent = hit.user_agent.clone().unwrap_or_default();
            if !agent.is_empty() && !one.user_agents.contains(&agent) {
                one.user_agents.push(agent);
            }
        }
    }
    let done = traces.iter().filter(|trace| trace.status == TraceStatus::Done);
    let mut took: Vec<f64> = done.clone().filter_map(|trace| trace.duration_ms).collect();
    took.sort_by(f64::total_cmp);
    Target {
        provider: first.provider.clone(),
        group: first.group.clone(),
        group_id: first.group_id,
        model: first.model.clone(),
        traces: traces.iter().map(|trace| trace.id).collect(),
        done: done.clone().count() as u64,
        saw_image: done.filter(|trace| trace.saw_image == Some(true)).count() as u64,
        median_ms: took.get(took.len() / 2).copied(),
        fetchers,
    }
}
