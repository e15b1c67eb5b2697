-- oldest-server: 0.1.0
-- What each org used, by UTC day: the record that bills may be written from. Not derived from the journal, which knows no
-- reads. Nodes add to it once a minute, each batch once (stele.node_flush), and it only ever grows.

CREATE TABLE stele.usage (
    org_id        int         NOT NULL,
    day           date        NOT NULL,
    reads         bigint      NOT NULL DEFAULT 0,  -- requests that were answered and changed nothing
    writes        bigint      NOT NULL DEFAULT 0,  -- requests that were answered and may have changed something
    watch_seconds bigint      NOT NULL DEFAULT 0,  -- of all its watchers together
    evaluations   bigint      NOT NULL DEFAULT 0,  -- of flags, one for each flag
    updated_at    timestamptz NOT NULL,
    watch_hours   numeric     NOT NULL GENERATED ALWAYS AS (round(watch_seconds / 3600.0, 3)) STORED,
    CONSTRAINT usage_pkey PRIMARY KEY (org_id, day),
    CONSTRAINT usage_shape CHECK (reads >= 0 AND writes >= 0 AND watch_seconds >= 0 AND evaluations >= 0)
);
CALL stele.make_tenant_table('stele.usage');
CALL stele.make_readable('stele.usage');
GRANT SELECT, INSERT, UPDATE (reads, writes, watch_seconds, evaluations, updated_at) ON stele.usage TO stele_app;
GRANT SELECT ON stele.usage TO stele_reader;

CREATE FUNCTION stele.refuse_less_usage() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.org_id, NEW.day) = (OLD.org_id, OLD.day) AND NEW.reads >= OLD.reads AND NEW.writes >= OLD.writes
       AND NEW.watch_seconds >= OLD.watch_seconds AND NEW.evaluations >= OLD.evaluations THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'usage only grows: % of stele.usage is refused', TG_OP USING ERRCODE = 'ST003';
END $$;
CREATE TRIGGER usage_keep BEFORE UPDATE OR DELETE ON stele.usage FOR EACH ROW EXECUTE FUNCTION stele.refuse_less_usage();
CREATE TRIGGER usage_keep_all BEFORE TRUNCATE ON stele.usage FOR EACH STATEMENT EXECUTE FUNCTION stele.refuse_less_usage();
ALTER TABLE stele.usage ENABLE ALWAYS TRIGGER usage_keep;
ALTER TABLE stele.usage ENABLE ALWAYS TRIGGER usage_keep_all;
