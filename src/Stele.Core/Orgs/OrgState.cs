using System.Globalization;
using Stele.Core.Collections;
using Stele.Core.Configs;
using Stele.Core.Journal;

namespace Stele.Core.Orgs;

/// <summary>Where a journal stands; its texts are what every answer's headers carry, made once per revision.</summary>
public sealed class JournalPlace(long revision, byte[] chain)
{
    /// <summary>The last revision, 0 before the first.</summary>
    public long Revision { get; } = revision;

    /// <summary>The chain there, 32 bytes.</summary>
    public byte[] Chain { get; } = chain;

    /// <summary>The cursor there.</summary>
    public Cursor Cursor => Cursor.At(Revision, Chain);

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

    /// <summary>The environment that a request without one means.</summary>
    public string? DefaultEnvironment { get; init; }

    /// <summary>The version of the org's own stream.</summary>
    public int Version { get; init; }

    /// <summary>The environments by name.</summary>
    public SortedMap<EnvironmentState> Environments { get; init; } = SortedMap<EnvironmentState>.Empty;

    /// <summary>The last revision.</summary>
    public long Revision => Place.Revision;

    /// <summary>The first hex digits of the incarnation, which ETags carry.</summary>
    public string IncarnationTag => Incarnation.ToString("N")[..8];

    /// <summary>An org whose journal holds nothing yet.</summary>
    public static OrgState Empty(OrgId org, Guid incarnation) => new()
    {
        Org = org,
        Incarnation = incarnation,
        Fence = 0,
        Format = RevisionChain.Format,
        Place = new JournalPlace(0, RevisionChain.Genesis),
        LastAt = Timestamp.Epoch,
    };

    /// <summary>An environment by name, or null.</summary>
    public EnvironmentState? Environment(string name) => Environments.TryGetValue(name, out var environment) ? environment : null;
}

/// <summary>One environment and what is in it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Description">What it is for, or null.</param>
/// <param name="Ordinal">Its place in lists.</param>
/// <param name="Version">The version of its own stream.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="ChangedRevision">The revision that last changed anything in it.</param>
/// <param name="Configs">Its configuration by key, tombstones included.</param>
/// <param name="LiveConfigs">How many of them are not deleted.</param>
/// <param name="ValueBytes">Bytes of their values.</param>
public sealed record EnvironmentState(
    string Name, string? Description, int Ordinal, int Version, Timestamp CreatedAt, long ChangedRevision,
    SortedMap<ConfigEntry> Configs, int LiveConfigs, long ValueBytes) : IKeyed
{
    /// <inheritdoc/>
    public string Key => Name;

    /// <summary>The entry of a key, also of a deleted one; null if there never was one.</summary>
    public ConfigEntry? Config(string key) => Configs.TryGetValue(key, out var entry) ? entry : null;
}
