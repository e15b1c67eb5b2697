using System.Globalization;
using Stele.Prove.Faults;
using Stele.Prove.Processes;
using Stele.Prove.Workload;
using Stele.Simulation.Checking.Histories;

namespace Stele.Prove;

/// <summary>One run: a stack, a load, a schedule of faults, and everything that was seen held against what is promised.</summary>
internal sealed class ProveRun(ProveArguments arguments, PostgresPrograms programs, Action<string> say)
{
    // within it everybody is level after the last fault
    static readonly TimeSpan patience = TimeSpan.FromSeconds(45);

    static readonly TimeSpan quiet = TimeSpan.FromSeconds(2);

    readonly List<string> failures = [];
    readonly List<FaultRecord> faults = [];
    IReadOnlyList<RevisionStands> aside = [];

    public async Task<ProveResult> Run(CancellationToken stop)
    {
        Directory.CreateDirectory(arguments.Out);
        say($"seed {arguments.Seed}, {arguments.Minutes} min");
        var settings = new Dictionary<string, string>(arguments.Settings);
        if (arguments.StrictReads) settings["STELE_STRICT_READS"] = "on";
        var stack = await Stack.Start(programs, say, arguments.Nodes, _ => settings, arguments.Mutant);
        try
        {
            using var recorder = new Recorder(Path.Combine(arguments.Out, "history.jsonl"), arguments.Seed);
            IReadOnlyList<string> leftOut = [];
            await Load.MakeOtherOrg(stack.Nodes[0]);
            var setUpTo = await StoredJournal.Heads(stack.Postgres.Primary);
            using var load = new Load(stack, recorder, arguments.Seed);
            load.Start();
            try
            {
                leftOut = await GoWrong(stack, recorder, stop);
            }
            catch (TimeoutException e)
            {
                failures.Add($"the system comes back after a fault: {e.Message}");
            }
            var took = recorder.Milliseconds;
            await End(stack, load, recorder);
            var journal = await StoredJournal.Read(Connection(stack), setUpTo);
            foreach (var line in StoredJournal.With(journal, aside)) recorder.Add(line);
            say($"checking {recorder.Lines().Count} lines of history");
            failures.AddRange(HistoryChecks.Run(recorder.Lines()).Select(violation => $"{violation.Rule}: {violation.Detail} (at {violation.At.TotalSeconds:0.000} s)"));
            await Verify(stack);
            return Result(recorder, took, journal.Count - setUpTo.Values.Sum(), leftOut, stack);
        }
        finally
        {
            stack.Work.CopyLogs(arguments.Out);
            await stack.DisposeAsync();
        }
    }

    async Task<IReadOnlyList<string>> GoWrong(Stack stack, Recorder recorder, CancellationToken stop)
    {
        var possible = FaultActions.Possible(stack, arguments.Only, out var leftOut);
        foreach (var reason in leftOut) say(reason);
        List<FaultKind> kinds = [.. possible.Where(kind => arguments.Only?.Contains(kind) ?? true)];
        var schedule = new FaultSchedule(arguments.Seed, stack.Nodes.Count, kinds, arguments.Pace);
        var actions = new FaultActions(stack, recorder);
        aside = actions.Aside;
        var until = arguments.Minutes * 60_000;
        await Pause.For(quiet, CancellationToken.None);
        for (var step = schedule.Next(); recorder.Milliseconds < until && !stop.IsCancellationRequested;)
        {
            await Pause.For(step.After, CancellationToken.None);
            var running = new List<Task<FaultRecord>> { Do(step) };
            step = schedule.Next();
            if (step.IsTogether)
            {
                running.Add(Do(step));
                step = schedule.Next();
            }
            foreach (var record in await Task.WhenAll(running)) faults.Add(record);
            if (failures.Count > 0) break;
        }
        if (recorder.Milliseconds >= until && faults.Count >= kinds.Count)
            failures.AddRange(kinds.Where(kind => faults.TrueForAll(fault => fault.Step.Kind != kind)).Select(kind => $"every kind of fault happens: {kind} did not"));
        return leftOut;

        async Task<FaultRecord> Do(FaultStep one)
        {
            var record = await actions.Run(one, CancellationToken.None);
            var (acknowledged, reads, refused, frames) = recorder.Counts();
            say(string.Create(CultureInfo.InvariantCulture,
                $"[{TimeSpan.FromMilliseconds(record.From):mm\\:ss}] {one.Kind} {record.Detail}: {(record.Healed - record.From) / 1e3:0.0} s, as before after {(record.To - record.From) / 1e3:0.0} s; so far {acknowledged} writes acknowledged, {reads} reads answered, {refused} refused or unknown, {frames} changes watched"));
            return record;
        }
    }

    async Task End(Stack stack, Load load, Recorder recorder)
    {
        say("the faults are over: waiting until all is level");
        try
        {
            await new FaultActions(stack, recorder).Recover();
            await load.Finish(patience);
            failures.AddRange(load.Late.Select(late => $"a stream ends level: {late}"));
        }
        catch (TimeoutException e)
        {
            failures.Add($"the system comes back after the last fault: {e.Message}");
        }
    }

    async Task Verify(Stack stack)
    {
        try
        {
            var environment = new Dictionary<string, string?> { ["STELE_POSTGRES"] = Connection(stack), ["STELE_DATA"] = stack.Work.Make("verify") };
            say((await ChildProcess.Run("dotnet", [Path.Combine(AppContext.BaseDirectory, "stele-server.dll"), "verify"], environment)).Trim());
        }
        catch (InvalidOperationException e)
        {
            failures.Add($"the chain verifies: {e.Message}");
        }
    }

    ProveResult Result(Recorder recorder, double took, long revisions, IReadOnlyList<string> leftOut, Stack stack)
    {
        var samples = recorder.Samples();
        // a fault of the server's own is never an answer, whatever goes wrong around it
        failures.AddRange(samples.Where(sample => sample.Code is "internal" or "integrity" or "500").GroupBy(sample => sample.Code).Select(group => $"nothing is answered with 500: {group.Count()} × {group.Key}, the first after {group.First().To / 1e3:0.0} s"));
        var (acknowledged, reads, _, frames) = recorder.Counts();
        (string, string)[] figures =
        [
            ("writes acknowledged", Number(acknowledged)), ("revisions in the journal", Number(revisions)), ("reads answered", Number(reads)),
            ("refused", Number(samples.Count(sample => sample is { Ok: false, Code: not ("timeout" or "broken" or "outcome_unknown") }))),
            ("ended unknown to the client", Number(samples.Count(sample => sample is { Ok: false, Code: "timeout" or "broken" or "outcome_unknown" }))),
            ("changes delivered to watchers", Number(frames)), ("connections of watchers", Number(recorder.Lines().Count(line => line is StreamOpened))),
            ("connections cut in the middle", Number(stack.Nodes.Sum(node => node.Clients.Cuts + node.ToPostgres.Sum(link => link.Cuts)))),
            ("faults", Number(faults.Count)),
        ];
        return new ProveResult(arguments.Seed, took, [.. faults.OrderBy(fault => fault.From)], samples, figures, failures, leftOut, $"PostgreSQL {stack.Programs.Version}, {Environment.ProcessorCount} cores");
    }

    static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    static string Connection(Stack stack) => stack.Postgres.Primary.ConnectionString;
}
