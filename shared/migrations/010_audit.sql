-- What was done to Glassway through its admin API, by whom, and what came of it.

-- ── written by the monitor ──────────────────────────────────────────────────

CREATE TABLE audit (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    at_us     INTEGER NOT NULL,                         -- unix microseconds
    actor     TEXT    NOT NULL,                         -- admin_key, session, nobody
    session   INTEGER,                                  -- its number in the list of sessions
    via       TEXT    NOT NULL,                         -- page, bearer, none
    address   TEXT    NOT NULL,
    action    TEXT    NOT NULL,                         -- the operation's id, such as changeClientToken
    method    TEXT    NOT NULL,
    path      TEXT    NOT NULL,                         -- without its query
    target    TEXT,                                     -- what it was done to, such as client-token 3
    status    INTEGER NOT NULL,                         -- of the answer
    detail    TEXT,                                     -- why it was refused
    before    TEXT,                                     -- JSON, as the API shows it; never a secret
    after     TEXT
) STRICT;
CREATE INDEX audit_by_action ON audit (action, id);
