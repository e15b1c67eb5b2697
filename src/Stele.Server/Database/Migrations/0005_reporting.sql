-- oldest-server: 0.1.0
-- "Your configuration is a table": the relations that people query, with the columns and the order that they were
-- promised, org_id last where it was not among them, text types, NULL for what is deleted. security_invoker: whoever
-- asks is held by the row-level security of the tables below. configuration_history is itself one of these relations.

-- Current values by service, the first segment of the key, and the rest of it. A key of one segment is a service with
-- an empty key, so that service and key are never NULL and (service, key) stays unambiguous.
CREATE VIEW stele.service_configs WITH (security_invoker = true) AS
SELECT c.id, c.org_id, split_part(c.key, '.', 1) AS service,
       substr(c.key, char_length(split_part(c.key, '.', 1)) + 2) AS key,
       c.value, c.version, c.created_at, c.updated_at, c.environment
FROM stele.configuration c
WHERE NOT c.deleted;

-- What changed, with the value before. Versions are gapless, so "before" is the version one lower: a join by the primary
-- key, where a window function would read everything. config_id is service_configs.id, also for deleted keys.
CREATE VIEW stele.config_history WITH (security_invoker = true) AS
SELECT h.id, c.id AS config_id, p.value AS old_value, h.value AS new_value, h.updated_by AS changed_by,
       h.updated_at AS changed_at, h.change_log AS reason, h.org_id
FROM stele.configuration_history h
JOIN stele.configuration c ON c.org_id = h.org_id AND c.environment = h.environment AND c.key = h.key
LEFT JOIN stele.configuration_history p ON p.org_id = h.org_id AND p.environment = h.environment AND p.key = h.key AND p.version = h.version - 1;

-- One row a version; a version is written once, so both its times are that of the write.
CREATE VIEW stele.configurations WITH (security_invoker = true) AS
SELECT h.id, h.key, h.value, h.version, h.environment, h.value_type, h.schema_definition, h.updated_at AS created_at,
       h.updated_at, h.updated_by, h.change_log, h.org_id
FROM stele.configuration_history h;

-- Filled by the part that brings flags.
CREATE VIEW stele.feature_flags WITH (security_invoker = true) AS
SELECT NULL::bigint AS id, NULL::text AS flag_name, NULL::boolean AS enabled, NULL::int AS percentage, NULL::text[] AS target_users,
       NULL::text AS environment, NULL::bigint AS version, NULL::timestamptz AS updated_at, NULL::text AS updated_by, NULL::int AS org_id
WHERE false;

-- Filled by the part that brings users.
CREATE VIEW stele.users WITH (security_invoker = true) AS
SELECT NULL::uuid AS id, NULL::text AS email, NULL::text AS name, NULL::text AS role, NULL::timestamptz AS created_at,
       NULL::timestamptz AS updated_at, NULL::int AS org_id
WHERE false;

CREATE VIEW stele.organizations WITH (security_invoker = true) AS
SELECT o.org_id AS id, o.name, o.created_at, o.archived_at
FROM stele.org o;

-- The journal as rows, its data as jsonb, which may write a number otherwise than the bytes that were hashed do.
CREATE VIEW stele.events WITH (security_invoker = true) AS
SELECT e.org_id, e.revision, e.ordinal, e.at, e.event_id, e.stream, e.stream_version, e.type,
       convert_from(e.data, 'UTF8')::jsonb AS data, r.actor, r.reason, r.request_id
FROM stele.event e
JOIN stele.revision r ON r.org_id = e.org_id AND r.revision = e.revision;

GRANT SELECT ON stele.service_configs, stele.config_history, stele.configurations, stele.feature_flags, stele.users,
    stele.organizations, stele.events TO stele_reader, stele_app;

-- The values as they were at a moment, in all orgs that the caller sees: the version of each key that was current then,
-- keys that were deleted then left out. Refused beyond an org's last change, because a write could still come that is
-- not later, and the answer must never change; the server's ?at= can raise that bound, SQL cannot.
CREATE FUNCTION stele.configurations_at(p_at timestamptz) RETURNS SETOF stele.configurations
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_head record;
    v_revision bigint;
BEGIN
    FOR v_head IN SELECT h.org_id, h.last_at FROM stele.journal_head h ORDER BY h.org_id LOOP
        IF p_at > v_head.last_at THEN
            RAISE EXCEPTION '% is after %, up to which the history of org % is settled', p_at, v_head.last_at, v_head.org_id
                USING ERRCODE = 'ST005', HINT = 'For the current values ask service_configs.';
        END IF;
        v_revision := stele.revision_at(v_head.org_id, p_at);
        RETURN QUERY
        SELECT v.id, v.key, v.value, v.version, v.environment, v.value_type, v.schema_definition, v.updated_at, v.updated_at, v.updated_by, v.change_log, v.org_id
        FROM (SELECT DISTINCT ON (h.environment, h.key) h.*
              FROM stele.configuration_history h
              WHERE h.org_id = v_head.org_id AND h.revision <= v_revision
              ORDER BY h.environment, h.key, h.version DESC) v
        WHERE NOT v.deleted;
    END LOOP;
END $$;
GRANT EXECUTE ON FUNCTION stele.configurations_at(timestamptz) TO stele_app, stele_reader;
