using System.Runtime.InteropServices;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Secrets;

namespace Stele.Server.Configs;

/// <summary>The body of <c>POST /v1/changes</c>. Its changes are whole only if there are no problems.</summary>
internal sealed class ChangeBody : IDisposable
{
    static readonly BodyMembers Members = new(required: ["changes"], optional: ["change_log", "expected_revision", "scope"]);

    static readonly BodyMembers ChangeMembers = new(
        required: ["op", "key"],
        optional: ["kind", "environment", "value", "value_type", "expected_version", "schema", "definition", "killed", "archived", "value_base64", "expires_at", "metadata"]);

    public List<Change> Changes { get; } = [];

    public List<FlagChange> Flags { get; } = [];

    /// <summary>Those of secrets, whose values are still plain.</summary>
    public List<PlainChange> Secrets { get; } = [];

    public string? ChangeLog { get; private set; }

    public long? ExpectedRevision { get; private set; }

    /// <summary>Whether expected_revision covers everything in the touched environments.</summary>
    public bool CoversEnvironment { get; private set; }

    /// <summary>Reads a body.</summary>
    /// <param name="utf8">All of it.</param>
    /// <param name="environment">The environment of changes that name none; null: the org's default one.</param>
    /// <param name="now">The time, after which a secret expires.</param>
    /// <param name="problems">Gets every broken rule.</param>
    public static ChangeBody Parse(ReadOnlySpan<byte> utf8, EnvironmentName? environment, Timestamp now, List<Problem> problems)
    {
        var result = new ChangeBody();
        var body = new JsonBody(utf8, Members, problems);
        while (body.NextMember(out var name))
            switch (name)
            {
                case "change_log": result.ChangeLog = ConfigBodies.ChangeLog(ref body); break;
                case "expected_revision": result.ExpectedRevision = body.ReadInt64(0, long.MaxValue); break;
                case "scope": result.TakeScope(ref body); break;
                default: result.TakeChanges(ref body, environment, now, problems); break;
            }
        return result;
    }

    /// <summary>Adds a problem for both of two changes of one key in one environment.</summary>
    /// <param name="defaultEnvironment">What no environment means.</param>
    /// <param name="problems">Gets them.</param>
    public void RefuseDuplicates(string? defaultEnvironment, List<Problem> problems)
    {
        var first = new Dictionary<(char, string?, string), int>(Changes.Count + Flags.Count + Secrets.Count);
        foreach (var (i, change) in Changes.Index()) Take(change.Index ?? i, 'c', change.Environment, change.Key.Text);
        foreach (var change in Flags) Take(change.Index, 'f', change.Environment, change.Key.Text);
        foreach (var secret in Secrets) Take(secret.Change.Index, 's', secret.Change.Environment, secret.Change.Path.Text);

        void Take(int index, char kind, EnvironmentName? environment, string key)
        {
            ref var at = ref CollectionsMarshal.GetValueRefOrAddDefault(first, (kind, environment?.Text ?? defaultEnvironment, key), out var exists);
            if (!exists) at = index;
            else problems.AddRange([Duplicate(at, index, key), Duplicate(index, at, key)]);
        }
    }

    /// <summary>Whether some changes name an environment, and others none.</summary>
    public bool IsMixed => Changes.Select(change => change.Environment is null).Concat(Flags.Select(change => change.Environment is null)).Concat(Secrets.Select(secret => secret.Change.Environment is null)).Distinct().Count() > 1;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var secret in Secrets) secret.Dispose();
    }

    static Problem Duplicate(int index, int other, string key) =>
        Problem.Body($"/changes/{index}/key", "changes.duplicate_key", $"{key} is changed twice, here and in /changes/{other}.");

    void TakeScope(ref JsonBody body)
    {
        var scope = body.ReadString();
        CoversEnvironment = scope == "environment";
        if (scope is not (null or "keys" or "environment")) body.Refuse("scope", "scope is keys or environment.");
    }

    void TakeChanges(ref JsonBody body, EnvironmentName? environment, Timestamp now, List<Problem> problems)
    {
        var count = 0;
        body.BeginArray();
        while (body.NextItem())
        {
            // past the limit what comes is only passed over
            if (count++ < SteleLimits.ChangeSetChanges.Value) Read(ref body, count - 1, environment, now, problems);
        }
        if (count > SteleLimits.ChangeSetChanges.Value)
            problems.Add(Problem.Body("/changes", "changes.count", $"A change set has at most {SteleLimits.ChangeSetChanges.Value} changes; this one has {count}."));
        else if (count == 0 && problems.Count == 0)
            problems.Add(Problem.Body("/changes", "changes.empty", "A change set has at least one change."));
    }

    void Read(ref JsonBody body, int index, EnvironmentName? environment, Timestamp now, List<Problem> problems)
    {
        var item = new ChangeItem { Index = index, Environment = environment };
        body.BeginObject(ChangeMembers);
        while (body.NextMember(out var name))
            switch (name)
            {
                case "op": item.Op = Op(ref body); break;
                case "key": item.Key = body.ReadString(); break;
                case "kind": item.Kind = ConfigBodies.Kind(ref body) ?? "config"; break;
                case "environment": item.Environment = ConfigBodies.Environment(ref body); break;
                case "value":
                    item.Named.Add("value");
                    item.Value = body.ReadJson();
                    break;
                case "value_type":
                    item.Named.Add("value_type");
                    item.ValueType = ConfigBodies.ValueType(ref body);
                    break;
                case "expected_version": item.ExpectedVersion = (int?)body.ReadInt64(0, int.MaxValue); break;
                case "schema":
                    item.Named.Add("schema");
                    item.Schema = ConfigBodies.Schema(ref body, problems);
                    break;
                case "definition":
                    item.Named.Add("definition");
                    item.Definition = body.ReadJson();
                    break;
                case "killed":
                    item.Named.Add("killed");
                    item.Killed = body.ReadBoolean();
                    break;
                case "archived":
                    item.Named.Add("archived");
                    item.Archived = body.ReadBoolean();
                    break;
                case "value_base64":
                    item.Named.Add("value_base64");
                    item.Bytes = SecretBodies.Bytes(body.ReadStringToken(), ref body);
                    break;
                case "expires_at":
                    item.Named.Add("expires_at");
                    item.ExpiresAt = SecretBodies.ExpiresAt(ref body, now);
                    break;
                default:
                    item.Named.Add("metadata");
                    item.Metadata = SecretBodies.Metadata(ref body);
                    break;
            }
        if (item.Kind == "flag" && item.Flag(problems) is { } flag) Flags.Add(flag);
        else if (item.Kind == "secret" && item.Secret(problems) is { } secret) Secrets.Add(secret);
        else if (item.Kind == "config" && item.Config(problems) is { } change) Changes.Add(change);
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
}
