using System.Security.Cryptography;
using System.Text;
using Npgsql;
using NpgsqlTypes;

namespace Stele.Server.Tests.Fixtures;

/// <summary>Writes the journal by its SQL functions alone, with made-up chains: for tests of the schema, not of the journal.</summary>
static class JournalRows
{
    /// <summary>The head and the directory row of a new org, as stele_app.</summary>
    public static async Task CreateOrg(TestDatabase db, int org)
    {
        await using var app = await db.AsApp(org);
        await app.Execute("INSERT INTO stele.org (org_id, name, created_at) VALUES ($1, $2, now())", org, $"org{org}");
        await app.Execute("SELECT stele.create_head($1, 1)", org);
    }

    /// <summary>Appends revisions with one event each; what the function raises comes through. With a key they are its versions, else each has a key of its own.</summary>
    public static async Task Append(TestSession session, int org, long revision, byte[] chain, IReadOnlyList<DateTime> times, long fence = 0, int format = 1, Guid? incarnation = null, string data = "{}", string? key = null)
    {
        var history = incarnation ?? await session.Ask<Guid>("SELECT incarnation FROM stele.cluster");
        var n = times.Count;
        var bytes = Encoding.UTF8.GetBytes(data);
        await using var command = new NpgsqlCommand(
            "SELECT stele.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)", session.Connection);
        object[] values =
        [
            org, history, fence, revision, chain, format,
            Fill(n, i => Chain(revision + 1 + i)), times.ToArray(), Fill(n, _ => "tester"), new string?[n], Fill(n, _ => Guid.NewGuid()),
            Fill(n, i => revision + 1 + i), Fill(n, _ => 0), Fill(n, _ => Guid.CreateVersion7()), Fill(n, i => $"config/production/{key ?? $"a.k{i}"}"), Fill(n, i => key is null ? 1L : revision + 1 + i),
            Fill(n, _ => "config.set"), Fill(n, _ => bytes), Fill(n, _ => SHA256.HashData(bytes)),
        ];
        foreach (var value in values)
            command.Parameters.Add(value is DateTime[] ? new NpgsqlParameter { Value = value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz } : new NpgsqlParameter { Value = value });
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Thirty-two bytes that tell which revision they are of; revision 0 has zeroes.</summary>
    public static byte[] Chain(long revision) => revision == 0 ? new byte[32] : SHA256.HashData(BitConverter.GetBytes(revision));

    /// <summary>A configuration value, as the projection writes it.</summary>
    public static async Task Set(TestSession session, int org, string environment, string key, long version, long revision, string? value, DateTime at, string type = "string")
    {
        await session.Execute(
            """
            INSERT INTO stele.configuration_history (id, key, environment, version, value, value_type, updated_at, updated_by, change_log, revision, deleted, org_id)
            VALUES ($1, $2, $3, $4, $5, $6, $7, 'tester', 'because', $8, $9, $10)
            """, revision * 16384, key, environment, version, value, type, at, revision, value is null, org);
        await session.Execute(
            """
            INSERT INTO stele.configuration (id, key, environment, value, value_type, version, revision, created_at, updated_at, updated_by, deleted, org_id)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, 'tester', $9, $10)
            ON CONFLICT (org_id, environment, key) DO UPDATE
            SET value = EXCLUDED.value, value_type = EXCLUDED.value_type, version = EXCLUDED.version, revision = EXCLUDED.revision, updated_at = EXCLUDED.updated_at, deleted = EXCLUDED.deleted
            """, revision * 16384, key, environment, value, type, version, revision, at, value is null, org);
    }

    static T[] Fill<T>(int count, Func<int, T> make) => [.. Enumerable.Range(0, count).Select(make)];
}
