namespace Stele.Client;

/// <summary>Where a <see cref="SteleClient"/> finds its server, as whom, and how patient it is.</summary>
public sealed record SteleClientOptions
{
    /// <summary>The server's root, such as <c>http://127.0.0.1:7300</c>.</summary>
    public required Uri Url { get; init; }

    /// <summary>Other nodes of the same installation: asked in turn when the one before does not answer. None by default.</summary>
    public IReadOnlyList<Uri> Endpoints { get; init; } = [];

    /// <summary>Asked for the token before each request, so that one that is renewed is used at once; null, or when it gives null: <see cref="Token"/>.</summary>
    public Func<string?>? TokenSource { get; init; }

    /// <summary>What this client calls itself, among those who watch: letters, digits, <c>. _ -</c>. Null: stele-client.</summary>
    public string? Name { get; init; }

    /// <summary>The token sent as <c>Authorization: Bearer</c>; null sends none, and only health answers then.</summary>
    public string? Token { get; init; }

    /// <summary>A session in place of a token: <see cref="SteleClient.SignInAsync"/>.</summary>
    public SteleSession? Session { get; init; }

    /// <summary>The org that a root token chooses (<c>Stele-Org</c>); null leaves it to the server: <c>default</c>.</summary>
    public string? Organization { get; init; }

    /// <summary>How long one attempt may take; 15 seconds, which is longer than the server's own limit for a request.</summary>
    public TimeSpan AttemptTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Attempts of one call, the first included; 1 never retries. 4 by default.</summary>
    public int Attempts { get; init; } = 4;

    /// <summary>The longest wait between two attempts. A server that asks for a longer one (<c>Retry-After</c>) is not asked again. 5 seconds.</summary>
    public TimeSpan DelayMax { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The clock for timeouts and waits.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
