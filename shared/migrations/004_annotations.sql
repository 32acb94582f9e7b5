-- What people said about exchanges: which to keep from retention, and why.

-- ── written by the monitor ──────────────────────────────────────────────────

-- By the exchange's id, since one may be pinned while it still runs and has no row. The
-- proxy reads it: retention passes over what is pinned (store/tend.rs).
CREATE TABLE annotations (
    id     BLOB    PRIMARY KEY NOT NULL,                 -- UUIDv7
    pinned INTEGER NOT NULL,
    note   TEXT                                          -- NULL = none
) STRICT, WITHOUT ROWID;
