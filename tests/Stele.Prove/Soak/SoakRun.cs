using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Stele.Prove.Processes;
using Stele.Prove.Report;
using Stele.Prove.Workload;
using Stele.Server.Tests.Outbound.Kafka;
using Stele.Simulation.Checking.Histories;

namespace Stele.Prove.Soak;

/// <summary>
/// Nothing goes wrong, for long: all features in use on three nodes, and every second looked at what each node takes. Fails when memory, handles,
/// threads or connections grow, when a node or a sink falls behind, when anything is refused, or when the history breaks a promise.
/// </summary>
internal sealed class SoakRun(ProveArguments arguments, PostgresPrograms programs, Action<string> say)
{
    // from the middle of the run to its end, beyond what the weather explains
    static readonly (string Name, string Unit, Func<Vitals, double> Of, double Share, double Beyond)[] bounds =
    [
        ("memory", "MiB", vitals => vitals.Mebibytes, 0.10, 20), ("handles", "", vitals => vitals.Handles, 0.05, 8),
        ("threads", "", vitals => vitals.Threads, 0.10, 5), ("connections", "", vitals => vitals.Sessions, 0.10, 4),
    ];

    const double LagMax = 200;

    readonly List<string> failures = [];
    readonly List<Vitals> vitals = [];

    public async Task<int> Run(CancellationToken stop)
    {
        Directory.CreateDirectory(arguments.Out);
        using var kafka = NativeLibrary.TryLoad(MockKafka.Library, out _) ? new MockKafka() : null;
        var grpc = Enumerable.Range(0, 3).Select(_ => ChildProcess.FreePort()).ToArray();
        var settings = new Dictionary<string, string> { ["STELE_WEBHOOK_NETWORKS"] = "127.0.0.0/8", ["STELE_WEBHOOK_HTTP"] = "allow" };
        if (kafka is not null) settings["STELE_KAFKA"] = kafka.Servers;
        var stack = await Stack.Start(programs, say, settingsOf: number => new Dictionary<string, string>(settings) { ["STELE_GRPC"] = $"127.0.0.1:{grpc[number - 1]}" });
        try
        {
            await Visitor.Prepare(stack.Nodes[0]);
            using var receiver = new WebhookReceiver();
            await receiver.Register(stack.Nodes[0], Caller.Environment);
            using var recorder = new Recorder(Path.Combine(arguments.Out, "soak-history.jsonl"), arguments.Seed);
            await Load.MakeOtherOrg(stack.Nodes[0]);
            var setUpTo = await StoredJournal.Heads(stack.Postgres.Primary);
            using var load = new Load(stack, recorder, arguments.Seed);
            var visitor = new Visitor(stack.Nodes, TimeSpan.FromMilliseconds(50));
            var caller = new GrpcVisitor([.. stack.Nodes.Select((node, i) => (node, grpc[i]))], TimeSpan.FromMilliseconds(50));
            List<SocketVisitor> sockets = [.. stack.Nodes.Select(node => new SocketVisitor(node))];
            using var leave = new CancellationTokenSource();
            load.Start();
            var visiting = Task.WhenAll([visitor.Run(leave.Token), caller.Run(leave.Token), .. sockets.Select(socket => socket.Run(leave.Token))]);
            await Watch(stack, recorder, stop);
            await leave.CancelAsync();
            await visiting;
            await load.Finish(TimeSpan.FromSeconds(30));
            foreach (var line in await StoredJournal.Read(stack.Postgres.Primary.ConnectionString, setUpTo)) recorder.Add(line);
            failures.AddRange(HistoryChecks.Run(recorder.Lines()).Select(violation => $"{violation.Rule}: {violation.Detail}"));
            failures.AddRange(load.Late);
            failures.AddRange(visitor.Failures.Concat(caller.Failures).Select(failure => $"{failure.Value} × {failure.Key}"));
            failures.AddRange(sockets.Select(socket => socket.Failure).OfType<string>());
            if (sockets.Exists(socket => socket.Frames == 0)) failures.Add("a WebSocket was told nothing");
            failures.AddRange(recorder.Samples().Where(sample => !sample.Ok).GroupBy(sample => sample.Ending).Select(group => string.Create(CultureInfo.InvariantCulture,
                $"{group.Count()} requests ended so, at {string.Join(", ", group.Select(sample => $"{sample.To / 1e3:0}").Distinct().Take(12))} s, on node {string.Join(", ", group.Select(sample => sample.Node).Distinct().Order())}: {group.Key}")));
            Judge();
            return Report(recorder, $"a webhook, secrets{(kafka is null ? "" : ", Kafka (librdkafka's mock brokers)")}",
                $"{visitor.Served:N0} evaluations, reads of the past, differences, lists, secrets written and read, {caller.Served:N0} calls of gRPC, {sockets.Sum(socket => socket.Frames):N0} messages over WebSockets", receiver);
        }
        finally
        {
            stack.Work.CopyLogs(arguments.Out);
            await stack.DisposeAsync();
        }
    }

    async Task Watch(Stack stack, Recorder recorder, CancellationToken stop)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(20) };
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1));
        while (recorder.Milliseconds < arguments.Minutes * 60_000 && !stop.IsCancellationRequested)
        {
            await timer.WaitForNextTickAsync(CancellationToken.None);
            var second = (int)(recorder.Milliseconds / 1e3);
            vitals.AddRange(await Vitals.Of(stack, http, second));
            if (second % 30 != 0) continue;
            var (acknowledged, reads, refused, frames) = recorder.Counts();
            say($"[{TimeSpan.FromSeconds(second):mm\\:ss}] {acknowledged} writes, {reads} reads, {refused} refused, {frames} changes watched; memory {string.Join(", ", vitals.TakeLast(stack.Nodes.Count).Select(one => $"{one.Mebibytes:0}"))} MiB");
        }
    }

    void Judge()
    {
        var last = vitals.Max(one => one.Second);
        foreach (var node in vitals.GroupBy(one => one.Node))
        {
            foreach (var (name, unit, of, share, beyond) in bounds)
            {
                var (middle, end) = (Mean(node, last * 0.4, last * 0.6, of), Mean(node, last * 0.8, last, of));
                if (end > (middle * (1 + share)) + beyond) failures.Add(string.Create(CultureInfo.InvariantCulture, $"node {node.Key}: {name} grew from {middle:0} to {end:0} {unit}"));
            }
            if (node.Where(one => one.Second > last * 0.1).Max(one => one.Lag) is var lag && lag > LagMax) failures.Add($"node {node.Key}: was {lag:0} revisions behind");
        }
    }

    static double Mean(IEnumerable<Vitals> node, double from, double to, Func<Vitals, double> of) => node.Where(one => one.Second >= from && one.Second <= to).Select(of).DefaultIfEmpty().Average();

    int Report(Recorder recorder, string parts, string visits, WebhookReceiver receiver)
    {
        var (acknowledged, reads, _, frames) = recorder.Counts();
        var last = vitals.Max(one => one.Second);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# Soak\n\n`./stele prove --soak on --minutes {arguments.Minutes:0.#} --seed {arguments.Seed}`: three nodes, PostgreSQL {programs.Version} with a synchronous standby, Redis, {parts}; {acknowledged:N0} writes, {reads:N0} reads, {visits}, {frames:N0} changes to watchers, {receiver.Taken:N0} deliveries of the webhook.\n\n");
        text.Append(failures.Count == 0 ? "**Nothing grew, nothing was refused, every promise held.**\n\n" : $"**{failures.Count} failures:**\n\n");
        foreach (var failure in failures) text.Append(CultureInfo.InvariantCulture, $"- {failure}\n");
        text.Append("\n| node | | middle of the run | its end |\n| --- | --- | ---: | ---: |\n");
        foreach (var node in vitals.GroupBy(one => one.Node))
            foreach (var (name, unit, of, _, _) in bounds)
                text.Append(CultureInfo.InvariantCulture, $"| {node.Key} | {name}{(unit.Length > 0 ? $", {unit}" : "")} | {Mean(node, last * 0.4, last * 0.6, of):0.0} | {Mean(node, last * 0.8, last, of):0.0} |\n");
        text.Append("\n![what each node takes](soak.svg)\n");
        File.WriteAllText(Path.Combine(arguments.Out, "soak.svg"), Picture());
        var path = Path.Combine(arguments.Out, "soak.md");
        File.WriteAllText(path, text.ToString());
        Console.WriteLine(text);
        Console.WriteLine($"written: {path}");
        return failures.Count == 0 ? 0 : 1;
    }

    string Picture()
    {
        string[] colours = ["#1565c0", "#2e7d32", "#b26a00"];
        var seconds = vitals.Max(one => one.Second) + 1;
        (string, IReadOnlyList<Series>) Plot(string title, Func<Vitals, double> of) => (title,
            [.. vitals.GroupBy(one => one.Node).Select((node, i) => new Series($"node {node.Key}", colours[i % colours.Length], Filled(node.GroupBy(one => one.Second).ToDictionary(second => second.Key, second => of(second.Last())), seconds)))]);
        return Timeline.Draw("soak", seconds * 1e3,
            [Plot("memory, MiB", one => one.Mebibytes), Plot("handles", one => one.Handles), Plot("threads", one => one.Threads), Plot("connections to PostgreSQL", one => one.Sessions), Plot("revisions behind", one => one.Lag)], []);
    }

    // a second in which nobody looked is as the one before
    static double[] Filled(Dictionary<int, double> found, int seconds)
    {
        var values = new double[seconds];
        for (var second = 0; second < seconds; second++) values[second] = found.TryGetValue(second, out var value) ? value : second > 0 ? values[second - 1] : found.Values.First();
        return values;
    }
}
