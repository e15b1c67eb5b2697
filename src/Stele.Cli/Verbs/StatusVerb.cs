using System.CommandLine;
using System.Text.Json;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele status</c>: how the node is, whatever it tells; a newer server may tell more than this tool knows.</summary>
internal static class StatusVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options) =>
        new Command("status", "Show how the node is").Polls(surroundings, options, async call =>
        {
            var status = await call.Client.GetStatusAsync(call.Cancellation);
            if (call.Json) return call.Print(status, SteleJson.Default.JsonElement);
            foreach (var line in Lines(status, 0)) call.Line(line);
            return ExitCode.Done;
        });

    static IEnumerable<string> Lines(JsonElement element, int indent)
    {
        var margin = new string(' ', indent);
        if (element.ValueKind == JsonValueKind.Object)
        {
            var width = element.EnumerateObject().Where(member => !IsNested(member.Value)).Select(member => member.Name.Length).DefaultIfEmpty().Max();
            foreach (var member in element.EnumerateObject())
                if (!IsNested(member.Value)) yield return $"{margin}{member.Name.PadRight(width)}  {Ink.Show(member.Value)}";
                else
                {
                    yield return $"{margin}{member.Name}";
                    foreach (var line in Lines(member.Value, indent + 2)) yield return line;
                }
        }
        else if (element.ValueKind == JsonValueKind.Array)
            foreach (var item in element.EnumerateArray())
                if (!IsNested(item)) yield return $"{margin}{Ink.Show(item)}";
                else
                {
                    foreach (var line in Lines(item, indent)) yield return line;
                    if (item.ValueKind == JsonValueKind.Object && element.GetArrayLength() > 1) yield return "";
                }
        else yield return margin + Ink.Show(element);
    }

    static bool IsNested(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => value.GetPropertyCount() > 0,
        JsonValueKind.Array => value.GetArrayLength() > 0,
        _ => false,
    };
}
