using Stele.Prove.Faults;
using Stele.Prove.Workload;

namespace Stele.Prove;

/// <summary>What came of a run.</summary>
/// <param name="Seed">Of what.</param>
/// <param name="Milliseconds">How long the load ran.</param>
/// <param name="Faults">What went wrong, in the order in which it ended.</param>
/// <param name="Samples">Every operation.</param>
/// <param name="Figures">What was counted, by name.</param>
/// <param name="Failures">Promises that did not hold; none is what is hoped for.</param>
/// <param name="LeftOut">What this machine could not do.</param>
/// <param name="Machine">What ran.</param>
internal sealed record ProveResult(
    int Seed, double Milliseconds, IReadOnlyList<FaultRecord> Faults, IReadOnlyList<Sample> Samples, IReadOnlyList<(string Name, string Value)> Figures,
    IReadOnlyList<string> Failures, IReadOnlyList<string> LeftOut, string Machine);
