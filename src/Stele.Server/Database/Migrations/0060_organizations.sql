-- oldest-server: 0.1.0
-- Orgs that are renamed, archived and have settings; environments that are changed and deleted. All projected from the org's
-- own journal. Older servers go on: what they do not write has a default, and what they could not read is of a later format.

-- The version of the org's own stream: its creation, its names, its settings.
ALTER TABLE stele.org ADD COLUMN version int NOT NULL DEFAULT 1;

-- Every name that an org has or had, each for good: who asks under an old one is led to the same org, never to another that
-- took it, so that what a node remembers of a name cannot go stale. Unique over all orgs, as the directory is.
CREATE TABLE stele.org_name (
    name   text NOT NULL COLLATE "C",
    org_id int  NOT NULL,
    CONSTRAINT org_name_pkey PRIMARY KEY (name)
);
CREATE INDEX org_name_org ON stele.org_name (org_id);
CALL stele.make_tenant_table('stele.org_name');
CREATE POLICY org_name_tail ON stele.org_name FOR SELECT TO stele_tail USING (true);
GRANT SELECT, INSERT ON stele.org_name TO stele_app;
GRANT SELECT ON stele.org_name TO stele_tail;
INSERT INTO stele.org_name (name, org_id) SELECT name, org_id FROM stele.org;
DO $$
BEGIN
    IF (SELECT count(*) FROM stele.org_name) <> (SELECT count(*) FROM stele.org) THEN
        RAISE EXCEPTION 'not every org has its name in org_name';
    END IF;
END $$;

ALTER TABLE stele.org_setting
    ADD COLUMN protected_environments text[] NOT NULL DEFAULT '{}',  -- where a write needs a permission of its own and a reason
    ADD COLUMN limits jsonb NOT NULL DEFAULT '{}';                   -- limits of which the org has its own value: name to number

ALTER TABLE stele.environment ADD COLUMN version int NOT NULL DEFAULT 1;  -- of its own stream

-- What is left of an environment: the version at which it goes on when its name comes back. Its keys' history stays where it is.
CREATE TABLE stele.deleted_environment (
    org_id     int         NOT NULL,
    name       text        NOT NULL COLLATE "C",
    version    int         NOT NULL,  -- the one that its deletion was
    created_at timestamptz NOT NULL,
    deleted_at timestamptz NOT NULL,
    revision   bigint      NOT NULL,  -- the one that deleted it
    CONSTRAINT deleted_environment_pkey PRIMARY KEY (org_id, name)
);
CALL stele.make_tenant_table('stele.deleted_environment');
GRANT SELECT, INSERT, DELETE ON stele.deleted_environment TO stele_app;

-- Numbers of new orgs. It only proposes: whether one is free, the keys of org and journal_head say.
CREATE SEQUENCE stele.org_number AS int;
GRANT SELECT ON SEQUENCE stele.org_number TO stele_backup;
GRANT USAGE ON SEQUENCE stele.org_number TO stele_tail;
SELECT setval('stele.org_number', greatest(1, (SELECT coalesce(max(org_id), 0) FROM stele.journal_head)));

-- The next number under which there is no org. Orgs may have been made under numbers of someone else's choice.
CREATE FUNCTION stele.next_org() RETURNS int
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_org int;
BEGIN
    LOOP
        v_org := nextval('stele.org_number');
        IF NOT EXISTS (SELECT FROM stele.journal_head h WHERE h.org_id = v_org) THEN
            RETURN v_org;
        END IF;
    END LOOP;
END $$;
GRANT EXECUTE ON FUNCTION stele.next_org() TO stele_tail;
