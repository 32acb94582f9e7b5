//! What this is, and what its record costs in disk.

use std::{sync::Arc, time::Duration};

use glassway_shared::store::storage;
use jiff::Timestamp;
use poem::Result;
use poem_openapi::{Object, OpenApi, payload::Json};
use serde_json::Value;

use super::{Tag, shape::Time};
use crate::{app::App, link::Ask};

pub(super) struct Operations(pub(super) Arc<App>);

/// How long the proxy may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// The two processes.
#[derive(Object)]
struct About {
    /// The monitor's.
    version: String,
    /// The proxy's; `null` while it is away.
    proxy_version: Option<String>,
    /// Under which Glassway may be used (SPDX).
    license: String,
    /// Whether the admin key is set from outside, so that it cannot be changed here.
    admin_key_configured: bool,
}

/// Bytes by what they hold, indexes included.
#[derive(Object)]
struct StorageParts {
    /// What was said: bodies, headers, attempts.
    bodies: u64,
    /// Rows of lists.
    exchanges: u64,
    /// Full-text search.
    search: u64,
    /// Sums for statistics.
    totals: u64,
    /// Conversations held here.
    chats: u64,
    other: u64,
}

/// What is kept, and what it costs.
#[derive(Object)]
struct Storage {
    /// The database file.
    database_bytes: u64,
    /// Beside it: what is yet to be moved into it.
    log_bytes: u64,
    /// Of the file: free again, for what comes next.
    free_bytes: u64,
    /// `null` where adding them up took too long.
    parts: Option<StorageParts>,
    /// Exchanges kept; `null` where counting took too long.
    exchanges: Option<u64>,
    /// When the oldest began.
    oldest_at: Option<Time>,
}

#[OpenApi(tag = "Tag::Settings")]
impl Operations {
    /// What this is
    #[oai(path = "/api/about", method = "get", operation_id = "readAbout")]
    async fn about(&self) -> Json<About> {
        let ask = Ask { path: "/health", timeout: PATIENCE, ..Ask::default() };
        let proxy = self.0.link.ask(ask).await.ok();
        let said = proxy.and_then(|answer| serde_json::from_slice::<Value>(&answer.body).ok());
        Json(About {
            version: glassway_shared::VERSION.to_owned(),
            proxy_version: said.and_then(|said| Some(said["version"].as_str()?.to_owned())),
            license: env!("CARGO_PKG_LICENSE").to_owned(),
            admin_key_configured: self.0.auth.configured,
        })
    }

    /// What the record costs in disk
    #[oai(path = "/api/storage", method = "get", operation_id = "readStorage")]
    async fn storage(&self) -> Result<Json<Storage>> {
        let path = self.0.config.database.path.clone();
        let found = self.0.read(move |reader| storage::storage(reader, &path)).await?;
        let time = |us| Timestamp::from_microsecond(us).ok().map(Time);
        let parts = found.parts.map(|parts| StorageParts {
            bodies: parts.bodies,
            exchanges: parts.exchanges,
            search: parts.search,
            totals: parts.totals,
            chats: parts.chats,
            other: parts.other,
        });
        Ok(Json(Storage {
            database_bytes: found.database,
            log_bytes: found.log,
            free_bytes: found.free,
            parts,
            exchanges: found.exchanges,
            oldest_at: found.oldest.and_then(time),
        }))
    }
}
