-- oldest-server: 0.1.0
-- The audit log: what happened and changed nothing, so that the journal does not hold it. Sign-ins, refusals, reads of
-- secrets, administrative reads. One chain an org, of its own, which never moves a revision; org 0 is the installation
-- itself, for what belongs to no org. docs/adr/0016-audit-log.md argues it.

CREATE TABLE stele.audit_head (
    org_id   int         NOT NULL,
    sequence bigint      NOT NULL,  -- of the last entry
    chain    bytea       NOT NULL,  -- there; 32 zero bytes at sequence 0
    last_at  timestamptz NOT NULL,  -- no later entry is earlier than this
    CONSTRAINT audit_head_pkey PRIMARY KEY (org_id),
    CONSTRAINT audit_head_shape CHECK (octet_length(chain) = 32 AND sequence >= 0)
) WITH (fillfactor = 10);

-- Gapless from 1, or from what retention has left, and `at` never falls: so a month is a run of sequences, and can be
-- dropped whole. No index but the key: a question about a time finds its sequences by bisection, one about an actor reads on.
CREATE TABLE stele.audit_entry (
    org_id      int         NOT NULL,
    sequence    bigint      NOT NULL,
    at          timestamptz NOT NULL,  -- when it happened, but not before the entry before it, and within a day of when it was written
    action      text        NOT NULL COLLATE "C",
    actor       text        NOT NULL COLLATE "C",  -- an opaque id; nobody: who did not say
    target      text        NULL     COLLATE "C",  -- what it was about, such as secret/production/payments/password, or a request's method and path
    environment text        NULL     COLLATE "C",
    outcome     text        NOT NULL COLLATE "C",
    code        text        NULL     COLLATE "C",  -- why it was refused
    times       int         NOT NULL,  -- how often: repetitions of a minute are one entry
    request_id  uuid        NOT NULL,  -- a UUIDv7, which tells the millisecond in which the request came
    address     text        NULL     COLLATE "C",  -- where it came from
    detail      text        NULL,
    chain       bytea       NOT NULL,  -- SHA-256 over the previous chain and all of the above
    CONSTRAINT audit_entry_pkey PRIMARY KEY (org_id, sequence, at),
    CONSTRAINT audit_entry_shape CHECK (octet_length(chain) = 32 AND sequence > 0 AND times > 0 AND outcome IN ('allowed', 'refused'))
) PARTITION BY RANGE (at);

-- Months that retention dropped. The rest verifies from the last chain_after on.
CREATE TABLE stele.audit_dropped (
    org_id         int         NOT NULL,
    month          date        NOT NULL,  -- the first day of it, UTC
    first_sequence bigint      NOT NULL,
    last_sequence  bigint      NOT NULL,
    chain_before   bytea       NOT NULL,
    chain_after    bytea       NOT NULL,
    dropped_at     timestamptz NOT NULL,
    CONSTRAINT audit_dropped_pkey PRIMARY KEY (org_id, month),
    CONSTRAINT audit_dropped_shape CHECK (first_sequence > 0 AND last_sequence >= first_sequence AND octet_length(chain_before) = 32 AND octet_length(chain_after) = 32)
);

-- The last batch of a node that an org's audit log or usage took in. A node that did not see the end of its commit sends
-- the same number again, and nothing is doubled. Swept after a day by stele_tail.
CREATE TABLE stele.node_flush (
    org_id int         NOT NULL,
    log    text        NOT NULL COLLATE "C",
    node   uuid        NOT NULL,  -- of the process, made at its start
    number bigint      NOT NULL,
    at     timestamptz NOT NULL,
    CONSTRAINT node_flush_pkey PRIMARY KEY (org_id, log, node),
    CONSTRAINT node_flush_log CHECK (log IN ('audit', 'usage'))
);
CREATE INDEX node_flush_sweep ON stele.node_flush (at);

CALL stele.make_tenant_table('stele.audit_head');
CALL stele.make_tenant_table('stele.audit_entry');
CALL stele.make_tenant_table('stele.audit_dropped');
CALL stele.make_tenant_table('stele.node_flush');
CALL stele.make_readable('stele.audit_entry');

-- As with the journal: the owner adds nothing by hand, and its UPDATE and DELETE meet the trigger.
ALTER POLICY audit_head_owner ON stele.audit_head WITH CHECK (false);
ALTER POLICY audit_entry_owner ON stele.audit_entry WITH CHECK (false);

CREATE POLICY audit_head_journal ON stele.audit_head TO stele_journal USING (org_id = (SELECT stele.current_org())) WITH CHECK (org_id = (SELECT stele.current_org()));
CREATE POLICY audit_entry_journal ON stele.audit_entry TO stele_journal USING (org_id = (SELECT stele.current_org())) WITH CHECK (org_id = (SELECT stele.current_org()));
CREATE POLICY node_flush_journal ON stele.node_flush TO stele_journal USING (org_id = (SELECT stele.current_org())) WITH CHECK (org_id = (SELECT stele.current_org()));
CREATE POLICY audit_head_tail ON stele.audit_head FOR SELECT TO stele_tail USING (true);
CREATE POLICY node_flush_tail_see ON stele.node_flush FOR SELECT TO stele_tail USING (at < now() - interval '1 day');
CREATE POLICY node_flush_tail_sweep ON stele.node_flush FOR DELETE TO stele_tail USING (at < now() - interval '1 day');
GRANT SELECT ON stele.audit_head, stele.audit_entry, stele.audit_dropped TO stele_app;
GRANT SELECT ON stele.audit_head TO stele_tail;
GRANT SELECT ON stele.audit_entry TO stele_reader;
GRANT SELECT, INSERT, UPDATE ON stele.audit_head, stele.node_flush TO stele_journal;
GRANT SELECT, INSERT ON stele.audit_entry TO stele_journal;
GRANT SELECT, INSERT, UPDATE ON stele.node_flush TO stele_app;
GRANT SELECT, DELETE ON stele.node_flush TO stele_tail;

CREATE TRIGGER audit_head_keep BEFORE DELETE ON stele.audit_head FOR EACH ROW EXECUTE FUNCTION stele.refuse_change();
CREATE TRIGGER audit_head_keep_all BEFORE TRUNCATE ON stele.audit_head FOR EACH STATEMENT EXECUTE FUNCTION stele.refuse_change();
CREATE TRIGGER audit_entry_keep BEFORE UPDATE OR DELETE ON stele.audit_entry FOR EACH ROW EXECUTE FUNCTION stele.refuse_change();
CREATE TRIGGER audit_entry_keep_all BEFORE TRUNCATE ON stele.audit_entry FOR EACH STATEMENT EXECUTE FUNCTION stele.refuse_change();
CREATE TRIGGER audit_dropped_keep BEFORE UPDATE OR DELETE ON stele.audit_dropped FOR EACH ROW EXECUTE FUNCTION stele.refuse_change();
CREATE TRIGGER audit_dropped_keep_all BEFORE TRUNCATE ON stele.audit_dropped FOR EACH STATEMENT EXECUTE FUNCTION stele.refuse_change();
ALTER TABLE stele.audit_head ENABLE ALWAYS TRIGGER audit_head_keep;
ALTER TABLE stele.audit_head ENABLE ALWAYS TRIGGER audit_head_keep_all;
ALTER TABLE stele.audit_entry ENABLE ALWAYS TRIGGER audit_entry_keep;
ALTER TABLE stele.audit_entry ENABLE ALWAYS TRIGGER audit_entry_keep_all;
ALTER TABLE stele.audit_dropped ENABLE ALWAYS TRIGGER audit_dropped_keep;
ALTER TABLE stele.audit_dropped ENABLE ALWAYS TRIGGER audit_dropped_keep_all;

-- A text as the chain takes it: its length in four bytes, big-endian, and its UTF-8; four bytes of ones for NULL.
CREATE FUNCTION stele.audit_field(p_text text) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(int4send(octet_length(convert_to(p_text, 'UTF8'))) || convert_to(p_text, 'UTF8'), '\xffffffff'::bytea);

GRANT CREATE ON SCHEMA stele TO stele_journal;
GRANT EXECUTE ON FUNCTION stele.audit_field(text) TO stele_journal;

-- Appends entries in order. Unlike the journal's, this chain is made here, under the head's lock: entries are facts and
-- decide nothing, so a node need not know the head, and no race is ever lost. Gives the last sequence, or NULL when the
-- batch is here already. Called as the only statement of its transaction but for the org's setting, so that the lock is held
-- for the time of one commit.
CREATE FUNCTION stele.append_audit(
        p_org_id int, p_node uuid, p_number bigint,
        e_at timestamptz[], e_action text[], e_actor text[], e_target text[], e_environment text[], e_outcome text[], e_code text[],
        e_times int[], e_request_id uuid[], e_address text[], e_detail text[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_first bigint;
    v_sequence bigint;
    v_chain bytea;
    v_at timestamptz;
    v_chains bytea[] := '{}';
    v_ats timestamptz[] := '{}';
    e record;
BEGIN
    PERFORM stele.require_org(p_org_id);
    SELECT h.sequence, h.chain, h.last_at INTO v_first, v_chain, v_at FROM stele.audit_head h WHERE h.org_id = p_org_id FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO stele.audit_head (org_id, sequence, chain, last_at) VALUES (p_org_id, 0, decode(repeat('00', 32), 'hex'), 'epoch') ON CONFLICT DO NOTHING;
        SELECT h.sequence, h.chain, h.last_at INTO v_first, v_chain, v_at FROM stele.audit_head h WHERE h.org_id = p_org_id FOR UPDATE;
    END IF;
    INSERT INTO stele.node_flush AS f (org_id, log, node, number, at) VALUES (p_org_id, 'audit', p_node, p_number, v_now)
    ON CONFLICT (org_id, log, node) DO UPDATE SET number = excluded.number, at = excluded.at WHERE f.number < excluded.number;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    v_sequence := v_first;
    FOR e IN SELECT * FROM unnest(e_at, e_action, e_actor, e_target, e_environment, e_outcome, e_code, e_times, e_request_id, e_address, e_detail)
             AS u (at, action, actor, target, environment, outcome, code, times, request_id, address, detail) LOOP
        v_sequence := v_sequence + 1;
        v_at := greatest(least(e.at, v_now), v_at, v_now - interval '1 day');
        v_chain := sha256(v_chain || int4send(p_org_id) || int8send(v_sequence) || int8send((extract(epoch FROM v_at) * 1000000)::bigint)
            || stele.audit_field(e.action) || stele.audit_field(e.actor) || stele.audit_field(e.target) || stele.audit_field(e.environment)
            || stele.audit_field(e.outcome) || stele.audit_field(e.code) || int4send(e.times) || uuid_send(e.request_id)
            || stele.audit_field(e.address) || stele.audit_field(e.detail));
        v_chains := v_chains || v_chain;
        v_ats := v_ats || v_at;
    END LOOP;
    INSERT INTO stele.audit_entry (org_id, sequence, at, action, actor, target, environment, outcome, code, times, request_id, address, detail, chain)
    SELECT p_org_id, v_first + u.n, u.at, u.action, u.actor, u.target, u.environment, u.outcome, u.code, u.times, u.request_id, u.address, u.detail, u.chain
    FROM unnest(v_ats, e_action, e_actor, e_target, e_environment, e_outcome, e_code, e_times, e_request_id, e_address, e_detail, v_chains)
        WITH ORDINALITY AS u (at, action, actor, target, environment, outcome, code, times, request_id, address, detail, chain, n);
    UPDATE stele.audit_head SET sequence = v_sequence, chain = v_chain, last_at = v_at WHERE org_id = p_org_id;
    RETURN v_sequence;
END $$;
GRANT EXECUTE ON FUNCTION stele.append_audit(int, uuid, bigint, timestamptz[], text[], text[], text[], text[], text[], text[], int[], uuid[], text[], text[]) TO stele_app;
ALTER FUNCTION stele.append_audit(int, uuid, bigint, timestamptz[], text[], text[], text[], text[], text[], text[], int[], uuid[], text[], text[]) OWNER TO stele_journal;
REVOKE CREATE ON SCHEMA stele FROM stele_journal;

-- The last sequence that retention dropped; 0 when all are here.
CREATE FUNCTION stele.audit_floor(p_org_id int) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT coalesce(max(d.last_sequence), 0) FROM stele.audit_dropped d WHERE d.org_id = p_org_id);

-- The greatest sequence whose time is before p_at, or the floor. Bisects, as stele.revision_at does.
CREATE FUNCTION stele.audit_before(p_org_id int, p_at timestamptz) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_low bigint := stele.audit_floor(p_org_id);
    v_high bigint := coalesce((SELECT h.sequence FROM stele.audit_head h WHERE h.org_id = p_org_id), v_low) + 1;
    v_middle bigint;
BEGIN
    WHILE v_high - v_low > 1 LOOP
        v_middle := (v_low + v_high) / 2;
        IF (SELECT a.at FROM stele.audit_entry a WHERE a.org_id = p_org_id AND a.sequence = v_middle) < p_at THEN
            v_low := v_middle;
        ELSE
            v_high := v_middle;
        END IF;
    END LOOP;
    RETURN v_low;
END $$;
GRANT EXECUTE ON FUNCTION stele.audit_floor(int), stele.audit_before(int, timestamptz) TO stele_app;

CREATE FUNCTION stele.audit_partition(p_month date) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN to_char(p_month, '"audit_y"YYYY"m"MM');

-- From one month to another, both included; how many it made. As stele.make_event_partitions, and for its reasons.
CREATE FUNCTION stele.make_audit_partitions(p_first date, p_last date) RETURNS int
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_month date := date_trunc('month', p_first::timestamp)::date;
    v_name text;
    v_made int := 0;
BEGIN
    LOCK TABLE stele.audit_entry IN SHARE UPDATE EXCLUSIVE MODE;
    WHILE v_month <= p_last LOOP
        v_name := stele.audit_partition(v_month);
        IF to_regclass('stele.' || v_name) IS NULL THEN
            EXECUTE format('CREATE TABLE stele.%I (LIKE stele.audit_entry INCLUDING ALL)', v_name);
            EXECUTE format('ALTER TABLE stele.audit_entry ATTACH PARTITION stele.%I FOR VALUES FROM (%L) TO (%L)', v_name,
                v_month::text || ' 00:00:00+00', (v_month + interval '1 month')::date::text || ' 00:00:00+00');
            EXECUTE format('CREATE TRIGGER audit_entry_keep_all BEFORE TRUNCATE ON stele.%I FOR EACH STATEMENT EXECUTE FUNCTION stele.refuse_change()', v_name);
            EXECUTE format('ALTER TABLE stele.%I ENABLE ALWAYS TRIGGER audit_entry_keep_all', v_name);
            EXECUTE format('CALL stele.seal_partition(%L)', 'stele.' || v_name);
            v_made := v_made + 1;
        END IF;
        v_month := (v_month + interval '1 month')::date;
    END LOOP;
    RETURN v_made;
END $$;

CREATE FUNCTION stele.ensure_audit_partitions(p_months_ahead int) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_months_ahead NOT BETWEEN 0 AND 120 THEN
        RAISE EXCEPTION 'between 0 and 120 months ahead, not %', p_months_ahead USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- from two days ago on: an entry is dated up to a day before it is written
    RETURN stele.make_audit_partitions(((now() - interval '2 days') AT TIME ZONE 'UTC')::date,
        (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => p_months_ahead))::date);
END $$;

-- Drops whole months that ended more than p_keep_months before this one began, oldest first, and records of each org where
-- what is left joins on. Never a younger one than twelve months, whoever asks. Gives how many it dropped. Waits for readers
-- half a second only, because everybody would wait behind it: then nothing is dropped, and the next time tries again.
CREATE FUNCTION stele.drop_audit_months(p_keep_months int) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
    v_before date := (date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => p_keep_months))::date;
    v_month date;
    v_name text;
    v_first bigint;
    v_last bigint;
    v_chain bytea;
    v_dropped int := 0;
    v_org int;
BEGIN
    IF p_keep_months NOT BETWEEN 12 AND 36 THEN
        RAISE EXCEPTION 'the audit log is kept for 12 to 36 months, not %', p_keep_months USING ERRCODE = 'invalid_parameter_value';
    END IF;
    LOCK TABLE stele.audit_entry IN SHARE UPDATE EXCLUSIVE MODE;  -- two nodes at once: the second finds them gone
    FOR v_month, v_name IN
        SELECT to_date(c.relname, '"audit_y"YYYY"m"MM'), c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'stele.audit_entry'::regclass ORDER BY 1
    LOOP
        EXIT WHEN v_month >= v_before;
        FOR v_org IN SELECT h.org_id FROM stele.audit_head h ORDER BY h.org_id LOOP
            EXECUTE format('SELECT min(sequence), max(sequence) FROM stele.%I WHERE org_id = $1', v_name) INTO v_first, v_last USING v_org;
            CONTINUE WHEN v_last IS NULL;
            EXECUTE format('SELECT chain FROM stele.%I WHERE org_id = $1 AND sequence = $2', v_name) INTO v_chain USING v_org, v_last;
            INSERT INTO stele.audit_dropped (org_id, month, first_sequence, last_sequence, chain_before, chain_after, dropped_at)
            VALUES (v_org, v_month, v_first, v_last,
                coalesce((SELECT d.chain_after FROM stele.audit_dropped d WHERE d.org_id = v_org ORDER BY d.month DESC LIMIT 1), decode(repeat('00', 32), 'hex')), v_chain, now());
        END LOOP;
        EXECUTE format('ALTER TABLE stele.audit_entry DETACH PARTITION stele.%I', v_name);
        EXECUTE format('DROP TABLE stele.%I', v_name);
        v_dropped := v_dropped + 1;
    END LOOP;
    RETURN v_dropped;
END $$;
GRANT EXECUTE ON FUNCTION stele.ensure_audit_partitions(int), stele.drop_audit_months(int) TO stele_tail;
SELECT stele.ensure_audit_partitions(12);

-- Both logs as one, for SQL: what changed (from the journal, without its values) and what only happened.
CREATE VIEW stele.audit WITH (security_invoker = true) AS
SELECT e.at, 'journal' AS log, e.revision, e.ordinal, NULL::bigint AS sequence, e.type AS action, r.actor, e.stream AS target,
       CASE WHEN split_part(e.stream, '/', 1) IN ('config', 'flag', 'secret', 'environment') THEN split_part(e.stream, '/', 2) END AS environment,
       'allowed' AS outcome, NULL::text AS code, 1 AS times, r.request_id, NULL::text AS address, r.reason AS detail, e.org_id
FROM stele.event e
JOIN stele.revision r ON r.org_id = e.org_id AND r.revision = e.revision
UNION ALL
SELECT a.at, 'audit', NULL, NULL, a.sequence, a.action, a.actor, a.target, a.environment, a.outcome, a.code, a.times, a.request_id, a.address, a.detail, a.org_id
FROM stele.audit_entry a;
GRANT SELECT ON stele.audit TO stele_reader, stele_app;
