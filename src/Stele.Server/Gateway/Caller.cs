using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Limits;

namespace Stele.Server.Gateway;

/// <summary>What the gate found out about a request: its id, who asks, and in which org. One object a request.</summary>
internal sealed class Caller(Guid requestId)
{
    /// <summary>A UUIDv7, answered as Request-Id; a write's events take their ids from it.</summary>
    public Guid RequestId { get; } = requestId;

    /// <summary>Its text.</summary>
    public string RequestIdText { get; } = requestId.ToString();

    /// <summary>Who asks; set when the request was let in.</summary>
    public Principal Principal { get; private set; } = Principal.Nobody;

    /// <summary>In which org; set when the request was let in.</summary>
    public OrgId Org { get; private set; }

    /// <summary>What remembers how it stands with the principal's rate; null: nothing does.</summary>
    public AllowanceHolder? Holder { get; set; }

    /// <summary>How it stands with the limits; given back when the request is answered.</summary>
    public Admission Admission { get; set; }

    /// <summary>In which its body must have come.</summary>
    public TimeSpan BodyTime { get; set; } = TimeSpan.FromSeconds(TrafficLimits.BodySeconds.Value);

    /// <summary>Whom an issuer vouches for, if one does.</summary>
    public Person? Person { get; set; }

    /// <summary>Whether he is here for the first time, by a JWT that was proved for it.</summary>
    public bool IsSignIn { get; set; }

    /// <summary>Why nobody knows who asks: what the answer does not say, and the audit log does.</summary>
    public string? NotKnown { get; set; }

    /// <summary>Whose log that belongs to, when it was about an org that is there.</summary>
    public OrgId? Concerns { get; set; }

    /// <summary>Whether its endpoint writes: what breaks then may have broken after the commit.</summary>
    public bool MayHaveWritten { get; set; }

    /// <summary>With what it was refused, or null: for the audit log.</summary>
    public Fault? Refusal { get; set; }

    /// <summary>The caller of a request that came through the gate.</summary>
    public static Caller Of(HttpContext context) =>
        context.Features.Get<Caller>() ?? throw new InvalidOperationException("the request did not come through RequestGate");

    /// <summary>Lets it in.</summary>
    public void Admit(Principal principal, OrgId org) => (Principal, Org) = (principal, org);
}

/// <summary>Somebody whom an issuer vouches for, whoever he is in an org.</summary>
/// <param name="Id">An opaque id of issuer and subject.</param>
/// <param name="Orgs">The orgs in which his claims give roles, by the names that were given to them.</param>
internal sealed record Person(string Id, IReadOnlyList<string> Orgs);
