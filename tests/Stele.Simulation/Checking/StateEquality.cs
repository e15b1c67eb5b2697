using Stele.Core.Configs;
using Stele.Core.Flags;
using Stele.Core.Orgs;
using Stele.Core.Secrets;

namespace Stele.Simulation.Checking;

/// <summary>Whether two states are the same, and if not, where they first differ. What belongs to the head (fence, last_at, incarnation) is not looked at.</summary>
internal static class StateEquality
{
    public static string? Difference(OrgState a, OrgState b)
    {
        if (a.Org != b.Org) return $"org {a.Org} and {b.Org}";
        if (a.Place.CursorText != b.Place.CursorText) return $"place {a.Place.CursorText} and {b.Place.CursorText}";
        if (a.Name != b.Name || a.Version != b.Version || a.ArchivedAt != b.ArchivedAt || a.CreatedAt != b.CreatedAt || !a.FormerNames.SequenceEqual(b.FormerNames)) return "the org's own row";
        if (a.Settings is null || b.Settings is null ? a.Settings != b.Settings : !a.Settings.Is(b.Settings)) return $"settings {a.Settings} and {b.Settings}";
        if (!a.DeletedEnvironments.Select(Left).SequenceEqual(b.DeletedEnvironments.Select(Left))) return "deleted environments";
        foreach (var gone in a.DeletedEnvironments)
            if (!gone.Deleted.ByHash.SequenceEqual(b.EnvironmentEver(gone.Name)!.Deleted.ByHash)) return $"what is left of {gone.Name}";
        if (!a.Access.Equals(b.Access) || a.Access.MemoryBytes != b.Access.MemoryBytes) return $"access: {a.Access.Users.Count} users, {a.Access.ServiceAccounts.Count} accounts, {a.Access.Tokens.Count} tokens, {a.Access.Roles.Count} roles";
        if (a.Today != b.Today) return $"{a.Today} and {b.Today}";
        if (a.Environments.Count != b.Environments.Count) return $"{a.Environments.Count} and {b.Environments.Count} environments";
        foreach (var environment in a.Environments)
        {
            if (b.Environment(environment.Name) is not { } other) return $"environment {environment.Name} is missing";
            if (environment with { Configs = other.Configs, Deleted = other.Deleted, Schemas = other.Schemas, Flags = other.Flags, Secrets = other.Secrets } != other) return $"environment {environment.Name}: {environment} and {other}";
            if (environment.Configs.Count != other.Configs.Count) return $"{environment.Configs.Count} and {other.Configs.Count} keys in {environment.Name}";
            foreach (var entry in environment.Configs)
                if (other.Config(entry.Key) is not { } twin || !Same(entry, twin)) return $"{environment.Name}/{entry.Key}: {entry} and {other.Config(entry.Key)}";
            if (environment.Schemas.Count != other.Schemas.Count) return $"{environment.Schemas.Count} and {other.Schemas.Count} schemas in {environment.Name}";
            foreach (var schema in environment.Schemas)
                if (other.Schema(schema.Key) is not { } twin || !schema.Schema.Is(twin)) return $"schema of {environment.Name}/{schema.Key}";
            if (Difference(environment.Flags, other.Flags) is { } flag) return $"flags of {environment.Name}: {flag}";
            if (Difference(environment.Secrets, other.Secrets) is { } secret) return $"secrets of {environment.Name}: {secret}";
            if (!environment.Deleted.ByHash.SequenceEqual(other.Deleted.ByHash)) return $"deleted keys in {environment.Name}";
        }
        return null;
    }

    /// <summary>Whether two sets of flags are the same, and if not, where they first differ.</summary>
    public static string? Difference(EnvironmentFlags a, EnvironmentFlags b)
    {
        if (a.ChangedRevision != b.ChangedRevision || a.ItemBytes != b.ItemBytes || a.TextBytes != b.TextBytes || a.Set.Killed != b.Set.Killed) return $"{a} and {b}";
        if (!a.Deleted.ByHash.SequenceEqual(b.Deleted.ByHash)) return "deleted ones";
        if (!a.Set.Flags.Select(flag => (flag.Name, flag.Killed)).SequenceEqual(b.Set.Flags.Select(flag => (flag.Name, flag.Killed)))) return "what is evaluated";
        if (!a.Set.Rules.Select(rule => rule.Name).SequenceEqual(b.Set.Rules.Select(rule => rule.Name))) return "shared rules";
        if (a.Items.Count != b.Items.Count) return $"{a.Items.Count} and {b.Items.Count}";
        foreach (var item in a.Items)
            if (b.Item(item.Key) is not { } twin || item with { Text = null } != twin with { Text = null } || !item.Text.AsSpan().SequenceEqual(twin.Text)) return $"{item} and {b.Item(item.Key)}";
        return null;
    }

    /// <summary>Whether two sets of secrets are the same, and if not, where they first differ.</summary>
    public static string? Difference(EnvironmentSecrets a, EnvironmentSecrets b)
    {
        if ((a.Items.Count, a.Live, a.ValueBytes, a.ChangedRevision, a.MemoryBytes) != (b.Items.Count, b.Live, b.ValueBytes, b.ChangedRevision, b.MemoryBytes)) return $"{a} and {b}";
        foreach (var entry in a.Items)
            if (b.Ever(entry.Path) is not { } twin || entry with { Metadata = twin.Metadata } != twin || !entry.Metadata.AsSpan().SequenceEqual(twin.Metadata)) return $"{entry} and {b.Ever(entry.Path)}";
        return null;
    }

    /// <summary>Whether two states are the same as far as one key goes; the first one holds no other configuration.</summary>
    public static string? DifferenceOfKey(OrgState a, OrgState b, string environment, string key)
    {
        if (a.Org != b.Org || a.Place.CursorText != b.Place.CursorText || a.Name != b.Name || a.DefaultEnvironment != b.DefaultEnvironment) return "the org's own row";
        var (one, other) = (a.Environment(environment), b.Environment(environment));
        if (one is null || other is null) return one is null && other is null ? null : $"environment {environment}";
        var (entry, twin) = (one.Config(key), other.Config(key));
        return entry is null && twin is null || entry is not null && twin is not null && Same(entry, twin) ? null : $"{environment}/{key}: {entry} and {twin}";
    }

    static object Left(EnvironmentState environment) => (environment.Name, environment.Description, environment.Ordinal, environment.Version, environment.CreatedAt,
        environment.ChangedRevision, environment.Configs.Count, environment.Schemas.Count, environment.MemoryBytes);

    static bool Same(ConfigEntry a, ConfigEntry b) => a with { Value = null } == b with { Value = null } && a.Reference == b.Reference && a.Value.AsSpan().SequenceEqual(b.Value);
}
