-- oldest-server: 0.1.0
-- Environments and configuration: projections, written in the transaction of the events they come from, by ordinary DML
-- as stele_app. They can be rebuilt from the journal, which is why stele_app may delete in them; no other promise of
-- append-only is made for them than that stele_app may not UPDATE history.

CREATE TABLE stele.environment (
    org_id      int         NOT NULL,
    name        text        NOT NULL COLLATE "C",
    ordinal     int         NOT NULL,  -- the order in which people see them: development before production
    description text        NULL,
    created_at  timestamptz NOT NULL,
    revision    bigint      NOT NULL,  -- the one that last changed it
    CONSTRAINT environment_pkey PRIMARY KEY (org_id, name),
    CONSTRAINT environment_name_length CHECK (char_length(name) BETWEEN 1 AND 50)
);
CALL stele.make_tenant_table('stele.environment');
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.environment TO stele_app;

-- The current state, tombstones included: a deleted key keeps its version number, and its id when it comes back.
-- Hash-partitioned by key, so that a table of hundreds of millions stays vacuumable and spreadable; countable by
-- `stele shards`. No index but the primary key: it serves a key, a prefix (key >= and <) and a whole org, and any
-- index on a column that a write changes would end HOT updates.
CREATE TABLE stele.configuration (
    id                bigint      NOT NULL,  -- revision × 16384 + ordinal of the event that first created the key
    key               text        NOT NULL COLLATE "C",
    environment       text        NOT NULL COLLATE "C",
    value             text        NULL,      -- bare for value_type string, else canonical JSON text; NULL when deleted
    value_type        text        NOT NULL,
    schema_definition text        NULL,      -- JSON Schema for the value
    version           bigint      NOT NULL,
    revision          bigint      NOT NULL,  -- the one that made this version
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    updated_by        text        NOT NULL,
    change_log        text        NULL,
    deleted           boolean     NOT NULL,
    org_id            int         NOT NULL,
    CONSTRAINT configuration_pkey PRIMARY KEY (org_id, environment, key),
    CONSTRAINT configuration_shape CHECK (deleted = (value IS NULL) AND version > 0 AND value_type IN ('string', 'number', 'boolean', 'json'))
) PARTITION BY HASH (key);

-- Every version of every key. The first nine columns are those of the users' own table of this name, in their order.
CREATE TABLE stele.configuration_history (
    id                bigint      NOT NULL,  -- revision × 16384 + ordinal of the event that made this version
    key               text        NOT NULL COLLATE "C",
    environment       text        NOT NULL COLLATE "C",
    version           bigint      NOT NULL,
    value             text        NULL,      -- NULL: deleted, or redacted
    value_type        text        NOT NULL,
    updated_at        timestamptz NOT NULL,
    updated_by        text        NOT NULL,
    change_log        text        NULL,
    schema_definition text        NULL,
    revision          bigint      NOT NULL,
    deleted           boolean     NOT NULL,
    org_id            int         NOT NULL,
    CONSTRAINT configuration_history_pkey PRIMARY KEY (org_id, environment, key, version),
    CONSTRAINT configuration_history_shape CHECK ((NOT deleted OR value IS NULL) AND version > 0 AND value_type IN ('string', 'number', 'boolean', 'json'))
) PARTITION BY HASH (key);

CALL stele.make_tenant_table('stele.configuration');
CALL stele.make_tenant_table('stele.configuration_history');
CALL stele.make_readable('stele.configuration');
CALL stele.make_readable('stele.configuration_history');
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.configuration TO stele_app;
GRANT SELECT, INSERT, DELETE ON stele.configuration_history TO stele_app;
GRANT SELECT ON stele.configuration, stele.configuration_history TO stele_reader;

-- Room on each page of the current state for the next version of its rows.
DO $$
BEGIN
    FOR n IN 0..9 LOOP
        EXECUTE format('CREATE TABLE stele.configuration_p%1$s PARTITION OF stele.configuration FOR VALUES WITH (MODULUS 10, REMAINDER %2$s) WITH (fillfactor = 80)', to_char(n, 'FM00'), n);
        EXECUTE format('CREATE TABLE stele.configuration_history_p%1$s PARTITION OF stele.configuration_history FOR VALUES WITH (MODULUS 10, REMAINDER %2$s)', to_char(n, 'FM00'), n);
        EXECUTE format('CALL stele.seal_partition(%L)', format('stele.configuration_p%s', to_char(n, 'FM00')));
        EXECUTE format('CALL stele.seal_partition(%L)', format('stele.configuration_history_p%s', to_char(n, 'FM00')));
    END LOOP;
END $$;

-- Daily counts of changes, made by an asynchronous projection: days are UTC.
CREATE TABLE stele.change_count (
    org_id      int    NOT NULL,
    day         date   NOT NULL,
    environment text   NOT NULL COLLATE "C",
    actor       text   NOT NULL COLLATE "C",
    changes     bigint NOT NULL,
    CONSTRAINT change_count_pkey PRIMARY KEY (org_id, day, environment, actor),
    CONSTRAINT change_count_positive CHECK (changes > 0)
);
CALL stele.make_tenant_table('stele.change_count');
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.change_count TO stele_app;

-- Empties the data of one event and of the history row made from it. The chain still verifies, by data_hash. Refused for
-- a value that is current: change it first, so that nobody reads an empty one. Called as stele_owner with the org set.
GRANT SELECT ON stele.configuration, stele.configuration_history TO stele_journal;
GRANT UPDATE (value, schema_definition) ON stele.configuration_history TO stele_journal;
CREATE POLICY configuration_journal ON stele.configuration FOR SELECT TO stele_journal USING (org_id = (SELECT stele.current_org()));
CREATE POLICY configuration_history_journal_see ON stele.configuration_history FOR SELECT TO stele_journal USING (org_id = (SELECT stele.current_org()));
CREATE POLICY configuration_history_journal_empty ON stele.configuration_history FOR UPDATE TO stele_journal USING (org_id = (SELECT stele.current_org())) WITH CHECK (org_id = (SELECT stele.current_org()));

CREATE FUNCTION stele.redact(p_org_id int, p_revision bigint, p_ordinal int, p_actor text, p_reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_event record;
BEGIN
    PERFORM stele.require_org(p_org_id);
    SELECT e.at, e.data INTO v_event FROM stele.event e WHERE e.org_id = p_org_id AND e.revision = p_revision AND e.ordinal = p_ordinal;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'org % has no event %.%', p_org_id, p_revision, p_ordinal USING ERRCODE = 'ST004';
    END IF;
    IF v_event.data IS NULL THEN
        RAISE EXCEPTION 'event %.% of org % is redacted already', p_revision, p_ordinal, p_org_id USING ERRCODE = 'ST004';
    END IF;
    IF EXISTS (SELECT FROM stele.configuration_history h
               JOIN stele.configuration c ON c.org_id = h.org_id AND c.environment = h.environment AND c.key = h.key AND c.version = h.version
               WHERE h.org_id = p_org_id AND h.id = p_revision * 16384 + p_ordinal AND NOT c.deleted) THEN
        RAISE EXCEPTION 'event %.% of org % made a value that is current', p_revision, p_ordinal, p_org_id
            USING ERRCODE = 'ST004', HINT = 'Set or delete the key first.';
    END IF;
    INSERT INTO stele.redaction (org_id, revision, ordinal, at, actor, reason, redacted_at)
    VALUES (p_org_id, p_revision, p_ordinal, v_event.at, p_actor, p_reason, now());
    UPDATE stele.event SET data = NULL WHERE org_id = p_org_id AND revision = p_revision AND ordinal = p_ordinal AND at = v_event.at;
    UPDATE stele.configuration_history SET value = NULL, schema_definition = NULL WHERE org_id = p_org_id AND id = p_revision * 16384 + p_ordinal;
END $$;
GRANT EXECUTE ON FUNCTION stele.redact(int, bigint, int, text, text) TO stele_owner;
GRANT CREATE ON SCHEMA stele TO stele_journal;
ALTER FUNCTION stele.redact(int, bigint, int, text, text) OWNER TO stele_journal;
REVOKE CREATE ON SCHEMA stele FROM stele_journal;
