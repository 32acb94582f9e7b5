//! What was tried, and what to say when nothing is left: which keys there are, why
//! each is out, and when one returns. Pure.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use jiff::Timestamp;

use crate::{
    error::Fault,
    pool::{NEVER, lineup::Slot, signal::Signal},
    route::{Plan, Target, Wanted},
    snapshot::Snapshot,
};

/// Keys tried in one request.
#[derive(Debug, Default)]
pub(super) struct Tried {
    keys: Vec<(i64, Arc<str>)>,
    /// Keys that were told to be none: whatever a probe finds, not for this request.
    refused: Vec<i64>,
    count: u32,
    failures: u32,
}

impl Tried {
    /// An attempt with this key ended so.
    pub(super) fn note(&mut self, target: &Target, signal: Signal) {
        self.keys.push((target.key.id, target.model.clone()));
        if matches!(signal, Signal::InvalidKey(_)) {
            self.refused.push(target.key.id);
        }
        self.count += 1;
        self.failures += u32::from(matches!(signal, Signal::Failing(_)));
    }

    /// Not to be picked again in this round: a key that failed with one model may do well
    /// with the next that the route names.
    pub(super) fn keys(&self) -> &[(i64, Arc<str>)] {
        &self.keys
    }

    /// Attempts so far.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Attempts that count against `max_attempts`.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Those that are out need not be remembered: they may be tried once they are back.
    pub(super) fn forget_out(&mut self, plan: &Plan, now_ms: i64) {
        let slots = || plan.tiers.iter().flat_map(|tier| tier.lineup.slots());
        self.keys.retain(|(key, model)| {
            if self.refused.contains(key) {
                return true;
            }
            let mut same = slots().filter(|slot| slot.key_id == *key && slot.model == *model);
            same.any(|slot| slot.place.back_at(&slot.model, now_ms) == Some(now_ms))
        });
    }

    /// After a rest, every other key may be tried again.
    pub(super) fn forget_keys(&mut self) {
        self.keys.retain(|(key, _)| self.refused.contains(key));
    }

    /// How long until some key can serve again that only rests. A breaker is not waited
    /// for: it is there to fail at once.
    pub(super) fn rest(&self, plan: &Plan, now_ms: i64) -> Option<Duration> {
        let rests = |slot: &Slot| !self.refused.contains(&slot.key_id) && !slot.provider.is_open();
        soonest_return(plan, now_ms, rests)
    }
}

/// How long until one of these keys can serve again by the clock.
pub(super) fn soonest_return(
    plan: &Plan,
    now_ms: i64,
    which: impl Fn(&Slot) -> bool,
) -> Option<Duration> {
    let slots = plan.tiers.iter().flat_map(|tier| tier.lineup.slots());
    let back = slots.filter(|slot| which(slot)).filter_map(|slot| {
        let key = slot.place.back_at(&slot.model, now_ms)?;
        let at = key.max(slot.provider.back_at());
        // In, and yet it failed here: not worth waiting for in this request.
        (at > now_ms && at != NEVER).then_some(at)
    });
    let wait = back.min()? - now_ms;
    Some(Duration::from_millis(u64::try_from(wait).unwrap_or(0).max(1)))
}

/// No provider would take this model in this dialect.
pub(super) fn nothing_planned(snapshot: &Snapshot, wanted: Wanted<'_>) -> Fault {
    if !snapshot.has_keys() || wanted.key.is_some() || wanted.provider.is_some() {
        return Fault::refused(
            "no_usable_key",
            StatusCode::SERVICE_UNAVAILABLE,
            match wanted.model {
                "" => "there is no active key for this".to_owned(),
                model => format!("there is no active key for the model `{model}` here"),
            },
        );
    }
    let mut fault = Fault::refused(
        "unknown_model",
        StatusCode::NOT_FOUND,
        format!(
            "no route, provider or key serves the model `{}`: GET /v1/models lists what there is",
            wanted.model
        ),
    );
    fault.param = Some("model".into());
    fault
}

/// Most keys named in one message.
const NAMED: usize = 10;

/// Every key is out: says which, why, and when one returns by itself. Where each was told
/// that there is no such model for it, there is none.
pub(super) fn no_usable_key(plan: &Plan, now_ms: i64, back: Option<Duration>) -> Fault {
    let targets: Vec<&Target> = plan.tiers.iter().flat_map(|tier| &tier.targets).collect();
    let excluded = |target: &&Target| target.key.place.excluded(&target.model, now_ms);
    let unknown = !targets.is_empty() && targets.iter().all(|target| excluded(target).is_some());
    let mut reasons: Vec<String> = targets
        .iter()
        .take(NAMED)
        .map(|target| {
            let standing = target.key.place.standing(now_ms);
            let provider = target.provider.health.state(now_ms);
            let (status, reason, until) = match provider.status {
                "ok" => match (standing.why(), excluded(target)) {
                    ((None, _), Some((reason, until))) => {
                        ("may not use this model", Some(reason), Some(until))
                    }
                    ((reason, until), _) => (standing.status(), reason.map(str::to_owned), until),
                },
                status => (status, provider.reason, provider.until),
            };
            let why = reason.map_or(String::new(), |reason| format!(" ({reason})"));
            let until = until.and_then(|ms| Timestamp::from_millisecond(ms).ok());
            let until = until.map_or(String::new(), |at| format!(" until {at:.0}"));
            format!("{}/{} {status}{why}{until}", target.provider.name, target.key.name)
        })
        .collect();
    if targets.len() > NAMED {
        reasons.push(format!("and {} more", targets.len() - NAMED));
    }
    if unknown {
        let mut fault = Fault::refused(
            "unknown_model",
            StatusCode::NOT_FOUND,
            format!("every key was refused this model: {}", reasons.join("; ")),
        );
        fault.param = Some("model".into());
        return fault;
    }
    let mut fault = Fault::refused(
        "no_usable_key",
        StatusCode::SERVICE_UNAVAILABLE,
        format!("no key can serve this now: {}", reasons.join("; ")),
    );
    fault.retry_after = back;
    fault
}
