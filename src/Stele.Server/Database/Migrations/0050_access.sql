-- oldest-server: 0.1.0
-- Who may do what: users, service accounts, roles and tokens as projections of the journal; and beside them what no event
-- carries: verifiers, sessions, and when a token was last used.

-- A person of an org. `role` is the first of `roles`, for those who query; `roles` says where each holds, as JSON.
CREATE TABLE stele.user_account (
    org_id     int         NOT NULL,
    user_id    uuid        NOT NULL,
    email      text        NOT NULL COLLATE "C",
    name       text        NOT NULL,
    role       text        NOT NULL COLLATE "C",
    roles      text        NOT NULL,
    status     text        NOT NULL COLLATE "C",
    version    int         NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT user_account_pkey PRIMARY KEY (org_id, user_id),
    CONSTRAINT user_account_status CHECK (status IN ('active', 'suspended'))
);
-- One address, one user, whatever its case. Addresses are ASCII (AccessText), so lower() is the same everywhere. By this
-- index sign-in finds the user.
CREATE UNIQUE INDEX user_account_email ON stele.user_account (org_id, lower(email));
CALL stele.make_tenant_table('stele.user_account');
CALL stele.make_readable('stele.user_account');
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.user_account TO stele_app;
GRANT SELECT ON stele.user_account TO stele_reader;

CREATE TABLE stele.service_account (
    org_id             int         NOT NULL,
    service_account_id uuid        NOT NULL,
    name               text        NOT NULL,
    roles              text        NOT NULL,
    status             text        NOT NULL COLLATE "C",
    version            int         NOT NULL,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    CONSTRAINT service_account_pkey PRIMARY KEY (org_id, service_account_id),
    CONSTRAINT service_account_status CHECK (status IN ('active', 'suspended'))
);
CALL stele.make_tenant_table('stele.service_account');
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.service_account TO stele_app;

-- A custom role. One that was removed keeps its row, because its name's versions go on when it is made again.
CREATE TABLE stele.role (
    org_id      int     NOT NULL,
    name        text    NOT NULL COLLATE "C",
    description text    NULL,
    grants      text    NOT NULL,  -- JSON, as the event has it
    denies      text    NOT NULL,
    version     int     NOT NULL,
    removed     boolean NOT NULL,
    CONSTRAINT role_pkey PRIMARY KEY (org_id, name)
);
CALL stele.make_tenant_table('stele.role');
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.role TO stele_app;

-- A token that is not revoked. Nothing here helps to make one.
CREATE TABLE stele.token (
    org_id      int         NOT NULL,
    token_id    uuid        NOT NULL,
    name        text        NOT NULL,
    owner       text        NOT NULL COLLATE "C",
    owner_id    uuid        NOT NULL,  -- zeros: the org's own
    scopes      text        NOT NULL,  -- JSON, as the event has it
    environment text        NULL COLLATE "C",
    expires_at  timestamptz NULL,
    created_at  timestamptz NOT NULL,
    created_by  text        NOT NULL,
    CONSTRAINT token_pkey PRIMARY KEY (org_id, token_id),
    CONSTRAINT token_owner CHECK (owner IN ('org', 'user', 'service_account', 'token'))
);
CALL stele.make_tenant_table('stele.token');
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.token TO stele_app;

-- When a token was last used: no event, and written once a minute at most, so a crash may lose a minute of it.
CREATE TABLE stele.token_use (
    org_id       int         NOT NULL,
    token_id     uuid        NOT NULL,
    last_used_at timestamptz NOT NULL,
    CONSTRAINT token_use_pkey PRIMARY KEY (org_id, token_id)
) WITH (fillfactor = 50);
CALL stele.make_tenant_table('stele.token_use');
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.token_use TO stele_app;

-- Tokens of orgs are found like the root token's, before any org is chosen. What a request must know before the org's state
-- is at hand is here too. They are written in the transaction of the event, as stele_app, which may add and remove its own
-- org's and read no hash.
ALTER TABLE stele.token_lookup
    ADD COLUMN owner       text        NULL COLLATE "C",  -- actor id of whose it is in the end
    ADD COLUMN environment text        NULL COLLATE "C",
    ADD COLUMN expires_at  timestamptz NULL;
CREATE INDEX token_lookup_org ON stele.token_lookup (org_id, token_id);
CREATE POLICY token_lookup_app ON stele.token_lookup TO stele_app USING (org_id = (SELECT stele.current_org())) WITH CHECK (org_id = (SELECT stele.current_org()));
GRANT SELECT (org_id, token_id), INSERT, DELETE ON stele.token_lookup TO stele_app;

-- What a password is held against, and how often it was guessed wrong. Of the journal nothing is derived from it.
CREATE TABLE stele.credential (
    org_id       int         NOT NULL,
    user_id      uuid        NOT NULL,
    verifier     text        NOT NULL,  -- salt, work and hash
    failures     int         NOT NULL DEFAULT 0,  -- in a row
    locked_until timestamptz NULL,
    updated_at   timestamptz NOT NULL,
    CONSTRAINT credential_pkey PRIMARY KEY (org_id, user_id)
);
CALL stele.make_tenant_table('stele.credential');
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.credential TO stele_app;

-- Who is signed in. The cookie's secret is not here, only its SHA-256. stele_tail sweeps those that have ended.
CREATE TABLE stele.session (
    org_id     int         NOT NULL,
    hash       bytea       NOT NULL,
    user_id    uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    used_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT session_pkey PRIMARY KEY (org_id, hash),
    CONSTRAINT session_hash CHECK (octet_length(hash) = 32)
);
CREATE INDEX session_of_user ON stele.session (org_id, user_id);
CREATE INDEX session_sweep ON stele.session (expires_at);
CALL stele.make_tenant_table('stele.session');
CREATE POLICY session_tail_see ON stele.session FOR SELECT TO stele_tail USING (expires_at < now());
CREATE POLICY session_tail_sweep ON stele.session FOR DELETE TO stele_tail USING (expires_at < now());
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.session TO stele_app;
GRANT SELECT (org_id, hash, expires_at), DELETE ON stele.session TO stele_tail;

-- Promised since the first release, and empty until now.
CREATE OR REPLACE VIEW stele.users WITH (security_invoker = true) AS
SELECT u.user_id AS id, u.email COLLATE "default" AS email, u.name, u.role COLLATE "default" AS role, u.created_at, u.updated_at, u.org_id
FROM stele.user_account u;
