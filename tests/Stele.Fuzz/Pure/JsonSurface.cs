using System.Text;
using System.Text.Json;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Fuzz.Making;
using Stele.Fuzz.Running;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Pure;

/// <summary>The reader of JSON beneath all bodies, beside the runtime's own.</summary>
internal static class JsonSurface
{
    static readonly JsonDocumentOptions reference = new() { MaxDepth = (int)SteleLimits.JsonDepth.Value };

    public static ISurface Surface() => new PureSurface("json", "any bytes: taken and refused as the runtime takes and refuses them, but for our stricter rules; what is written is the same tree", Make, Accepts);

    static byte[] Make(Dice dice)
    {
        var json = new JsonMaker(dice);
        return dice.Next(12) == 0 ? Mutation.Of(dice, []) : json.Bytes(json.Any(5));
    }

    static bool Accepts(byte[] input)
    {
        var problems = new List<Problem>();
        var sound = CanonicalJson.TryCanonicalize(input, "", problems, out var canonical);
        FuzzFinding.Unless(sound == (problems.Count == 0), () => $"sound {sound} with {problems.Count} problems");
        FuzzFinding.Unless(problems.Count <= SteleLimits.BodyProblems.Value, () => $"{problems.Count} problems");
        using var theirs = Parse(input);
        if (!sound)
        {
            // the runtime checks UTF-8 and surrogates only when a string is asked for, so those rules are ours alone here
            FuzzFinding.Unless(theirs is null || problems.All(problem => problem.Rule is not ("json.syntax" or "json.depth")), () => $"refused, but not by the runtime: {string.Join("; ", problems)}");
            return false;
        }
        FuzzFinding.Unless(theirs is not null, () => "taken, but not by the runtime");
        using var again = Parse(canonical);
        FuzzFinding.Unless(again is not null && Same(theirs!.RootElement, again.RootElement), () => "what is written is another tree");
        FuzzFinding.Unless(CanonicalJson.TryCanonicalize(canonical, "", problems, out var twice) && twice.AsSpan().SequenceEqual(canonical), () => "what is written is not canonical");
        return true;
    }

    static JsonDocument? Parse(byte[] text)
    {
        try
        {
            return JsonDocument.Parse(text, reference);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Whether two trees are the same, numbers by their text and members in order.</summary>
    public static bool Same(JsonElement a, JsonElement b)
    {
        if (a.ValueKind != b.ValueKind) return false;
        return a.ValueKind switch
        {
            JsonValueKind.Object => a.GetPropertyCount() == b.GetPropertyCount() && a.EnumerateObject().Zip(b.EnumerateObject()).All(pair => pair.First.Name == pair.Second.Name && Same(pair.First.Value, pair.Second.Value)),
            JsonValueKind.Array => a.GetArrayLength() == b.GetArrayLength() && a.EnumerateArray().Zip(b.EnumerateArray()).All(pair => Same(pair.First, pair.Second)),
            JsonValueKind.String => a.GetString() == b.GetString(),
            _ => a.GetRawText() == b.GetRawText(),
        };
    }

    /// <summary>The items of an array that an input is, each canonical; null if it is none of so many.</summary>
    public static byte[][]? Parts(byte[] input, int count)
    {
        if (!CanonicalJson.TryCanonicalize(input, "", [], out var canonical) || CanonicalJson.KindOf(canonical) != JsonKind.Array) return null;
        using var document = JsonDocument.Parse(canonical, new JsonDocumentOptions { MaxDepth = 1_000 });
        return document.RootElement.GetArrayLength() != count ? null : [.. document.RootElement.EnumerateArray().Select(item => Encoding.UTF8.GetBytes(item.GetRawText()))];
    }
}
