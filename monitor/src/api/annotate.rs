//! What people say about an exchange: which to keep from retention, and why. Other pages
//! that show it are told by `request.updated`.

use std::sync::Arc;

use glassway_shared::store::{annotations::Change, exchanges};
use poem::Result;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json, types::MaybeUndefined};

use super::{
    Tag,
    input::Body,
    requests::{COMMIT_TRIES, COMMIT_WAIT, Found, find},
    shape::{Exchange, Id},
};
use crate::{app::App, error::Problem};

pub(super) struct Operations(pub(super) Arc<App>);

/// What may be said of an exchange; what is left out stays as it is.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct Annotations {
    /// Kept from retention.
    pinned: MaybeUndefined<bool>,
    /// A remark; `null` or blank = none.
    #[oai(validator(max_length = 10000))]
    note: MaybeUndefined<String>,
}

#[OpenApi(tag = "Tag::Requests")]
impl Operations {
    /// Pin an exchange, or note something about it
    ///
    /// A pinned one is kept whole, however old it gets. Running ones can be pinned too.
    #[oai(path = "/api/request/:id", method = "put", operation_id = "annotateRequest")]
    async fn annotate(
        &self,
        /// The exchange.
        id: Path<Id>,
        said: Body<Annotations>,
    ) -> Result<Json<Exchange>> {
        let id = id.0.0;
        let pinned = match said.0.pinned {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Value(pinned) => Some(pinned),
            MaybeUndefined::Null => {
                return Err(Problem::field("pinned", "cannot be null; leave it out").into());
            }
        };
        let note = match said.0.note {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(note) => Some(Some(note)),
        };
        // Waits for one that has ended and is about to be committed.
        let running = matches!(find(&self.0, id).await?, Found::Running(_));
        let gone = || Problem::not_found(format!("there is no exchange {id} any more"));
        let change = Change { pinned, note };
        let annotation =
            self.0.write(move |own| own.annotate(id, running, change)).await?.ok_or_else(gone)?;
        // One that runs and was not announced yet, or ends just now, shows up in a moment.
        for _ in 0..COMMIT_TRIES {
            let stored = self.0.read(move |reader| exchanges::find(reader, id)).await?;
            let stored = stored.map(|found| found.exchange);
            if let Some(exchange) = self.0.live.annotated(id, annotation.clone(), stored) {
                return Ok(Json(exchange.into()));
            }
            tokio::time::sleep(COMMIT_WAIT).await;
        }
        Err(gone().into())
    }
}
