using Stele.Core.Faults;
using Stele.Core.Orgs;
using Stele.Core.Schemas;

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
        var found = entry is not null ? $"it is at version {entry.Version}, set by {entry.UpdatedBy} at {entry.UpdatedAt}"
            : deleted is { } gone ? $"it was deleted as version {gone.Version}, by revision {gone.Revision}"
            : "it does not exist";
        var message = expected == 0 ? $"{change.Key} was expected not to exist, but {found}." : $"{change.Key} was expected at version {expected}, but {found}.";
        return change.ExpectedByHeader
            ? Problem.Header(expected == 0 ? "If-None-Match" : "If-Match", "if_match", message)
            : Problem.Body(Pointer(index, "expected_version"), "expected_version", message);
    }

    bool Refuse(FaultCode code, Problem problem)
    {
        Add(code, 1, problem);
        return false;
    }

    void Add(FaultCode code, int rank, Problem problem) => (refusals ??= []).Add((code, rank, problem));

    string Pointer(int index, string member) => command.IsList ? $"/changes/{index}/{member}" : $"/{member}";
}
