-- oldest-server: 0.1.0
-- Making partitioned tables anew beside themselves, while servers write, and putting them in their place: what `stele
-- shards --set` and `stele projections rebuild` stand on (docs/adr/0009-successor-tables.md). The new ones lie in a schema
-- of their own, stele_next, with the names that they will have, so that whatever is left of a run that was killed goes
-- with that schema, triggers included. All of this runs as stele_owner; nobody else may execute it.

-- The columns of a table, or of its primary key, for statements that are composed.
CREATE FUNCTION stele.columns_of(p_table regclass, p_key_only boolean) RETURNS text[]
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_agg(quote_ident(a.attname) ORDER BY CASE WHEN p_key_only THEN array_position(i.indkey::int2[], a.attnum) ELSE a.attnum END)
    FROM pg_attribute a JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
    WHERE a.attrelid = p_table AND a.attnum > 0 AND NOT a.attisdropped AND (NOT p_key_only OR a.attnum = ANY (i.indkey::int2[]))
$$;

-- An empty table like p_table in stele_next, with so many partitions and with everything that hangs on the old one but
-- its triggers, which would fire while it is filled: indexes under their names, row-level security, policies, grants.
CREATE PROCEDURE stele.make_successor(p_table regclass, p_shards int)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_name name := (SELECT relname FROM pg_class WHERE oid = p_table);
    v_new text := format('stele_next.%I', v_name);
    v_digits int := greatest(2, length((p_shards - 1)::text));
    v_partition text;
    v_storage text;
    v_part record;
BEGIN
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING ALL EXCLUDING INDEXES) PARTITION BY %s', v_new, p_table, pg_get_partkeydef(p_table));
    FOR v_part IN SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conrelid = p_table AND contype IN ('p', 'u') LOOP
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', v_new, v_part.conname, v_part.definition);
    END LOOP;
    FOR v_part IN SELECT pg_get_indexdef(indexrelid) AS definition FROM pg_index x WHERE indrelid = p_table
                  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = x.indexrelid AND c.contype IN ('p', 'u')) LOOP
        EXECUTE replace(v_part.definition, format(' ON ONLY %s ', p_table), format(' ON %s ', v_new));
    END LOOP;

    SELECT ' WITH (' || array_to_string(c.reloptions, ', ') || ')' INTO v_storage
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = p_table ORDER BY c.relname LIMIT 1;
    FOR n IN 0..p_shards - 1 LOOP
        v_partition := format('stele_next.%I', v_name || '_p' || lpad(n::text, v_digits, '0'));
        EXECUTE format('CREATE TABLE %s PARTITION OF %s FOR VALUES WITH (MODULUS %s, REMAINDER %s)%s', v_partition, v_new, p_shards, n, v_storage);
        EXECUTE format('CALL stele.seal_partition(%L)', v_partition);
    END LOOP;

    IF (SELECT relrowsecurity FROM pg_class WHERE oid = p_table) THEN
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', v_new);
    END IF;
    IF (SELECT relforcerowsecurity FROM pg_class WHERE oid = p_table) THEN
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', v_new);
    END IF;
    FOR v_part IN SELECT p.* FROM pg_policies p JOIN pg_class c ON c.relname = p.tablename AND c.relnamespace = p.schemaname::regnamespace WHERE c.oid = p_table LOOP
        EXECUTE format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', v_part.policyname, v_new, v_part.permissive, v_part.cmd,
                (SELECT string_agg(CASE r WHEN 'public' THEN 'PUBLIC' ELSE quote_ident(r) END, ', ') FROM unnest(v_part.roles) AS r))
            || coalesce(' USING (' || v_part.qual || ')', '') || coalesce(' WITH CHECK (' || v_part.with_check || ')', '');
    END LOOP;
    FOR v_part IN
        SELECT a.privilege_type AS privilege, a.grantee, a.is_grantable FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = p_table AND a.grantee <> c.relowner
        UNION ALL
        SELECT a.privilege_type || format(' (%I)', t.attname), a.grantee, a.is_grantable FROM pg_attribute t, aclexplode(t.attacl) a
        WHERE t.attrelid = p_table AND t.attnum > 0 AND NOT t.attisdropped
    LOOP
        EXECUTE format('GRANT %s ON %s TO %s%s', v_part.privilege, v_new, CASE v_part.grantee WHEN 0 THEN 'PUBLIC' ELSE v_part.grantee::regrole::text END,
            CASE WHEN v_part.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
END $$;

-- From now on every change of p_table is made in its successor too, by the transaction that makes it: so each snapshot
-- sees in both tables the same, which a copy that is brought level at the end could not promise to a reader who had his
-- snapshot before. Columns are named, so that a migration which adds one does not break a server's writes. The functions
-- run as stele_owner, because stele_app shall have no rights in stele_next; they copy rows that p_table's policies let in.
CREATE PROCEDURE stele.write_through(p_table regclass)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_name name := (SELECT relname FROM pg_class WHERE oid = p_table);
    v_new text := format('stele_next.%I', v_name);
    v_key text[] := stele.columns_of(p_table, true);
    v_columns text := array_to_string(stele.columns_of(p_table, false), ', ');
    v_set text := (SELECT string_agg(format('%1$s = excluded.%1$s', c), ', ') FROM unnest(stele.columns_of(p_table, false)) AS c WHERE c <> ALL (v_key));
    v_frame constant text := 'CREATE FUNCTION stele_next.%I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %L';
    v_trigger constant text := 'CREATE TRIGGER %1$I AFTER %2$s ON %3$s REFERENCING %4$s TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stele_next.%5$I()';
    v_event text;
BEGIN
    EXECUTE format(v_frame, v_name || '_put', format('BEGIN INSERT INTO %s (%s) SELECT %s FROM changed ON CONFLICT (%s) DO UPDATE SET %s; RETURN NULL; END',
        v_new, v_columns, v_columns, array_to_string(v_key, ', '), v_set));
    EXECUTE format(v_frame, v_name || '_remove', format('BEGIN DELETE FROM %s n USING changed c WHERE (%s) = (%s); RETURN NULL; END',
        v_new, (SELECT string_agg('n.' || k, ', ') FROM unnest(v_key) AS k), (SELECT string_agg('c.' || k, ', ') FROM unnest(v_key) AS k)));
    FOREACH v_event IN ARRAY ARRAY['insert', 'update', 'delete'] LOOP
        EXECUTE format(v_trigger, v_name || '_next_' || v_event, v_event, p_table, CASE v_event WHEN 'delete' THEN 'OLD' ELSE 'NEW' END,
            v_name || CASE v_event WHEN 'delete' THEN '_remove' ELSE '_put' END);
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', p_table, v_name || '_next_' || v_event);
    END LOOP;
END $$;

-- Copies the next rows of p_table, in the order of its key, into the successor; rows that are there already are newer.
-- Gives the key of the last one read, with which to go on, and NULL at the end.
CREATE FUNCTION stele.copy_to_successor(p_table regclass, p_after text[], p_limit int, OUT last_key text[], OUT copied bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_key text[] := stele.columns_of(p_table, true);
    v_columns text := array_to_string(stele.columns_of(p_table, false), ', ');
    v_order text := array_to_string(v_key, ', ');
    v_after text := 'true';
BEGIN
    IF p_after IS NOT NULL THEN
        SELECT format('(%s) > (%s)', v_order, string_agg(format('%L::%s', p_after[k.n], format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY k.n)) INTO v_after
        FROM unnest(v_key) WITH ORDINALITY AS k (name, n) JOIN pg_attribute a ON a.attrelid = p_table AND quote_ident(a.attname) = k.name;
    END IF;
    EXECUTE format(
        'WITH chunk AS MATERIALIZED (SELECT %1$s FROM %2$s WHERE %3$s ORDER BY %4$s LIMIT %5$s),
              put AS (INSERT INTO stele_next.%6$I (%1$s) SELECT %1$s FROM chunk ON CONFLICT DO NOTHING)
         SELECT (SELECT ARRAY[%7$s] FROM chunk ORDER BY %8$s LIMIT 1), (SELECT count(*) FROM chunk)',
        v_columns, p_table, v_after, v_order, p_limit, (SELECT relname FROM pg_class WHERE oid = p_table),
        (SELECT string_agg(k || '::text', ', ') FROM unnest(v_key) AS k), (SELECT string_agg(k || ' DESC', ', ') FROM unnest(v_key) AS k))
    INTO last_key, copied;
END $$;

-- Rows of each org in p_table and in its successor, and whether they are the same: a sum of hashes over whole rows, in
-- one snapshot, reading each table once.
CREATE FUNCTION stele.compare_successor(p_table regclass) RETURNS TABLE (org_id int, rows_before bigint, rows_after bigint, equal boolean)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_columns text := array_to_string(stele.columns_of(p_table, false), ', ');
    v_sums text := '(SELECT r.org_id, count(*) AS n, sum(hash_record_extended(r, 0)) AS s FROM (SELECT %s FROM %s) AS r GROUP BY r.org_id)';
BEGIN
    RETURN QUERY EXECUTE format('SELECT coalesce(o.org_id, n.org_id), coalesce(o.n, 0), coalesce(n.n, 0), coalesce(o.n = n.n AND o.s = n.s, false) FROM '
        || format(v_sums, v_columns, p_table) || ' AS o FULL JOIN ' || format(v_sums, v_columns, format('stele_next.%I', (SELECT relname FROM pg_class WHERE oid = p_table)))
        || ' AS n ON n.org_id = o.org_id ORDER BY 1');
END $$;

-- The tables that have a successor, in the order in which the server's writes lock them; NULL: the schema is not there.
CREATE FUNCTION stele.succeeded() RETURNS regclass[]
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_agg(o.oid::regclass ORDER BY o.relname COLLATE "C" DESC)
    FROM pg_class n JOIN pg_class o ON o.relname = n.relname AND o.relnamespace = 'stele'::regnamespace
    WHERE n.relnamespace = to_regnamespace('stele_next') AND n.relkind = 'p' AND o.relkind = 'p'
$$;

-- Views over them. What is made by others than stele_owner cannot be made anew by it.
CREATE FUNCTION stele.views_over(p_tables regclass[]) RETURNS TABLE (view regclass, kind "char", owner name)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT v.oid::regclass, v.relkind, pg_get_userbyid(v.relowner)
    FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class
    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY (p_tables::oid[]) AND v.oid <> ALL (p_tables::oid[])
$$;

-- Locks what a swap changes: views before tables, like those who read them. In SHARE UPDATE EXCLUSIVE only the tables, which
-- keeps vacuum off and disturbs nobody: first that, with patience, then the exclusive lock with little.
CREATE PROCEDURE stele.lock_for_swap(p_mode text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_tables regclass[] := stele.succeeded();
    v_locked text;
BEGIN
    IF p_mode = 'ACCESS EXCLUSIVE' THEN
        FOR v_locked IN SELECT v.view::text FROM stele.views_over(v_tables) v ORDER BY v.view::text LOOP
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', v_locked);
        END LOOP;
    END IF;
    FOR v_locked IN SELECT t::text FROM unnest(v_tables) WITH ORDINALITY AS o (t, n) ORDER BY n LOOP
        EXECUTE format('LOCK TABLE %s, %s IN %s MODE', v_locked, replace(v_locked, 'stele.', 'stele_next.'), p_mode);
    END LOOP;
END $$;

-- Puts the successors in their place, under lock_for_swap('ACCESS EXCLUSIVE'): catalogue work only, no row is touched.
-- Views keep their identity, and with it their grants and what stands on them; DROP without CASCADE refuses what is not known here.
CREATE PROCEDURE stele.swap_successors()
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_tables regclass[] := stele.succeeded();
    v_names name[] := ARRAY(SELECT relname FROM pg_class WHERE oid = ANY (v_tables::oid[]) ORDER BY 1);
    v_views text[] := ARRAY(SELECT format('CREATE OR REPLACE VIEW %s%s AS %s', v.view, coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', ''), pg_get_viewdef(v.view))
                            FROM stele.views_over(v_tables) v JOIN pg_class c ON c.oid = v.view);
    v_triggers text[] := ARRAY(SELECT pg_get_triggerdef(t.oid) || CASE t.tgenabled WHEN 'A' THEN format('; ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', t.tgrelid::regclass, t.tgname) ELSE '' END
                               FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
                               WHERE t.tgrelid = ANY (v_tables::oid[]) AND NOT t.tgisinternal AND p.pronamespace <> 'stele_next'::regnamespace);
    v_name name;
    v_statement text;
BEGIN
    CREATE SCHEMA stele_old;
    FOREACH v_name IN ARRAY v_names LOOP
        EXECUTE format('ALTER TABLE stele.%I SET SCHEMA stele_old', v_name);
        EXECUTE format('ALTER TABLE stele_next.%I SET SCHEMA stele', v_name);
    END LOOP;
    FOREACH v_statement IN ARRAY v_views || v_triggers LOOP
        EXECUTE v_statement;
    END LOOP;
    FOREACH v_name IN ARRAY v_names LOOP
        EXECUTE format('DROP TABLE stele_old.%I', v_name);
    END LOOP;
    FOR v_statement IN SELECT format('ALTER TABLE stele_next.%I SET SCHEMA stele', relname) FROM pg_class WHERE relnamespace = 'stele_next'::regnamespace AND relkind = 'r' AND relispartition LOOP
        EXECUTE v_statement;
    END LOOP;
    DROP SCHEMA stele_old;
    DROP SCHEMA stele_next CASCADE;
END $$;
