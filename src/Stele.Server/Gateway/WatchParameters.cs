using System.Globalization;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Watch;

namespace Stele.Server.Gateway;

/// <summary>The parameters of watching and waiting. Few requests have any, so they are an object of their own.</summary>
internal sealed class WatchParameters
{
    public List<string> Prefixes { get; } = [];
    public WatchKinds Kinds { get; private set; } = WatchKinds.All;
    public Cursor? FromCursor { get; private set; }
    public long? FromRevision { get; private set; }
    public TimeSpan? Wait { get; private set; }
    public Cursor? AfterCursor { get; private set; }

    /// <summary>Whether a write waits for those who watch it.</summary>
    public bool WaitForSubscribers { get; private set; }

    public int? MinSubscribers { get; private set; }
    public TimeSpan? Timeout { get; private set; }

    /// <summary>Takes one of <see cref="Parameter.OfWatch"/>; the problem with it, or null.</summary>
    public Problem? Set(Parameter parameter, string value)
    {
        switch (parameter)
        {
            case Parameter.Prefixes: return AddPrefix(value);
            case Parameter.Kinds: return SetKinds(value);
            case Parameter.FromCursor: return Place(value, "from_cursor", cursor => FromCursor = cursor);
            case Parameter.AfterCursor: return Place(value, "after_cursor", cursor => AfterCursor = cursor);
            case Parameter.Wait: return Span(value, "wait", span => Wait = span);
            case Parameter.Timeout: return Span(value, "timeout", span => Timeout = span);
            case Parameter.FromRevision: return Number(value, "from_revision", "revision.number", long.MaxValue, number => FromRevision = number);
            case Parameter.MinSubscribers: return Number(value, "min_subscribers", "min_subscribers.number", int.MaxValue, number => MinSubscribers = (int)number);
            default:
                WaitForSubscribers = true;
                return value == "subscribers" ? null : Problem.Query("wait_for", "wait_for.value", "wait_for is subscribers.");
        }
    }

    Problem? AddPrefix(string value)
    {
        Prefixes.Add(value);
        if (KeyPrefix.Check(value) is var (rule, message)) return Problem.Query("prefix", rule, message);
        return Prefixes.Count != SteleLimits.WatchPrefixes.Value + 1 ? null
            : Problem.Query("prefix", "prefixes.count", $"A subscription has at most {SteleLimits.WatchPrefixes.Value} prefixes.");
    }

    Problem? SetKinds(string value)
    {
        Kinds = WatchKinds.None;
        foreach (var range in value.AsSpan().Split(','))
        {
            var kind = WatchKindNames.Parse(value.AsSpan()[range]);
            if (kind == WatchKinds.None) return Problem.Query("kinds", "kinds.value", "kinds is some of config, flag and secret, with commas between.");
            Kinds |= kind;
        }
        return null;
    }

    static Problem? Place(string value, string name, Action<Cursor> take)
    {
        if (!Cursor.TryParse(value, out var cursor)) return Problem.Query(name, "cursor.malformed", "This is not a cursor that an answer carried.");
        take(cursor);
        return null;
    }

    static Problem? Span(string value, string name, Action<TimeSpan> take)
    {
        if (RequestParameters.Duration(value) is not { } span) return Problem.Query(name, "duration", "A duration is a whole number with ms, s or m, such as 5s.");
        take(span);
        return span.TotalSeconds <= SteleLimits.WatchWaitSeconds.Value ? null : Problem.Query(name, "wait.range", $"{name} is at most {SteleLimits.WatchWaitSeconds.Value}s.");
    }

    static Problem? Number(string value, string name, string rule, long most, Action<long> take)
    {
        if (!long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number > most)
            return Problem.Query(name, rule, $"{name} is a whole number from 0 to {most}.");
        take(number);
        return null;
    }
}
