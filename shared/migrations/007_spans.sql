-- Sums over long stretches without reading every minute, and failures by kind.
-- Written by the proxy, in the transaction of the exchanges they count.

-- minute_totals added up by quarter of an hour: every zone's midnight lies on one.
CREATE TABLE quarter_totals (
    minute            INTEGER NOT NULL,                  -- the quarter's first unix minute
    outcome           TEXT    NOT NULL,
    model             TEXT    NOT NULL,
    provider          TEXT    NOT NULL,
    key               TEXT    NOT NULL,
    client_token      TEXT    NOT NULL,
    calls             INTEGER NOT NULL,
    duration_us       INTEGER NOT NULL,
    ttfb_us           INTEGER NOT NULL,
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
INSERT INTO quarter_totals
SELECT minute - (minute % 15), outcome, model, provider, key, client_token, sum(calls),
    sum(duration_us), sum(ttfb_us), sum(ttfb_calls), sum(prompt_tokens), sum(completion_tokens),
    sum(cached_tokens), sum(reasoning_tokens), sum(cost_nano), sum(request_bytes), sum(response_bytes)
FROM minute_totals GROUP BY 1, 2, 3, 4, 5, 6;

-- minute_latency added up the same way.
CREATE TABLE quarter_latency (
    minute INTEGER NOT NULL,
    metric INTEGER NOT NULL,
    model  TEXT    NOT NULL,
    bucket INTEGER NOT NULL,
    calls  INTEGER NOT NULL,
    PRIMARY KEY (minute, metric, model, bucket)
) STRICT, WITHOUT ROWID;
INSERT INTO quarter_latency
SELECT minute - (minute % 15), metric, model, bucket, sum(calls)
FROM minute_latency GROUP BY 1, 2, 3, 4;

-- What went wrong, by kind, with the newest example; it may have expired since.
CREATE TABLE minute_failures (
    minute  INTEGER NOT NULL,                            -- unix minutes, of the end
    outcome TEXT    NOT NULL,                            -- never 'ok'
    status  INTEGER NOT NULL,                            -- 0 = none
    code    TEXT    NOT NULL,                            -- '' = none
    calls   INTEGER NOT NULL,
    newest  BLOB    NOT NULL,                            -- an exchange's id
    PRIMARY KEY (minute, outcome, status, code)
) STRICT, WITHOUT ROWID;
INSERT INTO minute_failures
SELECT (started_at + coalesce(duration_us, 0)) / 60000000, outcome, coalesce(status, 0),
    coalesce(error_code, ''), count(*), max(id)
FROM exchanges
WHERE outcome <> 'ok' AND origin IN ('client', 'chat', 'replay')
GROUP BY 1, 2, 3, 4;
