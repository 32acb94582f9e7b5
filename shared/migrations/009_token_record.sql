-- How much is recorded of a client token's exchanges.

-- ── written by the monitor ──────────────────────────────────────────────────

ALTER TABLE client_tokens
    ADD COLUMN record TEXT NOT NULL DEFAULT 'all' CHECK (record IN ('all', 'metadata'));
