using Stele.Core.Configs;
using Stele.Core.Orgs;

namespace Stele.Simulation.Checking;

/// <summary>Whether two states are the same, and if not, where they first differ. What belongs to the head (fence, last_at, incarnation) is not looked at.</summary>
internal static class StateEquality
{
    public static string? Difference(OrgState a, OrgState b)
    {
        if (a.Org != b.Org) return $"org {a.Org} and {b.Org}";
        if (a.Place.CursorText != b.Place.CursorText) return $"place {a.Place.CursorText} and {b.Place.CursorText}";
        if (a.Name != b.Name || a.DefaultEnvironment != b.DefaultEnvironment || a.Version != b.Version) return "the org's own row";
        if (a.Environments.Count != b.Environments.Count) return $"{a.Environments.Count} and {b.Environments.Count} environments";
        foreach (var environment in a.Environments)
        {
            if (b.Environment(environment.Name) is not { } other) return $"environment {environment.Name} is missing";
            if (environment with { Configs = other.Configs } != other) return $"environment {environment.Name}: {environment} and {other}";
            if (environment.Configs.Count != other.Configs.Count) return $"{environment.Configs.Count} and {other.Configs.Count} keys in {environment.Name}";
            foreach (var entry in environment.Configs)
                if (other.Config(entry.Key) is not { } twin || !Same(entry, twin)) return $"{environment.Name}/{entry.Key}: {entry} and {other.Config(entry.Key)}";
        }
        return null;
    }

    static bool Same(ConfigEntry a, ConfigEntry b) => a with { Value = b.Value } == b && a.Value.AsSpan().SequenceEqual(b.Value) && a.Deleted == b.Deleted;
}
