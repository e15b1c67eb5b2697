namespace Stele.Prove.Faults;

/// <summary>A fault that happened. Times are milliseconds since the run began.</summary>
/// <param name="Step">What was to happen.</param>
/// <param name="From">When it began.</param>
/// <param name="Healed">When it was taken back.</param>
/// <param name="To">When all parts were as before: nodes ready, the standby level.</param>
/// <param name="Detail">What it met, such as how many sessions it ended.</param>
internal sealed record FaultRecord(FaultStep Step, double From, double Healed, double To, string Detail);
