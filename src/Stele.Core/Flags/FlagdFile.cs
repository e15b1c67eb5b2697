using System.Globalization;
using System.Text;
using Stele.Core.Flags.Rules;
using Stele.Core.Json;
using Stele.Core.Schemas;

namespace Stele.Core.Flags;

/// <summary>
/// A set as a file for flagd's own evaluators, which know neither prerequisites, schedules, kill switches nor short forms: schedules are written
/// as ifs over the time, what is killed as disabled, and what reads other flags is left out, because an answer that is sometimes another than
/// Stele's is worse than none.
/// </summary>
public static class FlagdFile
{
    const int NamesCharacters = 256;

    /// <summary>Writes the file.</summary>
    /// <param name="set">The set.</param>
    /// <param name="metadata">The set's metadata, a canonical JSON object, or null.</param>
    /// <param name="revision">The set's revision, which its metadata carries: so every answer that is given elsewhere names it.</param>
    /// <param name="leftOut">The names of the flags that are not in it, in order; its metadata names them too, as <c>stele.left_out</c>.</param>
    /// <returns>Canonical JSON bytes.</returns>
    public static byte[] Write(FlagSet set, byte[]? metadata, long revision, out IReadOnlyList<string> leftOut)
    {
        var (beyond, missing, text) = (new Dictionary<string, bool>(StringComparer.Ordinal), new List<string>(), new MemoryStream());
        text.Write("{\"flags\":{"u8);
        var first = true;
        foreach (var flag in set.Flags)
        {
            var definition = flag.Definition;
            if (definition.Broken is not null || definition.ForFlagd() is not { } own || definition.SharedRules.Any(name => IsBeyond(set, name, beyond)))
            {
                missing.Add(flag.Name);
                continue;
            }
            Member(text, flag.Name, set.Killed || flag.Killed ? Killed(definition, own) : own, ref first);
        }
        text.Write("},\"$evaluators\":{"u8);
        first = true;
        foreach (var rule in set.Rules)
            if (!IsBeyond(set, rule.Name, beyond)) Member(text, rule.Name, FlagSchedule.Spelled(rule.Text.ToArray(), rule.Rule.Reads), ref first);
        text.Write("},\"metadata\":{"u8);
        if (metadata is { Length: > 2 })
        {
            text.Write(metadata.AsSpan(1, metadata.Length - 2));
            text.Write(","u8);
        }
        if (missing.Count > 0)
        {
            text.Write("\"stele.left_out\":"u8);
            var names = string.Join(',', missing);
            text.Write(CanonicalJson.FromString(names.Length <= NamesCharacters ? names : names[..NamesCharacters] + "…"));
            text.Write(","u8);
        }
        text.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"\"revision\":{revision}}}}}")));
        leftOut = missing;
        return text.ToArray();
    }

    /// <summary>Whether a shared rule reads flags, itself or through others. One that is not there is not beyond: flagd says so as we do.</summary>
    static bool IsBeyond(FlagSet set, string name, Dictionary<string, bool> known)
    {
        if (known.TryGetValue(name, out var beyond)) return beyond;
        // a circle, which is refused when it is written, ends here
        known[name] = false;
        if (!set.Rules.TryGetValue(name, out var shared)) return false;
        var reads = shared.Rule.Reads;
        return known[name] = reads.Prerequisites.Count > 0 || reads.Shared.Any(reference => IsBeyond(set, reference.Name, known));
    }

    // here a short form that is killed is off, and not the caller's default
    static byte[] Killed(FlagDefinition definition, byte[] own)
    {
        if (definition.IsShort) return "{\"state\":\"ENABLED\",\"variants\":{\"on\":true,\"off\":false},\"defaultVariant\":\"off\"}"u8.ToArray();
        var tape = JsonTape.Keep(own);
        var state = tape[tape.Member(0, "state"u8)];
        return [.. own.AsSpan(0, state.Start), .. "DISABLED"u8, .. own.AsSpan(state.End)];
    }

    static void Member(MemoryStream text, string name, byte[] value, ref bool first)
    {
        if (!first) text.WriteByte((byte)',');
        first = false;
        text.Write(CanonicalJson.FromString(name));
        text.WriteByte((byte)':');
        text.Write(value);
    }
}
