-- oldest-server: 0.1.0
-- Webhooks: which there are, as a projection of the journal; and beside it, in no event, what signs their messages, how far
-- each has come, and what became of its messages. docs/adr/0023-webhooks.md argues it.

CREATE TABLE stele.webhook (
    org_id      int         NOT NULL,
    webhook_id  uuid        NOT NULL,
    url         text        NOT NULL,
    description text        NULL,
    environment text        NULL COLLATE "C",  -- NULL: all
    prefixes    text[]      NOT NULL,          -- none: all keys
    kinds       text[]      NOT NULL,
    enabled     boolean     NOT NULL,
    owner       text        NOT NULL COLLATE "C",  -- as whom it sees
    owner_id    uuid        NOT NULL,
    version     int         NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    CONSTRAINT webhook_pkey PRIMARY KEY (org_id, webhook_id),
    CONSTRAINT webhook_owner CHECK (owner IN ('org', 'user', 'service_account', 'token'))
);
CALL stele.make_tenant_table('stele.webhook');
CREATE POLICY webhook_tail ON stele.webhook FOR SELECT TO stele_tail USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.webhook TO stele_app;
GRANT SELECT (org_id, webhook_id, enabled) ON stele.webhook TO stele_tail;

-- What signs: the bytes themselves, because HMAC needs them. Whoever reads one can forge messages to one receiver, and
-- read nothing of ours; readers and stele_tail have no grant. The newest has no end; the one before it ends.
CREATE TABLE stele.webhook_secret (
    org_id     int         NOT NULL,
    webhook_id uuid        NOT NULL,
    version    int         NOT NULL,  -- of the webhook's stream, when it was made
    secret     bytea       NOT NULL,
    ends_at    timestamptz NULL,
    CONSTRAINT webhook_secret_pkey PRIMARY KEY (org_id, webhook_id, version),
    CONSTRAINT webhook_secret_length CHECK (octet_length(secret) = 32)
);
CALL stele.make_tenant_table('stele.webhook_secret');
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.webhook_secret TO stele_app;

-- How far each has come: everything up to `revision` is delivered, a dead letter, or not for it. Moved by compare-and-set on
-- `revision`, so that a sender that paused does no harm. `chain` and `incarnation` tell when that place is in a history that
-- was lost. What is about the message after it (attempts, next_at, failure) goes when it moves.
CREATE TABLE stele.webhook_place (
    org_id        int         NOT NULL,
    webhook_id    uuid        NOT NULL,
    revision      bigint      NOT NULL,
    chain         bytea       NOT NULL,
    incarnation   uuid        NOT NULL,
    attempts      int         NOT NULL DEFAULT 0,
    failing_since timestamptz NULL,
    next_at       timestamptz NULL,  -- not before this
    status        int         NULL,  -- of the last attempt's answer
    failure       text        NULL,  -- why the last attempt failed
    suspended     text        NULL COLLATE "C",  -- why nothing is sent until somebody says so
    delivered_at  timestamptz NULL,
    taken_until   timestamptz NULL,  -- a node sends until then: who finds it passed takes over
    CONSTRAINT webhook_place_pkey PRIMARY KEY (org_id, webhook_id),
    CONSTRAINT webhook_place_suspended CHECK (suspended IN ('gone', 'dead_letters'))
) WITH (fillfactor = 50);
CALL stele.make_tenant_table('stele.webhook_place');
CREATE POLICY webhook_place_tail ON stele.webhook_place FOR SELECT TO stele_tail USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.webhook_place TO stele_app;
GRANT SELECT (org_id, webhook_id, revision, incarnation, next_at, suspended, taken_until) ON stele.webhook_place TO stele_tail;

-- What became of messages: the newest that arrived, and all that did not. `queued`: somebody asked for it to be sent again.
CREATE TABLE stele.webhook_letter (
    org_id     int         NOT NULL,
    webhook_id uuid        NOT NULL,
    revision   bigint      NOT NULL,
    state      text        NOT NULL COLLATE "C",
    attempts   int         NOT NULL,
    last_at    timestamptz NOT NULL,
    status     int         NULL,
    failure    text        NULL,
    CONSTRAINT webhook_letter_pkey PRIMARY KEY (org_id, webhook_id, revision),
    CONSTRAINT webhook_letter_state CHECK (state IN ('delivered', 'dead', 'queued'))
);
CREATE INDEX webhook_letter_by_state ON stele.webhook_letter (org_id, webhook_id, state, revision);
CREATE INDEX webhook_letter_queued ON stele.webhook_letter (org_id, webhook_id) WHERE state = 'queued';
CALL stele.make_tenant_table('stele.webhook_letter');
CREATE POLICY webhook_letter_tail ON stele.webhook_letter FOR SELECT TO stele_tail USING (state = 'queued');
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.webhook_letter TO stele_app;
GRANT SELECT (org_id, webhook_id, state) ON stele.webhook_letter TO stele_tail;
