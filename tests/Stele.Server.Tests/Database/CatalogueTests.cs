using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Database;

/// <summary>Rules that hold for every object of the schema, asked of the catalogue, so that a new table cannot forget them.</summary>
public sealed class CatalogueTests
{
    /// <summary>Tables that are not a tenant's: design 3.12 names those whose keys are over all orgs.</summary>
    static readonly string[] Global = ["cluster", "node", "schema_migration"];

    /// <summary>Keys that may do without org_id.</summary>
    static readonly string[] GlobalKeys = ["cluster_pkey", "schema_migration_pkey", "org_name_key", "org_name_pkey", "token_lookup_pkey", "node_pkey"];

    static readonly string[] Roles = ["stele_app", "stele_tail", "stele_journal", "stele_owner", "stele_reader", "stele_backup"];

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task Every_tenant_table_and_partition_forces_row_level_security(PostgresMajor major)
    {
        await using var db = await Postgres.NewDatabase(major);
        await using var session = await db.As();
        Assert.Equal(Global.Order(), await session.Rows(
            """
            SELECT relname FROM pg_class WHERE relnamespace = 'stele'::regnamespace AND relkind IN ('r', 'p') AND NOT (relrowsecurity AND relforcerowsecurity)
            ORDER BY relname COLLATE "C"
            """));
    }

    [Fact]
    public async Task Every_policy_names_one_known_role()
    {
        await using var db = await Postgres.NewDatabase();
        await using var session = await db.As();
        Assert.Empty(await session.Rows(
            "SELECT tablename, policyname, roles FROM pg_policies WHERE schemaname = 'stele' AND (cardinality(roles) <> 1 OR roles[1] <> ALL ($1))", [Roles]));
    }

    [Fact]
    public async Task A_policy_without_a_role_would_be_found()
    {
        await using var db = await Postgres.NewDatabase();
        await using var session = await db.As();
        await session.Execute("CREATE POLICY careless ON stele.configuration USING (true)");
        Assert.Single(await session.Rows("SELECT policyname FROM pg_policies WHERE schemaname = 'stele' AND (cardinality(roles) <> 1 OR roles[1] <> ALL ($1))", [Roles]));
    }

    [Fact]
    public async Task Every_trigger_fires_always()
    {
        await using var db = await Postgres.NewDatabase();
        await using var session = await db.As();
        Assert.Empty(await session.Rows(
            """
            SELECT tgrelid::regclass::text, tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
            WHERE c.relnamespace = 'stele'::regnamespace AND NOT t.tgisinternal AND t.tgenabled <> 'A'
            """));
    }

    [Fact]
    public async Task Every_partition_of_events_has_all_three_triggers()
    {
        await using var db = await Postgres.NewDatabase();
        await using var session = await db.As();
        Assert.Empty(await session.Rows(
            """
            SELECT i.inhrelid::regclass::text FROM pg_inherits i WHERE i.inhparent = 'stele.event'::regclass
            AND (SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = i.inhrelid AND t.tgname IN ('event_keep', 'event_keep_data', 'event_keep_all')) <> 3
            """));
    }

    [Fact]
    public async Task Nobody_but_the_backup_is_granted_anything_on_a_partition()
    {
        await using var db = await Postgres.NewDatabase();
        await using var session = await db.As();
        Assert.Equal(["stele_backup|SELECT"], await session.Rows(
            """
            SELECT DISTINCT a.grantee::regrole::text, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a
            WHERE c.relnamespace = 'stele'::regnamespace AND c.relispartition AND c.relkind = 'r' AND a.grantee <> c.relowner
            """));
    }

    [Fact]
    public async Task A_grant_on_a_partition_made_by_mistake_shows_nothing()
    {
        await using var db = await Postgres.NewDatabase();
        await JournalRows.CreateOrg(db, 1);
        await using (var app = await db.AsApp(1))
            await JournalRows.Set(app, 1, "production", "a.b", 1, 1, "x", DateTime.UtcNow);
        await using (var superuser = await db.As())
            await superuser.Execute("DO $$ BEGIN FOR n IN 0..9 LOOP EXECUTE format('GRANT SELECT ON stele.configuration_p%s TO stele_app, stele_reader', to_char(n, 'FM00')); END LOOP; END $$");
        await using var again = await db.AsApp(1);
        var direct = string.Join(" UNION ALL ", Enumerable.Range(0, 10).Select(n => $"SELECT key FROM stele.configuration_p{n:00}"));
        Assert.Equal(0L, await again.Ask<long>($"SELECT count(*) FROM ({direct}) p"));
        Assert.Equal(1L, await again.Ask<long>("SELECT count(*) FROM stele.configuration"));
    }

    [Fact]
    public async Task Every_unique_key_contains_the_org()
    {
        await using var db = await Postgres.NewDatabase();
        await using var session = await db.As();
        Assert.Equal(GlobalKeys.Order(StringComparer.Ordinal), await session.Rows(
            """
            SELECT k.relname FROM pg_index x JOIN pg_class k ON k.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
            WHERE c.relnamespace = 'stele'::regnamespace AND x.indisunique AND NOT c.relispartition
              AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = x.indrelid AND a.attname = 'org_id' AND a.attnum = ANY (x.indkey))
            ORDER BY k.relname COLLATE "C"
            """));
    }

    [Fact]
    public async Task Nothing_of_the_schema_is_open_to_everybody()
    {
        await using var db = await Postgres.NewDatabase();
        await using var session = await db.As();
        Assert.Empty(await session.Rows(
            """
            SELECT 'function', p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'stele'::regnamespace
              AND p.prokind IN ('f', 'p') AND (p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0))
            UNION ALL
            SELECT 'relation', c.relname FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = 'stele'::regnamespace AND a.grantee = 0
            UNION ALL
            SELECT 'schema', n.nspname FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = 'stele' AND a.grantee = 0
            """));
    }

    [Fact]
    public async Task Functions_that_run_as_somebody_else_have_a_fixed_search_path_and_a_narrow_owner()
    {
        await using var db = await Postgres.NewDatabase();
        await using var session = await db.As();
        Assert.Empty(await session.Rows(
            """
            SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'stele'::regnamespace AND p.prosecdef
              AND NOT coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)
            """));
        Assert.Equal(["drop_audit_months", "ensure_audit_partitions", "ensure_partitions"], await session.Rows(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'stele'::regnamespace AND prosecdef AND proowner <> 'stele_journal'::regrole ORDER BY proname"));
    }

    [Fact]
    public async Task Every_view_runs_as_the_one_who_asks()
    {
        await using var db = await Postgres.NewDatabase();
        await using var session = await db.As();
        Assert.Empty(await session.Rows(
            "SELECT relname FROM pg_class WHERE relnamespace = 'stele'::regnamespace AND relkind = 'v' AND NOT coalesce(reloptions @> ARRAY['security_invoker=true'], false)"));
    }

    [Fact]
    public async Task No_role_of_ours_bypasses_row_level_security_and_only_app_and_tail_log_in()
    {
        await using var db = await Postgres.NewDatabase();
        await using var session = await db.As();
        Assert.Empty(await session.Rows("SELECT rolname FROM pg_roles WHERE rolname = ANY ($1) AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)", [Roles]));
        Assert.Equal(["stele_app", "stele_tail"], await session.Rows("SELECT rolname FROM pg_roles WHERE rolname = ANY ($1) AND rolcanlogin ORDER BY 1", [Roles]));
    }

    [Fact]
    public async Task Every_constraint_was_named_by_us()
    {
        await using var db = await Postgres.NewDatabase();
        await using var session = await db.As();
        Assert.Empty(await session.Rows(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE connamespace = 'stele'::regnamespace AND contype = 'c' AND conname ~ '_check[0-9]*$'"));
    }
}
