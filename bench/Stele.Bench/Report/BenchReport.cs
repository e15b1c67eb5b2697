using System.Globalization;
using System.Text;
using Stele.Bench.Load;

namespace Stele.Bench.Report;

/// <summary>Writes <c>bench.md</c> and <c>bench.csv</c>, and the table to the console.</summary>
internal sealed class BenchReport(BenchArguments arguments, IReadOnlyDictionary<(string Scenario, string Peer), Measurement> results, IReadOnlySet<string> peers)
{
    public void Write(MachineFacts facts)
    {
        Directory.CreateDirectory(arguments.Out);
        var table = Table();
        var targets = Targets();
        var text = $"# Stele and its peers, side by side\n\n{table}\n{targets}\n{Method(facts)}";
        string markdown = Path.Combine(arguments.Out, "bench.md"), csv = Path.Combine(arguments.Out, "bench.csv");
        File.WriteAllText(markdown, text);
        File.WriteAllText(csv, Csv());
        Console.WriteLine(table);
        Console.WriteLine(targets);
        Console.WriteLine($"written: {markdown}, {csv}");
    }

    string Table()
    {
        var text = new StringBuilder("| scenario | peer | per second | p50 ms | p99 ms | CPU µs each | Stele ÷ peer |\n| --- | --- | ---: | ---: | ---: | ---: | ---: |\n");
        foreach (var scenario in Scenarios.All)
            foreach (var peer in scenario.Requests.Keys)
            {
                if (!results.TryGetValue((scenario.Name, peer), out var m)) continue;
                var errors = m.Refused + m.Failed > 0 ? $" ({m.Refused} refused, {m.Failed} failed)" : "";
                text.AppendLine(CultureInfo.InvariantCulture,
                    $"| {scenario.Title} | {Display(scenario, peer)} | {m.PerSecond:0}{errors} | {m.P50:0.000} | {m.P99:0.000} | {Cpu(m)} | {Ratio(scenario.Name, peer)} |");
            }
        return text.ToString();
    }

    string Targets()
    {
        var text = new StringBuilder("| what it must reach | reached | |\n| --- | ---: | --- |\n");
        foreach (var target in Target.All)
            if (target.Reached(results) is { } reached)
                text.AppendLine(CultureInfo.InvariantCulture, $"| {target.Text} | {reached:0.00} {target.Unit} | {(target.IsMet(reached) ? "met" : "**missed**")} |");
        return text.ToString();
    }

    string Method(MachineFacts facts)
    {
        var text = new StringBuilder("## Method\n\n");
        foreach (var (name, value) in facts.Facts) text.AppendLine(CultureInfo.InvariantCulture, $"- {name}: {value}");
        text.AppendLine(CultureInfo.InvariantCulture, $"""
            - command: `bench/run --rounds {arguments.Rounds ?? 3} --seconds {arguments.Seconds} --warmup {arguments.WarmupSeconds}` with peers {string.Join(", ", peers.Order())}
            - all peers run at once on one machine and one disk; each scenario warms each peer up, then runs {arguments.Rounds ?? 3} rounds in
              which every peer has its turn (the first rotates); figures are medians over the rounds
            - closed loop: `wrk -t1 -c<connections> -d<seconds> -s bench/requests.lua`, the same script and the same number of
              connections for every peer; 1,000 keys in random order, values of 100 random letters; latencies are wrk's
            - half load: an open loop at half of the throughput that the closed loop reached in this run, latencies from the moment
              at which a request was due (no coordinated omission)
            - Stele: its Release build with its own embedded PostgreSQL, fsync and synchronous_commit on, authentication by its
              root token, every projection on. etcd: one member, fsync on, through its own JSON gateway (bodies base64 in JSON).
              bare: Kestrel answering every request with the bytes and headers of one answer of Stele's
            - lone insert: `{LoneInsert.Command(arguments.Seconds)}` on the PostgreSQL that serves Stele; its script: `{LoneInsert.Script.Replace("\n", " ", StringComparison.Ordinal)}`
            - CPU µs each: user and system time of the peer's processes (PostgreSQL's included) over the run, by requests
            """);
        return text.ToString();
    }

    string Csv()
    {
        var text = new StringBuilder("scenario,peer,per_second,p50_ms,p90_ms,p99_ms,max_ms,cpu_us_per_request,requests,refused,failed,stele_ratio\n");
        foreach (var ((scenario, peer), m) in results)
            text.AppendLine(CultureInfo.InvariantCulture,
                $"{scenario},{peer},{m.PerSecond:0.0},{m.P50:0.000},{m.P90:0.000},{m.P99:0.000},{m.Max:0.000},{m.CpuMicroseconds:0.0},{m.Requests},{m.Refused},{m.Failed},{Ratio(scenario, peer)}");
        return text.ToString();
    }

    static string Display(Scenario scenario, string peer) => scenario.Shape == LoadShape.LoneInsert ? "PostgreSQL" : peer;

    static string Cpu(Measurement m) => m.CpuMicroseconds > 0 ? m.CpuMicroseconds.ToString("0.0", CultureInfo.InvariantCulture) : "";

    // Half-load runs have rates of their own making, so their throughput says nothing.
    string Ratio(string scenario, string peer) =>
        peer != "stele" && !scenario.EndsWith("-half", StringComparison.Ordinal) && results.TryGetValue((scenario, "stele"), out var stele) && results[(scenario, peer)].PerSecond > 0
            ? (stele.PerSecond / results[(scenario, peer)].PerSecond).ToString("0.00", CultureInfo.InvariantCulture)
            : "";
}
