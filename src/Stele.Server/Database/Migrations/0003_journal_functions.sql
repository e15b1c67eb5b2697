-- oldest-server: 0.1.0
-- The only ways to write the journal. All but ensure_partitions run as stele_journal, who is held by row-level security
-- to the org of the transaction's setting. SQLSTATEs of our own:
--   ST001  the head is not what the caller believes: nothing was written, catch up and decide again
--   ST002  a moment that has not come yet
--   ST003  the journal is append-only
--   ST004  a redaction that is refused
--   ST005  a moment about which the journal cannot answer for good yet

GRANT CREATE ON SCHEMA stele TO stele_journal;  -- for ALTER FUNCTION … OWNER; taken back at the end

CREATE FUNCTION stele.require_org(p_org_id int) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_org_id IS DISTINCT FROM stele.current_org() THEN
        RAISE EXCEPTION 'org % is not the org of this transaction', p_org_id
            USING ERRCODE = 'insufficient_privilege', HINT = 'Set stele.org_id for the transaction first.';
    END IF;
END $$;
GRANT EXECUTE ON FUNCTION stele.require_org(int) TO stele_journal;

-- Makes the head of a new org. Locks the cluster row, so that a beginning incarnation either sees the head or is seen.
CREATE FUNCTION stele.create_head(p_org_id int, p_format int) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM stele.require_org(p_org_id);
    INSERT INTO stele.journal_head (org_id, incarnation, revision, chain, fence, last_at, format)
    SELECT p_org_id, c.incarnation, 0, decode(repeat('00', 32), 'hex'), 0, 'epoch', p_format
    FROM stele.cluster c
    FOR SHARE
    ON CONFLICT DO NOTHING;
END $$;

-- Appends a batch of revisions (r_…, one element each, in order) and their events (e_…), or raises ST001 and writes
-- nothing. It is the last statement of the transaction, because from its UPDATE on it holds the head. The comparison is
-- one conditional UPDATE: behind a concurrent append it waits, then compares with what that one committed.
CREATE FUNCTION stele.append(
        p_org_id int, p_incarnation uuid, p_fence bigint, p_revision bigint, p_chain bytea, p_format int,
        r_chain bytea[], r_at timestamptz[], r_actor text[], r_reason text[], r_request_id uuid[],
        e_revision bigint[], e_ordinal int[], e_event_id uuid[], e_stream text[], e_stream_version bigint[],
        e_type text[], e_data bytea[], e_data_hash bytea[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_revisions int := cardinality(r_chain);
    v_events int;
    v_previous timestamptz;
    v_at timestamptz;
BEGIN
    IF p_org_id IS DISTINCT FROM stele.current_org() THEN
        PERFORM stele.require_org(p_org_id);
    END IF;
    FOREACH v_at IN ARRAY r_at LOOP
        IF v_at < v_previous THEN
            RAISE EXCEPTION 'the times of a batch must not fall' USING ERRCODE = 'invalid_parameter_value';
        END IF;
        v_previous := v_at;
    END LOOP;
    IF array_position(e_data, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'an event without data' USING ERRCODE = 'null_value_not_allowed';
    END IF;

    UPDATE stele.journal_head
    SET revision = p_revision + v_revisions, chain = r_chain[v_revisions], last_at = v_previous
    WHERE org_id = p_org_id AND incarnation = p_incarnation AND fence = p_fence AND revision = p_revision
      AND chain = p_chain AND format = p_format AND last_at <= r_at[1];
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the head of org % is not at revision % as believed', p_org_id, p_revision USING ERRCODE = 'ST001';
    END IF;

    INSERT INTO stele.revision (org_id, revision, chain, at, actor, reason, request_id)
    SELECT p_org_id, p_revision + r.n, r.chain, r.at, r.actor, r.reason, r.request_id
    FROM unnest(r_chain, r_at, r_actor, r_reason, r_request_id) WITH ORDINALITY AS r (chain, at, actor, reason, request_id, n);

    -- An event of a revision outside the batch has no `at`, which NOT NULL refuses.
    INSERT INTO stele.event (org_id, revision, ordinal, at, event_id, stream, stream_version, type, data, data_hash)
    SELECT p_org_id, e.revision, e.ordinal, r_at[(e.revision - p_revision)::int], e.event_id, e.stream, e.stream_version, e.type, e.data, e.data_hash
    FROM unnest(e_revision, e_ordinal, e_event_id, e_stream, e_stream_version, e_type, e_data, e_data_hash)
        AS e (revision, ordinal, event_id, stream, stream_version, type, data, data_hash);
END $$;

-- The head, locked until the transaction ends: what a node does after one lost race. No row: no such org.
CREATE FUNCTION stele.lock_head(p_org_id int) RETURNS SETOF stele.journal_head
    LANGUAGE plpgsql SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM stele.require_org(p_org_id);
    RETURN QUERY SELECT h.* FROM stele.journal_head h WHERE h.org_id = p_org_id FOR UPDATE;
END $$;

-- After it commits, an append that was sent before with the old fence can no longer land. NULL: no such org.
CREATE FUNCTION stele.raise_fence(p_org_id int) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_fence bigint;
BEGIN
    PERFORM stele.require_org(p_org_id);
    UPDATE stele.journal_head SET fence = fence + 1 WHERE org_id = p_org_id RETURNING fence INTO v_fence;
    RETURN v_fence;
END $$;

-- Promises that no revision will be earlier than p_at, so that an answer "as of p_at" can never change.
CREATE FUNCTION stele.raise_last_at(p_org_id int, p_incarnation uuid, p_fence bigint, p_revision bigint, p_chain bytea, p_at timestamptz) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM stele.require_org(p_org_id);
    IF p_at > clock_timestamp() THEN
        RAISE EXCEPTION '% has not come yet', p_at USING ERRCODE = 'ST002';
    END IF;
    UPDATE stele.journal_head SET last_at = greatest(last_at, p_at)
    WHERE org_id = p_org_id AND incarnation = p_incarnation AND fence = p_fence AND revision = p_revision AND chain = p_chain;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the head of org % is not at revision % as believed', p_org_id, p_revision USING ERRCODE = 'ST001';
    END IF;
END $$;

-- PostgreSQL lost or rewound writes: of all nodes that notice, one begins the new incarnation; false says that it was
-- another. Every head is fenced with it. Goes from org to org by the setting, since stele_journal may change no other.
CREATE FUNCTION stele.begin_incarnation(p_expected uuid, p_new uuid, p_system_identifier bigint, p_timeline int) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_org int;
    v_setting text := coalesce(current_setting('stele.org_id', true), '');
BEGIN
    UPDATE stele.cluster SET incarnation = p_new, counter = counter + 1, system_identifier = p_system_identifier, timeline = p_timeline
    WHERE incarnation = p_expected;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    FOR v_org IN SELECT h.org_id FROM stele.journal_head h ORDER BY h.org_id LOOP
        PERFORM set_config('stele.org_id', v_org::text, true);
        UPDATE stele.journal_head SET incarnation = p_new, fence = fence + 1 WHERE org_id = v_org;
    END LOOP;
    PERFORM set_config('stele.org_id', v_setting, true);
    RETURN true;
END $$;

-- A changed timeline alone lost nothing, but fencing tokens must not be issued twice.
CREATE FUNCTION stele.raise_counter(p_expected_counter bigint, p_timeline int) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE stele.cluster SET counter = counter + 1, timeline = p_timeline WHERE counter = p_expected_counter;
    RETURN FOUND;
END $$;

GRANT EXECUTE ON FUNCTION stele.create_head(int, int), stele.lock_head(int), stele.raise_fence(int),
    stele.append(int, uuid, bigint, bigint, bytea, int, bytea[], timestamptz[], text[], text[], uuid[], bigint[], int[], uuid[], text[], bigint[], text[], bytea[], bytea[]),
    stele.raise_last_at(int, uuid, bigint, bigint, bytea, timestamptz) TO stele_app;
GRANT EXECUTE ON FUNCTION stele.begin_incarnation(uuid, uuid, bigint, int), stele.raise_counter(bigint, int) TO stele_tail;
ALTER FUNCTION stele.create_head(int, int) OWNER TO stele_journal;
ALTER FUNCTION stele.append(int, uuid, bigint, bigint, bytea, int, bytea[], timestamptz[], text[], text[], uuid[], bigint[], int[], uuid[], text[], bigint[], text[], bytea[], bytea[]) OWNER TO stele_journal;
ALTER FUNCTION stele.lock_head(int) OWNER TO stele_journal;
ALTER FUNCTION stele.raise_fence(int) OWNER TO stele_journal;
ALTER FUNCTION stele.raise_last_at(int, uuid, bigint, bigint, bytea, timestamptz) OWNER TO stele_journal;
ALTER FUNCTION stele.begin_incarnation(uuid, uuid, bigint, int) OWNER TO stele_journal;
ALTER FUNCTION stele.raise_counter(bigint, int) OWNER TO stele_journal;

-- Makes the partitions of events from yesterday's month to p_months_ahead after this one, and says how many it made.
-- Runs as stele_owner, because only a table's owner may add partitions; it takes no org and writes no row. CREATE …
-- PARTITION OF would lock out writers, ATTACH does not. TRUNCATE triggers are not cloned, so each gets its own.
CREATE FUNCTION stele.ensure_partitions(p_months_ahead int) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_month timestamp := date_trunc('month', (now() - interval '1 day') AT TIME ZONE 'UTC');
    v_last timestamp := date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => p_months_ahead);
    v_name text;
    v_made int := 0;
BEGIN
    IF p_months_ahead NOT BETWEEN 0 AND 120 THEN
        RAISE EXCEPTION 'between 0 and 120 months ahead, not %', p_months_ahead USING ERRCODE = 'invalid_parameter_value';
    END IF;
    LOCK TABLE stele.event IN SHARE UPDATE EXCLUSIVE MODE;  -- two nodes at once: the second finds them made
    WHILE v_month <= v_last LOOP
        v_name := to_char(v_month, '"event_y"YYYY"m"MM');
        IF to_regclass('stele.' || v_name) IS NULL THEN
            EXECUTE format('CREATE TABLE stele.%I (LIKE stele.event INCLUDING ALL)', v_name);
            EXECUTE format('ALTER TABLE stele.event ATTACH PARTITION stele.%I FOR VALUES FROM (%L) TO (%L)', v_name,
                v_month::text || '+00', (v_month + interval '1 month')::text || '+00');
            EXECUTE format('CREATE TRIGGER event_keep_all BEFORE TRUNCATE ON stele.%I FOR EACH STATEMENT EXECUTE FUNCTION stele.refuse_change()', v_name);
            EXECUTE format('ALTER TABLE stele.%I ENABLE ALWAYS TRIGGER event_keep_all', v_name);
            EXECUTE format('CALL stele.seal_partition(%L)', 'stele.' || v_name);
            v_made := v_made + 1;
        END IF;
        v_month := v_month + interval '1 month';
    END LOOP;
    RETURN v_made;
END $$;

-- The moment from which on there is no partition: an append at or after it fails. The alarm compares it with the clock.
CREATE FUNCTION stele.partition_horizon() RETURNS timestamptz
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
BEGIN
    WHILE to_regclass('stele.' || to_char(v_month, '"event_y"YYYY"m"MM')) IS NOT NULL LOOP
        v_month := v_month + interval '1 month';
    END LOOP;
    RETURN v_month AT TIME ZONE 'UTC';
END $$;
GRANT EXECUTE ON FUNCTION stele.ensure_partitions(int), stele.partition_horizon() TO stele_tail;
SELECT stele.ensure_partitions(12);

-- The greatest revision whose time is not after p_at; one less than the first that there is (0 unless old ones were
-- archived) if there is none. Bisects the gapless primary key, since times never fall: an index on `at` would cost every
-- append, and this costs some twenty lookups. Runs as the caller, who sees the orgs that he may.
CREATE FUNCTION stele.revision_at(p_org_id int, p_at timestamptz) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_low bigint;   -- not after p_at, or one below the floor
    v_high bigint;  -- after p_at, or one above the last
    v_middle bigint;
BEGIN
    SELECT coalesce(min(r.revision), 1) - 1, coalesce(max(r.revision), 0) + 1 INTO v_low, v_high
    FROM stele.revision r WHERE r.org_id = p_org_id;
    WHILE v_high - v_low > 1 LOOP
        v_middle := (v_low + v_high) / 2;
        IF (SELECT r.at FROM stele.revision r WHERE r.org_id = p_org_id AND r.revision = v_middle) <= p_at THEN
            v_low := v_middle;
        ELSE
            v_high := v_middle;
        END IF;
    END LOOP;
    RETURN v_low;
END $$;
GRANT EXECUTE ON FUNCTION stele.revision_at(int, timestamptz) TO stele_app, stele_tail, stele_reader;

REVOKE CREATE ON SCHEMA stele FROM stele_journal;
