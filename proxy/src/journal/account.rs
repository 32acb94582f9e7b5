//! What an exchange cost and who pays: priced when its record is made, spent by its key
//! and its client token, and those kept in the database.

use std::collections::BTreeSet;

use glassway_shared::{
    prices::{Book, Override},
    store::{record::Record, roster},
};
use jiff::Timestamp;

use super::Ended;
use crate::{app::Routing, live::Billing};

/// Prices the record, and lets key and token pay.
pub(super) fn settle(record: &mut Record, ended: &Ended, book: &Book, routing: &Routing) {
    let state = ended.live.state();
    let model = record.upstream_model.as_deref().or(record.model.as_deref());
    record.cost_nano = cost(record, state.billing.as_ref(), model, book);
    let Some(billing) = &state.billing else { return };
    let nano = record.cost_nano.unwrap_or(0);
    billing.key.place.spend(nano);
    routing.mark(billing.key.id);
    if let Some(token) = &billing.token {
        let usage = &record.usage;
        let tokens = usage.prompt_tokens.unwrap_or(0) + usage.completion_tokens.unwrap_or(0);
        token.state.account(&token.row, tokens, nano, Timestamp::now());
    }
}

/// Nano-dollars; `None` where no price or no usage is known.
fn cost(
    record: &Record,
    billing: Option<&Billing>,
    model: Option<&str>,
    book: &Book,
) -> Option<i64> {
    let answered = record.status.is_some_and(|status| status < 400);
    if let Some(per_call) = billing.and_then(|b| b.key.price_per_call_nano) {
        return answered.then_some(per_call);
    }
    if record.usage.prompt_tokens.is_none() && record.usage.completion_tokens.is_none() {
        return None;
    }
    let names = [model, record.model.as_deref()];
    let set = billing.and_then(|b| {
        let prices = &b.snapshot.prices;
        names.into_iter().flatten().find_map(|name| Override::read(prices.get(name)?)?.price().ok())
    });
    let price = set.or_else(|| names.into_iter().flatten().find_map(|name| book.price(name)))?;
    let multiplier = billing.map_or(1.0, |b| b.provider.price_multiplier);
    price.scaled(multiplier).cost(&record.usage)
}

/// The rows of keys that changed.
pub(super) fn states(routing: &Routing, changed: &BTreeSet<i64>) -> Vec<roster::KeyState> {
    let now = Timestamp::now().as_millisecond();
    changed
        .iter()
        .filter_map(|key| {
            let place = routing.standing.places.find(*key)?;
            let standing = place.standing(now);
            let (reason, until) = standing.why();
            Some(roster::KeyState {
                key_id: *key,
                status: standing.status().to_owned(),
                reason: reason.map(str::to_owned),
                until,
                health: serde_json::to_string(&place.kept()).expect("plain data"),
                spent_nano: place.spent(),
                total_requests: i64::try_from(place.used()).unwrap_or(i64::MAX),
                last_used_at: Some(place.last_used()).filter(|at| *at > 0),
            })
        })
        .collect()
}

/// The rows of tokens whose spending changed.
pub(super) fn spending(routing: &Routing) -> Vec<roster::Spending> {
    let snapshot = routing.snapshot.load();
    snapshot.tokens().filter_map(|token| token.state.to_keep(token.row.id)).collect()
}
