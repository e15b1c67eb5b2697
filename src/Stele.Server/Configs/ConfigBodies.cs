using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Core.Secrets;

namespace Stele.Server.Configs;

/// <summary>The body of a PUT.</summary>
internal readonly record struct SetBody(byte[]? Value, ConfigValueType? ValueType, string? ChangeLog, int? ExpectedVersion, bool SetsSchema, ConfigSchema? Schema)
{
    static readonly BodyMembers Members = new(required: ["value"], optional: ["value_type", "schema", "change_log", "expected_version"]);

    public static SetBody Parse(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        var result = new SetBody();
        var body = new JsonBody(utf8, Members, problems);
        while (body.NextMember(out var name))
            result = name switch
            {
                "value" => result with { Value = ConfigBodies.Value(ref body) },
                "value_type" => result with { ValueType = ConfigBodies.ValueType(ref body) },
                "change_log" => result with { ChangeLog = ConfigBodies.ChangeLog(ref body) },
                "expected_version" => result with { ExpectedVersion = (int?)body.ReadInt64(0, int.MaxValue) },
                _ => result with { SetsSchema = true, Schema = ConfigBodies.Schema(ref body, problems) },
            };
        return result;
    }
}

/// <summary>The body of a key's rollback.</summary>
internal readonly record struct RollbackBody(int Version, string? ChangeLog, int? ExpectedVersion)
{
    static readonly BodyMembers Members = new(required: ["version"], optional: ["change_log", "expected_version"]);

    public static RollbackBody Parse(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        var result = new RollbackBody();
        var body = new JsonBody(utf8, Members, problems);
        while (body.NextMember(out var name))
            result = name switch
            {
                "version" => result with { Version = (int)(body.ReadInt64(1, int.MaxValue) ?? 0) },
                "change_log" => result with { ChangeLog = ConfigBodies.ChangeLog(ref body) },
                _ => result with { ExpectedVersion = (int?)body.ReadInt64(0, int.MaxValue) },
            };
        return result;
    }
}

/// <summary>The body of the rollback of a prefix.</summary>
internal readonly record struct RestoreBody(long Revision, string Prefix, string? ChangeLog)
{
    /// <summary>Which kinds; null: all.</summary>
    public IReadOnlyList<string>? Kinds { get; private init; }

    static readonly BodyMembers Members = new(required: ["revision"], optional: ["prefix", "kinds", "change_log"]);

    public static RestoreBody Parse(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        var result = new RestoreBody(0, "", null);
        var body = new JsonBody(utf8, Members, problems);
        while (body.NextMember(out var name))
            switch (name)
            {
                case "revision": result = result with { Revision = body.ReadInt64(1, long.MaxValue) ?? 0 }; break;
                case "change_log": result = result with { ChangeLog = ConfigBodies.ChangeLog(ref body) }; break;
                case "prefix":
                    result = result with { Prefix = body.ReadString() ?? "" };
                    if (KeyPrefix.Check(result.Prefix) is var (rule, message)) body.Refuse(rule, message);
                    break;
                default:
                    var kinds = new List<string>();
                    body.BeginArray();
                    while (body.NextItem())
                        if (ConfigBodies.Kind(ref body) is not { } kind) continue;
                        else if (kind == "secret") body.Refuse("rollback.kind", "Secrets are not rolled back: a value that was replaced was meant to be.");
                        else kinds.Add(kind);
                    result = result with { Kinds = kinds };
                    break;
            }
        return result;
    }
}

/// <summary>What the bodies share.</summary>
internal static class ConfigBodies
{
    /// <summary>A value: within its size, and, if it refers to a secret, spelt as such.</summary>
    public static byte[]? Value(ref JsonBody body)
    {
        var value = body.ReadJson();
        if (value is not null && Broken(value) is var (rule, message)) body.Refuse(rule, message);
        return value;
    }

    /// <summary>Notes where a value that was read is none that a key may have.</summary>
    public static void Check(byte[] value, string pointer, List<Problem> problems)
    {
        if (Broken(value) is var (rule, message)) problems.Add(Problem.Body(pointer, rule, message));
    }

    static (string Rule, string Message)? Broken(byte[] value) =>
        value.Length > SteleLimits.ValueBytes.Value ? ("value.bytes", $"A value has at most {SteleLimits.ValueBytes.Value} bytes as canonical JSON; this one has {value.Length}.")
        : SecretReference.Broken(value);

    /// <summary>A schema, compiled; null where it is <c>null</c>, which clears, or cannot be used.</summary>
    public static ConfigSchema? Schema(ref JsonBody body, List<Problem> problems)
    {
        if (body.TryReadNull()) return null;
        var pointer = body.Pointer;
        return body.ReadJson() is { } text ? ConfigSchema.Parse(text, pointer, problems) : null;
    }

    public static ConfigValueType? ValueType(ref JsonBody body)
    {
        if (body.ReadString() is not { } name) return null;
        if (ConfigValueTypes.TryParse(name, out var type)) return type;
        body.Refuse("value_type", "value_type is string, number, boolean or json.");
        return null;
    }

    public static string? ChangeLog(ref JsonBody body)
    {
        if (body.TryReadNull()) return null;
        var text = body.ReadString();
        if (text?.Length > SteleLimits.ChangeLogCharacters.Value)
            body.Refuse("change_log.length", $"A change log has at most {SteleLimits.ChangeLogCharacters.Value} characters; this one has {text.Length}.");
        return text;
    }

    public static EnvironmentName? Environment(ref JsonBody body)
    {
        if (body.ReadString() is not { } text) return null;
        if (EnvironmentName.TryParse(text, out var name)) return name;
        body.Refuse(EnvironmentName.Rule, EnvironmentName.Message);
        return null;
    }

    public static string? Kind(ref JsonBody body)
    {
        var kind = body.ReadString();
        if (kind is not (null or "config" or "flag" or "secret")) body.Refuse("kind", "A kind is config, flag or secret.");
        return kind;
    }

    public static T NotSupported<T>(ref JsonBody body, string name, T result)
    {
        body.Refuse("not_supported", $"{name} is not supported yet.");
        body.ReadJson();
        return result;
    }
}
