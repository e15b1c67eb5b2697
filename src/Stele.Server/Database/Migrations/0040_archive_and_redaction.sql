-- oldest-server: 0.1.0
-- Old months of events leave for files (stele archive) and can come back; the data of single events is emptied (stele
-- redact). The rows of stele.revision stay for ever: they are small, settle unknown outcomes, and give every archived
-- file the chain that it must join on to. docs/adr/0010-archive-and-redaction.md argues it.

-- Which revisions of an org lie in a file and not in stele.event. The floor is the greatest of them: what was true at it
-- and after it is answered, what was true before is gone. A restored month keeps its row, so that its file is known.
CREATE TABLE stele.archived (
    org_id         int         NOT NULL,
    month          date        NOT NULL,  -- the first day of it, UTC
    first_revision bigint      NOT NULL,
    last_revision  bigint      NOT NULL,
    chain_before   bytea       NOT NULL,  -- of the revision before the first
    chain_after    bytea       NOT NULL,  -- of the last
    events         bigint      NOT NULL,
    file           text        NOT NULL,  -- its name, without a directory
    content_hash   bytea       NOT NULL,  -- SHA-256 of the file's lines, as its last line gives it
    archived_at    timestamptz NOT NULL,
    restored_at    timestamptz NULL,      -- the events are back
    CONSTRAINT archived_pkey PRIMARY KEY (org_id, month),
    CONSTRAINT archived_shape CHECK (first_revision > 0 AND last_revision >= first_revision AND octet_length(chain_before) = 32
        AND octet_length(chain_after) = 32 AND octet_length(content_hash) = 32 AND extract(day FROM month) = 1)
);
CALL stele.make_tenant_table('stele.archived');
CREATE POLICY archived_journal ON stele.archived FOR SELECT TO stele_journal USING (org_id = (SELECT stele.current_org()));
GRANT SELECT ON stele.archived TO stele_app, stele_journal;

-- The last revision of an org whose events are archived; 0 when all are here.
CREATE FUNCTION stele.journal_floor(p_org_id int) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT coalesce(max(a.last_revision), 0) FROM stele.archived a WHERE a.org_id = p_org_id AND a.restored_at IS NULL);
GRANT EXECUTE ON FUNCTION stele.journal_floor(int) TO stele_app, stele_journal;

-- The parts of a partition's making, for ensure_partitions, and for a restored month, which is filled in between. They
-- run as whoever calls them, and only stele_owner can.
CREATE FUNCTION stele.event_partition(p_month date) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN to_char(p_month, '"event_y"YYYY"m"MM');

CREATE PROCEDURE stele.create_event_partition(p_month date)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE TABLE stele.%I (LIKE stele.event INCLUDING ALL)', stele.event_partition(p_month));
END $$;

-- CREATE … PARTITION OF would lock out writers, ATTACH does not. TRUNCATE triggers are not cloned, so each gets its own.
CREATE PROCEDURE stele.attach_event_partition(p_month date)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_name text := stele.event_partition(p_month);
BEGIN
    EXECUTE format('ALTER TABLE stele.event ATTACH PARTITION stele.%I FOR VALUES FROM (%L) TO (%L)', v_name,
        p_month::text || ' 00:00:00+00', (p_month + interval '1 month')::date::text || ' 00:00:00+00');
    EXECUTE format('CREATE TRIGGER event_keep_all BEFORE TRUNCATE ON stele.%I FOR EACH STATEMENT EXECUTE FUNCTION stele.refuse_change()', v_name);
    EXECUTE format('ALTER TABLE stele.%I ENABLE ALWAYS TRIGGER event_keep_all', v_name);
    EXECUTE format('CALL stele.seal_partition(%L)', 'stele.' || v_name);
END $$;

-- Those that are missing from one month to another, both included; how many it made.
CREATE FUNCTION stele.make_event_partitions(p_first date, p_last date) RETURNS int
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_month date := date_trunc('month', p_first::timestamp)::date;
    v_made int := 0;
BEGIN
    LOCK TABLE stele.event IN SHARE UPDATE EXCLUSIVE MODE;  -- two nodes at once: the second finds them made
    WHILE v_month <= p_last LOOP
        IF to_regclass('stele.' || stele.event_partition(v_month)) IS NULL THEN
            CALL stele.create_event_partition(v_month);
            CALL stele.attach_event_partition(v_month);
            v_made := v_made + 1;
        END IF;
        v_month := (v_month + interval '1 month')::date;
    END LOOP;
    RETURN v_made;
END $$;

-- From yesterday's month to p_months_ahead after this one. As before; its parts are now shared.
CREATE OR REPLACE FUNCTION stele.ensure_partitions(p_months_ahead int) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_months_ahead NOT BETWEEN 0 AND 120 THEN
        RAISE EXCEPTION 'between 0 and 120 months ahead, not %', p_months_ahead USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN stele.make_event_partitions(((now() - interval '1 day') AT TIME ZONE 'UTC')::date,
        (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => p_months_ahead))::date);
END $$;

-- The moment at or after p_now from which on there is no partition: an append then fails. Only what is attached counts.
CREATE FUNCTION stele.partition_horizon(p_now timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_month timestamp := date_trunc('month', p_now AT TIME ZONE 'UTC');
BEGIN
    WHILE EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                  WHERE i.inhparent = 'stele.event'::regclass AND c.relname = stele.event_partition(v_month::date)) LOOP
        v_month := v_month + interval '1 month';
    END LOOP;
    RETURN v_month AT TIME ZONE 'UTC';
END $$;
GRANT EXECUTE ON FUNCTION stele.partition_horizon(timestamptz), stele.event_partition(date) TO stele_tail;

-- A redaction empties one value of configuration: nothing else that an event may hold can go without the state of the
-- org going with it. What was archived is not here to be emptied.
-- The type of the value goes with the value, since the journal no longer knows it: whoever replays gets json, and so do
-- the row of this version and that of a deletion right after it, so that tables and journal go on saying the same.
-- It raises the fence: nodes compare it at every look at the head, and drop the recent revisions that they hold in memory.
GRANT UPDATE (value_type) ON stele.configuration_history TO stele_journal;
GRANT UPDATE (value_type) ON stele.configuration TO stele_journal;
CREATE POLICY configuration_journal_empty ON stele.configuration FOR UPDATE TO stele_journal USING (org_id = (SELECT stele.current_org())) WITH CHECK (org_id = (SELECT stele.current_org()));

CREATE OR REPLACE FUNCTION stele.redact(p_org_id int, p_revision bigint, p_ordinal int, p_actor text, p_reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_event record;
    v_environment text;
    v_key text;
BEGIN
    PERFORM stele.require_org(p_org_id);
    IF coalesce(p_reason, '') = '' OR coalesce(p_actor, '') = '' THEN
        RAISE EXCEPTION 'a redaction names who does it and why' USING ERRCODE = 'ST004';
    END IF;
    IF p_revision <= stele.journal_floor(p_org_id) THEN
        RAISE EXCEPTION 'revision % of org % is archived', p_revision, p_org_id USING ERRCODE = 'ST004', HINT = 'Restore its month first: stele archive --restore.';
    END IF;
    SELECT e.at, e.data, e.type, e.stream, e.stream_version INTO v_event FROM stele.event e WHERE e.org_id = p_org_id AND e.revision = p_revision AND e.ordinal = p_ordinal;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'org % has no event %.%', p_org_id, p_revision, p_ordinal USING ERRCODE = 'ST004';
    END IF;
    IF v_event.type <> 'config.set' THEN
        RAISE EXCEPTION 'event %.% of org % is a %, which holds no value', p_revision, p_ordinal, p_org_id, v_event.type USING ERRCODE = 'ST004';
    END IF;
    IF v_event.data IS NULL THEN
        RAISE EXCEPTION 'event %.% of org % is redacted already', p_revision, p_ordinal, p_org_id USING ERRCODE = 'ST004';
    END IF;
    -- config/ENVIRONMENT/KEY: both are free of slashes
    v_environment := split_part(v_event.stream, '/', 2);
    v_key := split_part(v_event.stream, '/', 3);
    IF EXISTS (SELECT FROM stele.configuration c
               WHERE c.org_id = p_org_id AND c.environment = v_environment AND c.key = v_key AND c.version = v_event.stream_version AND NOT c.deleted) THEN
        RAISE EXCEPTION 'event %.% of org % made a value that is current', p_revision, p_ordinal, p_org_id
            USING ERRCODE = 'ST004', HINT = 'Set or delete the key first.';
    END IF;
    INSERT INTO stele.redaction (org_id, revision, ordinal, at, actor, reason, redacted_at)
    VALUES (p_org_id, p_revision, p_ordinal, v_event.at, p_actor, p_reason, now());
    UPDATE stele.event SET data = NULL WHERE org_id = p_org_id AND revision = p_revision AND ordinal = p_ordinal AND at = v_event.at;
    UPDATE stele.configuration_history SET value = NULL, value_type = 'json', schema_definition = NULL
    WHERE org_id = p_org_id AND environment = v_environment AND key = v_key AND version = v_event.stream_version;
    UPDATE stele.configuration_history SET value_type = 'json'
    WHERE org_id = p_org_id AND environment = v_environment AND key = v_key AND version = v_event.stream_version + 1 AND deleted;
    UPDATE stele.configuration SET value_type = 'json'
    WHERE org_id = p_org_id AND environment = v_environment AND key = v_key AND version = v_event.stream_version + 1 AND deleted;
    UPDATE stele.journal_head SET fence = fence + 1 WHERE org_id = p_org_id;
END $$;
