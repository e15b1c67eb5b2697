namespace Stele.Prove.Faults;

/// <summary>One fault of a schedule.</summary>
/// <param name="Kind">What goes wrong.</param>
/// <param name="After">How long after the last step was over it begins; negative: together with it.</param>
/// <param name="Lasts">For how long. What has to start again afterwards takes its own time.</param>
/// <param name="Node">Which node, if it is one's: from 1.</param>
/// <param name="Dice">Chooses what the kind leaves open: a direction, a size, a number of bytes.</param>
internal sealed record FaultStep(FaultKind Kind, TimeSpan After, TimeSpan Lasts, int Node, int Dice)
{
    /// <summary>The part of the system that has it.</summary>
    public string Part => PartOf(Kind);

    /// <summary>Whether it happens at the same time as the one before.</summary>
    public bool IsTogether => After < TimeSpan.Zero;

    public static string PartOf(FaultKind kind) => kind switch
    {
        >= FaultKind.NodeKilled and <= FaultKind.ClientsSevered => "node",
        >= FaultKind.PrimaryKilled and <= FaultKind.StandbySlow => "postgres",
        _ => "redis",
    };
}
