-- oldest-server: 0.1.0
-- A redaction also empties a definition of a flag: target users are people. What is left of it is JSON's null, which no flag can be
-- given, in the history and for whoever replays; evaluated for then, the flag says that it was redacted. What a flag is now stays.
GRANT SELECT (org_id, environment, name, version), UPDATE (definition, killed) ON stele.flag_history TO stele_journal;
CREATE POLICY flag_history_journal_see ON stele.flag_history FOR SELECT TO stele_journal USING (org_id = (SELECT stele.current_org()));
CREATE POLICY flag_history_journal_empty ON stele.flag_history FOR UPDATE TO stele_journal USING (org_id = (SELECT stele.current_org())) WITH CHECK (org_id = (SELECT stele.current_org()));

CREATE OR REPLACE FUNCTION stele.redact(p_org_id int, p_revision bigint, p_ordinal int, p_actor text, p_reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_event record;
    v_environment text;
    v_key text;
    v_next bigint;
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
    IF v_event.type NOT IN ('config.set', 'user.set', 'flag.set') THEN
        RAISE EXCEPTION 'event %.% of org % is a %, which holds no value', p_revision, p_ordinal, p_org_id, v_event.type USING ERRCODE = 'ST004';
    END IF;
    IF v_event.data IS NULL THEN
        RAISE EXCEPTION 'event %.% of org % is redacted already', p_revision, p_ordinal, p_org_id USING ERRCODE = 'ST004';
    END IF;
    IF v_event.type = 'user.set' AND NOT EXISTS (
        SELECT FROM stele.event n WHERE n.org_id::bigint = p_org_id::bigint AND n.stream = v_event.stream AND n.revision > p_revision AND n.type IN ('user.set', 'user.removed')) THEN
        RAISE EXCEPTION 'event %.% of org % made a user what he is', p_revision, p_ordinal, p_org_id USING ERRCODE = 'ST004', HINT = 'Change or remove the user first.';
    END IF;
    -- an archiving repeats the definition that it puts away: it is gone only when it was set anew, or deleted, since
    SELECT min(n.stream_version) INTO v_next FROM stele.event n
    WHERE v_event.type = 'flag.set' AND n.org_id::bigint = p_org_id::bigint AND n.stream = v_event.stream AND n.revision > p_revision AND n.type IN ('flag.set', 'flag.deleted');
    IF v_event.type = 'flag.set' AND v_next IS NULL THEN
        RAISE EXCEPTION 'event %.% of org % made a flag what it is', p_revision, p_ordinal, p_org_id USING ERRCODE = 'ST004', HINT = 'Set or delete the flag first.';
    END IF;
    -- config/ENVIRONMENT/KEY: both are free of slashes; the name of a flag is not
    v_environment := split_part(v_event.stream, '/', 2);
    v_key := split_part(v_event.stream, '/', 3);
    IF v_event.type = 'config.set' AND EXISTS (SELECT FROM stele.configuration c
               WHERE c.org_id = p_org_id AND c.environment = v_environment AND c.key = v_key AND c.version = v_event.stream_version AND NOT c.deleted) THEN
        RAISE EXCEPTION 'event %.% of org % made a value that is current', p_revision, p_ordinal, p_org_id
            USING ERRCODE = 'ST004', HINT = 'Set or delete the key first.';
    END IF;
    INSERT INTO stele.redaction (org_id, revision, ordinal, at, actor, reason, redacted_at)
    VALUES (p_org_id, p_revision, p_ordinal, v_event.at, p_actor, p_reason, now());
    UPDATE stele.event SET data = NULL WHERE org_id = p_org_id AND revision = p_revision AND ordinal = p_ordinal AND at = v_event.at;
    IF v_event.type = 'config.set' THEN
        UPDATE stele.configuration_history SET value = NULL, value_type = 'json', schema_definition = NULL
        WHERE org_id = p_org_id AND environment = v_environment AND key = v_key AND version = v_event.stream_version;
        UPDATE stele.configuration_history SET value_type = 'json'
        WHERE org_id = p_org_id AND environment = v_environment AND key = v_key AND version = v_event.stream_version + 1 AND deleted;
        UPDATE stele.configuration SET value_type = 'json'
        WHERE org_id = p_org_id AND environment = v_environment AND key = v_key AND version = v_event.stream_version + 1 AND deleted;
    END IF;
    IF v_event.type = 'flag.set' THEN
        UPDATE stele.flag_history SET definition = 'null', killed = false
        WHERE org_id = p_org_id AND environment = v_environment AND name = substr(v_event.stream, length('flag/' || v_environment || '/') + 1)
          AND version >= v_event.stream_version AND version < v_next;
    END IF;
    UPDATE stele.journal_head SET fence = fence + 1 WHERE org_id = p_org_id;
END $$;
