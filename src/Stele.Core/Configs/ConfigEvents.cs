using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Stele.Core.Journal;
using Stele.Core.Secrets;

namespace Stele.Core.Configs;

/// <summary>A key has a value.</summary>
/// <param name="Environment">The environment.</param>
/// <param name="Key">The key.</param>
/// <param name="Value">Canonical JSON bytes.</param>
/// <param name="ValueType">The declared type.</param>
/// <param name="Version">The key's version from now on.</param>
public sealed record ConfigSet(string Environment, string Key, byte[] Value, ConfigValueType ValueType, int Version) : JournalEvent
{
    /// <summary>The schema to which this and later values keep; null: none.</summary>
    public ConfigSchema? Schema { get; init; }

    /// <summary>The version that the secret has to which the value refers; null: it refers to none, to one version for ever, or to one that is not there.</summary>
    public int? SecretVersion { get; init; }

    /// <inheritdoc/>
    public override int Format => SecretReference.Of(Value) is not null ? JournalFormat.Secrets : Schema is null ? JournalFormat.Oldest : JournalFormat.Schemas;

    /// <summary>The stored type.</summary>
    public const string TypeName = "config.set";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => ConfigStream.Name(Environment, Key);

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override byte[] Encode()
    {
        var json = new ArrayBufferWriter<byte>(Value.Length + Key.Length + Environment.Length + 96 + (Schema is null ? 0 : Schema.Text.Length + 10));
        ConfigStream.Open(json, Environment, Key);
        json.Write(",\"value\":"u8);
        json.Write(Value);
        json.Write(",\"value_type\":\""u8);
        Encoding.UTF8.GetBytes(ValueType.Name(), json);
        json.Write("\""u8);
        if (Schema is { } schema)
        {
            json.Write(",\"schema\":"u8);
            json.Write(schema.Text);
        }
        if (SecretVersion is { } secret) Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $",\"secret_version\":{secret}"), json);
        json.Write(",\"version\":"u8);
        ConfigStream.Close(json, Version);
        return json.WrittenSpan.ToArray();
    }

    /// <summary>Reads what <see cref="Encode"/> wrote, and what servers wrote before there were schemas.</summary>
    public static ConfigSet Decode(ReadOnlySpan<byte> data)
    {
        string? environment = null, key = null, type = null;
        byte[]? value = null, schema = null;
        var version = 0;
        int? secretVersion = null;
        var reader = new Utf8JsonReader(data, EventCodec.AnyDepth);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            switch (name)
            {
                case "environment": environment = reader.GetString(); break;
                case "key": key = reader.GetString(); break;
                case "secret_version": secretVersion = reader.GetInt32(); break;
                case "value_type": type = reader.GetString(); break;
                case "version": version = reader.GetInt32(); break;
                case "value":
                    value = ConfigStream.Json(ref reader, data);
                    break;
                case "schema":
                    schema = ConfigStream.Json(ref reader, data);
                    break;
                default: throw new UnknownEventException($"config.set has a member '{name}' that this server does not know");
            }
        }
        if (environment is null || key is null || value is null || !ConfigValueTypes.TryParse(type, out var valueType))
            throw new UnknownEventException("config.set lacks a member");
        return new ConfigSet(environment, key, value, valueType, version) { Schema = schema is null ? null : ConfigSchema.Stored(schema), SecretVersion = secretVersion };
    }
}

/// <summary>A key is deleted. Its version number stays taken.</summary>
/// <param name="Environment">The environment.</param>
/// <param name="Key">The key.</param>
/// <param name="Version">The version that the deletion is.</param>
public sealed record ConfigDeleted(string Environment, string Key, int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "config.deleted";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => ConfigStream.Name(Environment, Key);

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override byte[] Encode()
    {
        var json = new ArrayBufferWriter<byte>(Key.Length + Environment.Length + 64);
        ConfigStream.Open(json, Environment, Key);
        json.Write(",\"version\":"u8);
        ConfigStream.Close(json, Version);
        return json.WrittenSpan.ToArray();
    }

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static ConfigDeleted Decode(ReadOnlySpan<byte> data)
    {
        string? environment = null, key = null;
        var version = 0;
        var reader = new Utf8JsonReader(data, EventCodec.AnyDepth);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            switch (name)
            {
                case "environment": environment = reader.GetString(); break;
                case "key": key = reader.GetString(); break;
                case "version": version = reader.GetInt32(); break;
                default: throw new UnknownEventException($"config.deleted has a member '{name}' that this server does not know");
            }
        }
        if (environment is null || key is null) throw new UnknownEventException("config.deleted lacks a member");
        return new ConfigDeleted(environment, key, version);
    }
}

static class ConfigStream
{
    public static string Name(string environment, string key) => $"config/{environment}/{key}";

    public static byte[] Json(ref Utf8JsonReader reader, ReadOnlySpan<byte> data)
    {
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return data[start..(int)reader.BytesConsumed].ToArray();
    }

    // keys and environments hold nothing that JSON would escape
    public static void Open(ArrayBufferWriter<byte> json, string environment, string key)
    {
        json.Write("{\"environment\":\""u8);
        Encoding.UTF8.GetBytes(environment, json);
        json.Write("\",\"key\":\""u8);
        Encoding.UTF8.GetBytes(key, json);
        json.Write("\""u8);
    }

    public static void Close(ArrayBufferWriter<byte> json, int version)
    {
        version.TryFormat(json.GetSpan(11), out var written, provider: System.Globalization.CultureInfo.InvariantCulture);
        json.Advance(written);
        json.Write("}"u8);
    }
}
