-- Conversations held over the monitor: in the playground, or with POST /api/chat.

-- ── written by the monitor ──────────────────────────────────────────────────

CREATE TABLE chats (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    title      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,                        -- unix milliseconds
    updated_at INTEGER NOT NULL,                        -- unix milliseconds
    bytes      INTEGER NOT NULL DEFAULT 0               -- of its messages
) STRICT;
CREATE INDEX chats_by_update ON chats (updated_at, id);

-- Each message of a chat once, although every turn sends all of them again: a turn
-- names those it was asked with, so that a changed or repeated turn is a branch and
-- nothing is overwritten.
CREATE TABLE chat_messages (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    chat_id INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    hash    BLOB    NOT NULL,                           -- BLAKE3 of json
    json    TEXT    NOT NULL,                           -- as OpenAI shapes it, names in order
    UNIQUE (chat_id, hash)
) STRICT;

CREATE TABLE chat_turns (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    chat_id    INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    asked_at   INTEGER NOT NULL,                        -- unix milliseconds
    state      TEXT    NOT NULL CHECK (state IN ('running', 'done', 'failed', 'stopped', 'interrupted')),
    model      TEXT    NOT NULL,
    provider   TEXT,                                    -- only this one, where that was asked for
    key_id     INTEGER,                                 -- only this one, where that was asked for
    parameters TEXT    NOT NULL,                        -- JSON: the body without model and messages
    messages   TEXT    NOT NULL,                        -- JSON: ids of chat_messages, in order
    question   TEXT    NOT NULL,                        -- the last message's words
    answer     TEXT    NOT NULL DEFAULT '',             -- the answer's words
    message_id INTEGER,                                 -- the answer, as a message to send back
    reasoning  TEXT,                                    -- said beside it; never sent back
    finish     TEXT,
    status     INTEGER,                                 -- NULL: nothing was answered
    error      TEXT,
    exchange   BLOB,                                    -- exchanges.id
    figures    TEXT                                     -- JSON, model.rs `Exchange`; outlives retention
) STRICT;
CREATE INDEX chat_turns_by_chat ON chat_turns (chat_id, id);
