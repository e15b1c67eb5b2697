using Stele.Core.Limits;

namespace Stele.Core.Orgs;

/// <summary>A limit of which an org has its own value.</summary>
/// <param name="Name">The limit's name.</param>
/// <param name="Value">What holds in this org, inclusive.</param>
public readonly record struct LimitOverride(string Name, long Value);

/// <summary>What an org has chosen for itself, and what the operator has chosen for it. Immutable.</summary>
/// <param name="DefaultEnvironment">The environment that a request without one means.</param>
/// <param name="Protected">The environments in which a write needs a permission of its own and a reason; by name, in order.</param>
/// <param name="Limits">The limits of which the org has its own value; by name, in order.</param>
public sealed record OrgSettings(string DefaultEnvironment, IReadOnlyList<string> Protected, IReadOnlyList<LimitOverride> Limits)
{
    /// <summary>What an org begins with.</summary>
    public static OrgSettings First(string defaultEnvironment) => new(defaultEnvironment, [], []);

    /// <summary>Whether an environment is protected.</summary>
    public bool Protects(string environment)
    {
        for (var i = 0; i < Protected.Count; i++)
            if (Protected[i] == environment) return true;
        return false;
    }

    /// <summary>The value of a limit that holds in this org: its own, or that of the server.</summary>
    public long ValueOf(Limit limit)
    {
        for (var i = 0; i < Limits.Count; i++)
            if (Limits[i].Name == limit.Name) return Limits[i].Value;
        return limit.Value;
    }

    /// <summary>Whether both say the same.</summary>
    public bool Is(OrgSettings other) =>
        DefaultEnvironment == other.DefaultEnvironment && Protected.SequenceEqual(other.Protected) && Limits.SequenceEqual(other.Limits);
}
