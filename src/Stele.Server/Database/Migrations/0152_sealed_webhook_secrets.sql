-- oldest-server: 0.1.0
-- What signs webhooks' messages is sealed by a key of the org's (docs/adr/0032-secrets.md): nonce, 32 bytes, tag. SQL has no keys, so
-- what was stored as it is before is sealed by the server, within a minute of its start, and until then still signs.
ALTER TABLE stele.webhook_secret DROP CONSTRAINT webhook_secret_length;
ALTER TABLE stele.webhook_secret ADD CONSTRAINT webhook_secret_length CHECK (octet_length(secret) IN (32, 60));
ALTER TABLE stele.webhook_secret ADD COLUMN is_sealed boolean NOT NULL GENERATED ALWAYS AS (octet_length(secret) = 60) STORED;
CREATE INDEX webhook_secret_unsealed ON stele.webhook_secret (org_id) WHERE NOT is_sealed;
CREATE POLICY webhook_secret_tail ON stele.webhook_secret FOR SELECT TO stele_tail USING (NOT is_sealed);
GRANT SELECT (org_id, webhook_id, version, is_sealed) ON stele.webhook_secret TO stele_tail;
