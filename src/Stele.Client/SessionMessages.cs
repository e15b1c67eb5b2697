using System.Text.Json;
using System.Text.Json.Serialization;

namespace Stele.Client;

/// <summary>A user's session: what is shown in place of a token. As secret as one.</summary>
public sealed record SteleSession
{
    internal const string CookieName = "stele_session";

    /// <summary>The cookie's value.</summary>
    public string Cookie { get; init; } = "";

    /// <summary>What goes with every request that changes something.</summary>
    public required string CsrfToken { get; init; }

    /// <summary>When it ends by itself.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Whose it is: the actor's opaque id.</summary>
    public string? Actor { get; init; }

    /// <summary>His organization.</summary>
    [JsonPropertyName("org")]
    public string? Organization { get; init; }

    /// <summary>Never what is secret of it.</summary>
    public override string ToString() => $"session of {Actor} in {Organization}, until {ExpiresAt:u}";
}

/// <summary>As whom a client asks.</summary>
public sealed record SteleCaller
{
    /// <summary>The actor's opaque id.</summary>
    public required string Actor { get; init; }

    /// <summary><c>root</c>, <c>user</c>, <c>service_account</c>, <c>token</c> or <c>external</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>The organization.</summary>
    [JsonPropertyName("org")]
    public string? Organization { get; init; }

    /// <summary>The user, if it is one.</summary>
    public MemberItem? User { get; init; }

    /// <summary>The token by which it came, without what is secret of it.</summary>
    public TokenItem? Token { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>How a node answers an orchestrator.</summary>
public sealed record NodeHealth
{
    /// <summary><c>ok</c>, or what it can do.</summary>
    public required string Status { get; init; }

    /// <summary>What will stop the node if nobody looks; null normally.</summary>
    public IReadOnlyList<string>? Warnings { get; init; }
}

/// <summary>One page of how many changes there were.</summary>
public sealed record ChangeCountPage
{
    /// <summary>By day, environment and actor.</summary>
    public required IReadOnlyList<ChangeCount> Items { get; init; }

    /// <summary>Up to where the counts have come.</summary>
    public long Revision { get; init; }

    /// <summary>Where the next page begins; null at the end.</summary>
    public string? NextCursor { get; init; }
}

/// <summary>How many changes somebody made on a day.</summary>
/// <param name="Day">The UTC day.</param>
/// <param name="Environment">In which environment.</param>
/// <param name="Actor">Who, by his opaque id.</param>
/// <param name="Changes">How many.</param>
public sealed record ChangeCount(DateOnly Day, string Environment, string Actor, long Changes);

internal sealed record SignInBody([property: JsonPropertyName("org")] string? Organization, string Email, string Password);

internal sealed record ChangePasswordBody(string CurrentPassword, string Password);
