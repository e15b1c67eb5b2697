using Stele.Prove.Mutants;
using Stele.Prove.Processes;
using Stele.Prove.Report;
using Stele.Prove.Soak;

namespace Stele.Prove;

/// <summary><c>./stele prove</c></summary>
internal static class ProveCommand
{
    public static async Task<int> Run(string[] args)
    {
        if (args.Contains("--help") || args.Contains("-h"))
        {
            Console.WriteLine(ProveArguments.Usage);
            return 0;
        }
        var (arguments, problem) = ProveArguments.Parse(args, Random.Shared.Next(1, 1_000_000));
        if (arguments is null)
        {
            Console.Error.WriteLine($"stele prove: {problem}\n{ProveArguments.Usage}");
            return 2;
        }
        if (await PostgresPrograms.Find() is not { } programs)
        {
            Console.Error.WriteLine("stele prove: PostgreSQL with pg_basebackup is not installed here (Debian: apt-get install postgresql-15).");
            return 1;
        }
        // Ctrl-C ends the faults early; the checks are made all the same
        using var stop = new CancellationTokenSource();
        Console.CancelKeyPress += (_, press) =>
        {
            press.Cancel = !stop.IsCancellationRequested;
            stop.Cancel();
        };
        if (arguments.Strict) return await new StrictRun(arguments, programs, Console.Error.WriteLine).Run();
        if (arguments.Mutants.Count > 0) return await new MutantRun(arguments, programs, Console.Error.WriteLine).Run();
        if (arguments.Soak) return await new SoakRun(arguments, programs, Console.Error.WriteLine).Run(stop.Token);
        var run = new ProveRun(arguments, programs, Console.Error.WriteLine);
        var result = await run.Run(stop.Token);
        var path = ProveReport.Write(result, arguments);
        Console.WriteLine(ProveReport.Summary(result));
        Console.WriteLine($"written: {path}");
        return result.Failures.Count == 0 ? 0 : 1;
    }
}
