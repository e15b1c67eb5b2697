using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Stele.Core.Journal;
using Stele.Core.Secrets;
using Stele.Server.Journal;

namespace Stele.Simulation.Database;

/// <summary>The secrets of one org as rows: the current ones and their values, written from the stored bytes of events.</summary>
internal sealed record SecretTables(
    ImmutableSortedDictionary<(string Environment, string Path), SecretEntry> Current,
    ImmutableDictionary<Guid, SecretValueRow> Values)
{
    public static readonly SecretTables Empty = new(
        ImmutableSortedDictionary.Create<(string, string), SecretEntry>(OrdinalPair.Instance), ImmutableDictionary<Guid, SecretValueRow>.Empty);

    /// <summary>Whether events of a type are written here.</summary>
    public static bool Owns(string type) => type.StartsWith("secret.", StringComparison.Ordinal);

    /// <summary>The rows after an event.</summary>
    public SecretTables Project(RevisionRecord revision, EventRecord e, JsonElement data)
    {
        var at = (Environment: data.GetProperty("environment").GetString()!, Path: data.GetProperty("path").GetString()!);
        var (version, step, before) = (data.GetProperty("version").GetInt32(), data.GetProperty("step").GetInt64(), Current.GetValueOrDefault(at));
        if (e.Type == "secret.destroyed")
        {
            var ids = data.GetProperty("value_ids").EnumerateArray().Select(id => id.GetGuid()).ToList();
            return this with
            {
                Current = Current.SetItem(at, before! with { StreamVersion = step, IsDestroyed = before.IsDestroyed || ids.Contains(before.ValueId), ChangedRevision = revision.Revision }),
                Values = Values.SetItems(ids.Where(Values.ContainsKey).Select(id => KeyValuePair.Create(id, Values[id] with { Ciphertext = null }))),
            };
        }
        if (e.Type != "secret.set")
            return this with
            {
                Current = Current.SetItem(at, before! with
                {
                    Version = version, StreamVersion = step, Revision = revision.Revision, CreatedAt = revision.At, CreatedBy = revision.Actor, IsDeleted = e.Type == "secret.deleted", ChangedRevision = revision.Revision,
                }),
            };
        var (id, ciphertext) = (data.GetProperty("value_id").GetGuid(), data.GetProperty("ciphertext").GetBytesFromBase64());
        var entry = new SecretEntry(at.Path, version, step, revision.Revision, revision.At, revision.Actor, id, Timestamp.TryParse(data.GetProperty("expires_at").GetString(), out var expires) ? expires : null,
            SecretEntry.Shared(Encoding.UTF8.GetBytes(data.GetProperty("metadata").GetRawText())), data.TryGetProperty("rotation_days", out var days) ? days.GetInt32() : null, ciphertext.Length,
            before?.Id ?? (revision.Revision << 14) + e.Ordinal) { IsText = data.GetProperty("text").GetBoolean(), ChangedRevision = revision.Revision };
        return this with { Current = Current.SetItem(at, entry), Values = Values.SetItem(id, new SecretValueRow(id, at.Environment, at.Path, version, ciphertext)) };
    }

    /// <summary>The secrets of an environment that a node loads from these rows.</summary>
    public EnvironmentSecrets Load(string environment) => EnvironmentSecrets.Of([.. Current.Where(row => row.Key.Environment == environment).Select(row => row.Value)]);

    /// <summary>The value of a version: that of the last one up to it that brought one.</summary>
    public SecretValueRow? Value(string environment, string path, int version) => Values.Values.Where(row => row.Environment == environment && row.Path == path && row.Version <= version).MaxBy(row => row.Version);
}

/// <summary>A value as it is stored; without a ciphertext it is destroyed.</summary>
internal sealed record SecretValueRow(Guid Id, string Environment, string Path, int Version, byte[]? Ciphertext);

/// <summary>What stands beside the journal: wrapped data keys, how many versions the org's key has, and the requests whose reading is on record.</summary>
internal sealed record SecretKeys(ImmutableDictionary<Guid, SecretKeyRow> Keys, int Newest, ImmutableHashSet<Guid> Records)
{
    public static readonly SecretKeys Empty = new(ImmutableDictionary<Guid, SecretKeyRow>.Empty, 1, []);

    /// <summary>With the rows that commit with a batch and stand in none of its events.</summary>
    public SecretKeys With(IReadOnlyList<SideRow> rows, bool keepDestroyed)
    {
        var keys = Keys.ToBuilder();
        foreach (var row in rows)
            if (row is SecretKeyRow key) keys[key.Id] = key;
            else if (row is SecretKeysDestroyed destroyed && !keepDestroyed) keys.RemoveRange(destroyed.Ids);
        return this with { Keys = keys.ToImmutable() };
    }
}
