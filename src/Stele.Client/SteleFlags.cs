using System.Globalization;
using System.Text;
using System.Text.Json;
using Stele.Client.Following;
using Stele.Core.Collections;
using Stele.Core.Flags;
using Stele.Core.Journal;

namespace Stele.Client;

/// <summary>
/// Flags, evaluated in this process with the engine that the server has, on the set that the client follows
/// (<see cref="FollowOptions.Flags"/>). Nothing here throws, and nothing waits: where there is no answer the caller's default is it.
/// </summary>
public sealed class SteleFlags
{
    readonly TimeProvider clock;
    FlagSet set = FlagSet.Empty;
    volatile FlagCounts counts = new();
    volatile Follower? follower;

    internal SteleFlags(TimeProvider clock) => this.clock = clock;

    internal Follower? Follower
    {
        get => follower;
        set => follower = value;
    }

    /// <summary>How it is with them.</summary>
    public SteleStatus Status => follower?.Status ?? new SteleStatus();

    /// <summary>Whether a flag is on, for nobody in particular.</summary>
    public bool GetBoolean(string name, bool fallback) => GetBoolean(name, fallback, FlagSubject.Nobody);

    /// <summary>Whether a flag is on.</summary>
    public bool GetBoolean(string name, bool fallback, FlagSubject subject) => Evaluate(name, fallback, FlagValueType.Boolean, subject, static (variant, _) => variant.IsTrue).Value;

    /// <summary>A flag's text.</summary>
    public string GetString(string name, string fallback, FlagSubject subject) => EvaluateString(name, fallback, subject).Value;

    /// <summary>A flag's number.</summary>
    public double GetDouble(string name, double fallback, FlagSubject subject) => Evaluate(name, fallback, FlagValueType.Number, subject, static (variant, other) => Utf8Number(variant.Value, other)).Value;

    /// <summary>A flag's whole number; a fraction is cut off.</summary>
    public long GetInt64(string name, long fallback, FlagSubject subject) =>
        Evaluate(name, fallback, FlagValueType.Number, subject, static (variant, other) => Utf8Number(variant.Value, other) is var number && Math.Abs(number) < 9e15 ? (long)number : other).Value;

    /// <summary>A flag's object; the fallback may be undefined.</summary>
    public JsonElement GetObject(string name, JsonElement fallback, FlagSubject subject) =>
        Evaluate(name, fallback, FlagValueType.Object, subject, static (variant, _) => JsonElement.Parse(variant.Value)).Value;

    /// <summary>Whether a flag is on, and why.</summary>
    public FlagEvaluation<bool> EvaluateBoolean(string name, bool fallback, FlagSubject subject) => Evaluate(name, fallback, FlagValueType.Boolean, subject, static (variant, _) => variant.IsTrue);

    /// <summary>A flag's text, and why.</summary>
    public FlagEvaluation<string> EvaluateString(string name, string fallback, FlagSubject subject) =>
        Evaluate(name, fallback, FlagValueType.String, subject, static (variant, other) => JsonElement.Parse(variant.Value).GetString() ?? other);

    /// <summary>Takes another set into use, when it is about to be.</summary>
    internal void Use(Held held)
    {
        var (flags, rules, killed) = (new List<Flag>(), new List<SharedRule>(), false);
        foreach (var item in held.Items.Values.OrderBy(item => item.Key, StringComparer.Ordinal))
            switch (FlagKey.KindOf(item.Key))
            {
                case FlagItemKind.Flag: flags.Add(new Flag(item.Key, Utf8(item)) { Killed = item.Killed }); break;
                case FlagItemKind.Rule: rules.Add(SharedRule.Stored(FlagKey.NameOf(item.Key), Utf8(item))); break;
                case FlagItemKind.KillSwitch: killed = item.Value.ValueKind == JsonValueKind.True; break;
            }
        Volatile.Write(ref set, new FlagSet { Flags = SortedMap<Flag>.FromSorted(flags), Rules = SortedMap<SharedRule>.FromSorted(rules), Killed = killed });
    }

    internal FlagCounts Counting => counts;

    /// <summary>What was counted since the last time.</summary>
    internal FlagCounts TakeCounts()
    {
        var taken = counts;
        counts = new FlagCounts();
        return taken;
    }

    FlagEvaluation<T> Evaluate<T>(string name, T fallback, FlagValueType type, FlagSubject subject, Func<FlagVariant, T, T> read)
    {
        try
        {
            var answer = Volatile.Read(ref set).Evaluate(name, subject.Context, Timestamp.From(clock.GetUtcNow())).Expect(type);
            if (answer.Flag is not null && answer.Error == FlagErrorCode.None) counts.Add(name, answer.Variant?.Name);
            return answer.Variant is { } variant ? new FlagEvaluation<T>(read(variant, fallback), variant.Name, answer.Reason.Name(), null)
                : new FlagEvaluation<T>(fallback, null, answer.Reason.Name(), answer.Error == FlagErrorCode.None ? null : answer.Error.Name());
        }
        catch (Exception)
        {
            // a promise: whatever a flag holds, who asks gets an answer
            return new FlagEvaluation<T>(fallback, null, FlagReason.Error.Name(), FlagErrorCode.General.Name());
        }
    }

    static byte[] Utf8(SteleValue item) => Encoding.UTF8.GetBytes(item.Value.GetRawText());

    static double Utf8Number(byte[] text, double fallback) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : fallback;
}
