using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Core.Schemas;

namespace Stele.Core.Flags;

/// <summary>The metadata of a flag or a set of flags: primitive values by name, which is all that OpenFeature lets an answer carry.</summary>
static class FlagMetadata
{
    /// <summary>What Stele adds to each answer.</summary>
    static readonly string[] reserved = ["revision", "rule", "bucket"];

    public static Dictionary<string, byte[]> Read(JsonTape tape, int node, Action<int, string, string> refuse)
    {
        var metadata = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        if (tape[node].Kind != JsonKind.Object)
        {
            refuse(node, "flag.metadata", "Metadata is an object of strings, numbers and booleans by name.");
            return metadata;
        }
        if (tape[node].Count > SteleLimits.FlagMetadataEntries.Value)
        {
            refuse(node, "flag.metadata", $"Metadata has at most {SteleLimits.FlagMetadataEntries.Value} entries; this has {tape[node].Count}.");
            return metadata;
        }
        for (var name = node + 1; name < tape[node].Next; name = tape[name + 1].Next)
        {
            var value = name + 1;
            var text = tape.String(name);
            if (text.Length == 0 || reserved.Contains(text)) refuse(value, "flag.metadata", $"Metadata has a name, and none of those that Stele adds to answers: {string.Join(", ", reserved)}.");
            if (tape[value].Kind is JsonKind.Null or JsonKind.Array or JsonKind.Object) refuse(value, "flag.metadata", "A value of metadata is a string, a number or a boolean.");
            else metadata[text] = tape.Text[(tape[value].Start - Quote(tape, value))..(tape[value].End + Quote(tape, value))];
        }
        return metadata;
    }

    static int Quote(JsonTape tape, int value) => tape[value].Kind == JsonKind.String ? 1 : 0;
}
