using System.Collections.Frozen;
using Stele.Server.Operation;

namespace Stele.Server.Access;

/// <summary>Who was not let in, by why: an answer does not say it, so whoever runs the node reads it here.</summary>
internal sealed class AccessMetrics
{
    static readonly string[] Reasons = ["missing", "malformed", "unknown", "expired", "suspended", "session", "csrf", "password", "locked", "pass", "jwt", "certificate", "withdrawn"];

    readonly FrozenDictionary<string, Counter> refused;

    public AccessMetrics(Metrics metrics)
    {
        refused = Reasons.ToFrozenDictionary(reason => reason, reason => metrics.AddCounter("stele_authentication_refused_total",
            "Requests and sign-ins that were not let in, by why.", "reason", reason), StringComparer.Ordinal);
    }

    public void Refused(string reason) => refused[reason].Add();
}
