using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Schemas;
using Stele.Core.Secrets;

namespace Stele.Core.Configs;

/// <summary>Collects why the changes of a set are refused, and merges it into one fault.</summary>
sealed class ChangeRefusals(ChangeSet command)
{
    // null until the first refusal: most sets have none
    List<(FaultCode Code, int Rank, Problem Problem)>? refusals;

    public Fault? Fault
    {
        get
        {
            if (refusals is null) return null;
            var (code, rank, _) = refusals.MinBy(refusal => refusal.Rank);
            var problems = refusals.Where(refusal => refusal.Rank == rank).Select(refusal => refusal.Problem).ToList();
            return new Fault(code, problems.Count == 1 ? problems[0].Message : $"{problems.Count} changes are refused; errors lists them.", problems);
        }
    }

    public void UnknownEnvironment(int index, string? name)
    {
        var message = $"There is no environment '{name}'.";
        var inBody = command.IsList && command.Changes[index].Environment is not null;
        Add(FaultCode.NotFound, 0, inBody
            ? Problem.Body(Pointer(index, "environment"), "environment.unknown", message)
            : Problem.Query("env", "environment.unknown", message));
    }

    public bool Preconditions(int index, EnvironmentState environment, ConfigEntry? entry)
    {
        var change = command.Changes[index];
        var current = entry?.Version ?? 0;
        // asked for only where it matters, for it costs a hash
        var deleted = entry is null && (change.ExpectedVersion > 0 || command.ExpectedRevision is not null) ? environment.Deleted.Find(change.Key.Text) : null;
        var holds = true;
        if (change.MustExist && current == 0)
            holds = Refuse(FaultCode.PreconditionFailed, Problem.Header("If-Match", "if_match", $"{change.Key} does not exist in {environment.Name}."));
        if (change.ExpectedVersion is { } expected && expected != current && expected != deleted?.Version)
            holds = Refuse(change.ExpectedByHeader ? FaultCode.PreconditionFailed : FaultCode.Conflict, Stale(index, change, expected, entry, deleted));
        if (command.ExpectedRevision is { } revision)
        {
            var changed = command.ExpectedRevisionCoversEnvironment ? environment.ChangedRevision : entry?.Revision ?? deleted?.Revision ?? 0;
            if (changed > revision)
                holds = Refuse(FaultCode.Conflict, Problem.Body(Pointer(index, "key"), "expected_revision",
                    command.ExpectedRevisionCoversEnvironment
                        ? $"Environment {environment.Name} changed at revision {changed}, after {revision}."
                        : $"{change.Key} in {environment.Name} changed at revision {changed}, after {revision}."));
        }
        return holds;
    }

    public void MissingKey(int index, string environment)
    {
        var message = $"{command.Changes[index].Key} does not exist in {environment}.";
        Add(FaultCode.NotFound, 2, command.IsList
            ? Problem.Body(Pointer(index, "key"), "key.unknown", message)
            : Problem.Path("key", "key.unknown", message));
    }

    public void WrongType(int index, ConfigValueType type)
    {
        var change = command.Changes[index];
        var found = ConfigValueTypes.Of(change.Value).Name();
        Add(FaultCode.Invalid, 3, change.ValueType is null
            ? Problem.Body(Pointer(index, "value"), "value_type.change",
                $"{change.Key} is a {type.Name()} and this value is {found}; name value_type to change it.")
            : Problem.Body(Pointer(index, "value"), "value_type.mismatch", $"value_type is {type.Name()} and the value is {found}."));
    }

    /// <summary>The value, or the one of then, breaks the key's schema.</summary>
    public void BrokenSchema(int index, IReadOnlyList<SchemaError> errors)
    {
        var change = command.Changes[index];
        foreach (var error in errors)
            Add(FaultCode.SchemaViolation, 4, change.RestoresVersion is { } version
                ? Problem.Body("/version", "schema.violation", $"Version {version} of {change.Key} does not keep to the schema that the key has today: {Told(error)}")
                : Problem.Body(Pointer(index, "value") + error.InstanceLocation, "schema.violation", Told(error, change.Key)));
    }

    /// <summary>The problems of a value of the past that breaks today's schema of its key.</summary>
    public static IEnumerable<Problem> Restored(string key, IReadOnlyList<SchemaError> errors) =>
        errors.Select(error => Problem.Body("/revision", "schema.violation", $"The value of {key} then does not keep to the schema that the key has today: {Told(error)}"));

    static string Told(SchemaError error, ConfigKey key) => $"{error.Message} ({(error.KeywordLocation.Length > 0 ? $"{error.KeywordLocation} of " : "")}the schema of {key})";

    static string Told(SchemaError error) => $"{(error.InstanceLocation.Length > 0 ? $"at {error.InstanceLocation}: " : "")}{error.Message}{(error.KeywordLocation.Length > 0 ? $" ({error.KeywordLocation})" : "")}";

    Problem Stale(int index, Change change, int expected, ConfigEntry? entry, Tombstone? deleted)
    {
        var message = StaleMessage(change.Key.Text, expected, entry is null ? null : (entry.Version, entry.UpdatedBy, entry.UpdatedAt), deleted);
        return change.ExpectedByHeader
            ? Problem.Header(expected == 0 ? "If-None-Match" : "If-Match", "if_match", message)
            : Problem.Body(Pointer(index, "expected_version"), "expected_version", message);
    }

    static string StaleMessage(string key, int expected, (int Version, string By, Timestamp At)? there, Tombstone? deleted)
    {
        var found = there is { } entry ? $"it is at version {entry.Version}, set by {entry.By} at {entry.At}"
            : deleted is { } gone ? $"it was deleted as version {gone.Version}, by revision {gone.Revision}"
            : "it does not exist";
        return expected == 0 ? $"{key} was expected not to exist, but {found}." : $"{key} was expected at version {expected}, but {found}.";
    }

    /// <summary>The environment of a change of a flag is not there.</summary>
    public void UnknownEnvironment(FlagChange change, string? name) => UnknownEnvironment(change.Pointer, change.Environment is not null, name);

    /// <summary>The environment of a change of a secret is not there.</summary>
    public void UnknownEnvironment(SecretChange change, string? name) => UnknownEnvironment(change.Pointer, change.Environment is not null, name);

    void UnknownEnvironment(string pointer, bool isNamed, string? name)
    {
        var message = $"There is no environment '{name}'.";
        Add(FaultCode.NotFound, 0, command.IsList && isNamed
            ? Problem.Body($"{pointer}/environment", "environment.unknown", message)
            : Problem.Query("env", "environment.unknown", message));
    }

    /// <summary>As for a key, for an item of an environment's flags.</summary>
    public bool Preconditions(FlagChange change, EnvironmentState environment, FlagEntry? entry)
    {
        var deleted = entry is null && (change.ExpectedVersion > 0 || command.ExpectedRevision is not null) ? environment.Flags.Deleted.Find(change.Key.Text) : null;
        return Holds(new Condition(change.Key.Text, change.Pointer, change.ExpectedVersion, change.ExpectedByHeader, change.MustExist), environment,
            entry is null ? null : (entry.Version, entry.UpdatedBy, entry.UpdatedAt), deleted, entry?.Revision);
    }

    /// <summary>The same, for a secret; one that is deleted does not exist.</summary>
    public bool Preconditions(SecretChange change, EnvironmentState environment, SecretEntry? ever)
    {
        var entry = ever is { IsDeleted: false } ? ever : null;
        return Holds(new Condition(change.Path.Text, change.Pointer, change.ExpectedVersion, change.ExpectedByHeader, change.MustExist), environment,
            entry is null ? null : (entry.Version, entry.CreatedBy, entry.CreatedAt), entry is null && ever is not null ? new Tombstone(ever.Version, ever.Revision, ever.Id) : null, entry?.ChangedRevision);
    }

    bool Holds(Condition change, EnvironmentState environment, (int Version, string By, Timestamp At)? there, Tombstone? deleted, long? changedRevision)
    {
        var holds = true;
        if (change.MustExist && there is null)
            holds = Refuse(FaultCode.PreconditionFailed, Problem.Header("If-Match", "if_match", $"{change.Key} does not exist in {environment.Name}."));
        if (change.ExpectedVersion is { } expected && expected != (there?.Version ?? 0) && expected != deleted?.Version)
        {
            var message = StaleMessage(change.Key, expected, there, deleted);
            holds = change.ByHeader
                ? Refuse(FaultCode.PreconditionFailed, Problem.Header(expected == 0 ? "If-None-Match" : "If-Match", "if_match", message))
                : Refuse(FaultCode.Conflict, Problem.Body($"{change.Pointer}/expected_version", "expected_version", message));
        }
        if (command.ExpectedRevision is not { } revision) return holds;
        var changed = command.ExpectedRevisionCoversEnvironment ? environment.ChangedRevision : changedRevision ?? deleted?.Revision ?? 0;
        return changed <= revision ? holds : Refuse(FaultCode.Conflict, Problem.Body($"{change.Pointer}/key", "expected_revision", command.ExpectedRevisionCoversEnvironment
            ? $"Environment {environment.Name} changed at revision {changed}, after {revision}."
            : $"{change.Key} in {environment.Name} changed at revision {changed}, after {revision}."));
    }

    readonly record struct Condition(string Key, string Pointer, int? ExpectedVersion, bool ByHeader, bool MustExist);

    /// <summary>There is nothing to delete, or to switch.</summary>
    public void MissingFlag(FlagChange change, string environment)
    {
        var message = $"{change.Key} does not exist in {environment}.";
        Add(FaultCode.NotFound, 2, command.IsList ? Problem.Body($"{change.Pointer}/key", "flag.unknown", message) : Problem.Path("name", "flag.unknown", message));
    }

    /// <summary>There is no secret to delete.</summary>
    public void MissingSecret(SecretChange change, string environment)
    {
        var message = $"{change.Path} does not exist in {environment}.";
        Add(FaultCode.NotFound, 2, command.IsList ? Problem.Body($"{change.Pointer}/key", "secret.unknown", message) : Problem.Path("path", "secret.unknown", message));
    }

    bool Refuse(FaultCode code, Problem problem)
    {
        Add(code, 1, problem);
        return false;
    }

    /// <summary>One more; only those of the lowest rank are answered.</summary>
    public void Add(FaultCode code, int rank, Problem problem) => (refusals ??= []).Add((code, rank, problem));

    string Pointer(int index, string member) => command.IsList ? $"/changes/{command.Changes[index].Index ?? index}/{member}" : $"/{member}";
}
