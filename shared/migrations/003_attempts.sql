-- What an exchange's cost was computed by, and what its attempts said to upstreams and
-- were told by them, where that differs from what the client saw.

-- ── written by the proxy ────────────────────────────────────────────────────

ALTER TABLE contents ADD COLUMN price    TEXT; -- JSON, model.rs `PriceUsed`; NULL = no cost
ALTER TABLE contents ADD COLUMN attempts BLOB; -- store/attempts.rs; NULL = nothing differs
