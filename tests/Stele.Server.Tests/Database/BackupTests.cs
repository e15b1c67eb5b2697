using System.Diagnostics;
using Npgsql;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Database;

/// <summary>pg_dump as a member of stele_backup, restored, gives a database that is whole and as well guarded.</summary>
public sealed class BackupTests
{
    [Fact]
    public async Task A_dump_by_the_backup_role_restores_to_the_same_rows_and_the_same_rules()
    {
        if (await Postgres.Binaries(PostgresMajor.V15) is not { } binaries || !File.Exists(Path.Combine(binaries, "pg_dump")))
        {
            Assert.Skip("pg_dump 15 is not installed here.");
            return;
        }
        await using var db = await Postgres.NewDatabase();
        foreach (var org in (int[])[1, 2])
        {
            await JournalRows.CreateOrg(db, org);
            await using var app = await db.AsApp(org);
            for (var n = 0; n < 20; n++)
                await JournalRows.Set(app, org, "production", $"a.k{n}", 1, 1, $"v{n}", DateTime.UtcNow);
            await JournalRows.Append(app, org, 0, JournalRows.Chain(0), [DateTime.UtcNow, DateTime.UtcNow]);
        }
        var login = $"dumper_{db.Name}";
        await Postgres.Execute(db.Owner, $"CREATE ROLE {login} LOGIN IN ROLE stele_backup PASSWORD 'pw'");
        var file = Path.Combine(Path.GetTempPath(), $"{login}.dump");
        try
        {
            await Run(binaries, "pg_dump", new NpgsqlConnectionStringBuilder(db.Owner) { Username = login, Password = "pw" }, "--enable-row-security", "--format=custom", $"--file={file}");
            await using var copy = await Postgres.NewEmptyDatabase();
            await Run(binaries, "pg_restore", new NpgsqlConnectionStringBuilder(copy.Owner), "--exit-on-error", file);

            await using var before = await db.As();
            await using var after = await copy.As();
            var tables = await before.Rows("SELECT relname FROM pg_class WHERE relnamespace = 'stele'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname");
            foreach (var table in tables)
                Assert.Equal(await before.Rows($"SELECT t::text FROM stele.{table} t ORDER BY 1"), await after.Rows($"SELECT t::text FROM stele.{table} t ORDER BY 1"));
            Assert.Equal(await before.Rows(RulesSql), await after.Rows(RulesSql));
            Assert.Equal(4L, await after.Ask<long>("SELECT count(*) FROM stele.event"));

            await using var server = await copy.AsApp(1);
            await JournalRows.Append(server, 1, 2, JournalRows.Chain(2), [DateTime.UtcNow]);
            await server.Execute("SET stele.org_id = ''");
            Assert.Equal(0L, await server.Ask<long>("SELECT count(*) FROM stele.configuration"));
            Assert.Equal("ST003", await after.Refusal($"TRUNCATE {await after.Ask<string>("SELECT tableoid::regclass::text FROM stele.event LIMIT 1")}"));
        }
        finally
        {
            File.Delete(file);
            await Postgres.Execute(db.Owner, $"DROP ROLE {login}");
        }
    }

    /// <summary>Policies, triggers, force, grants, owners.</summary>
    const string RulesSql =
        """
        SELECT 'policy ' || tablename::text || policyname::text || roles::text || cmd || coalesce(qual, '') || coalesce(with_check, '') FROM pg_policies WHERE schemaname = 'stele'
        UNION ALL
        SELECT 'trigger ' || tgrelid::regclass::text || tgname::text || tgenabled::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = 'stele'::regnamespace
        UNION ALL
        SELECT 'table ' || relname::text || relrowsecurity::text || relforcerowsecurity::text || relowner::regrole::text
               || coalesce((SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(relacl) a), '') FROM pg_class WHERE relnamespace = 'stele'::regnamespace AND relkind <> 'i'
        UNION ALL
        SELECT 'function ' || oid::regprocedure::text || prosecdef::text || proowner::regrole::text || coalesce((SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(proacl) a), '')
        FROM pg_proc WHERE pronamespace = 'stele'::regnamespace
        ORDER BY 1
        """;

    internal static async Task Run(string binaries, string program, NpgsqlConnectionStringBuilder to, params string[] arguments)
    {
        using var process = new Process();
        process.StartInfo = new ProcessStartInfo(Path.Combine(binaries, program), [$"--host={to.Host}", $"--port={to.Port}", $"--username={to.Username}", $"--dbname={to.Database}", .. arguments])
        {
            RedirectStandardError = true,
            Environment = { ["PGPASSWORD"] = to.Password },
        };
        process.Start();
        var errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program}: {errors}");
    }
}
