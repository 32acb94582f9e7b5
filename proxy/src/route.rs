//! A client's model name → the keys that may serve it, in tiers of falling priority.
//! Pure: made from a snapshot's parts, once per model.

use std::sync::Arc;

use glassway_shared::{store::roster, wildcard::matches};

use crate::{
    dialect::{self, Conversion},
    error::Dialect,
    pool::{
        lineup::{Lineup, Slot},
        strategy::Strategy,
    },
    snapshot::{Key, Kind, Provider},
};

/// Where one key would send one model.
#[derive(Clone)]
pub struct Target {
    /// The upstream.
    pub provider: Arc<Provider>,
    /// The credential.
    pub key: Arc<Key>,
    /// The model's name there.
    pub model: Arc<str>,
}

/// Keys of one priority; the lineup's slots and the targets run side by side.
pub struct Tier {
    /// What a strategy sees.
    pub lineup: Lineup,
    /// What the request needs.
    pub targets: Vec<Target>,
}

/// All tiers for a model.
pub struct Plan {
    /// The first is tried first.
    pub tiers: Vec<Tier>,
    /// Among a tier's keys.
    pub strategy: Strategy,
}

impl Plan {
    /// There is nothing to choose.
    pub fn only(target: Target) -> Self {
        let Target { provider, key, model } = &target;
        let slot = Slot::new(key.id, key.place.clone(), provider.health.clone(), model.clone());
        let tier = Tier { lineup: Lineup::new(vec![slot]), targets: vec![target] };
        Self { tiers: vec![tier], strategy: Strategy::default() }
    }
}

/// The most exact route for a model: its own name, else the pattern with the most
/// letters.
pub fn find<'a>(routes: &'a [roster::Route], model: &str) -> Option<&'a roster::Route> {
    routes.iter().find(|route| route.model == model).or_else(|| {
        routes
            .iter()
            .filter(|route| route.model.contains('*') && matches(&route.model, model))
            .max_by_key(|route| route.model.len())
    })
}

/// Which providers a request may go to.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// As the client calls it.
    pub model: &'a str,
    /// The client's dialect.
    pub dialect: Dialect,
    /// What it says, where that can be said to providers of another kind, too.
    pub spoken: Option<dialect::Dialect>,
    /// Only this provider.
    pub provider: Option<i64>,
    /// Only this key.
    pub key: Option<i64>,
}

impl Wanted<'_> {
    /// Whether providers of this kind understand it, as it is or converted.
    fn understood_by(&self, kind: Kind) -> bool {
        let upstream = match kind {
            Kind::Anthropic => dialect::Dialect::Messages,
            Kind::OpenAi | Kind::Azure => dialect::Dialect::Chat,
        };
        let converted = |spoken| Conversion::between(spoken, upstream).is_some();
        kind.speaks(self.dialect) || self.spoken.is_some_and(converted)
    }
}

/// Fit, then the priorities of candidate, provider and key: the highest goes first.
type Rank = (Fit, i64, i64, i64);

/// How well a key without a route fits a model; the last goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// Another dialect, and nothing says that the model is there.
    Guess,
    /// The client's dialect, but its provider was asked and does not name the model.
    Doubtful,
    /// Another dialect, and the model is known to be there.
    Converted,
    /// The client's dialect.
    Native,
}

impl Fit {
    /// `known`: `None` where nobody asked which models there are.
    fn of(native: bool, known: Option<bool>) -> Self {
        match (native, known) {
            (true, Some(false)) => Self::Doubtful,
            (true, _) => Self::Native,
            (false, Some(true)) => Self::Converted,
            (false, _) => Self::Guess,
        }
    }
}

/// Makes the plan: by a route's candidates, else every provider with a key that lists
/// the model or lists none.
pub fn plan(
    providers: &[Arc<Provider>],
    routes: &[roster::Route],
    default: Strategy,
    wanted: Wanted<'_>,
) -> Plan {
    let route =
        find(routes, wanted.model).filter(|_| wanted.provider.is_none() && wanted.key.is_none());
    let mut entries: Vec<(Rank, Slot, Target)> = Vec::new();
    let routed = route.is_some();
    let mut add = |provider: &Arc<Provider>, name: &str, priority: i64, weight: u32| {
        let native = provider.kind.speaks(wanted.dialect);
        let model: Arc<str> = name.into();
        for key in &provider.keys {
            if wanted.key.is_some_and(|id| id != key.id) || !key.lists(name) {
                continue;
            }
            let (place, health) = (key.place.clone(), provider.health.clone());
            let weight = key.weight.max(1).saturating_mul(weight.max(1));
            let slot = Slot::new(key.id, place, health, model.clone()).with_weight(weight);
            let slot = slot.with_cost(key.typical_cost);
            let target =
                Target { provider: provider.clone(), key: key.clone(), model: model.clone() };
            // Who wrote a route has said who fits.
            let fit = match routed {
                true => Fit::Native,
                false => Fit::of(native, key.knows(name)),
            };
            entries.push(((fit, priority, provider.priority, key.priority), slot, target));
        }
    };
    let speaks = |provider: &Provider| wanted.understood_by(provider.kind);
    match route {
        Some(route) => {
            for candidate in &route.candidates {
                let found = providers.iter().find(|p| p.id == candidate.provider_id);
                let Some(provider) = found.filter(|p| p.enabled && speaks(p)) else { continue };
                let name = candidate.upstream_model.as_deref().unwrap_or(wanted.model);
                add(provider, name, candidate.priority, candidate.weight);
            }
        }
        None => {
            for provider in providers {
                let chosen = match wanted.provider {
                    Some(id) => provider.id == id,
                    None => provider.enabled || wanted.key.is_some(),
                };
                if chosen && speaks(provider) {
                    add(provider, wanted.model, 0, 1);
                }
            }
        }
    }
    entries.sort_by_key(|(priority, ..)| std::cmp::Reverse(*priority));
    let tiers = entries.chunk_by(|(a, ..), (b, ..)| a == b).map(|tier| Tier {
        lineup: Lineup::new(tier.iter().map(|(_, slot, _)| slot.clone()).collect()),
        targets: tier.iter().map(|(.., target)| target.clone()).collect(),
    });
    let named = route.and_then(|route| route.strategy.as_deref());
    Plan { tiers: tiers.collect(), strategy: named.and_then(Strategy::named).unwrap_or(default) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_route_wins() {
        let route =
            |model: &str| roster::Route { model: model.into(), candidates: vec![], strategy: None };
        let routes = [route("*"), route("gpt-*"), route("gpt-4o")];
        let found = |model| find(&routes, model).map(|r| r.model.as_str());
        assert_eq!(found("gpt-4o"), Some("gpt-4o"));
        assert_eq!(found("gpt-5"), Some("gpt-*"));
        assert_eq!(found("claude"), Some("*"));
        assert_eq!(find(&routes[1..], "claude"), None);
    }
}
