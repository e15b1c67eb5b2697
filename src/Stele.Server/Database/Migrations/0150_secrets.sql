-- oldest-server: 0.1.0
-- Secrets: what is known of them, their versions, and their values as ciphertext, all projections of the journal; and beside
-- it, in no event, the wrapped data keys. Nobody but the server is granted any of it: what a reader may know of secrets he
-- is told by the server, with his rights looked at. docs/adr/0032-secrets.md argues it.

-- The newest version of each, deleted ones included: their numbers go on.
CREATE TABLE stele.secret (
    id               bigint      NOT NULL,  -- revision × 16384 + ordinal of the event that first created it
    path             text        NOT NULL COLLATE "C",
    environment      text        NOT NULL COLLATE "C",
    version          bigint      NOT NULL,
    step             bigint      NOT NULL,  -- of its stream: destructions count here, and are no versions
    revision         bigint      NOT NULL,  -- the one that made this version
    changed_revision bigint      NOT NULL,  -- the one of its last event
    created_at       timestamptz NOT NULL,  -- of this version
    created_by       text        NOT NULL,
    value_id         uuid        NOT NULL,
    value_bytes      int         NOT NULL,  -- of the ciphertext
    is_text          boolean     NOT NULL,
    expires_at       timestamptz NULL,
    metadata         text        NOT NULL,  -- a canonical JSON object
    rotation_days    int         NULL,
    deleted          boolean     NOT NULL,
    destroyed        boolean     NOT NULL,
    org_id           int         NOT NULL,
    CONSTRAINT secret_pkey PRIMARY KEY (org_id, environment, path),
    CONSTRAINT secret_shape CHECK (version > 0 AND step >= version AND value_bytes >= 28)
) WITH (fillfactor = 80);
CALL stele.make_tenant_table('stele.secret');
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.secret TO stele_app;

-- Every version. A deletion has no value; an undeletion has the value that was there before it.
CREATE TABLE stele.secret_version (
    id            bigint      NOT NULL,  -- revision × 16384 + ordinal of the event that made it
    path          text        NOT NULL COLLATE "C",
    environment   text        NOT NULL COLLATE "C",
    version       bigint      NOT NULL,
    kind          text        NOT NULL COLLATE "C",
    value_id      uuid        NOT NULL,  -- of a deletion: the value that it hides
    revision      bigint      NOT NULL,
    created_at    timestamptz NOT NULL,
    created_by    text        NOT NULL,
    change_log    text        NULL,
    is_text       boolean     NOT NULL,
    expires_at    timestamptz NULL,
    metadata      text        NOT NULL,
    rotation_days int         NULL,
    org_id        int         NOT NULL,
    CONSTRAINT secret_version_pkey PRIMARY KEY (org_id, environment, path, version),
    CONSTRAINT secret_version_kind CHECK (kind IN ('set', 'deleted', 'undeleted'))
);
CALL stele.make_tenant_table('stele.secret_version');
GRANT SELECT, INSERT, DELETE ON stele.secret_version TO stele_app;

-- The values: nonce, ciphertext, tag. Bound to org, environment, path and value_id, so that a row that is moved fails its check.
-- `digest` is a keyed hash of the value, which stays when the value is destroyed.
CREATE TABLE stele.secret_value (
    value_id    uuid        NOT NULL,
    environment text        NOT NULL COLLATE "C",
    path        text        NOT NULL COLLATE "C",
    version     bigint      NOT NULL,  -- the one that brought it
    id          bigint      NOT NULL,  -- revision × 16384 + ordinal of the event that brought it
    at          timestamptz NOT NULL,
    ciphertext  bytea       NULL,      -- NULL: destroyed
    digest      bytea       NOT NULL,
    org_id      int         NOT NULL,
    CONSTRAINT secret_value_pkey PRIMARY KEY (org_id, value_id),
    CONSTRAINT secret_value_shape CHECK (octet_length(ciphertext) >= 28 AND octet_length(digest) = 32)
);
-- ciphertext is random: compressing it would be work for nothing
ALTER TABLE stele.secret_value ALTER COLUMN ciphertext SET STORAGE EXTERNAL;
CREATE INDEX secret_value_digest ON stele.secret_value (org_id, digest);
CALL stele.make_tenant_table('stele.secret_value');
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.secret_value TO stele_app;

-- The versions of each org's key-encryption key: which key of which provider, and a salt by which the local provider makes
-- one of its own for each org. `wraps` counts in blocks, ahead of use, so that no crash makes it too small.
CREATE TABLE stele.secret_org_key (
    org_id           int         NOT NULL,
    version          int         NOT NULL,
    provider         text        NOT NULL COLLATE "C",
    key_id           text        NOT NULL COLLATE "C",
    provider_version int         NOT NULL,
    salt             bytea       NOT NULL,
    wraps            bigint      NOT NULL DEFAULT 0,
    created_at       timestamptz NOT NULL DEFAULT now(),
    unused_since     timestamptz NULL,  -- since when no data key is wrapped by it, as far as a rewrap found out
    CONSTRAINT secret_org_key_pkey PRIMARY KEY (org_id, version),
    CONSTRAINT secret_org_key_shape CHECK (version > 0 AND octet_length(salt) = 32 AND wraps >= 0)
) WITH (fillfactor = 50);
CALL stele.make_tenant_table('stele.secret_org_key');
CREATE POLICY secret_org_key_tail ON stele.secret_org_key FOR SELECT TO stele_tail USING (true);
GRANT SELECT, INSERT, UPDATE ON stele.secret_org_key TO stele_app;
GRANT SELECT ON stele.secret_org_key TO stele_tail;

-- The one table that no journal could bring back: the wrapped data key of each value, and of what else an org encrypts. A value
-- whose row is gone cannot be read by anybody.
CREATE TABLE stele.secret_key (
    org_id      int   NOT NULL,
    value_id    uuid  NOT NULL,
    key_version int   NOT NULL,
    wrapped     bytea NOT NULL,
    CONSTRAINT secret_key_pkey PRIMARY KEY (org_id, value_id)
) WITH (fillfactor = 80);
CREATE INDEX secret_key_by_version ON stele.secret_key (org_id, key_version, value_id);
CALL stele.make_tenant_table('stele.secret_key');
CREATE POLICY secret_key_tail ON stele.secret_key FOR SELECT TO stele_tail USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.secret_key TO stele_app;
GRANT SELECT (org_id, key_version) ON stele.secret_key TO stele_tail;
