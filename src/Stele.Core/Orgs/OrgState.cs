using System.Globalization;
using Stele.Core.Access;
using Stele.Core.Collections;
using Stele.Core.Configs;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Secrets;
using Stele.Core.Webhooks;

namespace Stele.Core.Orgs;

/// <summary>Where a journal stands; its texts are what every answer's headers carry, made once per revision.</summary>
public sealed class JournalPlace(long revision, byte[] chain)
{
    /// <summary>The last revision, 0 before the first.</summary>
    public long Revision { get; } = revision;

    /// <summary>The chain there, 32 bytes.</summary>
    public byte[] Chain { get; } = chain;

    /// <summary>The place of a revision.</summary>
    public static JournalPlace Of(RevisionRecord revision) => new(revision.Revision, revision.Chain);

    /// <summary>The cursor there.</summary>
    public Cursor Cursor => Cursor.At(Revision, Chain);

    /// <summary>Whether another is the same place of the same history: its whole chain, where a cursor has four bytes of it.</summary>
    public bool IsSame(JournalPlace other) => Revision == other.Revision && Chain.AsSpan().SequenceEqual(other.Chain);

    /// <summary>Whether a revision is the next one here, by its chain.</summary>
    public bool IsBefore(RevisionRecord next) => next.Revision == Revision + 1 && RevisionChain.Next(Chain, next).AsSpan().SequenceEqual(next.Chain);

    /// <summary>The revision in decimal.</summary>
    public string RevisionText => field ??= Revision.ToString(CultureInfo.InvariantCulture);

    /// <summary>The cursor's text.</summary>
    public string CursorText => field ??= Cursor.ToString();
}

/// <summary>What a node knows of an org: all current state at one revision. Immutable, and swapped whole.</summary>
public sealed record OrgState
{
    /// <summary>The org.</summary>
    public required OrgId Org { get; init; }

    /// <summary>The identity of the history in the database when this was read.</summary>
    public required Guid Incarnation { get; init; }

    /// <summary>The head's fence as last seen: an append that carries an older one is refused.</summary>
    public required long Fence { get; init; }

    /// <summary>The format that the head says is written.</summary>
    public required int Format { get; init; }

    /// <summary>Revision and chain.</summary>
    public required JournalPlace Place { get; init; }

    /// <summary>The last revision's time, or a later one up to which the past has been read.</summary>
    public required Timestamp LastAt { get; init; }

    /// <summary>The name in the directory; null before the org is created.</summary>
    public string? Name { get; init; }

    /// <summary>The names that it had before, in order: they still lead to it.</summary>
    public IReadOnlyList<string> FormerNames { get; init; } = [];

    /// <summary>When it was made; null before.</summary>
    public Timestamp? CreatedAt { get; init; }

    /// <summary>Since when it is archived; null: it is not.</summary>
    public Timestamp? ArchivedAt { get; init; }

    /// <summary>What it has chosen; null before the org is created.</summary>
    public OrgSettings? Settings { get; init; }

    /// <summary>The environment that a request without one means.</summary>
    public string? DefaultEnvironment => Settings?.DefaultEnvironment;

    /// <summary>The version of the org's own stream: its creation, its names, its settings.</summary>
    public int Version { get; init; }

    /// <summary>The environments by name.</summary>
    public SortedMap<EnvironmentState> Environments { get; init; } = SortedMap<EnvironmentState>.Empty;

    /// <summary>Who may do what.</summary>
    public AccessState Access { get; init; } = AccessState.Empty;

    /// <summary>Where changes are sent, by id.</summary>
    public SortedMap<Webhook> Webhooks { get; init; } = SortedMap<Webhook>.Empty;

    /// <summary>What is left of the environments that were deleted: the versions at which theirs and those of their keys go on.</summary>
    public SortedMap<EnvironmentState> DeletedEnvironments { get; init; } = SortedMap<EnvironmentState>.Empty;

    /// <summary>The day of the last revision.</summary>
    public WriteDay Today { get; init; }

    /// <summary>The last revision.</summary>
    public long Revision => Place.Revision;

    /// <summary>About how many bytes of memory it takes.</summary>
    public long MemoryBytes
    {
        get
        {
            var bytes = Access.MemoryBytes;
            foreach (var environment in Environments) bytes += environment.MemoryBytes;
            foreach (var environment in DeletedEnvironments) bytes += environment.MemoryBytes;
            foreach (var webhook in Webhooks) bytes += webhook.MemoryBytes;
            return bytes;
        }
    }

    /// <summary>The first hex digits of the incarnation, which ETags carry.</summary>
    public string IncarnationTag => Incarnation.ToString("N")[..8];

    /// <summary>An org whose journal holds nothing yet.</summary>
    public static OrgState Empty(OrgId org, Guid incarnation) => new()
    {
        Org = org,
        Incarnation = incarnation,
        Fence = 0,
        Format = JournalFormat.Newest,
        Place = new JournalPlace(0, RevisionChain.Genesis),
        LastAt = Timestamp.Epoch,
    };

    /// <summary>An environment by name, or null.</summary>
    public EnvironmentState? Environment(string name) => Environments.TryGetValue(name, out var environment) ? environment : null;

    /// <summary>A webhook by id, or null.</summary>
    public Webhook? Webhook(Guid id) => Webhooks.TryGetValue(id.ToString(), out var webhook) ? webhook : null;

    /// <summary>An environment by name, or what is left of it; null if there never was one.</summary>
    public EnvironmentState? EnvironmentEver(string name) =>
        Environment(name) ?? (DeletedEnvironments.TryGetValue(name, out var environment) ? environment : null);

    /// <summary>The value of a limit that holds in this org.</summary>
    public long ValueOf(Limit limit) => Settings?.ValueOf(limit) ?? limit.Value;
}

/// <summary>One environment and what is in it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Description">What it is for, or null.</param>
/// <param name="Ordinal">Its place in lists.</param>
/// <param name="Version">The version of its own stream, which goes on when the name comes back.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="ChangedRevision">The revision that last changed anything in it.</param>
public sealed record EnvironmentState(string Name, string? Description, int Ordinal, int Version, Timestamp CreatedAt, long ChangedRevision) : IKeyed
{
    /// <inheritdoc/>
    public string Key => Name;

    /// <summary>Its configuration by key.</summary>
    public SortedMap<ConfigEntry> Configs { get; init; } = SortedMap<ConfigEntry>.Empty;

    /// <summary>The keys that were there.</summary>
    public Tombstones Deleted { get; init; } = Tombstones.None;

    /// <summary>About how many bytes of memory <see cref="Configs"/> take.</summary>
    public long ConfigBytes { get; init; }

    /// <summary>How many bytes the values of <see cref="Configs"/> have, wherever they are.</summary>
    public long ValueBytes { get; init; }

    /// <summary>The schemas of those keys that have one: most have none, and pay nothing.</summary>
    public SortedMap<KeySchema> Schemas { get; init; } = SortedMap<KeySchema>.Empty;

    /// <summary>About how many bytes of memory <see cref="Schemas"/> take.</summary>
    public long SchemaBytes { get; init; }

    /// <summary>Its flags, with the rules that they share.</summary>
    public EnvironmentFlags Flags { get; init; } = EnvironmentFlags.Empty;

    /// <summary>Its secrets, without their values.</summary>
    public EnvironmentSecrets Secrets { get; init; } = EnvironmentSecrets.Empty;

    /// <summary>Which keys refer to secrets, by secret: few do, and the others pay nothing.</summary>
    public SortedMap<SecretUse> SecretUses { get; init; } = SortedMap<SecretUse>.Empty;

    /// <summary>About how many bytes of memory <see cref="SecretUses"/> take.</summary>
    public long SecretUseBytes { get; init; }

    /// <summary>About how many bytes of memory all of it takes.</summary>
    public long MemoryBytes => ConfigBytes + SchemaBytes + SecretUseBytes + (long)Deleted.Count * Tombstones.EachBytes + Flags.MemoryBytes + Secrets.MemoryBytes;

    /// <summary>The entry of a key; null if there is none (any more).</summary>
    public ConfigEntry? Config(string key) => Configs.TryGetValue(key, out var entry) ? entry : null;

    /// <summary>The schema of a key, or null.</summary>
    public ConfigSchema? Schema(string key) => Schemas.TryGetValue(key, out var schema) ? schema.Schema : null;

    /// <summary>With a key's schema, or without one.</summary>
    public EnvironmentState WithSchema(string key, ConfigSchema? schema)
    {
        var had = Schemas.TryGetValue(key, out var before);
        if (schema is null) return had ? this with { Schemas = Schemas.Remove(key), SchemaBytes = SchemaBytes - before!.MemoryBytes } : this;
        // the same text is kept once, however often it is written again
        if (had && before!.Schema.Is(schema)) return this;
        var after = new KeySchema(key, schema);
        return this with { Schemas = Schemas.Set(after), SchemaBytes = SchemaBytes + after.MemoryBytes - (had ? before!.MemoryBytes : 0) };
    }

    /// <summary>With a key that refers to a secret, or does not any more.</summary>
    public EnvironmentState WithSecretUse(ConfigEntry? before, ConfigEntry? after)
    {
        var (had, has) = (SecretUse.Of(before), SecretUse.Of(after));
        if (had?.Key == has?.Key) return this;
        var uses = had is null ? SecretUses : SecretUses.Remove(had.Key);
        return this with { SecretUses = has is null ? uses : uses.Set(has), SecretUseBytes = SecretUseBytes + (has?.MemoryBytes ?? 0) - (had?.MemoryBytes ?? 0) };
    }

    /// <summary>The last version of a key, a deletion included; 0 if there never was one.</summary>
    public int LastVersion(string key) => Config(key)?.Version ?? Deleted.Find(key)?.Version ?? 0;
}
