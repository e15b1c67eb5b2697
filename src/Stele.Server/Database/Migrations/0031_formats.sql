-- oldest-server: 0.1.0
-- Which format new orgs are written in, and how it is raised. A database that holds no org has no older server to heed: it
-- begins with the newest format of its day, and each format to come brings this last line again, in a migration of its own.

ALTER TABLE stele.cluster ADD COLUMN format int NOT NULL DEFAULT 1;
GRANT UPDATE (format) ON stele.cluster TO stele_journal;
UPDATE stele.cluster SET format = 2 WHERE NOT EXISTS (SELECT FROM stele.journal_head);

-- Every head and what comes after them, at once: a node that does not know the format stops serving, and one that does
-- finds its appends refused until it has looked at the head. Gives how many orgs it raised. The cluster row's lock makes
-- the making of an org wait. Goes from org to org by the setting, since stele_journal may change no other.
CREATE FUNCTION stele.raise_format(p_format int) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_org int;
    v_raised bigint := 0;
    v_setting text := coalesce(current_setting('stele.org_id', true), '');
BEGIN
    UPDATE stele.cluster SET format = p_format WHERE format < p_format;
    FOR v_org IN SELECT h.org_id FROM stele.journal_head h WHERE h.format < p_format ORDER BY h.org_id LOOP
        PERFORM set_config('stele.org_id', v_org::text, true);
        UPDATE stele.journal_head SET format = p_format WHERE org_id = v_org;
        v_raised := v_raised + 1;
    END LOOP;
    PERFORM set_config('stele.org_id', v_setting, true);
    RETURN v_raised;
END $$;
GRANT CREATE ON SCHEMA stele TO stele_journal;
GRANT EXECUTE ON FUNCTION stele.raise_format(int) TO stele_owner;
ALTER FUNCTION stele.raise_format(int) OWNER TO stele_journal;
REVOKE CREATE ON SCHEMA stele FROM stele_journal;
