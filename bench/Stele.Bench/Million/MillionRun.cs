using System.Globalization;
using System.Text;
using Stele.Bench.Load;
using Stele.Bench.Peers;
using Stele.Bench.Report;

namespace Stele.Bench.Million;

/// <summary>
/// One environment with 1,000 keys and with a million, each on a server of its own: start to the first strong read, memory
/// after a full collection, strong reads, writes. Then 2,000 orgs on a node that has room for all of them, and on one that
/// has not.
/// </summary>
internal sealed class MillionRun(BenchArguments arguments, string work)
{
    const int Few = 1_000, Connections = 32, Requests = 20_000, Orgs = 2_000, KeysPerOrg = 100;
    // of 2,000 orgs with 100 keys about half fit
    const string SmallBudgetMib = "32";

    readonly Random random = new(20_260_131);
    readonly StringBuilder report = new();

    public static async Task<int> Run(BenchArguments arguments)
    {
        var work = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"stele-million-{Environment.ProcessId}")).FullName;
        try
        {
            var run = new MillionRun(arguments, work);
            var missed = 0;
            if (arguments.Only is [] or ["sizes"]) missed += await run.Sizes(CancellationToken.None);
            if (arguments.Only is [] or ["orgs"]) missed += await run.ManyOrgs(CancellationToken.None);
            await run.Finish();
            return missed == 0 ? 0 : 1;
        }
        finally
        {
            Directory.CreateDirectory(arguments.Out);
            foreach (var log in Directory.GetFiles(work, "*.log", SearchOption.AllDirectories))
                File.Copy(log, Path.Combine(arguments.Out, $"million-{Path.GetFileName(Path.GetDirectoryName(log))}-{Path.GetFileName(log)}"), overwrite: true);
            Directory.Delete(work, recursive: true);
        }
    }

    async Task<int> Sizes(CancellationToken cancellation)
    {
        var sizes = new List<Size>();
        foreach (var keys in (int[])[Few, arguments.Keys]) sizes.Add(await Measured(keys, sizes.FirstOrDefault(), cancellation));
        var (few, many) = (sizes[0], sizes[1]);
        report.AppendLine(CultureInfo.InvariantCulture, $"| | {few.Keys:N0} keys | {many.Keys:N0} keys | ratio |\n| --- | ---: | ---: | ---: |");
        Row("seeding, s", few.SeedSeconds, many.SeedSeconds);
        Row("resident at most while seeding, MiB", few.SeedPeak, many.SeedPeak);
        Row("start to first strong GET, s", few.StartSeconds, many.StartSeconds);
        Row("  of it loading, s", few.LoadSeconds, many.LoadSeconds);
        Row("resident after the load, MiB", few.Loaded, many.Loaded);
        Row("resident at most until then, MiB", few.LoadPeak, many.LoadPeak);
        Row("resident after a full collection, MiB", few.Collected, many.Collected);
        Row("bytes that the node counts, MiB", few.Counted, many.Counted);
        Row("strong GET a second", few.Get.PerSecond, many.Get.PerSecond);
        Row("strong GET p50, ms", few.Get.P50, many.Get.P50);
        Row("strong GET p99, ms", few.Get.P99, many.Get.P99);
        Row("strong GET at half load p50, ms", few.HalfGet.P50, many.HalfGet.P50);
        Row("strong GET at half load p99, ms", few.HalfGet.P99, many.HalfGet.P99);
        Row("PUT a second", few.Put.PerSecond, many.Put.PerSecond);
        Row("PUT p99, ms", few.Put.P99, many.Put.P99);
        Row("resident after the writes and a full collection, MiB", few.After, many.After);
        report.AppendLine("\n| what it must reach | reached | |\n| --- | ---: | --- |");
        var missed = Target("start to first strong GET ≤ 15 s", many.StartSeconds, many.StartSeconds <= 15)
            + Target("no read of it answered by SQL", many.BySql, many.BySql == 0)
            + Target("resident after a full collection ≤ 1,536 MiB", many.Collected, many.Collected <= 1_536)
            + Target("strong GET p99 within 1.5 × of that at 1,000 keys", many.HalfGet.P99 / few.HalfGet.P99, many.HalfGet.P99 <= 1.5 * few.HalfGet.P99)
            + Target("PUT a second within 20 % of that at 1,000 keys", many.Put.PerSecond / few.Put.PerSecond, many.Put.PerSecond >= 0.8 * few.Put.PerSecond)
            + Target("refused or failed", sizes.Sum(size => size.Errors), sizes.TrueForAll(size => size.Errors == 0));
        report.AppendLine();
        return missed;
    }

    async Task<Size> Measured(int keys, Size? first, CancellationToken cancellation)
    {
        Say($"{keys:N0} keys: seeding");
        await using var node = new LargeNode(arguments, Directory.CreateDirectory(Path.Combine(work, $"{keys}")).FullName);
        await node.Start("/readyz", cancellation);
        var seeding = await node.Seed(keys, cancellation);
        var seedPeak = node.Resident().Peak;
        await node.Stop();
        Say($"seeded in {seeding.TotalSeconds:0.0} s; starting again");
        var start = await node.Start(Scenarios.Get(LargeNode.Key(random.Next(keys))).Path, cancellation);
        var (loaded, peak) = node.Resident();
        var metrics = await node.Metrics(cancellation);
        var size = new Size
        {
            Keys = keys, SeedSeconds = seeding.TotalSeconds, SeedPeak = seedPeak, StartSeconds = start.TotalSeconds, LoadSeconds = metrics["stele_org_load_duration_seconds_sum"],
            BySql = metrics["stele_unloaded_reads_total"], Counted = metrics["stele_state_bytes"] / (1 << 20), Loaded = loaded, LoadPeak = peak,
            Collected = await node.Collected(cancellation),
        };
        Say($"first strong GET after {size.StartSeconds:0.00} s; resident {size.Loaded:0} MiB, at most {size.LoadPeak:0}, collected {size.Collected:0}");
        var gets = Enumerable.Range(0, Requests).Select(_ => Scenarios.Get(LargeNode.Key(random.Next(keys)))).ToList();
        var puts = Enumerable.Range(0, Requests).Select(_ => Scenarios.StelePut(LargeNode.Key(random.Next(keys)))).ToList();
        size.Get = await Rounds(() => node.Closed("get", gets, Connections, arguments.Seconds, cancellation));
        // both sizes at the same rate: half of what the first one reached
        size.HalfGet = await Rounds(() => node.Open(gets, Connections, (first?.Get ?? size.Get).PerSecond / 2, arguments.Seconds, cancellation));
        size.Put = await Rounds(() => node.Closed("put", puts, Connections, arguments.Seconds, cancellation));
        size.After = await node.Collected(cancellation);
        return size;
    }

    async Task<Measurement> Rounds(Func<Task<Measurement>> measure)
    {
        await measure();
        var all = new List<Measurement>();
        for (var round = 0; round < (arguments.Rounds ?? 3); round++)
        {
            all.Add(await measure());
            Say($"  {all[^1].PerSecond:0} /s, p50 {all[^1].P50:0.000} ms, p99 {all[^1].P99:0.000} ms");
        }
        return Measurement.MedianOf(all);
    }

    async Task<int> ManyOrgs(CancellationToken cancellation)
    {
        var place = Directory.CreateDirectory(Path.Combine(work, "orgs")).FullName;
        await using var node = new LargeNode(arguments, place);
        await node.Start("/readyz", cancellation);
        Say($"{Orgs:N0} orgs of {KeysPerOrg} keys: seeding");
        var seconds = await OrgSeed.Write(PeerStarts.SteleData(place), Orgs, KeysPerOrg, cancellation);
        await node.Stop();
        report.AppendLine(CultureInfo.InvariantCulture, $"{Orgs:N0} orgs of {KeysPerOrg} keys, seeded in {seconds.TotalSeconds:0} s.\n");
        report.AppendLine("| strong GETs of a random key in a random org | a second | p50 ms | p99 ms | orgs in memory | loads | drops | by SQL | resident MiB |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        var errors = await Asked(node, "room for all: first use of each", [], cancellation) + await Asked(node, $"room for half (state.mib {SmallBudgetMib})", [("STELE_LIMIT_STATE_MIB", SmallBudgetMib)], cancellation);
        return Target("refused or failed, many orgs", errors, errors == 0);
    }

    async Task<long> Asked(LargeNode node, string what, (string, string)[] settings, CancellationToken cancellation)
    {
        await node.Start("/readyz", cancellation, settings);
        var each = Enumerable.Range(0, Orgs).OrderBy(_ => random.Next()).Select(Ask).ToList();
        var errors = Line(what, await node.Closed("orgs", each, Connections, arguments.Seconds, cancellation), node, await node.Metrics(cancellation));
        var more = Enumerable.Range(0, Requests).Select(_ => Ask(random.Next(Orgs))).ToList();
        errors += Line(what + ", then of all", await node.Closed("more", more, Connections, arguments.Seconds, cancellation), node, await node.Metrics(cancellation));
        errors += Line(what + ", then at 1,000 a second", await node.Open(more, Connections, 1_000, arguments.Seconds, cancellation), node, await node.Metrics(cancellation));
        await node.Stop();
        return errors;
    }

    PlainRequest Ask(int org) => new("GET", $"/v1/config/{LargeNode.Key(random.Next(KeysPerOrg))}?env={Scenarios.Environment}") { Org = OrgSeed.Name(org) };

    long Line(string what, Measurement m, LargeNode node, IReadOnlyDictionary<string, double> metrics)
    {
        var drops = metrics.Where(sample => sample.Key.StartsWith("stele_org_drops_total", StringComparison.Ordinal)).Sum(sample => sample.Value);
        var line = string.Create(CultureInfo.InvariantCulture,
            $"| {what} | {m.PerSecond:0} | {m.P50:0.000} | {m.P99:0.000} | {metrics["stele_state_orgs"]:0} | {metrics["stele_org_load_duration_seconds_count"]:0} | {drops:0} | {metrics["stele_unloaded_reads_total"]:0} | {node.Resident().Now:0} |");
        report.AppendLine(line);
        Console.Error.WriteLine(line);
        return m.Refused + m.Failed;
    }

    int Target(string text, double reached, bool met)
    {
        report.AppendLine(CultureInfo.InvariantCulture, $"| {text} | {reached:0.00} | {(met ? "met" : "**missed**")} |");
        return met ? 0 : 1;
    }

    void Row(string what, double few, double many) => report.AppendLine(CultureInfo.InvariantCulture, $"| {what} | {few:0.###} | {many:0.###} | {many / few:0.00} |");

    async Task Finish()
    {
        var facts = await MachineFacts.Gather(new Dictionary<string, Peer>(), work, CancellationToken.None);
        foreach (var (name, value) in facts.Facts) report.AppendLine(CultureInfo.InvariantCulture, $"- {name}: {value}");
        Directory.CreateDirectory(arguments.Out);
        var path = Path.Combine(arguments.Out, "million.md");
        await File.WriteAllTextAsync(path, $"# A million keys, and 2,000 organizations\n\n{report}");
        Console.WriteLine(report);
        Console.WriteLine($"written: {path}");
    }

    static void Say(FormattableString text) => Console.Error.WriteLine("bench: " + text.ToString(CultureInfo.InvariantCulture));

    static void Say(string text) => Console.Error.WriteLine("bench: " + text);

    /// <summary>What was measured at one size.</summary>
    sealed class Size
    {
        public required int Keys { get; init; }
        public required double SeedSeconds { get; init; }
        public required double SeedPeak { get; init; }
        public required double StartSeconds { get; init; }
        public required double LoadSeconds { get; init; }
        public required double BySql { get; init; }
        public required double Counted { get; init; }
        public required double Loaded { get; init; }
        public required double LoadPeak { get; init; }
        public required double Collected { get; init; }
        public double After { get; set; }
        public Measurement Get { get; set; } = None;
        public Measurement HalfGet { get; set; } = None;
        public Measurement Put { get; set; } = None;

        public long Errors => new[] { Get, HalfGet, Put }.Sum(m => m.Refused + m.Failed);

        static readonly Measurement None = new(0, 0, 0, 0, 0, 0, 0, 0);
    }
}
