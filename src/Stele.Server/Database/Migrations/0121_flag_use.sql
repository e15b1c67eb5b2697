-- oldest-server: 0.1.0
-- What flags answered, by UTC day and variant: added up on each node and written once a minute, never as events, and not derived
-- from the journal. Like stele.usage each batch is taken once (stele.node_flush).

CREATE TABLE stele.flag_use (
    org_id      int         NOT NULL,
    environment text        NOT NULL COLLATE "C",
    flag        text        NOT NULL COLLATE "C",
    day         date        NOT NULL,
    variant     text        NOT NULL COLLATE "C",  -- empty: the caller's own default
    evaluations bigint      NOT NULL,
    last_at     timestamptz NOT NULL,
    CONSTRAINT flag_use_pkey PRIMARY KEY (org_id, environment, flag, day, variant),
    CONSTRAINT flag_use_positive CHECK (evaluations > 0)
);
CALL stele.make_tenant_table('stele.flag_use');
CALL stele.make_readable('stele.flag_use');
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.flag_use TO stele_app;
GRANT SELECT ON stele.flag_use TO stele_reader;

-- Days on which an environment's flags went to evaluators in processes of their own, and those on which such evaluators told what
-- they did: where none told, nobody knows whether a flag is used.
CREATE TABLE stele.flag_served (
    org_id      int     NOT NULL,
    environment text    NOT NULL COLLATE "C",
    day         date    NOT NULL,
    reported    boolean NOT NULL,
    CONSTRAINT flag_served_pkey PRIMARY KEY (org_id, environment, day, reported)
);
CALL stele.make_tenant_table('stele.flag_served');
GRANT SELECT, INSERT, DELETE ON stele.flag_served TO stele_app;

ALTER TABLE stele.node_flush DROP CONSTRAINT node_flush_log, ADD CONSTRAINT node_flush_log CHECK (log IN ('audit', 'usage', 'flags'));
