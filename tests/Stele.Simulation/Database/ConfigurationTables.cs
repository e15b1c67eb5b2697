using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Stele.Core.Collections;
using Stele.Core.Configs;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Secrets;

namespace Stele.Simulation.Database;

/// <summary>
/// The query tables of one org, written from the stored bytes of events and not from the writer's state, so that a state
/// that is loaded from them owes nothing to the code that it is compared with.
/// </summary>
internal sealed record ConfigurationTables(
    OrganizationRow? Organization,
    ImmutableSortedDictionary<string, EnvironmentRow> Environments,
    ImmutableSortedDictionary<(string Environment, string Key), ConfigurationRow> Configuration)
{
    /// <summary>The flags.</summary>
    public FlagTables Flags { get; init; } = FlagTables.Empty;

    /// <summary>The secrets.</summary>
    public SecretTables Secrets { get; init; } = SecretTables.Empty;

    /// <summary>Who may do what.</summary>
    public AccessTables Access { get; init; } = AccessTables.Empty;

    public static readonly ConfigurationTables Empty = new(null,
        ImmutableSortedDictionary.Create<string, EnvironmentRow>(StringComparer.Ordinal),
        ImmutableSortedDictionary.Create<(string, string), ConfigurationRow>(OrdinalPair.Instance));

    /// <summary>The tables after the events of a revision.</summary>
    public ConfigurationTables Project(RevisionRecord revision)
    {
        var tables = this;
        foreach (var e in revision.Events) tables = tables.Project(revision, e);
        return tables;
    }

    /// <summary>The state that a node loads from these tables and a head; of one key only, if one is named.</summary>
    public OrgState Load(OrgId org, Guid incarnation, long fence, int format, JournalPlace place, Timestamp lastAt, (string Environment, string Key)? only)
    {
        var (environments, gone) = (new List<EnvironmentState>(), new List<EnvironmentState>());
        foreach (var row in Environments.Values)
        {
            var configs = new List<ConfigEntry>();
            var schemas = new List<KeySchema>();
            var deleted = Tombstones.None.ToBuilder();
            // who looks at one key needs no flags
            var flags = only is null ? Flags.Load(row.Name) : EnvironmentFlags.Empty;
            foreach (var ((environment, key), c) in Configuration)
            {
                if (environment != row.Name || (only is { } one && one != (environment, key))) continue;
                if (!ConfigValueTypes.TryParse(c.ValueType, out var type)) throw new InvalidOperationException($"value type {c.ValueType}");
                if (c.Value is null) deleted.Add(key, new Tombstone(c.Version, c.Revision, c.Id));
                else
                    configs.Add(new ConfigEntry(key, Encoding.UTF8.GetBytes(c.Value), type, c.Version, c.Revision, c.UpdatedAt,
                        c.UpdatedBy, c.ChangeLog, c.CreatedAt, c.Id).ForState());
                if (c.Schema is not null) schemas.Add(new KeySchema(key, ConfigSchema.Stored(Encoding.UTF8.GetBytes(c.Schema))));
            }
            (row.Deleted ? gone : environments).Add(new EnvironmentState(row.Name, row.Description, row.Ordinal, row.Version, row.CreatedAt, row.ChangedRevision)
            {
                Configs = SortedMap<ConfigEntry>.FromSorted(configs), Deleted = deleted.ToTombstones(), ConfigBytes = configs.Sum(config => config.MemoryBytes),
                ValueBytes = configs.Sum(config => (long)config.ValueBytes),
                Schemas = SortedMap<KeySchema>.FromSorted(schemas), SchemaBytes = schemas.Sum(schema => schema.MemoryBytes), Flags = flags,
                SecretUses = SecretUse.Map(configs.Select(SecretUse.Of).OfType<SecretUse>()), SecretUseBytes = configs.Sum(config => SecretUse.Of(config)?.MemoryBytes ?? 0),
                Secrets = only is null ? Secrets.Load(row.Name) : EnvironmentSecrets.Empty,
            });
        }
        return new OrgState
        {
            Org = org, Incarnation = incarnation, Fence = fence, Format = format, Place = place, LastAt = lastAt,
            Name = Organization?.Name, Version = Organization?.Version ?? 0, CreatedAt = Organization?.CreatedAt, ArchivedAt = Organization?.ArchivedAt, FormerNames = Organization is null ? [] : [.. Organization.FormerNames],
            Settings = Organization?.Settings,
            Environments = SortedMap<EnvironmentState>.FromSorted(environments), DeletedEnvironments = SortedMap<EnvironmentState>.FromSorted(gone),
            Access = Access.Load(),
        };
    }

    ConfigurationTables Project(RevisionRecord revision, EventRecord e)
    {
        using var document = JsonDocument.Parse(e.Data!);
        var data = document.RootElement;
        switch (e.Type)
        {
            case "org.created":
                return this with
                {
                    Organization = new OrganizationRow(data.GetProperty("name").GetString()!, OrgSettings.First(data.GetProperty("default_environment").GetString()!),
                        data.GetProperty("version").GetInt32(), revision.At, null, []),
                };
            case "org.renamed" or "org.archived" or "org.unarchived" or "org.settings_changed":
                return this with { Organization = Own(Organization!, revision, e.Type, data) with { Version = data.GetProperty("version").GetInt32() } };
            case "environment.created" or "environment.changed" or "environment.deleted":
                var name = data.GetProperty("name").GetString()!;
                var gone = e.Type == "environment.deleted";
                return this with
                {
                    Environments = Environments.SetItem(name, new EnvironmentRow(name, gone ? null : data.GetProperty("description").GetString(),
                        gone ? 0 : data.GetProperty("ordinal").GetInt32(), data.GetProperty("version").GetInt32(),
                        e.Type == "environment.created" ? revision.At : Environments[name].CreatedAt, revision.Revision, gone)),
                };
            case "config.set" or "config.deleted":
                return Configure(revision, e, data);
            case "flag.set" or "flag.archived" or "flag.deleted":
                var place = data.GetProperty("environment").GetString()!;
                return this with { Flags = Flags.Project(revision, e, data), Environments = Environments.SetItem(place, Environments[place] with { ChangedRevision = revision.Revision }) };
            case var type when SecretTables.Owns(type):
                var home = data.GetProperty("environment").GetString()!;
                return this with { Secrets = Secrets.Project(revision, e, data), Environments = Environments.SetItem(home, Environments[home] with { ChangedRevision = revision.Revision }) };
            case var type when AccessTables.Owns(type):
                return this with { Access = Access.Project(revision, type, data) };
            default:
                throw new InvalidOperationException($"no projection for {e.Type}");
        }
    }

    static OrganizationRow Own(OrganizationRow row, RevisionRecord revision, string type, JsonElement data) => type switch
    {
        "org.renamed" when data.GetProperty("name").GetString()! is var name => row with { Name = name, FormerNames = row.FormerNames.Add(row.Name).Remove(name) },
        "org.archived" => row with { ArchivedAt = revision.At },
        "org.unarchived" => row with { ArchivedAt = null },
        _ => row with
        {
            Settings = new OrgSettings(data.GetProperty("default_environment").GetString()!,
                [.. data.GetProperty("protected_environments").EnumerateArray().Select(name => name.GetString()!)],
                [.. data.GetProperty("limits").EnumerateObject().Select(limit => new LimitOverride(limit.Name, limit.Value.GetInt64()))]),
        },
    };

    ConfigurationTables Configure(RevisionRecord revision, EventRecord e, JsonElement data)
    {
        var at = (Environment: data.GetProperty("environment").GetString()!, Key: data.GetProperty("key").GetString()!);
        var before = Configuration.GetValueOrDefault(at);
        var deleted = e.Type == "config.deleted";
        var row = new ConfigurationRow(
            before?.Id ?? (revision.Revision << 14) + e.Ordinal,
            deleted ? null : data.GetProperty("value").GetRawText(),
            deleted ? before?.ValueType ?? "json" : data.GetProperty("value_type").GetString()!,
            data.GetProperty("version").GetInt32(), revision.Revision, revision.At, revision.Actor, revision.Reason,
            before?.Value is null ? revision.At : before.CreatedAt, data.TryGetProperty("schema", out var schema) ? schema.GetRawText() : null);
        return this with
        {
            Configuration = Configuration.SetItem(at, row),
            Environments = Environments.SetItem(at.Environment, Environments[at.Environment] with { ChangedRevision = revision.Revision }),
        };
    }
}

/// <summary>Pairs in the order of code points.</summary>
internal sealed class OrdinalPair : IComparer<(string, string)>
{
    public static readonly OrdinalPair Instance = new();

    public int Compare((string, string) x, (string, string) y) =>
        string.CompareOrdinal(x.Item1, y.Item1) is var first and not 0 ? first : string.CompareOrdinal(x.Item2, y.Item2);
}

internal sealed record OrganizationRow(string Name, OrgSettings Settings, int Version, Timestamp CreatedAt, Timestamp? ArchivedAt, ImmutableSortedSet<string> FormerNames)
{
    public string DefaultEnvironment => Settings.DefaultEnvironment;
}

internal sealed record EnvironmentRow(
    string Name, string? Description, int Ordinal, int Version, Timestamp CreatedAt, long ChangedRevision, bool Deleted);

internal sealed record ConfigurationRow(
    long Id, string? Value, string ValueType, int Version, long Revision, Timestamp UpdatedAt, string UpdatedBy, string? ChangeLog, Timestamp CreatedAt, string? Schema);
