using Stele.Core.Access;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Secrets;

namespace Stele.Core.Configs;

/// <summary>What a change does.</summary>
public enum ChangeOp : byte
{
    /// <summary>Sets a value.</summary>
    Set,
    /// <summary>Deletes the key.</summary>
    Delete,
    /// <summary>Changes nothing; its precondition must hold.</summary>
    Check,
}

/// <summary>One change of a change set. A set touches a key of an environment once at most, which whoever parses it has checked.</summary>
public sealed record Change
{
    /// <summary>What it does.</summary>
    public required ChangeOp Op { get; init; }

    /// <summary>In which environment; null means the org's default one, found when the change is decided.</summary>
    public required EnvironmentName? Environment { get; init; }

    /// <summary>Which key.</summary>
    public required ConfigKey Key { get; init; }

    /// <summary>Canonical JSON bytes of the new value; null unless <see cref="ChangeOp.Set"/>.</summary>
    public byte[]? Value { get; init; }

    /// <summary>The declared type, or null: as it is, or taken from the value on creation.</summary>
    public ConfigValueType? ValueType { get; init; }

    /// <summary>Whether <see cref="Schema"/> is the key's schema from now on; else the key keeps what it has.</summary>
    public bool SetsSchema { get; init; }

    /// <summary>The new schema; null: none any more.</summary>
    public ConfigSchema? Schema { get; init; }

    /// <summary>For a value of the past: its version. Null: the value is a new one.</summary>
    public int? RestoresVersion { get; init; }

    /// <summary>For a value of the past: the schema of then, which a key that was deleted since gets back.</summary>
    public ConfigSchema? SchemaThen { get; init; }

    /// <summary>What came of checking the value before the command was queued, or null.</summary>
    public SchemaCheck? Check { get; init; }

    /// <summary>The schema to which the value must keep, by what is there now; null: none.</summary>
    public ConfigSchema? SchemaInForce(EnvironmentState environment) => SetsSchema ? Schema : environment.Config(Key.Text) is null ? SchemaThen : environment.Schema(Key.Text);

    /// <summary>The version that the key must have; 0: it must not exist. Null: any.</summary>
    public int? ExpectedVersion { get; init; }

    /// <summary>Whether the expectation came from If-Match or If-None-Match, whose failure is 412 instead of 409.</summary>
    public bool ExpectedByHeader { get; init; }

    /// <summary>Whether the key must exist, whatever its version (If-Match: *).</summary>
    public bool MustExist { get; init; }

    /// <summary>Its place among the changes of the set, where flags are among them; null: as it stands.</summary>
    public int? Index { get; init; }

    /// <summary>The permission that it needs.</summary>
    public Permission Permission { get; init; } = Permission.ConfigWrite;
}

/// <summary>Changes that happen together or not at all, as one revision.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Reason">The change log, or null.</param>
/// <param name="Changes">Those of configuration; with <see cref="Flags"/> at least one.</param>
public sealed record ChangeSet(Principal Principal, Guid RequestId, string? Reason, IReadOnlyList<Change> Changes)
    : Command(Principal, RequestId, Reason)
{
    /// <summary>Those of flags.</summary>
    public IReadOnlyList<FlagChange> Flags { get; init; } = [];

    /// <summary>Those of secrets.</summary>
    public IReadOnlyList<SecretChange> Secrets { get; init; } = [];

    /// <summary>Whether <see cref="Flags"/> are all that is to be of their environment's, but for its kill switch: what they do not name is deleted.</summary>
    public FlagReplacement? Replaces { get; init; }

    /// <summary>None of the named keys may have changed after this revision. Null: no such condition.</summary>
    public long? ExpectedRevision { get; init; }

    /// <summary>Whether <see cref="ExpectedRevision"/> covers everything in the touched environments.</summary>
    public bool ExpectedRevisionCoversEnvironment { get; init; }

    /// <summary>Whether problems point into <c>/changes/N</c>, or at the top of the body.</summary>
    public bool IsList { get; init; }

    /// <inheritdoc/>
    public override Command Prepare(OrgState state)
    {
        List<Change>? prepared = null;
        for (var i = 0; i < Changes.Count; i++)
        {
            var change = Changes[i];
            if (change.Value is not { } value || (change.Environment?.Text ?? state.DefaultEnvironment) is not { } name || state.Environment(name) is not { } environment) continue;
            if (change.SchemaInForce(environment) is { } schema) (prepared ??= [.. Changes])[i] = change with { Check = schema.Check(value) };
        }
        return prepared is null ? this : this with { Changes = prepared };
    }

    /// <inheritdoc/>
    public override bool BringsValues
    {
        get
        {
            foreach (var change in Changes)
                if (change.Op == ChangeOp.Set) return true;
            foreach (var change in Flags)
                if (change.Op == ChangeOp.Set) return true;
            foreach (var change in Secrets)
                if (change.Op == ChangeOp.Set) return true;
            return false;
        }
    }

    /// <inheritdoc/>
    public override long Bytes
    {
        get
        {
            long bytes = 0;
            foreach (var change in Changes) bytes += (change.Value?.Length ?? 0) + (change.Schema?.Text.Length ?? 0);
            foreach (var change in Flags) bytes += change.Content?.Text.Length ?? 0;
            foreach (var change in Secrets) bytes += change.Value?.Ciphertext.Length ?? 0;
            return bytes;
        }
    }
}

/// <summary>Puts the configuration under a prefix back as it was, as one revision; what is equal is left alone.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Reason">The change log, or null.</param>
/// <param name="Environment">Which environment; null: the default one.</param>
/// <param name="Prefix">The prefix; empty: everything.</param>
/// <param name="Then">What was there, by key; what is under the prefix now and not in it is deleted. Null: configuration stays as it is.</param>
public sealed record RestoreConfigs(
    Principal Principal, Guid RequestId, string? Reason, EnvironmentName? Environment, string Prefix, IReadOnlyDictionary<string, RestoredValue>? Then)
    : Command(Principal, RequestId, Reason)
{
    /// <summary>The flags that were there, and the rules that they share; null: flags stay as they are.</summary>
    public EnvironmentFlags? FlagsThen { get; init; }

    /// <inheritdoc/>
    public override Command Prepare(OrgState state)
    {
        if (Then is null || (Environment?.Text ?? state.DefaultEnvironment) is not { } name || state.Environment(name) is not { } environment) return this;
        Dictionary<string, RestoredValue>? prepared = null;
        foreach (var (key, then) in Then)
            if (then.Value is { } value && then.SchemaInForce(environment, key) is { } schema && environment.Config(key)?.Holds(value, then.ValueType) != true)
                (prepared ??= new(Then, StringComparer.Ordinal))[key] = then with { Check = schema.Check(value) };
        return prepared is null ? this : this with { Then = prepared };
    }

    /// <inheritdoc/>
    public override bool BringsValues => Then is { Count: > 0 } || FlagsThen is { Items.Count: > 0 };

    /// <inheritdoc/>
    public override long Bytes => (Then?.Values.Sum(value => value.Value?.Length ?? 0L) ?? 0) + (FlagsThen?.TextBytes ?? 0);
}

/// <summary>A value as it was.</summary>
/// <param name="Value">Canonical JSON bytes; null when it is the one at <paramref name="UnchangedSince"/>.</param>
/// <param name="ValueType">Its declared type.</param>
/// <param name="UnchangedSince">For a value that the state keeps by reference and that nobody has changed: the version that it is. Else 0.</param>
public sealed record RestoredValue(byte[]? Value, ConfigValueType ValueType, int UnchangedSince = 0)
{
    /// <summary>The schema of then, which a key that was deleted since gets back.</summary>
    public ConfigSchema? Schema { get; init; }

    /// <summary>What came of checking the value before the command was queued, or null.</summary>
    public SchemaCheck? Check { get; init; }

    /// <summary>The schema to which the value must keep: today's, where the key is there.</summary>
    public ConfigSchema? SchemaInForce(EnvironmentState environment, string key) => environment.Config(key) is null ? Schema : environment.Schema(key);
}
