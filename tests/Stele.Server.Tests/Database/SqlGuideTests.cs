using System.Text.RegularExpressions;
using Npgsql;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Database;

/// <summary>Runs every example of docs/guides/sql.md, as the role that its block names.</summary>
public sealed partial class SqlGuideTests
{
    static readonly string Guide = File.ReadAllText(Path.Combine(Postgres.RepositoryRoot(), "docs/guides/sql.md"));

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task Every_example_runs_and_finds_rows(PostgresMajor major)
    {
        await using var db = await Postgres.NewDatabase(major);
        await Fill(db);
        var ada = $"ada_{db.Name}";
        var empty = new List<string>();
        await using var administrator = await db.As();
        await using var reader = await db.As();
        try
        {
            foreach (var (role, statement) in Examples())
            {
                var session = role == "administrator" ? administrator : reader;
                if (role == "ada")
                    await reader.Execute($"SET ROLE {ada}");
                var sql = AdaPattern().Replace(statement, ada).Replace("2026-01-31 14:03:00+00", Then.ToString("yyyy-MM-dd HH:mm:sszzz", null), StringComparison.Ordinal);
                if (sql.TrimStart().StartsWith("SELECT", StringComparison.Ordinal) || sql.Contains("\nSELECT", StringComparison.Ordinal))
                {
                    if (sql.Contains("INSERT", StringComparison.Ordinal) ? await session.Execute(sql) == 0 : (await session.Rows(sql)).Count == 0)
                        empty.Add(sql);
                }
                else
                {
                    await session.Execute(sql);
                }
            }
        }
        finally
        {
            await administrator.Execute($"DROP ROLE IF EXISTS {ada}");
        }
        Assert.Empty(empty);
    }

    [Fact]
    public async Task The_table_of_relations_names_the_columns_that_there_are()
    {
        await using var db = await Postgres.NewDatabase();
        await using var session = await db.As();
        var rows = TableRow().Matches(Guide);
        Assert.True(rows.Count >= 6);
        foreach (Match row in rows)
        {
            await using var command = new NpgsqlCommand($"SELECT * FROM stele.{row.Groups[1].Value}", session.Connection);
            await using var reader = await command.ExecuteReaderAsync();
            Assert.Equal(row.Groups[2].Value, string.Join(", ", Enumerable.Range(0, reader.FieldCount).Select(reader.GetName)));
        }
    }

    static DateTimeOffset Then => DateTimeOffset.UtcNow.AddHours(-2);

    static async Task Fill(TestDatabase db)
    {
        var now = DateTime.UtcNow;
        await using (var app = await db.AsApp(1))
        {
            await app.Execute("INSERT INTO stele.org (org_id, name, created_at) VALUES (1, 'default', now())");
            await app.Execute("SELECT stele.create_head(1, 1)");
            await JournalRows.Append(app, 1, 0, JournalRows.Chain(0), [now.AddHours(-3), now.AddHours(-1)]);
            await JournalRows.Set(app, 1, "production", "payment.timeout", 1, 1, "30", now.AddHours(-3), "number");
            await JournalRows.Set(app, 1, "staging", "payment.timeout", 1, 2, "60", now.AddHours(-1), "number");
        }
    }

    static IEnumerable<(string Role, string Statement)> Examples() =>
        from Match block in Block().Matches(Guide)
        from statement in Comment().Replace(block.Groups[2].Value, "").Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
        select (block.Groups[1].Value, statement);

    [GeneratedRegex(@"^```sql as=(\w+)\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"^--.*$", RegexOptions.Multiline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"\bada\b")]
    private static partial Regex AdaPattern();

    [GeneratedRegex(@"^\| `([a-z_]+)` \|[^|]*\| `([a-z_, ]+)` \|$", RegexOptions.Multiline)]
    private static partial Regex TableRow();
}
