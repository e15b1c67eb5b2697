using System.CommandLine;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele health</c>, <c>metrics</c> and <c>openapi</c>: what a node says of itself.</summary>
internal static class NodeVerb
{
    internal static Command MakeHealth(Surroundings surroundings, GlobalOptions options)
    {
        var local = new Option<bool>("--local") { Description = "Whether it can serve local reads, which it can without the database" };
        var alive = new Option<bool>("--alive") { Description = "Only whether the process answers" };
        return new Command("health", "Ask whether the node can serve strong reads; exit code 5 if not") { local, alive }.Does(surroundings, options, async call =>
        {
            var health = call.Parsed.GetValue(alive) ? await call.Client.GetHealthAsync(call.Cancellation) : await call.Client.GetReadinessAsync(call.Parsed.GetValue(local), call.Cancellation);
            if (call.Json) return call.Print(health, SteleJson.Default.NodeHealth);
            call.Line(health.Status);
            foreach (var warning in health.Warnings ?? []) call.Note($"warning: {warning}");
            return ExitCode.Done;
        });
    }

    internal static Command MakeMetrics(Surroundings surroundings, GlobalOptions options) =>
        new Command("metrics", "Print the node's metrics, in Prometheus' text format").Does(surroundings, options, call => Copy(call, call.Client.GetMetricsAsync));

    internal static Command MakeOpenApi(Surroundings surroundings, GlobalOptions options) =>
        new Command("openapi", "Print the description of the server's API").Does(surroundings, options, call => Copy(call, call.Client.GetOpenApiAsync));

    static async Task<int> Copy(Call call, Func<Func<Stream, Task>, CancellationToken, Task> read)
    {
        await read(async stream =>
        {
            using var reader = new StreamReader(stream);
            while (await reader.ReadLineAsync(call.Cancellation) is { } line) call.Line(line);
        }, call.Cancellation);
        return ExitCode.Done;
    }
}
