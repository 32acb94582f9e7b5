-- Traces: a request whose image address points back here, and who fetched the image.
-- Names are kept as they were, so that history outlives what it names. Ids of deleted
-- rows are never given again (AUTOINCREMENT), since sealed keys refer to them.

-- ── written by the monitor ──────────────────────────────────────────────────

CREATE TABLE traces (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    trace_id      TEXT    NOT NULL UNIQUE,              -- random; what image addresses carry
    series        INTEGER NOT NULL,                     -- the first trace begun together with it
    key_id        INTEGER,                              -- as it was; NULL: typed in
    provider_id   INTEGER,                              -- as it was; NULL: typed in
    provider      TEXT    NOT NULL,                     -- its name, else the host typed in
    key           TEXT    NOT NULL,                     -- its name; '' where typed in
    base_url      TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    sealed        BLOB,                                 -- HPKE; a key typed in, gone with the row
    sealed_origin TEXT,
    model         TEXT    NOT NULL,
    prompt        TEXT    NOT NULL,
    images        INTEGER NOT NULL,                     -- how many the request carries
    image_base    TEXT    NOT NULL,                     -- their address up to the query
    status        TEXT    NOT NULL,                     -- pending, running, done, failed
    error         TEXT,
    created_at    INTEGER NOT NULL,                     -- unix microseconds
    started_at    INTEGER,
    ended_at      INTEGER,
    request_id    TEXT,                                 -- the exchange it was recorded as
    answer        TEXT,                                 -- the text of it
    said          TEXT                                  -- JSON: what else the answer says
) STRICT;
CREATE INDEX traces_by_model ON traces (model, id);
CREATE INDEX traces_by_series ON traces (series, id);

-- One row per fetch, up to a bound per trace; what is beyond it is counted alone.
CREATE TABLE trace_hits (
    id         INTEGER PRIMARY KEY,
    trace      INTEGER NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    image      INTEGER NOT NULL,                        -- counted from 1
    at         INTEGER NOT NULL,                        -- unix microseconds
    method     TEXT    NOT NULL,
    ip         TEXT    NOT NULL,                        -- the peer, or whom trusted proxies speak for
    peer       TEXT    NOT NULL,                        -- the connection's other end
    port       INTEGER NOT NULL,                        -- the peer's
    forwarded  TEXT    NOT NULL DEFAULT '[]',           -- JSON: addresses that trusted proxies named
    version    TEXT    NOT NULL,                        -- HTTP/1.1
    user_agent TEXT,
    headers    TEXT    NOT NULL,                        -- JSON: [[name, value], …], credentials redacted
    code       TEXT                                     -- drawn into what it got; NULL: it got no picture
) STRICT;
CREATE INDEX trace_hits_by_trace ON trace_hits (trace, id);
CREATE TABLE trace_overflow (
    trace INTEGER PRIMARY KEY REFERENCES traces (id) ON DELETE CASCADE,
    hits  INTEGER NOT NULL                              -- beyond the bound
) STRICT;
