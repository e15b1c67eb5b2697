using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Stele.Core.Journal;

namespace Stele.Core.Flags;

/// <summary>An item of an environment's flags (<see cref="FlagKey"/>) is as it says.</summary>
/// <param name="Environment">The environment.</param>
/// <param name="Name">The item's key.</param>
/// <param name="Definition">Canonical JSON bytes: a flag's definition as it was given, a shared rule, metadata, or whether a kill switch is on.</param>
/// <param name="Version">The item's version from now on.</param>
public sealed record FlagDefined(string Environment, string Name, byte[] Definition, int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "flag.set";

    /// <summary>Whether the flag's own kill switch is on.</summary>
    public bool Killed { get; init; }

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => FlagStream.Name(Environment, Name);

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Flags;

    /// <summary>What is left of one whose data was redacted: a definition of JSON's null, which no item can be given.</summary>
    internal static FlagDefined Redacted(string stream, int version) => stream.Split('/', 3) is [_, var environment, var name]
        ? new FlagDefined(environment, name, FlagEntry.RedactedText, version)
        : throw new UnknownEventException($"'{stream}' is no stream of a flag");

    /// <inheritdoc/>
    public override byte[] Encode()
    {
        var json = new ArrayBufferWriter<byte>(Definition.Length + Name.Length + Environment.Length + 96);
        FlagStream.Open(json, Environment, Name);
        json.Write(",\"definition\":"u8);
        json.Write(Definition);
        if (Killed) json.Write(",\"killed\":true"u8);
        return FlagStream.Close(json, Version);
    }

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static FlagDefined Decode(ReadOnlySpan<byte> data)
    {
        var stored = FlagStream.Read(TypeName, data);
        return new FlagDefined(stored.Environment, stored.Name, stored.Definition ?? throw new UnknownEventException($"{TypeName} lacks a member"), stored.Version) { Killed = stored.Killed };
    }
}

/// <summary>A flag is put away: its definition stays, and is not evaluated. A later <see cref="FlagDefined"/> brings it back.</summary>
/// <param name="Environment">The environment.</param>
/// <param name="Name">The flag's name.</param>
/// <param name="Version">The version that this is.</param>
public sealed record FlagArchived(string Environment, string Name, int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "flag.archived";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => FlagStream.Name(Environment, Name);

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Flags;

    /// <inheritdoc/>
    public override byte[] Encode() => FlagStream.Write(Environment, Name, Version);

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static FlagArchived Decode(ReadOnlySpan<byte> data)
    {
        var stored = FlagStream.Read(TypeName, data);
        return new FlagArchived(stored.Environment, stored.Name, stored.Version);
    }
}

/// <summary>An item of an environment's flags is deleted. Its version number stays taken.</summary>
/// <param name="Environment">The environment.</param>
/// <param name="Name">The item's key.</param>
/// <param name="Version">The version that the deletion is.</param>
public sealed record FlagDeleted(string Environment, string Name, int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "flag.deleted";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => FlagStream.Name(Environment, Name);

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Flags;

    /// <inheritdoc/>
    public override byte[] Encode() => FlagStream.Write(Environment, Name, Version);

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static FlagDeleted Decode(ReadOnlySpan<byte> data)
    {
        var stored = FlagStream.Read(TypeName, data);
        return new FlagDeleted(stored.Environment, stored.Name, stored.Version);
    }
}

static class FlagStream
{
    public static string Name(string environment, string name) => $"flag/{environment}/{name}";

    public static byte[] Write(string environment, string name, int version)
    {
        var json = new ArrayBufferWriter<byte>(name.Length + environment.Length + 64);
        Open(json, environment, name);
        return Close(json, version);
    }

    // names and environments hold nothing that JSON would escape
    public static void Open(ArrayBufferWriter<byte> json, string environment, string name) =>
        Encoding.UTF8.GetBytes($"{{\"environment\":\"{environment}\",\"name\":\"{name}\"", json);

    public static byte[] Close(ArrayBufferWriter<byte> json, int version)
    {
        Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $",\"version\":{version}}}"), json);
        return json.WrittenSpan.ToArray();
    }

    public static (string Environment, string Name, byte[]? Definition, bool Killed, int Version) Read(string type, ReadOnlySpan<byte> data)
    {
        string? environment = null, name = null;
        byte[]? definition = null;
        var (killed, version) = (false, 0);
        var reader = new Utf8JsonReader(data, EventCodec.AnyDepth);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var member = reader.GetString();
            reader.Read();
            switch (member)
            {
                case "environment": environment = reader.GetString(); break;
                case "name": name = reader.GetString(); break;
                case "version": version = reader.GetInt32(); break;
                case "definition" when type == FlagDefined.TypeName:
                    var start = (int)reader.TokenStartIndex;
                    reader.Skip();
                    definition = data[start..(int)reader.BytesConsumed].ToArray();
                    break;
                case "killed" when type == FlagDefined.TypeName: killed = reader.GetBoolean(); break;
                default: throw new UnknownEventException($"{type} has a member '{member}' that this server does not know");
            }
        }
        if (environment is null || name is null) throw new UnknownEventException($"{type} lacks a member");
        return (environment, name, definition, killed, version);
    }
}
