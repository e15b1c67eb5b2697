using System.CommandLine;
using System.Globalization;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele limits</c>: every bound of the server, with what happens at it.</summary>
internal static class LimitsVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options) =>
        new Command("limits", "Show every limit of the server").Does(surroundings, options, async call =>
        {
            var limits = await call.Client.ListLimitsAsync(call.Cancellation);
            if (call.Json) return call.Print(limits, SteleJson.Default.LimitList);
            foreach (var line in call.Ink.Table(["LIMIT", "VALUE", "UNIT", "CONFIGURABLE", "PAST IT"], limits.Items.Select(Row))) call.Line(line);
            return ExitCode.Done;
        });

    static IReadOnlyList<string> Row(LimitItem item) =>
        [item.Name, item.Value.ToString("N0", CultureInfo.InvariantCulture), item.Unit ?? "", item.Configurable ? "yes" : "no", item.Meaning ?? ""];
}
