using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Secrets;
using Stele.Server.Gateway;
using Stele.Server.Secrets;

namespace Stele.Server.Configs;

/// <summary>One item of a change set's body: what it is of is known only when all of its members are read.</summary>
internal sealed class ChangeItem
{
    static readonly string[] ofConfig = ["value", "value_type", "schema"], ofFlag = ["definition", "killed", "archived"], ofSecret = ["value", "value_base64", "expires_at", "metadata"];

    public required int Index { get; init; }
    public ChangeOp? Op { get; set; }
    public string? Key { get; set; }
    public string Kind { get; set; } = "config";
    public EnvironmentName? Environment { get; set; }
    public byte[]? Value { get; set; }
    public SecretBuffer? Bytes { get; set; }
    public Timestamp? ExpiresAt { get; set; }
    public byte[]? Metadata { get; set; }
    public ConfigValueType? ValueType { get; set; }
    public int? ExpectedVersion { get; set; }
    public ConfigSchema? Schema { get; set; }
    public byte[]? Definition { get; set; }
    public bool? Killed { get; set; }
    public bool? Archived { get; set; }

    /// <summary>Those of its members that say what is set.</summary>
    public List<string> Named { get; } = [];

    /// <summary>A change of configuration; null if something is wrong.</summary>
    public Change? Config(List<Problem> problems)
    {
        Bytes?.Dispose();
        Check(ofConfig, "config", problems);
        if (Value is not null) ConfigBodies.Check(Value, At("value"), problems);
        if (Op == ChangeOp.Set && !Named.Contains("value")) problems.Add(Problem.Body(At("value"), "member.required", "A set needs a value."));
        var rule = "";
        var message = "";
        if (Key is null || !ConfigKey.TryParse(Key, out var key, out rule, out message))
        {
            if (Key is not null) problems.Add(Problem.Body(At("key"), rule!, message!));
            return null;
        }
        if (Op is null) return null;
        return new Change
        {
            Op = Op.Value, Environment = Environment, Key = key, Value = Value, ValueType = ValueType, ExpectedVersion = ExpectedVersion, SetsSchema = Named.Contains("schema"), Schema = Schema, Index = Index,
        };
    }

    /// <summary>A change of an item of flags; null if something is wrong.</summary>
    public FlagChange? Flag(List<Problem> problems)
    {
        Bytes?.Dispose();
        Check(ofFlag, "flag", problems);
        if (Op == ChangeOp.Set && Named.Count == 0) problems.Add(Problem.Body(At("definition"), "member.required", "A set needs a definition, or one of killed and archived."));
        var rule = "";
        var message = "";
        if (Key is null || !FlagKey.TryParse(Key, out var key, out rule, out message))
        {
            if (Key is not null) problems.Add(Problem.Body(At("key"), rule!, message!));
            return null;
        }
        FlagSwitches.Check(key, Killed, Archived, Definition is not null, At("")[..^1], problems);
        var content = Definition is null ? null : FlagContent.Parse(key, Definition, At("definition"), problems);
        if (Op is null) return null;
        return new FlagChange
        {
            Op = Op.Value, Environment = Environment, Key = key, Content = content, Killed = Killed, Archived = Archived, ExpectedVersion = ExpectedVersion, Index = Index,
            Pointer = $"/changes/{Index}", DefinitionPointer = At("definition"),
        };
    }

    /// <summary>A change of a secret; null if something is wrong.</summary>
    public PlainChange? Secret(List<Problem> problems)
    {
        var value = Plain(problems);
        Check(ofSecret, "secret", problems);
        if (Op == ChangeOp.Set && Named.Contains("value") == Named.Contains("value_base64")) problems.Add(Problem.Body(At("value"), Named.Contains("value") ? "secret.value" : "member.required", "A set of a secret has one of value, a string, and value_base64."));
        var rule = "";
        var message = "";
        if (Key is null || !SecretPath.TryParse(Key, out var path, out rule, out message))
        {
            value?.Dispose();
            if (Key is not null) problems.Add(Problem.Body(At("key"), rule!, message!));
            return null;
        }
        if (Op is null)
        {
            value?.Dispose();
            return null;
        }
        var change = new SecretChange { Op = Op.Value, Environment = Environment, Path = path, ExpiresAt = ExpiresAt, Metadata = Metadata, ExpectedVersion = ExpectedVersion, Index = Index, Pointer = $"/changes/{Index}" };
        return new PlainChange(change, value, Bytes is null);
    }

    /// <summary>The bytes of its value; what they came in is zeroed.</summary>
    SecretBuffer? Plain(List<Problem> problems)
    {
        if (Value is null) return Bytes;
        var text = Value[0] == '"' ? SecretBodies.Unescaped(Value) : null;
        System.Security.Cryptography.CryptographicOperations.ZeroMemory(Value);
        Bytes?.Dispose();
        Bytes = null;
        if (text is null) problems.Add(Problem.Body(At("value"), "member.type", "The value of a secret is a string; other bytes go in value_base64."));
        else if (text.Length > SecretLimits.ValueBytes.Value) problems.Add(Problem.Body(At("value"), "secret.bytes", $"A secret has at most {SecretLimits.ValueBytes.Value} bytes; this one has {text.Length}."));
        return text;
    }

    void Check(string[] own, string kind, List<Problem> problems)
    {
        foreach (var name in Named)
            if (!own.Contains(name)) problems.Add(Problem.Body(At(name), "change.kind", $"A change of the kind {kind} has no {name}; it has {string.Join(", ", own)}."));
            else if (Op is ChangeOp.Delete or ChangeOp.Check) problems.Add(Problem.Body(At(name), "change.op", $"A {(Op == ChangeOp.Check ? "check" : "delete")} takes no {(name is "value_type" or "schema" ? "value" : name)}."));
    }

    string At(string member) => $"/changes/{Index}/{member}";
}
