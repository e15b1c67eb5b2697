using System.CommandLine;
using System.Globalization;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele read-only</c> shows whether writes are taken; <c>on</c> and <c>off</c> switch it for all nodes.</summary>
internal static class ReadOnlyVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var command = new Command("read-only", "Show whether Stele takes writes, or have all its nodes take none")
        {
            On(surroundings, options),
            new Command("off", "Take writes again").Does(surroundings, options, async call =>
                Print(call, await call.Client.SetReadOnlyAsync(false, null, call.Cancellation))),
        };
        return command.Does(surroundings, options, async call => Print(call, await call.Client.GetWriteModeAsync(call.Cancellation)));
    }

    static Command On(Surroundings surroundings, GlobalOptions options)
    {
        var reason = new Option<string?>("--reason") { Description = "What whoever writes is told" };
        return new Command("on", "Take no more writes, on any node, within a second; reads are answered") { reason }.Does(surroundings, options, async call =>
            Print(call, await call.Client.SetReadOnlyAsync(true, call.Parsed.GetValue(reason), call.Cancellation)));
    }

    static int Print(Call call, WriteMode mode)
    {
        if (call.Json) return call.Print(mode, SteleJson.Default.WriteMode);
        if (!mode.ReadOnly) call.Line("writes are taken");
        else if (mode.Since is not { } since) call.Line("this node takes no writes, by its own setting STELE_READ_ONLY");
        else call.Line(string.Create(CultureInfo.InvariantCulture, $"no writes since {since.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC{(mode.Reason is { } why ? $": {why}" : "")}"));
        return ExitCode.Done;
    }
}
