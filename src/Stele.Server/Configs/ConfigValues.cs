using Microsoft.Extensions.Caching.Memory;
using Npgsql;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Configs;

/// <summary>
/// The large values, which the state holds by reference. They are read by exactly the version that the state names, so the
/// answer is what the state says, however long ago it was taken: versions of the past do not change. What was read is
/// held against hash and size, and kept for a while by them, so that a value that a whole fleet asks for is read once.
/// </summary>
internal sealed class ConfigValues(DatabaseConnections database, StatementTimer statements) : IDisposable
{
    readonly MemoryCache cache = new(new MemoryCacheOptions { SizeLimit = SteleLimits.ValueCacheBytes.Value });

    /// <summary>
    /// The entry with its value. Faults: integrity (what is stored is not what the journal says); unavailable (the value was
    /// redacted or lost since the state was taken: the current state has another).
    /// </summary>
    public async ValueTask<Outcome<ConfigEntry>> Whole(OrgId org, string environment, ConfigEntry entry, CancellationToken cancellation)
    {
        if (entry.Reference is null) return entry;
        var versions = await Whole(org, environment, [new ConfigVersion(entry, false)], cancellation);
        return versions.TryGet(out var whole, out var fault) ? whole[0].Entry : fault;
    }

    /// <summary>The versions with their values, in their order, in one query for all that are not at hand.</summary>
    public async ValueTask<Outcome<List<ConfigVersion>>> Whole(OrgId org, string environment, List<ConfigVersion> versions, CancellationToken cancellation)
    {
        var missing = new List<int>();
        for (var i = 0; i < versions.Count; i++)
        {
            if (versions[i].Entry.Reference is not { } reference) continue;
            if (cache.TryGetValue(reference, out byte[]? known)) versions[i] = versions[i] with { Entry = versions[i].Entry with { Value = known } };
            else missing.Add(i);
        }
        if (missing.Count == 0) return versions;
        var texts = await Read(org, environment, [.. missing.Select(index => versions[index].Entry)], cancellation);
        foreach (var index in missing)
        {
            var entry = versions[index].Entry;
            // redacted, or taken away by a rewind: this state is not the current one any more
            if (!texts.TryGetValue(entry.Key, out var text) || text is null) return Fault.Unavailable($"The value of {entry.Key} changed while it was read; ask again.");
            if (ValueReference.OfText(text) != entry.Reference)
                return new Fault(FaultCode.Integrity, $"Version {entry.Version} of {entry.Key} in {environment} is not what the journal says; run 'stele verify'.");
            var value = ConfigProjection.Value(System.Text.Encoding.UTF8.GetString(text), entry.ValueType);
            if (value.Length <= SteleLimits.ValueCacheBytes.Value)
                cache.Set(entry.Reference, value, new MemoryCacheEntryOptions { Size = value.Length });
            versions[index] = versions[index] with { Entry = entry with { Value = value } };
        }
        return versions;
    }

    /// <inheritdoc/>
    public void Dispose() => cache.Dispose();

    async Task<Dictionary<string, byte[]?>> Read(OrgId org, string environment, List<ConfigEntry> entries, CancellationToken cancellation)
    {
        var command = PostgresParameters.Command(ValuesSql, org.Value, environment);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. entries.Select(entry => entry.Key)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. entries.Select(entry => (long)entry.Version)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. entries.Select(entry => entry.Revision)] });
        using var timing = statements.Start("config_values");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, command);
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var texts = new Dictionary<string, byte[]?>(StringComparer.Ordinal);
        while (await reader.ReadAsync(cancellation)) texts[reader.GetString(0)] = reader.IsDBNull(1) ? null : (byte[])reader[1];
        return texts;
    }

    const string ValuesSql = """
        SELECT n.key, convert_to(v.value, 'UTF8')
        FROM unnest($3::text[], $4::bigint[], $5::bigint[]) AS n (key, version, revision)
        CROSS JOIN LATERAL (SELECT h.value FROM stele.configuration_history h
            WHERE h.org_id = $1 AND h.environment = $2 AND h.key = n.key AND h.version = n.version AND h.revision = n.revision LIMIT 1) AS v
        """;
}
