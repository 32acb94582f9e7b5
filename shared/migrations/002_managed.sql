-- Providers, keys, models, routes, client tokens: what makes Glassway a managed
-- gateway. Ids of deleted rows are never given again (AUTOINCREMENT), since sealed
-- keys and recorded names refer to them.

-- ── written by the monitor ──────────────────────────────────────────────────

CREATE TABLE providers (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    name             TEXT    NOT NULL UNIQUE,
    kind             TEXT    NOT NULL CHECK (kind IN ('openai', 'anthropic', 'azure')),
    base_url         TEXT,                              -- NULL: the configuration's
    enabled          INTEGER NOT NULL DEFAULT 1,
    priority         INTEGER NOT NULL DEFAULT 0,        -- higher goes first
    notes            TEXT    NOT NULL DEFAULT '',
    price_multiplier REAL    NOT NULL DEFAULT 1,
    api_version      TEXT,                              -- azure
    deployments      TEXT    NOT NULL DEFAULT '{}',     -- azure: JSON, model → deployment
    preset           TEXT,
    created_at       INTEGER NOT NULL                   -- unix seconds
) STRICT;
INSERT INTO providers (id, name, kind, created_at) VALUES (1, 'openai', 'openai', unixepoch());

CREATE TABLE keys (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    provider_id         INTEGER NOT NULL REFERENCES providers (id),
    name                TEXT    NOT NULL,
    sealed              BLOB    NOT NULL,               -- HPKE; secret.rs
    sealed_origin       TEXT    NOT NULL,               -- what it is sealed to, to tell a changed address
    sealed_kind         TEXT    NOT NULL,
    fingerprint         BLOB    NOT NULL,               -- keyed BLAKE3: the same key twice is refused
    masked              TEXT    NOT NULL,               -- sk-…wxyz
    active              INTEGER NOT NULL DEFAULT 1,     -- by hand
    models              TEXT    NOT NULL DEFAULT '[]',  -- JSON; empty = all
    weight              INTEGER NOT NULL DEFAULT 1,
    priority            INTEGER NOT NULL DEFAULT 0,
    price_per_call_nano INTEGER,
    quota_nano          INTEGER,                        -- NULL = unlimited
    created_at          INTEGER NOT NULL,
    UNIQUE (provider_id, fingerprint)
) STRICT;
CREATE INDEX keys_by_provider ON keys (provider_id, id);

-- What a key's provider said it serves, when it was last asked.
CREATE TABLE key_models (
    key_id INTEGER NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    model  TEXT    NOT NULL,
    PRIMARY KEY (key_id, model)
) STRICT, WITHOUT ROWID;

-- What people know or decided about a model, over the price list and the fetched names.
CREATE TABLE models (
    name         TEXT    PRIMARY KEY NOT NULL,
    description  TEXT    NOT NULL DEFAULT '',
    capabilities TEXT    NOT NULL DEFAULT '{}',         -- JSON object
    prices       TEXT,                                  -- JSON, dollars per million tokens; NULL = the list's
    added        INTEGER NOT NULL DEFAULT 0             -- by hand
) STRICT, WITHOUT ROWID;

-- A price list that somebody imported, in place of the built-in one.
CREATE TABLE price_list (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    packed      BLOB    NOT NULL,                       -- prices.rs
    imported_at INTEGER NOT NULL                        -- unix seconds
) STRICT;

CREATE TABLE routes (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    model      TEXT    NOT NULL UNIQUE,                 -- a name, or a pattern with *
    candidates TEXT    NOT NULL,                        -- JSON
    strategy   TEXT,                                    -- NULL: the setting
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE client_tokens (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    name           TEXT    NOT NULL UNIQUE,
    hash           BLOB    NOT NULL UNIQUE,             -- BLAKE3 of the token
    masked         TEXT    NOT NULL,
    enabled        INTEGER NOT NULL DEFAULT 1,
    budget_nano    INTEGER,                             -- NULL = none
    budget_period  TEXT    NOT NULL DEFAULT 'total' CHECK (budget_period IN ('day', 'month', 'total')),
    rpm            INTEGER,
    tpm            INTEGER,
    allowed_models TEXT    NOT NULL DEFAULT '[]',       -- JSON; names and patterns; empty = all
    expires_at     INTEGER,                             -- unix seconds
    created_at     INTEGER NOT NULL
) STRICT;

-- What the proxy is to do once: reset a key's state, and later pins and notes. A row
-- newer than the last one done is a command; the proxy never deletes.
CREATE TABLE commands (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    kind   TEXT    NOT NULL,
    target INTEGER NOT NULL
) STRICT;

-- ── written by the proxy ────────────────────────────────────────────────────

-- Why a key is out and until when, and what it has done; outlives restarts.
CREATE TABLE key_state (
    key_id         INTEGER PRIMARY KEY,
    status         TEXT    NOT NULL,                    -- active, cooling, exhausted, invalid
    reason         TEXT,
    until          INTEGER,                             -- unix milliseconds
    health         TEXT    NOT NULL,                    -- JSON of the proxy's own (pool/health.rs)
    spent_nano     INTEGER NOT NULL DEFAULT 0,
    total_requests INTEGER NOT NULL DEFAULT 0,
    last_used_at   INTEGER                              -- unix milliseconds
) STRICT;

-- A token's spending in the period that runs.
CREATE TABLE token_spending (
    token_id     INTEGER PRIMARY KEY,
    period_start INTEGER NOT NULL,                      -- unix seconds
    spent_nano   INTEGER NOT NULL,
    last_used_at INTEGER                                -- unix milliseconds
) STRICT;

-- The public half of the key pair that keys are sealed to.
CREATE TABLE public_key (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    bytes BLOB    NOT NULL
) STRICT;
