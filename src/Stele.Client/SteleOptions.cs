namespace Stele.Client;

/// <summary>How an app's configuration comes from Stele.</summary>
public sealed class SteleOptions
{
    /// <summary>The token. Null: <see cref="TokenFile"/>, else <c>STELE_TOKEN</c>.</summary>
    public string? Token { get; set; }

    /// <summary>A file that holds the token, and is read anew when it changes: a projected or renewed one.</summary>
    public string? TokenFile { get; set; }

    /// <summary>The environment. Null: <c>STELE_ENV</c>, else the token's own, else the org's default.</summary>
    public string? Environment { get; set; }

    /// <summary>The org that a root token chooses; else null.</summary>
    public string? Organization { get; set; }

    /// <summary>Only keys that begin with this, a string and not a segment; null or empty: all.</summary>
    public string? Prefix { get; set; }

    /// <summary>More beginnings of keys.</summary>
    public IList<string> Prefixes { get; } = [];

    /// <summary>
    /// Beginnings of paths of secrets that are sections too (<c>payments/db-password</c> is <c>payments:db-password</c>); an empty text: all.
    /// None by default. Values that stand for a secret (<c>{"$secret":"path"}</c>) have its value in any case.
    /// </summary>
    public IList<string> SecretPrefixes { get; } = [];

    /// <summary>Other nodes of the same installation.</summary>
    public IList<string> Endpoints { get; } = [];

    /// <summary>
    /// Whether changes come into the configuration although no <c>services.AddStele</c> has options bound of whole revisions; what is
    /// bound while one comes may then be of two. False: they wait until the services are there and the host is started.
    /// </summary>
    public bool WithoutServices { get; set; }

    /// <summary>Whether to follow flags too, for <see cref="SteleClient.Flags"/>. True.</summary>
    public bool Flags { get; set; } = true;

    /// <summary>What to do when no server answers at the start.</summary>
    public SteleStart AtStart { get; set; }

    /// <summary>How long a start may wait for a server when nothing else can be used. 10 seconds.</summary>
    public TimeSpan StartTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Where what was last known is kept; null: nowhere.</summary>
    public LastKnownOptions? LastKnown { get; set; } = new();

    /// <summary>The application, as it is named in lists of who watches and in <see cref="LastKnownOptions.Application"/>. Null: the entry assembly's name.</summary>
    public string? Application { get; set; }

    /// <summary>Is told what the client has to say. Null: the app's logger, and standard error until there is one.</summary>
    public Action<SteleNotice>? Notice { get; set; }

    /// <summary>What connects, for tests: <c>Stele.Client.Testing</c>. Null: the network.</summary>
    public Func<HttpMessageHandler>? Handler { get; set; }

    /// <summary>The clock. The system's.</summary>
    public TimeProvider Clock { get; set; } = TimeProvider.System;
}
