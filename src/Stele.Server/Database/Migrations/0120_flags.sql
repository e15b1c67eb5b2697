-- oldest-server: 0.1.0
-- Flags: projections, written in the transaction of the events they come from, like configuration. Beside the flags the
-- same tables hold what belongs to an environment's set of them, each with versions of its own: shared rules
-- ($evaluators/NAME), the set's metadata ($metadata) and the environment's kill switch ($kill_switch). No flag's name
-- begins with a dollar. Not partitioned: an environment has thousands of flags, not millions of keys.

-- The current state, tombstones included: a deleted flag keeps its version number, and its id when it comes back.
CREATE TABLE stele.flag (
    id          bigint      NOT NULL,  -- revision × 16384 + ordinal of the event that first created it
    name        text        NOT NULL COLLATE "C",
    environment text        NOT NULL COLLATE "C",
    definition  text        NULL,      -- canonical JSON, as it was given: flagd's object, or the short form; NULL when deleted
    killed      boolean     NOT NULL,  -- the flag's own kill switch
    archived    boolean     NOT NULL,  -- put away: kept, and not evaluated
    version     bigint      NOT NULL,
    revision    bigint      NOT NULL,  -- the one that made this version
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    updated_by  text        NOT NULL,
    change_log  text        NULL,
    deleted     boolean     NOT NULL,
    org_id      int         NOT NULL,
    CONSTRAINT flag_pkey PRIMARY KEY (org_id, environment, name),
    CONSTRAINT flag_shape CHECK (deleted = (definition IS NULL) AND version > 0 AND NOT (deleted AND (killed OR archived)))
) WITH (fillfactor = 80);
CALL stele.make_tenant_table('stele.flag');
CALL stele.make_readable('stele.flag');
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.flag TO stele_app;
GRANT SELECT ON stele.flag TO stele_reader;

-- Every version of every one of them. An archiving repeats the definition that it puts away.
CREATE TABLE stele.flag_history (
    id          bigint      NOT NULL,  -- revision × 16384 + ordinal of the event that made this version
    name        text        NOT NULL COLLATE "C",
    environment text        NOT NULL COLLATE "C",
    definition  text        NULL,
    killed      boolean     NOT NULL,
    archived    boolean     NOT NULL,
    version     bigint      NOT NULL,
    revision    bigint      NOT NULL,
    updated_at  timestamptz NOT NULL,
    updated_by  text        NOT NULL,
    change_log  text        NULL,
    deleted     boolean     NOT NULL,
    org_id      int         NOT NULL,
    CONSTRAINT flag_history_pkey PRIMARY KEY (org_id, environment, name, version),
    CONSTRAINT flag_history_shape CHECK (deleted = (definition IS NULL) AND version > 0)
);
CALL stele.make_tenant_table('stele.flag_history');
CALL stele.make_readable('stele.flag_history');
GRANT SELECT, INSERT, DELETE ON stele.flag_history TO stele_app;
GRANT SELECT ON stele.flag_history TO stele_reader;

-- Promised since the first release, and empty until now. enabled is what the flag says and its kill switch leaves;
-- percentage and target_users are NULL for a full rule, and percentage is NULL for a schedule.
CREATE OR REPLACE VIEW stele.feature_flags WITH (security_invoker = true) AS
SELECT f.id, f.name COLLATE "default" AS flag_name,
       coalesce((d.json ->> 'enabled')::boolean, d.json ->> 'state' = 'ENABLED') AND NOT f.killed AS enabled,
       CASE WHEN d.json ? 'enabled' AND NOT d.json ? 'schedule'
            THEN coalesce((d.json ->> 'percentage')::int, CASE WHEN d.json ? 'target_users' THEN 0 ELSE 100 END) END AS percentage,
       CASE WHEN d.json ? 'enabled' THEN ARRAY(SELECT u.id FROM jsonb_array_elements_text(coalesce(d.json -> 'target_users', '[]'::jsonb)) WITH ORDINALITY AS u (id, place) ORDER BY u.place) END AS target_users,
       f.environment COLLATE "default" AS environment, f.version, f.updated_at, f.updated_by, f.org_id
FROM stele.flag f CROSS JOIN LATERAL (SELECT f.definition::jsonb AS json) d
WHERE NOT f.deleted AND NOT f.archived AND f.name NOT LIKE '$%';
