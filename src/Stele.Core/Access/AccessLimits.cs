namespace Stele.Core.Access;

/// <summary>Bounds of access that are rules, not options.</summary>
public static class AccessLimits
{
    /// <summary>How many tokens may be made one with another: the chain that ends in somebody.</summary>
    public const int TokenDepth = 4;
}
