-- oldest-server: 0.1.0
-- What nodes ask each other: who watches, who has applied what. Written only when somebody asks, gone two minutes later, and worth
-- nothing after a crash, so all of it is unlogged: it costs no WAL and is empty on a standby that takes over. None of it is truth.

-- The nodes that run, by a beat every other second. Over all orgs, like the cluster.
CREATE UNLOGGED TABLE stele.node (
    node_id uuid        NOT NULL,
    name    text        NOT NULL,  -- as STELE_NODE says; two may have the same
    beat_at timestamptz NOT NULL,
    CONSTRAINT node_pkey PRIMARY KEY (node_id)
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.node TO stele_tail;
GRANT SELECT ON stele.node TO stele_app, stele_backup;

-- One question of one node to all others.
CREATE UNLOGGED TABLE stele.peer_ask (
    org_id   int         NOT NULL,
    ask_id   uuid        NOT NULL,
    node_id  uuid        NOT NULL,  -- who asks
    kind     text        NOT NULL,
    body     bytea       NOT NULL,
    asked_at timestamptz NOT NULL,
    until_at timestamptz NOT NULL,  -- nobody waits for an answer after it
    CONSTRAINT peer_ask_pkey PRIMARY KEY (org_id, ask_id)
);
CREATE INDEX peer_ask_until ON stele.peer_ask (until_at);
CALL stele.make_tenant_table('stele.peer_ask');

-- What one node answers, in parts as it comes to know more: the last one counts.
CREATE UNLOGGED TABLE stele.peer_answer (
    org_id      int         NOT NULL,
    ask_id      uuid        NOT NULL,
    node_id     uuid        NOT NULL,  -- who answers
    body        bytea       NOT NULL,
    is_final    boolean     NOT NULL,
    answered_at timestamptz NOT NULL,
    CONSTRAINT peer_answer_pkey PRIMARY KEY (org_id, ask_id, node_id)
);
CREATE INDEX peer_answer_at ON stele.peer_answer (answered_at);
CALL stele.make_tenant_table('stele.peer_answer');

GRANT SELECT, INSERT ON stele.peer_ask TO stele_app;
GRANT SELECT, INSERT, UPDATE ON stele.peer_answer TO stele_app;

-- stele_tail sees that something is asked, and not what; and sweeps.
CREATE POLICY peer_ask_tail_see ON stele.peer_ask FOR SELECT TO stele_tail USING (true);
CREATE POLICY peer_ask_tail_sweep ON stele.peer_ask FOR DELETE TO stele_tail USING (until_at < now() - interval '2 minutes');
CREATE POLICY peer_answer_tail_see ON stele.peer_answer FOR SELECT TO stele_tail USING (answered_at < now() - interval '2 minutes');
CREATE POLICY peer_answer_tail_sweep ON stele.peer_answer FOR DELETE TO stele_tail USING (answered_at < now() - interval '2 minutes');
GRANT SELECT (org_id, ask_id, node_id, until_at), DELETE ON stele.peer_ask TO stele_tail;
GRANT SELECT (org_id, ask_id, answered_at), DELETE ON stele.peer_answer TO stele_tail;
