//! What a span came to by name and by kind of failure: read here, shown as JSON and as
//! CSV.

use glassway_shared::store::{
    StoreError, exchanges, keys,
    read::Reader,
    stats::{self, Narrow, Span},
    totals::Metric,
};

use super::shape::{By, FailureKind, FailureReport, Newest, TopItem, TopReport, Total};
use crate::{
    api::{
        pool::Pool,
        shape::{Id, Time},
        stats::id_of,
    },
    app::App,
};

/// Sums by name, largest first; keys with their ids, models with their latencies.
pub(super) fn top_list(
    app: &App,
    reader: &Reader,
    span: Span,
    (by, order): (By, stats::Weight),
    limit: usize,
    narrow: &Narrow,
) -> Result<TopReport, StoreError> {
    let ranking = stats::ranking(reader, span, by.into(), order, limit, narrow)?;
    let known = match by {
        By::Key => Some(reader.with(|c| Ok((keys::all(c)?, Pool::read(app, c)?)))?),
        _ => None,
    };
    let spreads = match by {
        By::Model => Some((
            stats::spread_by_model(reader, span, Metric::Duration)?,
            stats::spread_by_model(reader, span, Metric::FirstToken)?,
        )),
        _ => None,
    };
    let item = |(name, sums): &(stats::Name, stats::Sums)| {
        let key_id = known.as_ref().zip(name.provider.as_deref());
        let spread = |share: f64, first: bool| {
            let (whole, token) = spreads.as_ref()?;
            let of = if first { token } else { whole };
            of.get(&name.name)?.percentile(share)
        };
        TopItem {
            name: name.name.clone(),
            provider: name.provider.clone(),
            key_id: key_id.and_then(|((all, pool), of)| id_of(all, pool, of, &name.name)),
            total: sums.into(),
            p50_ms: spread(0.5, false),
            p95_ms: spread(0.95, false),
            first_token_p50_ms: spread(0.5, true),
            first_token_p95_ms: spread(0.95, true),
        }
    };
    Ok(TopReport {
        span: span.into(),
        total: Total::from(&ranking.whole),
        items: ranking.top.iter().map(item).collect(),
        others: ranking.others,
        rest: Total::from(&ranking.rest),
    })
}

/// Failures by kind, each with its newest example as far as that is still recorded.
pub(super) fn failures(reader: &Reader, span: Span) -> Result<FailureReport, StoreError> {
    let kinds = stats::kinds(reader, span)?;
    let items = kinds.into_iter().map(|kind| {
        // Retention may have taken it.
        let newest = exchanges::find(reader, kind.newest)?.map(|found| {
            let exchange = found.exchange;
            Newest {
                id: Id(exchange.id),
                started_at: Time(exchange.started_at),
                message: exchange.error.map(|error| error.message),
                model: exchange.model,
                provider: exchange.provider,
                key: exchange.key,
                client_token: exchange.client_token,
            }
        });
        Ok(FailureKind {
            outcome: kind.outcome,
            status: kind.status,
            code: kind.code,
            calls: kind.calls,
            newest,
        })
    });
    let items: Vec<_> = items.collect::<Result<_, StoreError>>()?;
    let calls = items.iter().map(|item| item.calls).sum();
    Ok(FailureReport { span: span.into(), calls, items })
}
