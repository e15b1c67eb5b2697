using System.Globalization;
using System.Text;
using Stele.Bench.Peers;
using Stele.Bench.Report;

namespace Stele.Bench.Million;

/// <summary>
/// What an organization costs once it has left memory: the managed heap after a full collection, before and after 2,000
/// organizations were used and dropped. Twice, with other organizations: the first 2,000 also warm up what a server
/// allocates once, and the second show what each one adds.
/// </summary>
internal sealed class IdleRun(BenchArguments arguments, string work)
{
    const int Orgs = 2_000, KeysPerOrg = 100, AtOnce = 16, IdleSeconds = 30, SettleSeconds = 85, TargetBytes = 200;

    readonly StringBuilder report = new();

    public static async Task<int> Run(BenchArguments arguments)
    {
        var work = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"stele-idle-{Environment.ProcessId}")).FullName;
        try
        {
            return await new IdleRun(arguments, work).Measure(CancellationToken.None);
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }
    }

    async Task<int> Measure(CancellationToken cancellation)
    {
        await using var node = new LargeNode(arguments, work);
        await node.Start("/readyz", cancellation);
        Console.Error.WriteLine($"bench: {2 * Orgs} orgs of {KeysPerOrg} keys: seeding");
        await OrgSeed.Write(PeerStarts.SteleData(work), 2 * Orgs, KeysPerOrg, cancellation);
        await node.Stop();
        await node.Start("/readyz", cancellation, ("STELE_LIMIT_ORG_IDLE_SECONDS", IdleSeconds.ToString(CultureInfo.InvariantCulture)));
        report.AppendLine("| | managed heap after a full collection, bytes | resident MiB | orgs in memory |\n| --- | ---: | ---: | ---: |");
        await Line("before any is used", node, cancellation);
        await Use(node, 0, cancellation);
        var held = await Line("2,000 in memory", node, cancellation);
        await Dropped(node, cancellation);
        var before = await Line("2,000 used and dropped", node, cancellation);
        await Use(node, Orgs, cancellation);
        await Dropped(node, cancellation);
        var after = await Line("2,000 others used and dropped", node, cancellation);
        var each = (after - before) / Orgs;
        report.AppendLine(CultureInfo.InvariantCulture, $"\n| what it must reach | reached | |\n| --- | ---: | --- |\n| an idle org costs ≤ {TargetBytes} bytes once dropped | {each:0} | {(each <= TargetBytes ? "met" : "**missed**")} |\n\nOne in memory costs {(held - before) / Orgs:N0} bytes.\n");
        var facts = await MachineFacts.Gather(new Dictionary<string, Peer>(), work, CancellationToken.None);
        foreach (var (name, value) in facts.Facts) report.AppendLine(CultureInfo.InvariantCulture, $"- {name}: {value}");
        Directory.CreateDirectory(arguments.Out);
        await File.WriteAllTextAsync(Path.Combine(arguments.Out, "idle.md"), $"# Idle organizations\n\n{report}", cancellation);
        Console.WriteLine(report);
        return each <= TargetBytes ? 0 : 1;
    }

    static async Task Use(LargeNode node, int first, CancellationToken cancellation)
    {
        using var client = node.Peer.NewClient();
        // a list needs the whole org, where a single key might be answered by SQL
        await Parallel.ForEachAsync(Enumerable.Range(first, Orgs), new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellation }, async (org, stop) =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/config?limit=1&env={Scenarios.Environment}");
            request.Headers.Add("Stele-Org", OrgSeed.Name(org));
            using var response = await client.SendAsync(request, stop);
            response.EnsureSuccessStatusCode();
        });
    }

    // besides the state: names are forgotten after twice the idle time, repeated audit entries are told apart for a minute
    static async Task Dropped(LargeNode node, CancellationToken cancellation)
    {
        await Task.Delay(TimeSpan.FromSeconds(SettleSeconds), cancellation);
        var left = (await node.Metrics(cancellation))["stele_state_orgs"];
        // the default one, if somebody asked whether the node is ready
        if (left > 1) throw new InvalidOperationException($"{left} organizations are in memory {SettleSeconds} seconds after the last was used");
    }

    async Task<double> Line(string what, LargeNode node, CancellationToken cancellation)
    {
        await node.Collected(cancellation);
        var resident = await node.Collected(cancellation);
        var metrics = await node.Metrics(cancellation);
        var line = string.Create(CultureInfo.InvariantCulture, $"| {what} | {metrics["dotnet_gc_heap_size_bytes"]:N0} | {resident:0} | {metrics["stele_state_orgs"]:0} |");
        report.AppendLine(line);
        Console.Error.WriteLine(line);
        return metrics["dotnet_gc_heap_size_bytes"];
    }
}
