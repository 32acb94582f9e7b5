//! What an exchange cost and who pays: priced when its record is made, spent by its key
//! and its client token, and those kept in the database.

use std::collections::BTreeSet;

use glassway_shared::{
    model::{PriceSource, PriceUsed},
    prices::{Override, Price, Rate},
    store::{record::Record, roster},
};
use jiff::Timestamp;

use super::Ended;
use crate::{
    app::Routing,
    live::Billing,
    snapshot::{Kind, Provider, Snapshot},
    usage::Answered,
};

/// Prices the record, and lets key and token pay.
pub(super) fn settle(record: &mut Record, ended: &Ended, said: &Answered, routing: &Routing) {
    let state = ended.live.state();
    let billing = state.billing.as_ref();
    let (cost, price) = match billing {
        Some(billing) => cost(record, Some(billing), &billing.snapshot, said),
        None => cost(record, None, &routing.snapshot.load(), said),
    }
    .unzip();
    (record.cost_nano, record.price) = (cost, price);
    let Some(billing) = billing else { return };
    let nano = record.cost_nano.unwrap_or(0);
    billing.key.place.spend(nano);
    routing.mark(billing.key.id);
    if let Some(token) = &billing.token {
        let usage = &record.usage;
        let tokens = usage.prompt_tokens.unwrap_or(0) + usage.completion_tokens.unwrap_or(0);
        token.state.account(&token.row, tokens, nano, Timestamp::now());
    }
}

/// Nano-dollars and how they came about; `None` where no price or no usage is known.
fn cost(
    record: &Record,
    billing: Option<&Billing>,
    snapshot: &Snapshot,
    said: &Answered,
) -> Option<(i64, PriceUsed)> {
    let answered = record.status.is_some_and(|status| status < 400);
    if let Some(nano) = billing.and_then(|b| b.key.price_per_call_nano) {
        let used = PriceUsed { per_call_usd: Some(nano as f64 / 1e9), ..used(PriceSource::Call) };
        return answered.then_some((nano, used));
    }
    // Sound has rates of its own, which no list here holds: unknown, not the text's.
    if said.has_audio() {
        return None;
    }
    // As the upstream names it, as it was asked there, as the client calls it.
    let asked = billing.map(|b| &*b.model);
    let names = [record.upstream_model.as_deref(), asked, record.model.as_deref()];
    let (source, model, price) = price(names, billing.map(|b| &*b.provider), snapshot)?;
    let multiplier = billing.map_or(1.0, |b| b.provider.price_multiplier);
    let price = price.scaled(multiplier);
    let written = said.written();
    let nano = price.cost_with_written(&record.usage, written)?;
    let rates = price.rates(record.usage.prompt_tokens.unwrap_or(0));
    let used = PriceUsed {
        model: Some(model.to_owned()),
        input: Some(rates.input.as_usd_per_million()),
        output: Some(rates.output.as_usd_per_million()),
        cache_read: rates.cache_read.map(Rate::as_usd_per_million),
        cache_write: rates.cache_write.map(Rate::as_usd_per_million),
        written_tokens: written,
        multiplier,
        ..used(source)
    };
    Some((nano, used))
}

fn used(source: PriceSource) -> PriceUsed {
    PriceUsed {
        source,
        model: None,
        input: None,
        output: None,
        cache_read: None,
        cache_write: None,
        written_tokens: 0,
        multiplier: 1.0,
        per_call_usd: None,
    }
}

/// What somebody set for any of these names, else the list's price, that of who serves
/// it first.
fn price<'a>(
    names: [Option<&'a str>; 3],
    provider: Option<&Provider>,
    snapshot: &Snapshot,
) -> Option<(PriceSource, &'a str, Price)> {
    let names = || names.into_iter().flatten().filter(|name| !name.is_empty());
    let set = names().find_map(|name| {
        let price = Override::read(snapshot.prices.get(name)?)?.price().ok()?;
        Some((PriceSource::Override, name, price))
    });
    let book = snapshot.book();
    let listed = |name| match provider {
        Some(provider) if provider.kind == Kind::Azure => book.price_at("azure", name),
        Some(provider) => book.price_at(&provider.name, name),
        None => book.price(name),
    };
    set.or_else(|| names().find_map(|name| Some((PriceSource::List, name, listed(name)?))))
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

/// These could not be kept: the next time they are given again.
pub(super) fn keep_again(
    routing: &Routing,
    changed: &BTreeSet<i64>,
    spending: &[roster::Spending],
) {
    changed.iter().for_each(|key| routing.mark(*key));
    let snapshot = routing.snapshot.load();
    let failed = |id| spending.iter().any(|one| one.token_id == id);
    snapshot.tokens().filter(|token| failed(token.row.id)).for_each(|t| t.state.keep_again());
}
