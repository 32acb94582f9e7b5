//! What people say about an exchange: which to keep from retention, and why. Other pages
//! that show it are told by `request.updated`.

use glassway_shared::{
    id::ExchangeId,
    store::{annotations::Change, exchanges},
};
use poem_openapi::{Object, types::MaybeUndefined};

use super::{
    requests::{COMMIT_TRIES, COMMIT_WAIT, Found, find},
    shape::Exchange,
};
use crate::{app::App, error::Problem};

/// What may be said of an exchange; what is left out stays as it is.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(super) struct AnnotationInput {
    /// Kept from retention.
    pinned: MaybeUndefined<bool>,
    /// A remark; `null` or blank = none.
    #[oai(validator(max_length = 10000))]
    note: MaybeUndefined<String>,
}

/// Changes what is said about an exchange, and tells everyone who looks.
pub(super) async fn annotate(
    app: &App,
    id: ExchangeId,
    said: AnnotationInput,
) -> Result<Exchange, Problem> {
    let pinned = match said.pinned {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Value(pinned) => Some(pinned),
        MaybeUndefined::Null => {
            return Err(Problem::field("pinned", "cannot be null; leave it out"));
        }
    };
    let note = match said.note {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(note) => Some(Some(note)),
    };
    // Waits for one that has ended and is about to be committed.
    let running = matches!(find(app, id).await?, Found::Running(_));
    let gone = || Problem::not_found(format!("there is no exchange {id} any more"));
    let change = Change { pinned, note };
    let annotation =
        app.write(move |own| own.annotate(id, running, change)).await?.ok_or_else(gone)?;
    // One that runs and was not announced yet, or ends just now, shows up in a moment.
    for _ in 0..COMMIT_TRIES {
        let stored = app.read(move |reader| exchanges::find(reader, id)).await?;
        let stored = stored.map(|found| found.exchange);
        if let Some(exchange) = app.live.annotated(id, annotation.clone(), stored) {
            return Ok(exchange.into());
        }
        tokio::time::sleep(COMMIT_WAIT).await;
    }
    Err(gone())
}
