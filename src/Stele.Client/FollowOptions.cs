namespace Stele.Client;

/// <summary>What to do when no server answers at the start.</summary>
public enum SteleStart
{
    /// <summary>Use what was last known, from disk; without that, fail after <see cref="FollowOptions.StartTimeout"/>.</summary>
    LastKnown,
    /// <summary>Fail after <see cref="FollowOptions.StartTimeout"/>.</summary>
    Fail,
    /// <summary>Use what was last known; without that, begin with nothing and take what comes.</summary>
    Anyhow,
}

/// <summary>What a client keeps in its process, and how it starts.</summary>
public sealed record FollowOptions
{
    /// <summary>Null: the token's own, else the org's default.</summary>
    public string? Environment { get; init; }

    /// <summary>Beginnings of keys; empty: all keys that the token may read.</summary>
    public IReadOnlyList<string> Prefixes { get; init; } = [];

    /// <summary>Whether to follow configuration values. True.</summary>
    public bool Values { get; init; } = true;

    /// <summary>Whether to follow flags. False.</summary>
    public bool Flags { get; init; }

    /// <summary>
    /// Beginnings of paths of secrets to follow, for <see cref="SteleClient.Secrets"/>; an empty text: all that the token may read. Empty: none.
    /// Values that stand for a secret (<c>{"$secret":"path"}</c>) have its value in any case.
    /// </summary>
    public IReadOnlyList<string> SecretPrefixes { get; init; } = [];

    internal bool SecretsExactly { get; init; }

    /// <summary>What to do when no server answers at the start.</summary>
    public SteleStart AtStart { get; init; }

    /// <summary>How long a start may wait for a server when nothing else can be used. 10 seconds.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a start waits for a server before it takes what was last known. 700 milliseconds.</summary>
    public TimeSpan LastKnownAfter { get; init; } = TimeSpan.FromMilliseconds(700);

    /// <summary>Where what was last known is kept; null: nowhere.</summary>
    public LastKnownOptions? LastKnown { get; init; } = new();

    /// <summary>Tells what was counted of flags so often. A minute.</summary>
    public TimeSpan FlagUsageEvery { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Is told what the client has to say. Null: warnings go to standard error.</summary>
    public Action<SteleNotice>? Notice { get; init; }
}

/// <summary>Where and how what was last known is kept, encrypted, for a start without a server.</summary>
public sealed record LastKnownOptions
{
    /// <summary>A directory, in which each identity gets one of its own. Null: <c>STELE_CACHE</c>, else <c>stele</c> in XDG_CACHE_HOME or ~/.cache.</summary>
    public string? Directory { get; init; }

    /// <summary>The secret that encrypts it, of at least 16 bytes, from a place of the caller's. Null: one that is made, and kept mode 600 in <see cref="KeyDirectory"/>.</summary>
    public ReadOnlyMemory<byte>? Secret { get; init; }

    /// <summary>Where the secret is kept that is made. Null: <c>STELE_CACHE_KEYS</c>, else <c>stele/keys</c> in XDG_STATE_HOME or ~/.local/state.</summary>
    public string? KeyDirectory { get; init; }

    /// <summary>Whether secrets are kept there as well, those that values stand for included. False: a start without a server that needs one fails, and says so.</summary>
    public bool Secrets { get; init; }

    /// <summary>What was confirmed longer ago is not used. 7 days.</summary>
    public TimeSpan AgeMax { get; init; } = TimeSpan.FromDays(7);

    /// <summary>The application: with org, environment and prefixes the identity whose directory it is. Null: the name of the entry assembly.</summary>
    public string? Application { get; init; }
}
