using System.Globalization;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Json;
using Stele.Core.Orgs;

namespace Stele.Server.Ofrep;

/// <summary>What bodies about evaluations share.</summary>
internal static class EvaluationBodies
{
    /// <summary>A context.</summary>
    public static FlagContext Context(ref JsonBody body, List<Problem> problems)
    {
        var pointer = body.Pointer;
        if (body.ReadJson() is not { } canonical) return FlagContext.Empty;
        if (FlagContext.Parse(canonical, pointer).TryGet(out var context, out var fault)) return context;
        problems.AddRange(fault.Problems);
        return FlagContext.Empty;
    }

    /// <summary>An environment's name.</summary>
    public static string? Environment(ref JsonBody body)
    {
        if (body.ReadString() is not { } text) return null;
        if (EnvironmentName.TryParse(text, out var name)) return name.Text;
        body.Refuse(EnvironmentName.Rule, EnvironmentName.Message);
        return null;
    }

    /// <summary>A moment.</summary>
    public static Timestamp? Time(ref JsonBody body)
    {
        if (body.ReadString() is not { } text) return null;
        if (Timestamp.TryParse(text, out var at)) return at;
        body.Refuse("at.time", "A moment is a time of RFC 3339, such as 2026-01-31T14:03:00Z.");
        return null;
    }

    /// <summary>A side of a comparison: <c>env</c>, <c>env@revision</c> or <c>env@time</c>.</summary>
    public static FlagSide Side(ref JsonBody body)
    {
        if (body.ReadString() is not { } text) return default;
        var at = text.IndexOf('@');
        if (!EnvironmentName.TryParse(at < 0 ? text : text[..at], out var environment)) body.Refuse(EnvironmentName.Rule, $"A side is ENV, ENV@REVISION or ENV@TIME. {EnvironmentName.Message}");
        if (at < 0) return new FlagSide(environment.Text, null, null);
        var moment = text[(at + 1)..];
        if (long.TryParse(moment, NumberStyles.None, CultureInfo.InvariantCulture, out var revision) && revision > 0) return new FlagSide(environment.Text, revision, null);
        if (Timestamp.TryParse(moment, out var time)) return new FlagSide(environment.Text, null, time);
        body.Refuse("diff.moment", "After the @ comes a revision from 1, or a time of RFC 3339.");
        return default;
    }
}

/// <summary>A side of a comparison.</summary>
internal readonly record struct FlagSide(string Environment, long? Revision, Timestamp? At);
