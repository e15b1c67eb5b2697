using System.Runtime.InteropServices;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Core.Orgs;

namespace Stele.Server.Configs;

/// <summary>The body of <c>POST /v1/changes</c>. Its changes are whole only if there are no problems.</summary>
internal sealed class ChangeBody
{
    static readonly BodyMembers Members = new(required: ["changes"], optional: ["change_log", "expected_revision", "scope"]);

    static readonly BodyMembers ChangeMembers = new(
        required: ["op", "key"],
        optional: ["kind", "environment", "value", "value_type", "expected_version", "schema", "definition", "value_base64"]);

    public List<Change> Changes { get; } = [];

    public string? ChangeLog { get; private set; }

    public long? ExpectedRevision { get; private set; }

    /// <summary>Whether expected_revision covers everything in the touched environments.</summary>
    public bool CoversEnvironment { get; private set; }

    /// <summary>Reads a body.</summary>
    /// <param name="utf8">All of it.</param>
    /// <param name="environment">The environment of changes that name none; null: the org's default one.</param>
    /// <param name="problems">Gets every broken rule.</param>
    public static ChangeBody Parse(ReadOnlySpan<byte> utf8, EnvironmentName? environment, List<Problem> problems)
    {
        var result = new ChangeBody();
        var body = new JsonBody(utf8, Members, problems);
        while (body.NextMember(out var name))
            switch (name)
            {
                case "change_log": result.ChangeLog = ConfigBodies.ChangeLog(ref body); break;
                case "expected_revision": result.ExpectedRevision = body.ReadInt64(0, long.MaxValue); break;
                case "scope": result.TakeScope(ref body); break;
                default: result.TakeChanges(ref body, environment, problems); break;
            }
        return result;
    }

    /// <summary>Adds a problem for both of two changes of one key in one environment.</summary>
    /// <param name="defaultEnvironment">What no environment means.</param>
    /// <param name="problems">Gets them.</param>
    public void RefuseDuplicates(string? defaultEnvironment, List<Problem> problems)
    {
        var first = new Dictionary<(string?, string), int>(Changes.Count);
        for (var i = 0; i < Changes.Count; i++)
        {
            var change = Changes[i];
            ref var at = ref CollectionsMarshal.GetValueRefOrAddDefault(first, (change.Environment?.Text ?? defaultEnvironment, change.Key.Text), out var exists);
            if (!exists)
            {
                at = i;
                continue;
            }
            problems.Add(Duplicate(at, i, change));
            problems.Add(Duplicate(i, at, change));
        }
    }

    static Problem Duplicate(int index, int other, Change change) =>
        Problem.Body($"/changes/{index}/key", "changes.duplicate_key", $"{change.Key} is changed twice, here and in /changes/{other}.");

    void TakeScope(ref JsonBody body)
    {
        var scope = body.ReadString();
        CoversEnvironment = scope == "environment";
        if (scope is not (null or "keys" or "environment")) body.Refuse("scope", "scope is keys or environment.");
    }

    void TakeChanges(ref JsonBody body, EnvironmentName? environment, List<Problem> problems)
    {
        var count = 0;
        body.BeginArray();
        while (body.NextItem())
        {
            // past the limit what comes is only passed over
            if (count++ < SteleLimits.ChangeSetChanges.Value && Read(ref body, count - 1, environment, problems) is { } change) Changes.Add(change);
        }
        if (count > SteleLimits.ChangeSetChanges.Value)
            problems.Add(Problem.Body("/changes", "changes.count", $"A change set has at most {SteleLimits.ChangeSetChanges.Value} changes; this one has {count}."));
        else if (count == 0 && problems.Count == 0)
            problems.Add(Problem.Body("/changes", "changes.empty", "A change set has at least one change."));
    }

    static Change? Read(ref JsonBody body, int index, EnvironmentName? environment, List<Problem> problems)
    {
        ChangeOp? op = null;
        ConfigKey? key = null;
        byte[]? value = null;
        ConfigValueType? type = null;
        int? expected = null;
        var hasValue = false;
        (bool Is, ConfigSchema? Text) schema = default;
        body.BeginObject(ChangeMembers);
        while (body.NextMember(out var name))
            switch (name)
            {
                case "op": op = Op(ref body); break;
                case "key": key = Key(ref body); break;
                case "kind": ConfigBodies.Kind(ref body); break;
                case "environment": environment = ConfigBodies.Environment(ref body); break;
                case "value":
                    hasValue = true;
                    value = ConfigBodies.Value(ref body);
                    break;
                case "value_type": type = ConfigBodies.ValueType(ref body); break;
                case "expected_version": expected = (int?)body.ReadInt64(0, int.MaxValue); break;
                case "schema": schema = (true, ConfigBodies.Schema(ref body, problems)); break;
                default: ConfigBodies.NotSupported(ref body, name, 0); break;
            }
        if (op == ChangeOp.Set && !hasValue)
            problems.Add(Problem.Body($"/changes/{index}/value", "member.required", "A set needs a value."));
        if (op is ChangeOp.Delete or ChangeOp.Check && (hasValue || type is not null || schema.Is))
            problems.Add(Problem.Body($"/changes/{index}/{(hasValue ? "value" : schema.Is ? "schema" : "value_type")}", "change.op", $"A {(op == ChangeOp.Check ? "check" : "delete")} takes no value."));
        if (op is null || key is null) return null;
        return new Change
        {
            Op = op.Value, Environment = environment, Key = key.Value, Value = value, ValueType = type, ExpectedVersion = expected, SetsSchema = schema.Is, Schema = schema.Text,
        };
    }

    static ChangeOp? Op(ref JsonBody body)
    {
        switch (body.ReadString())
        {
            case "set": return ChangeOp.Set;
            case "delete": return ChangeOp.Delete;
            case "check": return ChangeOp.Check;
            case null: return null;
            default:
                body.Refuse("change.op", "op is set, delete or check.");
                return null;
        }
    }

    static ConfigKey? Key(ref JsonBody body)
    {
        if (body.ReadString() is not { } text) return null;
        if (ConfigKey.TryParse(text, out var key, out var rule, out var message)) return key;
        body.Refuse(rule, message);
        return null;
    }
}
