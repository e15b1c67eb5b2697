namespace Stele.Core.Access;

/// <summary>A permission, and what it is bound to: a scope of a token, a grant or a deny of a role.</summary>
/// <param name="Permission">What.</param>
/// <param name="Environments">In which environments, by name; null: in all, those to come included.</param>
/// <param name="Prefix">On keys that begin with it; empty: on all.</param>
public sealed record Grant(Permission Permission, IReadOnlyList<string>? Environments, string Prefix)
{
    /// <summary>Everywhere.</summary>
    public static Grant Of(Permission permission) => new(permission, null, "");

    /// <summary>Whether it holds in an environment; null is what belongs to none.</summary>
    public bool IsIn(string? environment)
    {
        if (Environments is null) return true;
        if (environment is null) return false;
        for (var i = 0; i < Environments.Count; i++)
            if (string.Equals(Environments[i], environment, StringComparison.Ordinal)) return true;
        return false;
    }

    /// <summary>Whether it holds on a key of an environment.</summary>
    public bool IsOn(string? environment, string key) => IsIn(environment) && key.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>Whether it holds wherever another of the same permission holds.</summary>
    public bool Covers(Grant other) => Permission == other.Permission && other.Prefix.StartsWith(Prefix, StringComparison.Ordinal)
        && (Environments is null || (other.Environments is { } environments && environments.All(IsIn)));

    /// <summary>What it and a narrowing have in common, or null when that is nothing.</summary>
    /// <param name="environments">Environments, or null for all.</param>
    /// <param name="prefix">A prefix, or empty for all.</param>
    public Grant? Within(IReadOnlyList<string>? environments, string prefix)
    {
        if (environments is null && prefix.Length == 0) return this;
        var longer = Prefix.StartsWith(prefix, StringComparison.Ordinal) ? Prefix : prefix.StartsWith(Prefix, StringComparison.Ordinal) ? prefix : null;
        if (longer is null) return null;
        IReadOnlyList<string>? common = environments is null ? Environments : Environments is null ? environments : [.. environments.Where(IsIn)];
        return common is { Count: 0 } ? null : this with { Environments = common, Prefix = longer };
    }

    /// <inheritdoc/>
    public bool Equals(Grant? other) => other is not null && Permission == other.Permission && Prefix == other.Prefix
        && (Environments is null ? other.Environments is null : other.Environments is not null && Environments.SequenceEqual(other.Environments, StringComparer.Ordinal));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Permission, Prefix, Environments?.Count);

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Permissions.Name(Permission)}{(Environments is null ? "" : $" in {string.Join(", ", Environments)}")}{(Prefix.Length == 0 ? "" : $" on {Prefix}*")}";
}
