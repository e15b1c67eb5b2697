-- oldest-server: 0.1.0
-- The moment at or after p_now from which on there is no partition of the audit log: what is put on record then is lost. As
-- stele.partition_horizon of events; the log itself is a later file's.
CREATE FUNCTION stele.audit_horizon(p_now timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_month timestamp := date_trunc('month', p_now AT TIME ZONE 'UTC');
BEGIN
    WHILE EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                  WHERE i.inhparent = 'stele.audit_entry'::regclass AND c.relname = to_char(v_month, '"audit_y"YYYY"m"MM')) LOOP
        v_month := v_month + interval '1 month';
    END LOOP;
    RETURN v_month AT TIME ZONE 'UTC';
END $$;
GRANT EXECUTE ON FUNCTION stele.audit_horizon(timestamptz) TO stele_tail;
