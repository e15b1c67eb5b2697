using System.Globalization;
using System.Text;
using Stele.Core.Flags.Rules;
using Stele.Core.Journal;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Core.Schemas;

namespace Stele.Core.Flags;

/// <summary>
/// The steps of a ramp: an array of <c>[time, percentage]</c>, times rising. A time is RFC 3339 text or seconds since 1970,
/// without a fraction of a second, which is the clock that rules see; a percentage a whole number from 0 to 100.
/// </summary>
static class FlagSchedule
{
    // the years 1970 to 9999
    const long SecondsMax = 253_402_300_799;

    const string Shape = "A schedule is an array of steps, each [time, percentage]: RFC 3339 text or seconds since 1970, without a fraction, and a whole number from 0 to 100.";

    /// <summary>The steps at a node; none, and the first problem, if it is no schedule.</summary>
    public static ScheduleStep[] Read(JsonTape tape, int node, out (int Node, string Message)? problem)
    {
        problem = null;
        if (tape[node].Kind != JsonKind.Array || tape[node].Count == 0 || tape[node].Count > SteleLimits.FlagScheduleSteps.Value)
        {
            problem = (node, tape[node].Kind == JsonKind.Array && tape[node].Count > 0 ? $"A schedule has at most {SteleLimits.FlagScheduleSteps.Value} steps; this one has {tape[node].Count}." : Shape);
            return [];
        }
        var steps = new List<ScheduleStep>();
        for (var item = node + 1; item < tape[node].Next; item = tape[item].Next)
        {
            if (Step(tape, item) is not { } step) problem ??= (item, Shape);
            else if (steps.Count > 0 && step.Seconds <= steps[^1].Seconds) problem ??= (item, "The times of a schedule rise from step to step; this one is not later than the one before.");
            else steps.Add(step);
        }
        return problem is null ? [.. steps] : [];
    }

    /// <summary>The rule that flagd has for it: JSON bytes.</summary>
    public static byte[] AsIf(ScheduleStep[] steps)
    {
        var rule = new StringBuilder("{\"if\":[");
        var percentage = 0;
        foreach (var step in steps)
        {
            rule.Append(CultureInfo.InvariantCulture, $"{{\"<\":[{{\"var\":\"{FlagdNode.TimePath}\"}},{step.Seconds}]}},{percentage},");
            percentage = step.Percentage;
        }
        return Encoding.UTF8.GetBytes(rule.Append(CultureInfo.InvariantCulture, $"{percentage}]}}").ToString());
    }

    /// <summary>A text in which schedules are written as flagd has them.</summary>
    public static byte[] Spelled(byte[] whole, RuleReads reads)
    {
        if (reads.Schedules.Count == 0) return whole;
        var (text, end) = (new MemoryStream(), 0);
        foreach (var (place, steps) in reads.Schedules.OrderBy(schedule => schedule.Place.Start.Value))
        {
            text.Write(whole.AsSpan(end..place.Start.Value));
            text.Write(AsIf(steps));
            end = place.End.Value;
        }
        text.Write(whole.AsSpan(end));
        return text.ToArray();
    }

    static ScheduleStep? Step(JsonTape tape, int item)
    {
        if (tape[item].Kind != JsonKind.Array || tape[item].Count != 2) return null;
        var (time, share) = (item + 1, tape[item + 1].Next);
        return Seconds(tape, time) is { } seconds && Percentage(tape, share) is { } percentage ? new ScheduleStep(seconds, percentage) : null;
    }

    /// <summary>A whole number from 0 to 100.</summary>
    public static int? Percentage(JsonTape tape, int node) =>
        tape[node].Kind == JsonKind.Number && int.TryParse(tape.Raw(node), NumberStyles.None, CultureInfo.InvariantCulture, out var percentage) && percentage <= 100 ? percentage : null;

    static long? Seconds(JsonTape tape, int node)
    {
        switch (tape[node].Kind)
        {
            case JsonKind.Number:
                return long.TryParse(tape.Raw(node), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds <= SecondsMax ? seconds : null;
            case JsonKind.String:
                var text = tape.String(node);
                return Timestamp.TryParse(text, out var at) && at.Microseconds >= 0 && at.Microseconds % 1_000_000 == 0 ? at.Microseconds / 1_000_000 : null;
            default:
                return null;
        }
    }
}
