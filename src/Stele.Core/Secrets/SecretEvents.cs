using System.Text.Json;
using Stele.Core.Journal;
using Stele.Core.Orgs;

namespace Stele.Core.Secrets;

/// <summary>What happened to one secret.</summary>
/// <param name="Environment">The environment.</param>
/// <param name="Path">The path.</param>
/// <param name="Version">The secret's version from now on.</param>
/// <param name="Step">The version of its stream.</param>
public abstract record SecretEvent(string Environment, string Path, int Version, long Step) : JournalEvent
{
    /// <summary>The keys of configuration that refer to its current version, which is another one from now on: who watches them is told.</summary>
    public IReadOnlyList<SecretReferrer> Referrers { get; init; } = [];

    /// <inheritdoc/>
    public sealed override string Stream => SecretStream.Name(Environment, Path);

    /// <inheritdoc/>
    public sealed override long StreamVersion => Step;

    /// <inheritdoc/>
    public sealed override long ItemVersion => Version;

    /// <inheritdoc/>
    public sealed override int Format => JournalFormat.Secrets;
}

/// <summary>A secret has a value, which stands here encrypted.</summary>
/// <param name="Environment">The environment.</param>
/// <param name="Path">The path.</param>
/// <param name="Value">The value.</param>
/// <param name="Version">The secret's version from now on.</param>
/// <param name="Step">The version of its stream.</param>
public sealed record SecretSet(string Environment, string Path, SealedValue Value, int Version, long Step) : SecretEvent(Environment, Path, Version, Step)
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "secret.set";

    /// <summary>Until when it is given out, or null.</summary>
    public Timestamp? ExpiresAt { get; init; }

    /// <summary>A canonical JSON object.</summary>
    public byte[] Metadata { get; init; } = SecretEntry.NoMetadata;

    /// <summary>After how many days a new value is due, or null.</summary>
    public int? RotationDays { get; init; }

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json =>
    {
        SecretStream.Open(json, this);
        Value.Write(json);
        json.WriteString("expires_at", ExpiresAt?.ToString());
        json.WritePropertyName("metadata");
        json.WriteRawValue(Metadata, skipInputValidation: true);
        if (RotationDays is { } days) json.WriteNumber("rotation_days", days);
    });

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static SecretSet Decode(ReadOnlySpan<byte> data)
    {
        var members = OrgEventJson.Read(TypeName, data, [.. SecretStream.Members, "value_id", "ciphertext", "digest", "text", "expires_at", "metadata", "rotation_days", "vault_id"]);
        var value = new SealedValue(members[5].GetGuid(), members[6].GetBytesFromBase64(), members[7].GetBytesFromBase64(), members[8].GetBoolean()) { VaultId = members[^1].ValueKind == JsonValueKind.String ? members[^1].GetGuid() : null };
        return new SecretSet(members[0].GetString()!, members[1].GetString()!, value, members[2].GetInt32(), members[3].GetInt64())
        {
            Referrers = SecretStream.Referrers(members[4]),
            ExpiresAt = Timestamp.TryParse(members[9].GetString(), out var at) ? at : null,
            Metadata = SecretEntry.Shared(System.Text.Encoding.UTF8.GetBytes(members[10].GetRawText())),
            RotationDays = members[11].ValueKind == JsonValueKind.Number ? members[11].GetInt32() : null,
        };
    }
}

/// <summary>A secret is deleted: nobody reads it, and its values can be brought back until they are destroyed.</summary>
/// <param name="Environment">The environment.</param>
/// <param name="Path">The path.</param>
/// <param name="Version">The version that the deletion is.</param>
/// <param name="Step">The version of its stream.</param>
public sealed record SecretDeleted(string Environment, string Path, int Version, long Step) : SecretEvent(Environment, Path, Version, Step)
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "secret.deleted";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json => SecretStream.Open(json, this));

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static SecretDeleted Decode(ReadOnlySpan<byte> data) =>
        SecretStream.Read(TypeName, data, static (environment, path, version, step) => new SecretDeleted(environment, path, version, step));
}

/// <summary>A deleted secret is back, with the value that it had.</summary>
/// <param name="Environment">The environment.</param>
/// <param name="Path">The path.</param>
/// <param name="Version">The secret's version from now on.</param>
/// <param name="Step">The version of its stream.</param>
public sealed record SecretUndeleted(string Environment, string Path, int Version, long Step) : SecretEvent(Environment, Path, Version, Step)
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "secret.undeleted";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json => SecretStream.Open(json, this));

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static SecretUndeleted Decode(ReadOnlySpan<byte> data) =>
        SecretStream.Read(TypeName, data, static (environment, path, version, step) => new SecretUndeleted(environment, path, version, step));
}

/// <summary>Values of a secret are destroyed: their keys went with the same commit. The secret's version stays as it is.</summary>
/// <param name="Environment">The environment.</param>
/// <param name="Path">The path.</param>
/// <param name="Version">The secret's version, then and afterwards.</param>
/// <param name="Step">The version of its stream.</param>
/// <param name="ValueIds">Which values.</param>
public sealed record SecretDestroyed(string Environment, string Path, int Version, long Step, IReadOnlyList<Guid> ValueIds) : SecretEvent(Environment, Path, Version, Step)
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "secret.destroyed";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json =>
    {
        SecretStream.Open(json, this);
        json.WriteStartArray("value_ids");
        foreach (var id in ValueIds) json.WriteStringValue(id);
        json.WriteEndArray();
    });

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static SecretDestroyed Decode(ReadOnlySpan<byte> data)
    {
        var members = OrgEventJson.Read(TypeName, data, [.. SecretStream.Members, "value_ids"]);
        return new SecretDestroyed(members[0].GetString()!, members[1].GetString()!, members[2].GetInt32(), members[3].GetInt64(), [.. members[5].EnumerateArray().Select(id => id.GetGuid())]);
    }
}

static class SecretStream
{
    public static string[] Members { get; } = ["environment", "path", "version", "step", "referrers"];

    public static string Name(string environment, string path) => $"secret/{environment}/{path}";

    public static void Open(Utf8JsonWriter json, SecretEvent e)
    {
        json.WriteString("environment", e.Environment);
        json.WriteString("path", e.Path);
        json.WriteNumber("version", e.Version);
        json.WriteNumber("step", e.Step);
        if (e.Referrers.Count == 0) return;
        json.WriteStartArray("referrers");
        foreach (var referrer in e.Referrers)
        {
            json.WriteStartObject();
            json.WriteString("key", referrer.Key);
            json.WriteNumber("version", referrer.Version);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    public static T Read<T>(string type, ReadOnlySpan<byte> data, Func<string, string, int, long, T> make) where T : SecretEvent
    {
        var members = OrgEventJson.Read(type, data, Members);
        return make(members[0].GetString()!, members[1].GetString()!, members[2].GetInt32(), members[3].GetInt64()) with { Referrers = Referrers(members[4]) };
    }

    public static IReadOnlyList<SecretReferrer> Referrers(JsonElement member) => member.ValueKind != JsonValueKind.Array ? []
        : [.. member.EnumerateArray().Select(referrer => new SecretReferrer(referrer.GetProperty("key").GetString()!, referrer.GetProperty("version").GetInt32()))];
}
