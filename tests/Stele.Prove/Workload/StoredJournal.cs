using System.Globalization;
using System.Text.Json;
using Npgsql;
using Stele.Prove.Processes;
using Stele.Simulation.Checking.Histories;

namespace Stele.Prove.Workload;

/// <summary>The journal as PostgreSQL holds it, read past every node: what the history is held against.</summary>
internal static class StoredJournal
{
    /// <summary>Every revision of the organization, in order. Those up to one were there before the load began.</summary>
    public static async Task<List<RevisionStands>> Read(string connectionString, long setUpTo)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        var events = new Dictionary<long, List<StoredEvent>>();
        await using (var command = new NpgsqlCommand(EventsSql, connection) { CommandTimeout = 300 })
        await using (var reader = await command.ExecuteReaderAsync())
            while (await reader.ReadAsync())
            {
                var revision = reader.GetInt64(0);
                if (!events.TryGetValue(revision, out var list)) events[revision] = list = [];
                list.Add(Event(reader.GetString(1), reader.GetInt64(2), (byte[])reader[3]));
            }
        var journal = new List<RevisionStands>();
        await using (var command = new NpgsqlCommand(RevisionsSql, connection) { CommandTimeout = 300 })
        await using (var reader = await command.ExecuteReaderAsync())
            while (await reader.ReadAsync())
            {
                var revision = reader.GetInt64(0);
                var cursor = string.Create(CultureInfo.InvariantCulture, $"{revision}-{Convert.ToHexStringLower((byte[])reader[1], 0, 4)}");
                journal.Add(new RevisionStands(0, Caller.Org, revision, cursor, reader.IsDBNull(2) ? null : reader.GetString(2), events.GetValueOrDefault(revision) ?? []) { Setup = revision <= setUpTo ? true : null });
            }
        return journal;
    }

    const string RevisionsSql = """
        SELECT revision, chain, reason FROM stele.revision WHERE org_id = 1 ORDER BY revision
        """;

    const string EventsSql = """
        SELECT revision, stream, stream_version, data FROM stele.event
        WHERE org_id = 1 AND (stream LIKE 'config/%' OR stream LIKE 'flag/%') ORDER BY revision, ordinal
        """;

    /// <summary>Where the journal ends.</summary>
    public static Task<long> Head(PostgresServer primary) => primary.Ask<long>("SELECT revision FROM stele.journal_head WHERE org_id = 1");

    static StoredEvent Event(string stream, long version, byte[] data)
    {
        using var json = JsonDocument.Parse(data);
        var isFlag = stream.StartsWith("flag/", StringComparison.Ordinal);
        return new StoredEvent(stream, version) { Value = ItemJson.Of(json.RootElement, isFlag ? "flag" : "config", isFlag ? "definition" : "value") };
    }
}
