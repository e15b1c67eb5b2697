namespace Stele.Prove.Faults;

/// <summary>
/// What goes wrong and when, from a seed alone: every kind once, in a random order, then every kind once more, for as long as the run takes.
/// So no kind is left to chance.
/// </summary>
internal sealed class FaultSchedule(int seed, int nodes, IReadOnlyList<FaultKind> kinds, TimeSpan pace, double together = 0.25)
{
    readonly Random dice = new(seed);
    readonly Queue<FaultKind> round = new();
    FaultStep? last;

    /// <summary>The next step.</summary>
    public FaultStep Next()
    {
        if (round.Count == 0)
        {
            var all = kinds.ToArray();
            dice.Shuffle(all);
            foreach (var one in all) round.Enqueue(one);
        }
        var kind = round.Dequeue();
        var isTogether = dice.NextDouble() < together && last is { IsTogether: false } && last.Part != FaultStep.PartOf(kind);
        var after = pace * (0.3 + 0.5 * dice.NextDouble());
        var lasts = pace * (0.5 + dice.NextDouble());
        return last = new FaultStep(kind, isTogether ? TimeSpan.FromTicks(-1) : after, lasts, 1 + dice.Next(nodes), dice.Next());
    }
}
