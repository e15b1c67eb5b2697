-- oldest-server: 0.1.0
-- The schema, the org setting that row-level security reads, the shape of every tenant table, and the directory of
-- orgs. The roles themselves belong to the cluster, not to this database: the migrator makes them first
-- (DatabaseRoles.cs), then runs every migration as stele_owner.

CREATE SCHEMA stele;
REVOKE ALL ON SCHEMA stele FROM PUBLIC;
GRANT USAGE ON SCHEMA stele TO stele_app, stele_tail, stele_journal, stele_reader, stele_backup;

-- EXECUTE is PUBLIC's by default; here a function that nobody was given is a function that nobody can call.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- The org of this transaction, NULL when none was chosen: then every comparison is NULL and no row is seen.
-- Written with RETURN so that its names are bound now, not by the caller's search_path, and so that it is inlined.
-- Policies call it as (SELECT stele.current_org()), which is evaluated once a statement and not once a row.
CREATE FUNCTION stele.current_org() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('stele.org_id', true), '')::int;
GRANT EXECUTE ON FUNCTION stele.current_org() TO stele_app, stele_journal;

-- What makes a table a tenant's. Policies OR together, so each names the one role that it is for.
--   stele_app     the org of the transaction's setting
--   stele_owner   everything: FORCE would otherwise show the owner zero rows, and a migration would copy none
--   stele_backup  reads everything (pg_dump --enable-row-security)
-- What a role may do at all is said by GRANT, table by table.
CREATE PROCEDURE stele.make_tenant_table(p_table regclass)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_name name := (SELECT relname FROM pg_class WHERE oid = p_table);
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', p_table);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', p_table);
    EXECUTE format('CREATE POLICY %I ON %s TO stele_app USING (org_id = (SELECT stele.current_org())) WITH CHECK (org_id = (SELECT stele.current_org()))', v_name || '_app', p_table);
    EXECUTE format('CREATE POLICY %I ON %s TO stele_owner USING (true) WITH CHECK (true)', v_name || '_owner', p_table);
    EXECUTE format('CREATE POLICY %I ON %s FOR SELECT TO stele_backup USING (true)', v_name || '_backup', p_table);
    EXECUTE format('GRANT SELECT ON %s TO stele_backup', p_table);
END $$;

-- A partition is read and written through its parent, whose grants and policies are the ones that count. Its own are
-- closed to all but pg_dump, which reads leaves one by one, and the owner, who archives them: a grant on a partition
-- made by mistake then still shows nothing.
CREATE PROCEDURE stele.seal_partition(p_partition regclass)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_name name := (SELECT relname FROM pg_class WHERE oid = p_partition);
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', p_partition);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', p_partition);
    EXECUTE format('CREATE POLICY %I ON %s TO stele_owner USING (true) WITH CHECK (true)', v_name || '_owner', p_partition);
    EXECUTE format('CREATE POLICY %I ON %s FOR SELECT TO stele_backup USING (true)', v_name || '_backup', p_partition);
    EXECUTE format('GRANT SELECT ON %s TO stele_backup', p_partition);
END $$;

-- People read through roles that are members of stele_reader and are granted orgs here. Checked against current_user
-- and not against a setting, which the reader could set himself. Filled by an administrator.
CREATE TABLE stele.reader_grant (
    role_name name NOT NULL,
    org_id    int  NOT NULL,
    CONSTRAINT reader_grant_pkey PRIMARY KEY (org_id, role_name)
);
CALL stele.make_tenant_table('stele.reader_grant');
DROP POLICY reader_grant_app ON stele.reader_grant;
CREATE POLICY reader_grant_reader ON stele.reader_grant FOR SELECT TO stele_reader USING (role_name = current_user);
GRANT SELECT ON stele.reader_grant TO stele_reader;

-- Lets readers see their orgs' rows. An array from a sub-select is computed once a statement and still serves as an
-- index condition on org_id, which IN (SELECT …) would not.
CREATE PROCEDURE stele.make_readable(p_table regclass)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_name name := (SELECT relname FROM pg_class WHERE oid = p_table);
BEGIN
    EXECUTE format('CREATE POLICY %I ON %s FOR SELECT TO stele_reader USING (org_id = ANY (ARRAY(SELECT g.org_id FROM stele.reader_grant g WHERE g.role_name = current_user)))', v_name || '_reader', p_table);
END $$;

-- What was applied here. The migrator compares checksums, and oldest_server with its own version.
CREATE TABLE stele.schema_migration (
    version       int         NOT NULL,
    name          text        NOT NULL,
    checksum      text        NOT NULL,  -- SHA-256 of the file, in hex
    applied_at    timestamptz NOT NULL DEFAULT now(),
    oldest_server text        NOT NULL,  -- the oldest server that may still run on the schema from here on
    CONSTRAINT schema_migration_pkey PRIMARY KEY (version)
);
GRANT SELECT ON stele.schema_migration TO stele_app, stele_tail, stele_backup;

-- The directory: the one list of orgs. Written in the transaction of the org's own first event, so its truth is in that
-- journal. Its name is unique over all orgs, which is why it is exempt from "org_id in every key".
CREATE TABLE stele.org (
    org_id      int         NOT NULL,
    name        text        NOT NULL COLLATE "C",
    created_at  timestamptz NOT NULL,
    archived_at timestamptz NULL,
    CONSTRAINT org_pkey PRIMARY KEY (org_id),
    CONSTRAINT org_name_key UNIQUE (name),
    CONSTRAINT org_id_positive CHECK (org_id > 0)
);
CALL stele.make_tenant_table('stele.org');
CALL stele.make_readable('stele.org');
CREATE POLICY org_tail ON stele.org FOR SELECT TO stele_tail USING (true);
GRANT SELECT, INSERT, UPDATE ON stele.org TO stele_app;
GRANT SELECT ON stele.org TO stele_tail, stele_reader;

-- Settings of an org, projected from its journal. Apart from the directory, because the directory is shared.
CREATE TABLE stele.org_setting (
    org_id              int    NOT NULL,
    default_environment text   NOT NULL COLLATE "C",
    revision            bigint NOT NULL,  -- the one that set it
    CONSTRAINT org_setting_pkey PRIMARY KEY (org_id)
);
CALL stele.make_tenant_table('stele.org_setting');
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.org_setting TO stele_app;

-- Where a token's org is found before any org is chosen. Holds hashes only, and is stele_tail's alone: the request path
-- asks it as stele_tail, so that a made-up token loads no org.
CREATE TABLE stele.token_lookup (
    hash       bytea       NOT NULL,  -- SHA-256 of the token
    token_id   uuid        NOT NULL,
    org_id     int         NULL,      -- NULL: the root token, which chooses
    created_at timestamptz NOT NULL,
    CONSTRAINT token_lookup_pkey PRIMARY KEY (hash),
    CONSTRAINT token_lookup_shape CHECK (octet_length(hash) = 32)
);
-- Every node keeps the few root tokens in mind and looks for new ones: this finds them among however many others.
CREATE INDEX token_lookup_root ON stele.token_lookup (hash) WHERE org_id IS NULL;
CALL stele.make_tenant_table('stele.token_lookup');
DROP POLICY token_lookup_app ON stele.token_lookup;
CREATE POLICY token_lookup_tail ON stele.token_lookup TO stele_tail USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE ON stele.token_lookup TO stele_tail;
