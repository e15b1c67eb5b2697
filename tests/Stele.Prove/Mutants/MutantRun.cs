using System.Diagnostics;
using System.Globalization;
using System.Text;
using Stele.Prove.Processes;

namespace Stele.Prove.Mutants;

/// <summary><c>./stele prove --mutants</c>: one bug after the other in real servers, and a table of what each broke. Fails when one breaks nothing.</summary>
internal sealed class MutantRun(ProveArguments arguments, PostgresPrograms programs, Action<string> say)
{
    // of each bug so many broken promises are named
    const int RulesShown = 3;

    public async Task<int> Run()
    {
        Directory.CreateDirectory(arguments.Out);
        var text = new StringBuilder("""
            | bug | made in | faults | seconds | what it broke |
            | --- | --- | --- | ---: | --- |

            """);
        var survived = new List<Mutant>();
        foreach (var mutant in arguments.Mutants)
        {
            var plan = MutantPlan.Of(mutant);
            say($"── {mutant}");
            var began = Stopwatch.GetTimestamp();
            var result = await plan.Run(programs, Path.Combine(arguments.Out, $"{mutant}"), say);
            var took = Stopwatch.GetElapsedTime(began).TotalSeconds;
            var rules = result.Failures.Select(failure => failure.Split(": ", 2)[0]).GroupBy(rule => rule).OrderByDescending(rule => rule.Count()).Select(rule => rule.Key).ToList();
            if (!plan.IsCaughtBy(result)) survived.Add(mutant);
            text.Append(CultureInfo.InvariantCulture, $"| {mutant} | {plan.Place} | {string.Join(", ", plan.Kinds)} | {took:0} | {(rules.Count == 0 ? "**nothing**" : string.Join("; ", rules.Take(RulesShown)))} |\n");
            say($"{mutant}: {took:0} s, {result.Failures.Count} failures{(result.Failures is [var first, ..] ? $", the first: {first}" : "")}");
            await File.WriteAllTextAsync(Path.Combine(arguments.Out, "mutants.md"), text.ToString());
        }
        Console.WriteLine(text);
        foreach (var one in survived) Console.WriteLine($"NOT CAUGHT: {one}");
        return survived.Count == 0 ? 0 : 1;
    }
}
