namespace Stele.Simulation.Checking;

/// <summary>A promise that was broken.</summary>
/// <param name="Rule">Which promise.</param>
/// <param name="Detail">What was seen.</param>
/// <param name="At">When, since the run's beginning.</param>
internal sealed record Violation(string Rule, string Detail, TimeSpan At)
{
    public override string ToString() => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"[{At.TotalMilliseconds:0.000} ms] {Rule}: {Detail}");
}
