using System.Text.Json;
using Stele.Core.Journal;
using Stele.Core.Orgs;

namespace Stele.Core.Secrets;

/// <summary>A secret has a value, which stands here encrypted.</summary>
/// <param name="Environment">The environment.</param>
/// <param name="Path">The path.</param>
/// <param name="Value">The value.</param>
/// <param name="Version">The secret's version from now on.</param>
/// <param name="Step">The version of its stream.</param>
public sealed record SecretSet(string Environment, string Path, SealedValue Value, int Version, long Step) : JournalEvent
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
    public override string Stream => SecretStream.Name(Environment, Path);

    /// <inheritdoc/>
    public override long StreamVersion => Step;

    /// <inheritdoc/>
    public override long ItemVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Secrets;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json =>
    {
        SecretStream.Open(json, Environment, Path, Version, Step);
        json.WriteString("value_id", Value.Id);
        json.WriteBase64String("ciphertext", Value.Ciphertext);
        json.WriteBase64String("digest", Value.Digest);
        json.WriteBoolean("text", Value.IsText);
        json.WriteString("expires_at", ExpiresAt?.ToString());
        json.WritePropertyName("metadata");
        json.WriteRawValue(Metadata, skipInputValidation: true);
        if (RotationDays is { } days) json.WriteNumber("rotation_days", days);
    });

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static SecretSet Decode(ReadOnlySpan<byte> data)
    {
        var members = OrgEventJson.Read(TypeName, data, [.. SecretStream.Members, "value_id", "ciphertext", "digest", "text", "expires_at", "metadata", "rotation_days"]);
        var value = new SealedValue(members[4].GetGuid(), members[5].GetBytesFromBase64(), members[6].GetBytesFromBase64(), members[7].GetBoolean());
        return new SecretSet(members[0].GetString()!, members[1].GetString()!, value, members[2].GetInt32(), members[3].GetInt64())
        {
            ExpiresAt = Timestamp.TryParse(members[8].GetString(), out var at) ? at : null,
            Metadata = SecretEntry.Shared(System.Text.Encoding.UTF8.GetBytes(members[9].GetRawText())),
            RotationDays = members[10].ValueKind == JsonValueKind.Number ? members[10].GetInt32() : null,
        };
    }
}

/// <summary>A secret is deleted: nobody reads it, and its values can be brought back until they are destroyed.</summary>
/// <param name="Environment">The environment.</param>
/// <param name="Path">The path.</param>
/// <param name="Version">The version that the deletion is.</param>
/// <param name="Step">The version of its stream.</param>
public sealed record SecretDeleted(string Environment, string Path, int Version, long Step) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "secret.deleted";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => SecretStream.Name(Environment, Path);

    /// <inheritdoc/>
    public override long StreamVersion => Step;

    /// <inheritdoc/>
    public override long ItemVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Secrets;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json => SecretStream.Open(json, Environment, Path, Version, Step));

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static SecretDeleted Decode(ReadOnlySpan<byte> data)
    {
        var members = OrgEventJson.Read(TypeName, data, SecretStream.Members);
        return new SecretDeleted(members[0].GetString()!, members[1].GetString()!, members[2].GetInt32(), members[3].GetInt64());
    }
}

/// <summary>A deleted secret is back, with the value that it had.</summary>
/// <param name="Environment">The environment.</param>
/// <param name="Path">The path.</param>
/// <param name="Version">The secret's version from now on.</param>
/// <param name="Step">The version of its stream.</param>
public sealed record SecretUndeleted(string Environment, string Path, int Version, long Step) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "secret.undeleted";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => SecretStream.Name(Environment, Path);

    /// <inheritdoc/>
    public override long StreamVersion => Step;

    /// <inheritdoc/>
    public override long ItemVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Secrets;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json => SecretStream.Open(json, Environment, Path, Version, Step));

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static SecretUndeleted Decode(ReadOnlySpan<byte> data)
    {
        var members = OrgEventJson.Read(TypeName, data, SecretStream.Members);
        return new SecretUndeleted(members[0].GetString()!, members[1].GetString()!, members[2].GetInt32(), members[3].GetInt64());
    }
}

/// <summary>Values of a secret are destroyed: their keys went with the same commit. The secret's version stays as it is.</summary>
/// <param name="Environment">The environment.</param>
/// <param name="Path">The path.</param>
/// <param name="Version">The secret's version, then and afterwards.</param>
/// <param name="Step">The version of its stream.</param>
/// <param name="ValueIds">Which values.</param>
public sealed record SecretDestroyed(string Environment, string Path, int Version, long Step, IReadOnlyList<Guid> ValueIds) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "secret.destroyed";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => SecretStream.Name(Environment, Path);

    /// <inheritdoc/>
    public override long StreamVersion => Step;

    /// <inheritdoc/>
    public override long ItemVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Secrets;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json =>
    {
        SecretStream.Open(json, Environment, Path, Version, Step);
        json.WriteStartArray("value_ids");
        foreach (var id in ValueIds) json.WriteStringValue(id);
        json.WriteEndArray();
    });

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static SecretDestroyed Decode(ReadOnlySpan<byte> data)
    {
        var members = OrgEventJson.Read(TypeName, data, [.. SecretStream.Members, "value_ids"]);
        return new SecretDestroyed(members[0].GetString()!, members[1].GetString()!, members[2].GetInt32(), members[3].GetInt64(), [.. members[4].EnumerateArray().Select(id => id.GetGuid())]);
    }
}

static class SecretStream
{
    public static string[] Members { get; } = ["environment", "path", "version", "step"];

    public static string Name(string environment, string path) => $"secret/{environment}/{path}";

    public static void Open(Utf8JsonWriter json, string environment, string path, int version, long step)
    {
        json.WriteString("environment", environment);
        json.WriteString("path", path);
        json.WriteNumber("version", version);
        json.WriteNumber("step", step);
    }
}
