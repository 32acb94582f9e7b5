//! What an exchange cost and who pays: priced when its record is made, spent by its key
//! and its client token, and those kept in the database.

use std::{borrow::Cow, collections::BTreeSet};

use glassway_shared::{
    model::{PriceBeside, PriceSource, PriceUsed},
    prices::{Counts, Override, Price, Rate, Rates},
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
    if let Some(token) = &state.token {
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
    // As the upstream names it, as it was asked there, as the client calls it.
    let asked = billing.map(|b| &*b.model);
    let names = [record.upstream_model.as_deref(), asked, record.model.as_deref()];
    let (source, model, listed) = price(names, billing.map(|b| &*b.provider), snapshot)?;
    let multiplier = billing.map_or(1.0, |b| b.provider.price_multiplier);
    let counts = said.counts(&record.usage)?;
    let bill = listed.bill_served(said.ways(), multiplier, &counts)?;
    let touched = counts.cached > 0 || counts.written > 0;
    let used = PriceUsed {
        model: Some(model.to_owned()),
        input: Some(bill.rates.input.as_usd_per_million()),
        output: Some(bill.rates.output.as_usd_per_million()),
        cache_read: bill.rates.cache_read.map(Rate::as_usd_per_million),
        cache_write: bill.rates.cache_write.map(Rate::as_usd_per_million),
        written_tokens: counts.written,
        multiplier,
        cache_saved_usd: touched.then_some(bill.saved_nano as f64 / 1e9),
        beside: beside(&listed, said, &counts, bill.rates).map(Box::new),
        ..used(source)
    };
    Some((bill.nano, used))
}

/// What only some calls are priced by; `None` where this one is not.
fn beside(listed: &Price, said: &Answered, counts: &Counts, rates: Rates) -> Option<PriceBeside> {
    let usd = |rate: Option<Rate>, n: u64| rate.filter(|_| n > 0).map(Rate::as_usd_per_million);
    let served = said.ways().filter(|way| listed.knows(way));
    let beside = PriceBeside {
        served: served.map(str::to_owned).collect(),
        cache_write_1h: usd(rates.cache_write_1h, counts.written_1h),
        written_1h_tokens: counts.written_1h,
        audio_input: usd(rates.audio_input, counts.audio_input),
        audio_input_tokens: counts.audio_input,
        audio_output: usd(rates.audio_output, counts.audio_output),
        audio_output_tokens: counts.audio_output,
        image_input: usd(rates.image_input, counts.image_input),
        image_input_tokens: counts.image_input,
        image_output: usd(rates.image_output, counts.image_output),
        image_output_tokens: counts.image_output,
    };
    (beside != PriceBeside::default()).then_some(beside)
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
        cache_saved_usd: None,
        beside: None,
    }
}

/// What somebody set for any of these names, else the list's price, that of who serves
/// it first.
fn price<'a>(
    names: [Option<&'a str>; 3],
    provider: Option<&Provider>,
    snapshot: &'a Snapshot,
) -> Option<(PriceSource, &'a str, Cow<'a, Price>)> {
    let names = || names.into_iter().flatten().filter(|name| !name.is_empty());
    let set = names().find_map(|name| {
        let price = Override::read(snapshot.prices.get(name)?)?.price().ok()?;
        Some((PriceSource::Override, name, Cow::Owned(price)))
    });
    let book = snapshot.book();
    let listed = |name| match provider {
        Some(provider) if provider.kind == Kind::Azure => book.price_at("azure", name),
        Some(provider) => book.price_at(&provider.name, name),
        None => book.price(name),
    };
    set.or_else(|| {
        names().find_map(|name| Some((PriceSource::List, name, Cow::Borrowed(listed(name)?))))
    })
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
