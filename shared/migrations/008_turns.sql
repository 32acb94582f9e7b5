-- Which exchanges are turns of one conversation.

-- ── written by the proxy, with the search index ─────────────────────────────

CREATE TABLE turns (
    seq   INTEGER PRIMARY KEY,                          -- exchanges.seq
    root  INTEGER NOT NULL,                             -- seq of the first turn
    whole INTEGER NOT NULL,                             -- content/turn.rs; what the next turn begins with
    call  TEXT                                          -- id of the first tool call of its answer
) STRICT;
CREATE INDEX turns_by_root ON turns (root, seq);
CREATE INDEX turns_by_whole ON turns (whole, seq);
