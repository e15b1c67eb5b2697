using System.Text.Json;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Fuzz.Making;
using Stele.Fuzz.Running;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Pure;

/// <summary>Files of flags and contexts of anyone: what was accepted is evaluated to an answer, the same each time and on each way.</summary>
internal static class FlagSurface
{
    static readonly Timestamp now = new(1_796_000_000L * 1_000_000);

    public static ISurface Surface() => new PureSurface("flags", "files of flags with JsonLogic, and contexts: what is accepted never fails to be evaluated, twice gives the same, and survives export and import", Make, Accepts);

    static byte[] Make(Dice dice)
    {
        var json = new JsonMaker(dice);
        var rules = new RuleMaker(json);
        return json.Bytes($"[{rules.File()},{rules.Context()},{rules.Context()}]");
    }

    static bool Accepts(byte[] input)
    {
        if (JsonSurface.Parts(input, 3) is not [var text, var first, var second]) return false;
        var problems = new List<Problem>();
        var file = FlagFile.Parse(text, "", problems);
        FuzzFinding.Unless(file is null == problems.Count > 0, () => $"read: {file is not null}, with {problems.Count} problems");
        FuzzFinding.Unless(problems.Count <= SteleLimits.BodyProblems.Value + SteleLimits.BodyProblems.Value, () => $"{problems.Count} problems");
        if (file is null) return false;
        var set = SetOf(file, out var sound);
        foreach (var context in Contexts(first, second)) Evaluate(set, context, sound);
        WrittenAndRead(set, file.Metadata);
        return true;
    }

    static IEnumerable<FlagContext> Contexts(params byte[][] texts)
    {
        yield return FlagContext.Empty;
        foreach (var text in texts)
            if (FlagContext.Parse(text, "/context").TryGet(out var context, out var fault)) yield return context;
            else FuzzFinding.Unless(fault.Code == FaultCode.Invalid && fault.Problems.Count > 0, () => $"a context is refused with {fault.Code} and no reason");
    }

    /// <summary>What of a file may stand: as a write would, refused where it refers to nothing or in circles.</summary>
    static FlagSet SetOf(FlagFile file, out bool sound)
    {
        var (flags, rules) = (FlagSet.Empty.Flags, FlagSet.Empty.Rules);
        foreach (var flag in file.Flags) flags = flags.Set(flag);
        foreach (var rule in file.Rules) rules = rules.Set(rule);
        var set = new FlagSet { Flags = flags, Rules = rules };
        var problems = new List<Problem>();
        foreach (var flag in set.Flags) FlagChecks.Refuse(set, flag, "/flags", problems);
        foreach (var rule in set.Rules) FlagChecks.Refuse(set, rule, "/$evaluators", problems);
        sound = problems.Count == 0;
        return set;
    }

    static void Evaluate(FlagSet set, FlagContext context, bool sound)
    {
        foreach (var flag in set.Flags)
        {
            var answer = set.Evaluate(flag, context, now);
            FuzzFinding.Unless(answer.Reason == FlagReason.Error == (answer.Error != FlagErrorCode.None), () => $"{flag.Name}: {answer.Reason} with {answer.Error}");
            FuzzFinding.Unless(answer.Error is FlagErrorCode.None or FlagErrorCode.General or FlagErrorCode.ParseError or FlagErrorCode.TargetingKeyMissing, () => $"{flag.Name}: {answer.Error}");
            FuzzFinding.Unless(!sound || answer.Error != FlagErrorCode.ParseError, () => $"{flag.Name} was accepted, and cannot be evaluated: {answer.Message}");
            FuzzFinding.Unless(answer.Error != FlagErrorCode.None || answer.Message is null, () => $"{flag.Name}: an answer with a message");
            Same(flag, answer, set.Evaluate(flag, context, now), "twice");
            Same(flag, answer, set.Evaluate(new Flag(flag.Name, flag.Definition.Text), context, now), "stored");
            Same(flag, answer, set.Explain(flag, context, now, new FlagTrace()), "explained");
        }
        FuzzFinding.Unless(set.Times.Phase(now) >= 0, () => "a negative phase");
    }

    static void Same(Flag flag, in FlagAnswer a, in FlagAnswer b, string how)
    {
        var (one, other) = ((a.Variant?.Name, a.Reason, a.Error, a.Message, a.Rule, a.Bucket), (b.Variant?.Name, b.Reason, b.Error, b.Message, b.Rule, b.Bucket));
        FuzzFinding.Unless(one == other, () => $"{flag.Name}: {one}, and {how} {other}");
    }

    static void WrittenAndRead(FlagSet set, byte[]? metadata)
    {
        var written = FlagFile.Write(set, metadata);
        FuzzFinding.Unless(CanonicalJson.TryCanonicalize(written, "", [], out var canonical) && canonical.AsSpan().SequenceEqual(written), () => "an export is not canonical JSON");
        var problems = new List<Problem>();
        var read = FlagFile.Parse(written, "", problems);
        FuzzFinding.Unless(read is not null, () => $"an export cannot be imported: {string.Join("; ", problems)}");
        FuzzFinding.Unless(FlagFile.Write(SetOf(read!, out _), read!.Metadata).AsSpan().SequenceEqual(written), () => "what was exported and imported is exported as something else");
        // for flagd: JSON, and one that we read too
        var foreign = FlagdFile.Write(set, metadata, 7, out _);
        using var document = JsonDocument.Parse(foreign, new JsonDocumentOptions { MaxDepth = 1_000 });
        FuzzFinding.Unless(document.RootElement.GetProperty("metadata").TryGetProperty("revision", out _), () => "a file for flagd without a revision");
    }
}
