-- The record of what went through the proxy, its totals by minute, full-text
-- search, and what the monitor keeps for itself. 16 KB pages and incremental
-- auto-vacuum are set before this runs (store/migrate.rs).

-- ── written by the proxy ────────────────────────────────────────────────────

-- One row per exchange, appended when it has ended and never changed. Names are
-- kept as they were, so that history outlives what it names. Narrow on purpose:
-- lists filter over it without touching contents.
CREATE TABLE exchanges (
    seq               INTEGER PRIMARY KEY AUTOINCREMENT, -- order of commit: the feed's cursor
    id                BLOB    NOT NULL UNIQUE,           -- UUIDv7: order of start
    started_at        INTEGER NOT NULL,                  -- unix microseconds
    method            TEXT    NOT NULL,
    path              TEXT    NOT NULL,                  -- without the query
    origin            TEXT    NOT NULL,
    mode              TEXT    NOT NULL,
    client_ip         TEXT    NOT NULL,
    client_token      TEXT,
    provider          TEXT,
    key               TEXT,
    model             TEXT,
    upstream_model    TEXT,
    status            INTEGER,
    outcome           TEXT    NOT NULL,
    error_code        TEXT,
    error_message     TEXT,
    stream            INTEGER NOT NULL,
    duration_us       INTEGER,
    ttfb_us           INTEGER,
    first_token_us    INTEGER,
    request_bytes     INTEGER NOT NULL,
    response_bytes    INTEGER NOT NULL,
    prompt_tokens     INTEGER,
    completion_tokens INTEGER,
    cached_tokens     INTEGER,
    reasoning_tokens  INTEGER,
    usage_source      TEXT    NOT NULL,
    cost_nano         INTEGER,                           -- nano-dollars; NULL = unknown
    attempts          INTEGER NOT NULL,
    warnings          TEXT                               -- JSON array; NULL = none
) STRICT;

-- What people look for when something is wrong; rare rows, so nearly free.
CREATE INDEX exchanges_not_ok ON exchanges (outcome, id) WHERE outcome <> 'ok';

-- The rest of an exchange: what was said. Same rowid as its exchange.
CREATE TABLE contents (
    seq               INTEGER PRIMARY KEY,
    http_version      TEXT    NOT NULL,
    target            TEXT    NOT NULL,                  -- path and query, credentials redacted
    upstream_url      TEXT,
    connect_us        INTEGER,                           -- NULL on a reused connection
    request_sent_us   INTEGER,
    reused            INTEGER NOT NULL,
    request_headers   BLOB    NOT NULL,                  -- "name: value\r\n"…, credentials redacted
    request_trailers  BLOB,
    request_body      BLOB,                              -- in the form request_form says
    request_form      INTEGER NOT NULL,                  -- store/bodies.rs
    response_headers  BLOB,
    response_trailers BLOB,
    response_body     BLOB,
    response_form     INTEGER NOT NULL,
    marks             BLOB,                              -- when each piece of the answer arrived
    messages          BLOB,                              -- WebSocket messages, both directions
    tries             TEXT                               -- JSON; NULL = one, told by the columns
) STRICT;

-- Pieces of large bodies by content, so that a history sent again is stored once.
-- last_seen is the newest exchange that uses it: retention deletes what only
-- exchanges older than the oldest kept could need, without reference counts.
CREATE TABLE chunks (
    id        INTEGER PRIMARY KEY,
    hash      BLOB    NOT NULL UNIQUE,                   -- BLAKE3, first 16 bytes
    last_seen INTEGER NOT NULL
) STRICT;
CREATE TABLE chunk_data (
    id   INTEGER PRIMARY KEY,
    data BLOB    NOT NULL                                -- zstd
) STRICT;

-- Sums written in the transaction of the exchanges they count, so that
-- statistics never scan exchanges. '' stands for "none" in the names.
CREATE TABLE minute_totals (
    minute            INTEGER NOT NULL,                  -- unix minutes, of the end
    outcome           TEXT    NOT NULL,
    model             TEXT    NOT NULL,
    provider          TEXT    NOT NULL,
    key               TEXT    NOT NULL,
    client_token      TEXT    NOT NULL,
    calls             INTEGER NOT NULL,
    duration_us       INTEGER NOT NULL,                  -- sum
    ttfb_us           INTEGER NOT NULL,                  -- sum over ttfb_calls
    ttfb_calls        INTEGER NOT NULL,
    prompt_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cached_tokens     INTEGER NOT NULL,
    reasoning_tokens  INTEGER NOT NULL,
    cost_nano         INTEGER NOT NULL,
    request_bytes     INTEGER NOT NULL,
    response_bytes    INTEGER NOT NULL,
    PRIMARY KEY (minute, outcome, model, provider, key, client_token)
) STRICT, WITHOUT ROWID;

-- Latencies in logarithmic buckets (store/totals.rs), for percentiles.
CREATE TABLE minute_latency (
    minute INTEGER NOT NULL,
    metric INTEGER NOT NULL,                             -- 0 duration, 1 first byte, 2 first token
    model  TEXT    NOT NULL,
    bucket INTEGER NOT NULL,
    calls  INTEGER NOT NULL,
    PRIMARY KEY (minute, metric, model, bucket)
) STRICT, WITHOUT ROWID;

-- What could not be kept.
CREATE TABLE minute_losses (
    minute       INTEGER PRIMARY KEY,
    bodies_shed  INTEGER NOT NULL,
    records_lost INTEGER NOT NULL
) STRICT;

-- Text of exchanges, prepared by store/search.rs; rowid = exchanges.seq.
CREATE VIRTUAL TABLE search USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO search (search, rank) VALUES ('automerge', 0);

-- How far the proxy's idle work has come.
CREATE TABLE progress (
    name TEXT    PRIMARY KEY NOT NULL,
    at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- ── written by the monitor ──────────────────────────────────────────────────

CREATE TABLE settings (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL                                  -- JSON
) STRICT, WITHOUT ROWID;

-- Incremented by every monitor write that the proxy must notice.
CREATE TABLE config_revision (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO config_revision VALUES (1, 0);

CREATE TABLE sessions (
    hash       BLOB    PRIMARY KEY NOT NULL,             -- BLAKE3 of the token
    created_at INTEGER NOT NULL,                         -- unix seconds
    expires_at INTEGER NOT NULL,
    client     TEXT    NOT NULL                          -- address and user agent, for the person
) STRICT, WITHOUT ROWID;
