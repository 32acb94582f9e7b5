//! Everything that knows SQL: one SQLite file, one writing connection per
//! process, read-only connections with a time limit for everyone else.
//!
//! ```text
//! migrate    open, create and migrate under a file lock; refuse what is newer or corrupt
//! record     what the proxy hands over for one ended exchange
//! write      batches of records, with totals, in one transaction
//! annotations  which exchanges people pinned, and what they noted
//! attempts   what attempts said and were told, where the client saw something else
//! bodies     raw, compressed, or cut into chunks stored by content
//! search     text in, phrases out; Chinese included
//! shards     the tables of the search index
//! keep       pinned exchanges outlive their chunks
//! tend       idle work of the writer: indexing, retention, merging, vacuum
//! checkpoint moves the WAL into the file, beside the writer
//! totals     minute sums and latency buckets
//! read       query-only connections that give up after two seconds
//! filter     what a list can be narrowed to, in SQL and in memory
//! exchanges  lists, and what was committed after a cursor
//! stored     one exchange with everything that was said
//! stats      questions to the totals
//! roster     what the proxy routes by, and what it keeps of that
//! rekey      every sealed key under another key pair, in one transaction
//! settings   what the monitor keeps for itself
//! chats      conversations held over the monitor
//! sessions   who is signed in
//! storage    what the database costs in disk
//! upkeep     copy, restore, shrink and examine the whole database
//! providers  upstreams, and what uses them
//! keys       upstream credentials with their state, sealed
//! models     what is known of models; an imported price list
//! routes     model names → candidates
//! tokens     what clients identify themselves with
//! ```
//!
//! Each table has one writing process (see the migration's two parts). A second
//! store on another engine would stand beside this module; until there is one
//! there is no trait.

pub mod annotations;
mod attempts;
pub mod audit;
pub mod bodies;
pub mod chats;
pub mod checkpoint;
pub mod exchanges;
pub mod filter;
mod free;
mod keep;
pub mod keys;
pub mod migrate;
pub mod models;
pub mod providers;
pub mod read;
pub mod record;
pub mod rekey;
pub mod roster;
pub mod routes;
pub mod search;
pub mod sessions;
pub mod settings;
mod shards;
pub mod stats;
pub mod storage;
pub mod stored;
pub mod tend;
pub mod tokens;
pub mod totals;
pub mod traces;
pub mod turns;
pub mod upkeep;
pub mod write;

use std::path::PathBuf;

/// Why the store cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file was written by a newer Glassway.
    #[error(
        "{path}: written by a newer Glassway (schema {found}, this program knows {known}); \
         install that version again, nothing was touched"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// An older process uses it, and would not understand what it is to become.
    #[error(
        "{path}: an older Glassway process still uses it, and this version changes what is there; \
         stop that process, then start this one"
    )]
    OlderInUse {
        /// The database.
        path: PathBuf,
    },
    /// Not a database, or damaged.
    #[error(
        "{path}: not a readable database ({reason}); nothing was touched. Restore a backup, or move it away to start anew"
    )]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// A folder or file that cannot be used.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Somebody has it open.
    #[error("{path}: is in use; stop glassway-proxy and glassway-monitor first")]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// Of an older Glassway.
    #[error("{path}: {due} migration(s) are due; start this version once, then try again")]
    Behind {
        /// The database.
        path: PathBuf,
        /// How many.
        due: i64,
    },
    /// It cannot be opened: no file, no permission, a failing disk.
    #[error("{path}: cannot be used as a database: {source}")]
    Unusable {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// Anything else SQLite says.
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
}

impl StoreError {
    /// Whether trying again later may help: disk full, locked, I/O.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Sql(rusqlite::Error::SqliteFailure(e, _)) => !matches!(
                e.code,
                rusqlite::ErrorCode::DatabaseCorrupt
                    | rusqlite::ErrorCode::NotADatabase
                    | rusqlite::ErrorCode::ConstraintViolation
            ),
            Self::Io { .. } => true,
            _ => false,
        }
    }
}
