namespace Stele.Cli.Contexts;

/// <summary>A server with what to show it, by a name of the user's.</summary>
internal sealed record SteleContext
{
    public string? Url { get; init; }

    public string? Token { get; init; }

    /// <summary>A user's, in place of a token.</summary>
    public Stele.Client.SteleSession? Session { get; init; }

    public string? Organization { get; init; }

    public string? Environment { get; init; }
}
