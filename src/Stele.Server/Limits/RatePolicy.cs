using System.Globalization;
using Stele.Core.Faults;
using Stele.Core.Limits;

namespace Stele.Server.Limits;

/// <summary>
/// A rate under its name, with everything that answers say of it made once: an answer within the limit costs no
/// allocation, and neither does a refusal.
/// </summary>
internal sealed class RatePolicy
{
    const int PromptPart = 10;

    readonly Numbered left;

    /// <param name="name">What clients know it by.</param>
    /// <param name="limit">The limit that it keeps.</param>
    /// <param name="tokens">How many a second.</param>
    /// <param name="of">Whose it is, as the first words of a sentence.</param>
    public RatePolicy(string name, Limit limit, long tokens, string of)
    {
        const int seconds = 1;
        Rate = new BucketRate(tokens, seconds);
        Refusals = new BucketRate(Math.Max(1, tokens / PromptPart), seconds);
        Name = name;
        left = Numbered.Of($"\"{name}\";r=", ";t=" + seconds.ToString(CultureInfo.InvariantCulture));
        LimitText = tokens.ToString(CultureInfo.InvariantCulture);
        Item = string.Create(CultureInfo.InvariantCulture, $"\"{name}\";q={tokens};w={seconds}");
        ResetText = seconds.ToString(CultureInfo.InvariantCulture);
        Refusal = new Fault(FaultCode.RateLimited,
            string.Create(CultureInfo.InvariantCulture, $"{of} sends more than {tokens} requests a second (limit {limit.Name}); this one was not looked at."), [], seconds);
    }

    /// <summary>How fast.</summary>
    public BucketRate Rate { get; }

    /// <summary>How many refusals are given at once: a tenth of it.</summary>
    public BucketRate Refusals { get; }

    /// <summary>What clients know it by: "token" or "org".</summary>
    public string Name { get; }

    /// <summary>RateLimit-Limit.</summary>
    public string LimitText { get; }

    /// <summary>RateLimit-Reset: whole seconds until the bucket is full, which is one as soon as anything was taken.</summary>
    public string ResetText { get; }

    /// <summary>Its item in RateLimit-Policy.</summary>
    public string Item { get; }

    /// <summary>RateLimit-Policy: with the rates beside it.</summary>
    public string Together
    {
        get => field ?? Item;
        init;
    }

    /// <summary>The refusal.</summary>
    public Fault Refusal { get; }

    /// <summary>What else an org may take; of other policies nothing.</summary>
    public OrgBounds Bounds { get; init; }

    /// <summary>RateLimit-Remaining.</summary>
    public static string Remaining(long left) => Numbered.Plain.Text(left);

    /// <summary>The RateLimit item.</summary>
    public string State(long remaining) => left.Text(remaining);

    /// <summary>Texts around a number, each made once; those of large numbers are made when they are asked for.</summary>
    sealed class Numbered(string before, string after)
    {
        const int Kept = 1 << 16;

        static readonly Dictionary<string, Numbered> all = new(StringComparer.Ordinal);

        // two that make the same text at once do no harm
        readonly string?[] texts = new string?[Kept];

        public static Numbered Plain { get; } = new("", "");

        public static Numbered Of(string before, string after)
        {
            lock (all)
            {
                if (!all.TryGetValue(before + after, out var found)) all[before + after] = found = new Numbered(before, after);
                return found;
            }
        }

        public string Text(long number) => (ulong)number < Kept ? texts[number] ??= Make(number) : Make(number);

        string Make(long number) => before + number.ToString(CultureInfo.InvariantCulture) + after;
    }
}
