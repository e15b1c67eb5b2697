-- oldest-server: 0.1.0
-- Wraps: a token that yields one value once. What a wrap is of stands here, and never the value: it is opened when the token is
-- used, so that what was destroyed or has ended meanwhile is not given out. Of the token only its hash is here.
CREATE TABLE stele.secret_wrap (
    org_id      int         NOT NULL,
    token_hash  bytea       NOT NULL,  -- SHA-256 of 32 random bytes, spelt as they were given out
    environment text        NOT NULL COLLATE "C",
    path        text        NOT NULL COLLATE "C",
    version     bigint      NOT NULL,
    created_by  text        NOT NULL,
    ends_at     timestamptz NOT NULL,
    opened_at   timestamptz NULL,      -- set once, by whoever is first: the row decides it, for all nodes
    opened_by   text        NULL,
    CONSTRAINT secret_wrap_pkey PRIMARY KEY (org_id, token_hash),
    CONSTRAINT secret_wrap_shape CHECK (octet_length(token_hash) = 32 AND version > 0 AND (opened_at IS NULL) = (opened_by IS NULL))
);
CREATE INDEX secret_wrap_by_end ON stele.secret_wrap (org_id, ends_at);
CALL stele.make_tenant_table('stele.secret_wrap');
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.secret_wrap TO stele_app;

-- How many searches for a value an org has made in a minute: counted here, because a limit for each node would be one for
-- each node that somebody guesses at.
CREATE TABLE stele.secret_search (
    org_id   int         NOT NULL,
    minute   timestamptz NOT NULL,
    searches int         NOT NULL,
    CONSTRAINT secret_search_pkey PRIMARY KEY (org_id),
    CONSTRAINT secret_search_shape CHECK (searches > 0)
) WITH (fillfactor = 50);
CALL stele.make_tenant_table('stele.secret_search');
GRANT SELECT, INSERT, UPDATE ON stele.secret_search TO stele_app;
