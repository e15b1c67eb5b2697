using System.Globalization;
using System.Text.Json;
using Npgsql;
using Stele.Prove.Processes;
using Stele.Simulation.Checking.Histories;

namespace Stele.Prove.Workload;

/// <summary>The journal as PostgreSQL holds it, read past every node: what the history is held against.</summary>
internal static class StoredJournal
{
    /// <summary>Those that the load uses.</summary>
    public static IReadOnlyList<string> Orgs { get; } = [Caller.Org, Load.OtherOrg];

    /// <summary>Every revision of every organization, each in its order. Those up to one were there before the load began.</summary>
    public static async Task<List<RevisionStands>> Read(string connectionString, IReadOnlyDictionary<string, long> setUpTo)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        var journal = new List<RevisionStands>();
        foreach (var org in Orgs) await Read(connection, org, setUpTo.GetValueOrDefault(org), 0, journal);
        return journal;
    }

    /// <summary>What a primary has after a place of each organization, and what only it may have from a moment on, in µs.</summary>
    public static async Task<List<RevisionStands>> After(PostgresServer primary, IReadOnlyDictionary<string, long> heads, long since)
    {
        await using var connection = new NpgsqlConnection($"{primary.ConnectionString};Pooling=false");
        await connection.OpenAsync();
        var journal = new List<RevisionStands>();
        foreach (var org in Orgs) await Read(connection, org, setUpTo: 0, heads[org], journal);
        return [.. journal.Select(line => line with { At = since, Aside = true })];
    }

    /// <summary>A journal with what stood aside from it, each after the revision that it followed. What the journal has too was not aside.</summary>
    public static IEnumerable<RevisionStands> With(IReadOnlyList<RevisionStands> journal, IReadOnlyList<RevisionStands> aside)
    {
        var there = journal.Select(line => (line.Org, line.Cursor)).ToHashSet();
        foreach (var org in Orgs)
        {
            // of each deposed primary, by the place at which it and the journal part
            var sides = aside.Where(line => line.Org == org && !there.Contains((line.Org, line.Cursor))).GroupBy(line => line.At).ToLookup(side => side.First().Revision);
            long next = 1;
            foreach (var line in journal.Where(line => line.Org == org))
            {
                foreach (var one in sides[line.Revision].SelectMany(side => side)) yield return one;
                yield return line;
                next = line.Revision + 1;
            }
            foreach (var one in sides[next].SelectMany(side => side)) yield return one;
        }
    }

    static async Task Read(NpgsqlConnection connection, string org, long setUpTo, long after, List<RevisionStands> journal)
    {
        var events = new Dictionary<long, List<StoredEvent>>();
        await using (var command = new NpgsqlCommand(EventsSql, connection) { CommandTimeout = 300, Parameters = { new() { Value = org }, new() { Value = after } } })
        await using (var reader = await command.ExecuteReaderAsync())
            while (await reader.ReadAsync())
            {
                var revision = reader.GetInt64(0);
                if (!events.TryGetValue(revision, out var list)) events[revision] = list = [];
                list.Add(Event(reader.GetString(1), reader.GetInt64(2), (byte[])reader[3]));
            }
        await using (var command = new NpgsqlCommand(RevisionsSql, connection) { CommandTimeout = 300, Parameters = { new() { Value = org }, new() { Value = after } } })
        await using (var reader = await command.ExecuteReaderAsync())
            while (await reader.ReadAsync())
            {
                var revision = reader.GetInt64(0);
                var cursor = string.Create(CultureInfo.InvariantCulture, $"{revision}-{Convert.ToHexStringLower((byte[])reader[1], 0, 4)}");
                journal.Add(new RevisionStands(0, org, revision, cursor, reader.IsDBNull(2) ? null : reader.GetString(2), events.GetValueOrDefault(revision) ?? []) { Setup = revision <= setUpTo ? true : null });
            }
    }

    const string RevisionsSql = """
        SELECT r.revision, r.chain, r.reason FROM stele.revision r JOIN stele.org o ON o.org_id = r.org_id WHERE o.name = $1 AND r.revision > $2 ORDER BY r.revision
        """;

    const string EventsSql = """
        SELECT e.revision, e.stream, e.stream_version, e.data FROM stele.event e JOIN stele.org o ON o.org_id = e.org_id
        WHERE o.name = $1 AND e.revision > $2 AND (e.stream LIKE 'config/%' OR e.stream LIKE 'flag/%') ORDER BY e.revision, e.ordinal
        """;

    /// <summary>Where an organization's journal ends.</summary>
    public static Task<long> Head(PostgresServer primary, string org) => primary.Ask<long>($"SELECT h.revision FROM stele.journal_head h JOIN stele.org o ON o.org_id = h.org_id WHERE o.name = '{org}'");

    /// <summary>Where each journal ends.</summary>
    public static async Task<Dictionary<string, long>> Heads(PostgresServer primary)
    {
        var heads = new Dictionary<string, long>();
        foreach (var org in Orgs) heads[org] = await Head(primary, org);
        return heads;
    }

    static StoredEvent Event(string stream, long version, byte[] data)
    {
        using var json = JsonDocument.Parse(data);
        var isFlag = stream.StartsWith("flag/", StringComparison.Ordinal);
        return new StoredEvent(stream, version) { Value = ItemJson.Of(json.RootElement, isFlag ? "flag" : "config", isFlag ? "definition" : "value") };
    }
}
