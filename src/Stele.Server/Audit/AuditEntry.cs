using System.Text;
using Stele.Core.Journal;
using Stele.Core.Limits;

namespace Stele.Server.Audit;

/// <summary>What is to be written to an org's audit log.</summary>
internal sealed record AuditEntry
{
    /// <summary>Entries of this org belong to the installation: what happened before anybody knew which org it was about.</summary>
    public static readonly OrgId Installation = new(0);

    /// <summary>Who did it, when nobody knows.</summary>
    public const string Nobody = "nobody";

    /// <summary>What was done, or tried: one of <see cref="AuditActions"/>.</summary>
    public required string Action { get; init; }

    /// <summary>By whom: an opaque id.</summary>
    public required string Actor { get; init; }

    /// <summary>The request.</summary>
    public required Guid RequestId { get; init; }

    /// <summary>To what: a stream such as <c>secret/production/payments/password</c>, or a request's method and path.</summary>
    public string? Target { get; init; }

    /// <summary>In which environment.</summary>
    public string? Environment { get; init; }

    /// <summary>Why it was refused; null: it was allowed.</summary>
    public string? Code { get; init; }

    /// <summary>How often.</summary>
    public int Times { get; init; } = 1;

    /// <summary>Where it came from.</summary>
    public string? Address { get; init; }

    /// <summary>What else there is to say. Never a value, a token or a password.</summary>
    public string? Detail { get; init; }

    /// <summary>When; set by <see cref="AuditTrail"/>.</summary>
    public Timestamp At { get; init; }

    /// <summary>As the table has it.</summary>
    public string Outcome => Code is null ? "allowed" : "refused";

    /// <summary>The same in texts that PostgreSQL can hold and that are not too long: much of an entry comes from outside.</summary>
    public AuditEntry Sound(Timestamp at) => this with
    {
        At = at, Action = Clean(Action)!, Actor = Clean(Actor)!, Target = Clean(Target), Environment = Clean(Environment), Code = Clean(Code), Address = Clean(Address), Detail = Clean(Detail),
    };

    static string? Clean(string? text)
    {
        if (text is null) return null;
        var most = (int)SteleLimits.AuditTextCharacters.Value;
        if (text.Length > most) text = string.Concat(text.AsSpan(0, most - 1), "…");
        for (var i = 0; i < text.Length; i++)
            if (text[i] == '\0' || char.IsSurrogate(text[i]))
                return string.Concat(text.EnumerateRunes().Select(rune => rune.Value == 0 ? Rune.ReplacementChar.ToString() : rune.ToString()));
        return text;
    }
}

/// <summary>What can stand in an entry's action. Those of the journal are the types of its events.</summary>
internal static class AuditActions
{
    /// <summary>A request without a valid credential.</summary>
    public const string AuthenticationRefused = "authentication.refused";
    /// <summary>A request of somebody known who may not.</summary>
    public const string AccessRefused = "access.refused";
    /// <summary>Somebody signed in.</summary>
    public const string SessionBegan = "session.began";
    /// <summary>Somebody signed out.</summary>
    public const string SessionEnded = "session.ended";
    /// <summary>A secret's value left.</summary>
    public const string SecretRead = "secret.read";
    /// <summary>The audit log was read.</summary>
    public const string AuditRead = "audit.read";
    /// <summary>The audit log was exported.</summary>
    public const string AuditExported = "audit.exported";
    /// <summary>Entries were lost: <see cref="AuditEntry.Times"/> says how many.</summary>
    public const string Lost = "audit.lost";
}
