-- oldest-server: 0.1.0
-- The journal: its tables, who may see them, and the triggers that keep them append-only. They are written only through
-- the functions of 0003, which belong to stele_journal. No table here has a foreign key: the head row serialises an
-- org's appends, so a foreign key would only cost, and it would refuse the archiving of old partitions. What a row must be
-- is one constraint a table, …_shape: PostgreSQL prepares every CHECK anew for each statement and partition, which in
-- batches of 32 rows took 16 % of a write's time when there were three, and takes 7 % now.

-- Which history this database holds. A restore or a fail-over that lost writes begins a new incarnation; the counter
-- also rises with the timeline alone, and is the first half of every fencing token.
CREATE TABLE stele.cluster (
    singleton         boolean NOT NULL DEFAULT true,
    incarnation       uuid    NOT NULL,
    counter           bigint  NOT NULL,
    system_identifier bigint  NOT NULL,  -- of the PostgreSQL cluster that was last seen to hold it
    timeline          int     NOT NULL,
    CONSTRAINT cluster_pkey PRIMARY KEY (singleton),
    CONSTRAINT cluster_singleton CHECK (singleton)
);
GRANT SELECT ON stele.cluster TO stele_app, stele_tail, stele_backup;
GRANT SELECT, UPDATE (incarnation, counter, system_identifier, timeline) ON stele.cluster TO stele_journal;

-- pg_control_checkpoint() lags after a promotion; the name of the WAL segment being written does not.
INSERT INTO stele.cluster (incarnation, counter, system_identifier, timeline)
SELECT gen_random_uuid(), 1, (pg_control_system()).system_identifier, ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int;

-- One row an org, updated by every append, and its lock is what makes appends serial. A low fillfactor keeps the new
-- versions on the same page (HOT): no index is touched, and pruning clears them without a vacuum.
CREATE TABLE stele.journal_head (
    org_id      int         NOT NULL,
    incarnation uuid        NOT NULL,
    revision    bigint      NOT NULL,
    chain       bytea       NOT NULL,  -- of that revision; 32 zero bytes at revision 0
    fence       bigint      NOT NULL,  -- raised to keep a straggler's append from landing
    last_at     timestamptz NOT NULL,  -- no later revision may be earlier than this; the epoch at revision 0
    format      int         NOT NULL,  -- of what is written: a node that does not know it must not write, nor skip
    CONSTRAINT journal_head_pkey PRIMARY KEY (org_id),
    CONSTRAINT journal_head_shape CHECK (octet_length(chain) = 32 AND revision >= 0 AND fence >= 0 AND format > 0)
) WITH (fillfactor = 10);

-- One accepted command. Gapless from 1 (or from an archive's floor), in commit order, and `at` never falls.
CREATE TABLE stele.revision (
    org_id     int         NOT NULL,
    revision   bigint      NOT NULL,
    chain      bytea       NOT NULL,  -- SHA-256 over the previous chain and this revision's canonical fields
    at         timestamptz NOT NULL,
    actor      text        NOT NULL,  -- an opaque id: names and addresses are outside the chain
    reason     text        NULL,
    request_id uuid        NOT NULL,  -- by which an unknown outcome is settled
    CONSTRAINT revision_pkey PRIMARY KEY (org_id, revision),
    CONSTRAINT revision_request_id_key UNIQUE (org_id, request_id),
    CONSTRAINT revision_shape CHECK (octet_length(chain) = 32)
);

-- The facts of a revision. Partitioned by month of `at`, because old months are what an operator archives; since `at`
-- never falls within an org, a lookup that also bounds `at` prunes. There is no default partition: rows in it would
-- block the making of their own. Stream versions need no unique index: the head serialises.
CREATE TABLE stele.event (
    org_id         int         NOT NULL,
    revision       bigint      NOT NULL,
    ordinal        int         NOT NULL,  -- within the revision, from 0; the lower 14 bits of the ids made from it
    at             timestamptz NOT NULL,  -- the revision's
    event_id       uuid        NOT NULL,
    stream         text        NOT NULL COLLATE "C",
    stream_version bigint      NOT NULL,
    type           text        NOT NULL COLLATE "C",
    data           bytea       NULL,      -- the canonical bytes that were hashed; jsonb would change numbers. NULL: redacted
    data_hash      bytea       NOT NULL,  -- stands for data in the chain, so that a redacted journal still verifies
    CONSTRAINT event_pkey PRIMARY KEY (org_id, revision, ordinal, at),
    CONSTRAINT event_shape CHECK (ordinal >= 0 AND ordinal < 16384 AND octet_length(data_hash) = 32)
) PARTITION BY RANGE (at);

-- Why an event's data is gone. xact is the transaction that recorded it: the trigger below lets only that one empty it.
CREATE TABLE stele.redaction (
    org_id      int         NOT NULL,
    revision    bigint      NOT NULL,
    ordinal     int         NOT NULL,
    at          timestamptz NOT NULL,  -- the event's, which finds its partition
    actor       text        NOT NULL,
    reason      text        NOT NULL,
    redacted_at timestamptz NOT NULL,
    xact        xid8        NOT NULL DEFAULT pg_current_xact_id(),
    CONSTRAINT redaction_pkey PRIMARY KEY (org_id, revision, ordinal)
);

CALL stele.make_tenant_table('stele.journal_head');
CALL stele.make_tenant_table('stele.revision');
CALL stele.make_tenant_table('stele.event');
CALL stele.make_tenant_table('stele.redaction');
CALL stele.make_readable('stele.journal_head');
CALL stele.make_readable('stele.revision');
CALL stele.make_readable('stele.event');

-- The owner sees the journal and may not add to it by hand either: what it writes would not be in the chain. USING stays
-- true, so that its UPDATE and DELETE meet the trigger's refusal and do not silently match nothing.
ALTER POLICY journal_head_owner ON stele.journal_head WITH CHECK (false);
ALTER POLICY revision_owner ON stele.revision WITH CHECK (false);
ALTER POLICY event_owner ON stele.event WITH CHECK (false);
ALTER POLICY redaction_owner ON stele.redaction WITH CHECK (false);

-- stele_journal runs the functions and is held to the org of the transaction like the server: a function that was
-- owned by stele_owner could write into another org. It may see all heads (not change them), to list the orgs when an
-- incarnation begins.
CREATE POLICY journal_head_journal_see ON stele.journal_head FOR SELECT TO stele_journal USING (true);
CREATE POLICY journal_head_journal_insert ON stele.journal_head FOR INSERT TO stele_journal WITH CHECK (org_id = (SELECT stele.current_org()));
CREATE POLICY journal_head_journal_update ON stele.journal_head FOR UPDATE TO stele_journal USING (org_id = (SELECT stele.current_org())) WITH CHECK (org_id = (SELECT stele.current_org()));
CREATE POLICY revision_journal ON stele.revision TO stele_journal USING (org_id = (SELECT stele.current_org())) WITH CHECK (org_id = (SELECT stele.current_org()));
CREATE POLICY event_journal ON stele.event TO stele_journal USING (org_id = (SELECT stele.current_org())) WITH CHECK (org_id = (SELECT stele.current_org()));
CREATE POLICY redaction_journal ON stele.redaction TO stele_journal USING (org_id = (SELECT stele.current_org())) WITH CHECK (org_id = (SELECT stele.current_org()));

-- stele_tail follows heads across orgs and never sees data.
CREATE POLICY journal_head_tail ON stele.journal_head FOR SELECT TO stele_tail USING (true);
CREATE POLICY revision_tail ON stele.revision FOR SELECT TO stele_tail USING (true);

GRANT SELECT ON stele.journal_head, stele.revision, stele.event, stele.redaction TO stele_app;
GRANT SELECT ON stele.journal_head TO stele_tail;
GRANT SELECT (org_id, revision, chain, at) ON stele.revision TO stele_tail;
GRANT SELECT (org_id, revision, last_at) ON stele.journal_head TO stele_reader;
GRANT SELECT ON stele.revision, stele.event TO stele_reader;
GRANT SELECT, INSERT, UPDATE ON stele.journal_head TO stele_journal;
GRANT SELECT, INSERT ON stele.revision, stele.event, stele.redaction TO stele_journal;
GRANT UPDATE (data) ON stele.event TO stele_journal;

-- Append-only, for every role, the owner's plain statements included. ENABLE ALWAYS: session_replication_role does not
-- switch them off. Against an owner who drops a trigger there is the chain.
CREATE FUNCTION stele.refuse_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only: % of %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'ST003';
END $$;

-- The one exception: data may be emptied, and nothing else changed, of an event for which the same transaction has
-- recorded a redaction.
CREATE FUNCTION stele.refuse_event_update() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.data IS NULL AND OLD.data IS NOT NULL
       AND (NEW.org_id, NEW.revision, NEW.ordinal, NEW.at, NEW.event_id, NEW.stream, NEW.stream_version, NEW.type, NEW.data_hash)
         = (OLD.org_id, OLD.revision, OLD.ordinal, OLD.at, OLD.event_id, OLD.stream, OLD.stream_version, OLD.type, OLD.data_hash)
       AND EXISTS (SELECT FROM stele.redaction r
                   WHERE r.org_id = OLD.org_id AND r.revision = OLD.revision AND r.ordinal = OLD.ordinal
                     AND r.xact = pg_current_xact_id())
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the journal is append-only: UPDATE of %.% is refused', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'ST003', HINT = 'Only stele.redact may empty the data of an event.';
END $$;

CREATE TRIGGER journal_head_keep BEFORE DELETE ON stele.journal_head FOR EACH ROW EXECUTE FUNCTION stele.refuse_change();
CREATE TRIGGER journal_head_keep_all BEFORE TRUNCATE ON stele.journal_head FOR EACH STATEMENT EXECUTE FUNCTION stele.refuse_change();
CREATE TRIGGER cluster_keep BEFORE DELETE ON stele.cluster FOR EACH ROW EXECUTE FUNCTION stele.refuse_change();
CREATE TRIGGER cluster_keep_all BEFORE TRUNCATE ON stele.cluster FOR EACH STATEMENT EXECUTE FUNCTION stele.refuse_change();
CREATE TRIGGER revision_keep BEFORE UPDATE OR DELETE ON stele.revision FOR EACH ROW EXECUTE FUNCTION stele.refuse_change();
CREATE TRIGGER revision_keep_all BEFORE TRUNCATE ON stele.revision FOR EACH STATEMENT EXECUTE FUNCTION stele.refuse_change();
CREATE TRIGGER redaction_keep BEFORE UPDATE OR DELETE ON stele.redaction FOR EACH ROW EXECUTE FUNCTION stele.refuse_change();
CREATE TRIGGER redaction_keep_all BEFORE TRUNCATE ON stele.redaction FOR EACH STATEMENT EXECUTE FUNCTION stele.refuse_change();
CREATE TRIGGER event_keep BEFORE DELETE ON stele.event FOR EACH ROW EXECUTE FUNCTION stele.refuse_change();
CREATE TRIGGER event_keep_data BEFORE UPDATE ON stele.event FOR EACH ROW EXECUTE FUNCTION stele.refuse_event_update();
CREATE TRIGGER event_keep_all BEFORE TRUNCATE ON stele.event FOR EACH STATEMENT EXECUTE FUNCTION stele.refuse_change();
ALTER TABLE stele.journal_head ENABLE ALWAYS TRIGGER journal_head_keep;
ALTER TABLE stele.journal_head ENABLE ALWAYS TRIGGER journal_head_keep_all;
ALTER TABLE stele.cluster ENABLE ALWAYS TRIGGER cluster_keep;
ALTER TABLE stele.cluster ENABLE ALWAYS TRIGGER cluster_keep_all;
ALTER TABLE stele.revision ENABLE ALWAYS TRIGGER revision_keep;
ALTER TABLE stele.revision ENABLE ALWAYS TRIGGER revision_keep_all;
ALTER TABLE stele.redaction ENABLE ALWAYS TRIGGER redaction_keep;
ALTER TABLE stele.redaction ENABLE ALWAYS TRIGGER redaction_keep_all;
ALTER TABLE stele.event ENABLE ALWAYS TRIGGER event_keep;
ALTER TABLE stele.event ENABLE ALWAYS TRIGGER event_keep_data;
ALTER TABLE stele.event ENABLE ALWAYS TRIGGER event_keep_all;

-- Which request an idempotency key was used for, and the revision from which its answer is rebuilt. Not derived from the
-- journal; kept 24 hours, then swept by stele_tail, whose policy shows it no younger ones.
CREATE TABLE stele.idempotency (
    org_id      int         NOT NULL,
    principal   text        NOT NULL COLLATE "C",
    key         text        NOT NULL COLLATE "C",
    fingerprint bytea       NOT NULL,  -- SHA-256 over method, path, query and body
    revision    bigint      NOT NULL,
    created_at  timestamptz NOT NULL,
    CONSTRAINT idempotency_pkey PRIMARY KEY (org_id, principal, key)
);
CREATE INDEX idempotency_sweep ON stele.idempotency (created_at);
CALL stele.make_tenant_table('stele.idempotency');
CREATE POLICY idempotency_tail_see ON stele.idempotency FOR SELECT TO stele_tail USING (created_at < now() - interval '24 hours');
CREATE POLICY idempotency_tail_sweep ON stele.idempotency FOR DELETE TO stele_tail USING (created_at < now() - interval '24 hours');
GRANT SELECT, INSERT, DELETE ON stele.idempotency TO stele_app;
GRANT SELECT (org_id, principal, key, created_at), DELETE ON stele.idempotency TO stele_tail;

-- How far an asynchronous projection has come. Advanced by compare-and-set in the transaction that did its work.
CREATE TABLE stele.projection_checkpoint (
    org_id      int         NOT NULL,
    projection  text        NOT NULL COLLATE "C",
    incarnation uuid        NOT NULL,
    revision    bigint      NOT NULL,  -- the last one done
    updated_at  timestamptz NOT NULL,
    CONSTRAINT projection_checkpoint_pkey PRIMARY KEY (org_id, projection)
);
CALL stele.make_tenant_table('stele.projection_checkpoint');
CREATE POLICY projection_checkpoint_tail ON stele.projection_checkpoint FOR SELECT TO stele_tail USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.projection_checkpoint TO stele_app;
GRANT SELECT ON stele.projection_checkpoint TO stele_tail;
