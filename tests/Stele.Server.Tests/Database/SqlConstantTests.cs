using System.Reflection;
using System.Text.RegularExpressions;
using Npgsql;
using Stele.Server.Database;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Database;

/// <summary>
/// Every constant of the server that is called …Sql is prepared on the migrated schema, as the first of the server's roles
/// that may run it, and planned without sequential scans where any index serves. What still scans has no index.
/// </summary>
public sealed partial class SqlConstantTests
{
    /// <summary>Constants that are meant to scan a table. May only shrink: one that no longer scans fails the test.</summary>
    static readonly HashSet<string> Scans = [];

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task Every_statement_is_right_and_uses_an_index(PostgresMajor major)
    {
        await using var db = await Postgres.NewDatabase(major);
        var sessions = new List<TestSession> { await db.AsApp(1), await db.AsTail(), await db.As("stele_owner"), await db.As() };
        var problems = new List<string>();
        foreach (var (name, sql) in Constants())
        {
            var (plan, refusal) = await Plan(sessions, sql);
            if (refusal is not null)
                problems.Add($"{name}: {refusal}");
            else if (plan!.Any(line => SeqScan().IsMatch(line)) != Scans.Contains(name))
                problems.Add($"{name}: {(Scans.Contains(name) ? "no longer scans, take it off the list" : "scans")}\n{string.Join('\n', plan!)}");
        }
        foreach (var session in sessions)
            await session.DisposeAsync();
        Assert.True(problems.Count == 0, string.Join("\n\n", problems));
    }

    [Fact]
    public void There_are_statements_to_look_at() => Assert.NotEmpty(Constants());

    /// <summary>Those that have a plan: utility statements (CREATE, GRANT, SET, LISTEN …) have none.</summary>
    static IEnumerable<(string Name, string Sql)> Constants() =>
        from type in typeof(Migrator).Assembly.GetTypes()
        from field in type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
        where field.IsLiteral && field.FieldType == typeof(string) && field.Name.EndsWith("Sql", StringComparison.Ordinal)
        let sql = (string)field.GetRawConstantValue()!
        where Planned().IsMatch(sql)
        select ($"{type.Name}.{field.Name}", sql);

    static async Task<(List<string>? Plan, string? Refusal)> Plan(List<TestSession> sessions, string sql)
    {
        string? refusal = null;
        foreach (var session in sessions)
        {
            try
            {
                await session.Execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off");
                await Raw(session, $"PREPARE looked_at AS {sql}");
                var count = await session.Ask<int>("SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'looked_at'");
                var arguments = count == 0 ? "" : $"({string.Join(", ", Enumerable.Repeat("NULL", count))})";
                var plan = await session.Rows($"EXPLAIN EXECUTE looked_at{arguments}");
                await session.Execute("DEALLOCATE looked_at");
                return (plan, null);
            }
            catch (PostgresException failure)
            {
                await session.Execute("DEALLOCATE ALL");
                refusal = $"{failure.SqlState} {failure.MessageText}";
                if (failure.SqlState != PostgresErrorCodes.InsufficientPrivilege)
                    return (null, refusal);
            }
        }
        return (null, refusal);
    }

    /// <summary>As it is: Npgsql would take $1 for a parameter of its own.</summary>
    static async Task Raw(TestSession session, string sql)
    {
        var quoted = sql.Replace("'", "''", StringComparison.Ordinal);
        await session.Execute($"DO $outer$ BEGIN EXECUTE '{quoted}'; END $outer$");
    }

    [GeneratedRegex(@"^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|VALUES|MERGE)\b", RegexOptions.IgnoreCase)]
    private static partial Regex Planned();

    // on catalogues we have no say, and cluster has one row by a constraint
    [GeneratedRegex(@"Seq Scan on (?!pg_|cluster\b)")]
    private static partial Regex SeqScan();
}
