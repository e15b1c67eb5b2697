namespace Stele.Simulation.Checking;

/// <summary>A promise that was broken.</summary>
/// <param name="Rule">Which promise.</param>
/// <param name="Detail">What was seen.</param>
/// <param name="At">When, in ticks of true time.</param>
internal sealed record Violation(string Rule, string Detail, long At)
{
    public override string ToString() => $"[{TimeSpan.FromTicks(At - TimeSpan.TicksPerHour).TotalMilliseconds:0.000} ms] {Rule}: {Detail}";
}
