using System.Diagnostics;
using System.Globalization;
using System.Text;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Json;
using Stele.Bench.Peers;

namespace Stele.Bench;

/// <summary>
/// Evaluations of flags in process, on the calling thread alone: the context is prepared, but where it says that one is
/// read for each. Reported are the median and the slowest round, and bytes allocated for each evaluation.
/// </summary>
internal static class FlagRun
{
    const int Batch = 1_000;

    const string Context = """
        {"targetingKey":"5c3d8535-f81a-4478-a6d3-afaa4d51199e","email":"ada.lovelace@example.com","tier":"gold","country":"nl","age":36,"score":0.75,
        "version":"2.4.1","device":{"os":"android","model":"p9"},"groups":["staff","beta","eu"],"blocked":false}
        """;

    const string TenConditions = """
        {"if":[{"and":[{"==":[{"var":"tier"},"gold"]},{"in":["@example.com",{"var":"email"}]},{">=":[{"var":"age"},18]},{"<":[{"var":"age"},65]},
        {"in":[{"var":"country"},["de","fr","nl","be","at","lu"]]},{"!":[{"var":"blocked"}]},{"==":[{"var":"device.os"},"android"]},
        {"<=":[0.5,{"var":"score"},1]},{"sem_ver":[{"var":"version"},">=","2.0.0"]},{"ends_with":[{"var":"email"},".com"]}]},"on",null]}
        """;

    public static int Run(BenchArguments arguments)
    {
        var context = Read(Context);
        Report("static", """{"enabled":true}""", context, arguments);
        Report("fractional, by the targeting key", Ruled("""{"fractional":[["on",50],["off",50]]}"""), context, arguments);
        Report("fractional, by a key that is put together", Ruled("""{"fractional":[{"cat":[{"var":"$flagd.flagKey"},{"var":"email"}]},["on",50],["off",50]]}"""), context, arguments);
        Report("short form, 50 % and 1,000 target users", $$"""{"enabled":true,"percentage":50,"target_users":[{{string.Join(',', Enumerable.Range(0, 1_000).Select(i => $"\"user-{i}\""))}}]}""", context, arguments);
        Report("ten conditions, all true", Ruled(TenConditions), context, arguments);
        Report("ten conditions, the context read for each", Ruled(TenConditions), null, arguments);
        Peers(arguments);
        return 0;
    }

    // what npm has, if bench/run could install it
    static void Peers(BenchArguments arguments)
    {
        if (!Directory.Exists(Path.Combine(UnleashPeer.Home, "node_modules"))) return;
        var start = new ProcessStartInfo("node", [Path.Combine(arguments.Root, "bench", "evaluators.js"), arguments.Seconds.ToString(CultureInfo.InvariantCulture), $"{arguments.Rounds ?? 3}"]);
        start.Environment["NODE_PATH"] = Path.Combine(UnleashPeer.Home, "node_modules");
        using var node = Process.Start(start)!;
        node.WaitForExit();
    }

    static void Report(string title, string definition, FlagContext? context, BenchArguments arguments)
    {
        var problems = new List<Problem>();
        var flag = new Flag("new-checkout", FlagDefinition.Parse(Canonical(definition), "", problems) ?? throw new InvalidOperationException(problems[0].Message));
        var set = FlagSet.Empty with { Flags = FlagSet.Empty.Flags.Set(flag) };
        Round(set, flag, context, arguments.WarmupSeconds);
        var rates = Enumerable.Range(0, arguments.Rounds ?? 3).Select(_ => Round(set, flag, context, arguments.Seconds)).Order().ToList();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Batch; i++) One(set, flag, context);
        var each = (GC.GetAllocatedBytesForCurrentThread() - before) / Batch;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{title,-44} {rates[rates.Count / 2],12:N0} a second (slowest round {rates[0]:N0}), {each} bytes allocated each"));
    }

    static double Round(FlagSet set, Flag flag, FlagContext? context, double seconds)
    {
        var (count, start) = (0L, Stopwatch.GetTimestamp());
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < seconds)
        {
            for (var i = 0; i < Batch; i++) One(set, flag, context);
            count += Batch;
        }
        return count / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    static void One(FlagSet set, Flag flag, FlagContext? context)
    {
        var answer = set.Evaluate(flag, context ?? Read(Context), new Timestamp(1_795_262_400_000_000));
        if (answer.Variant is null) throw new InvalidOperationException(answer.Message);
    }

    static FlagContext Read(string json) => FlagContext.Parse(Encoding.UTF8.GetBytes(json), "").Value;

    static string Ruled(string rule) => $$"""{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{{rule}}}""";

    static byte[] Canonical(string json) =>
        CanonicalJson.TryCanonicalize(Encoding.UTF8.GetBytes(json), "", [], out var canonical) ? canonical : throw new InvalidOperationException("not JSON");
}
