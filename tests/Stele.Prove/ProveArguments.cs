using System.Globalization;
using Stele.Prove.Faults;

namespace Stele.Prove;

/// <summary>What a run is to do.</summary>
internal sealed record ProveArguments
{
    public const string Usage = """
        usage: ./stele prove [--minutes N] [--seed S] [--only KIND,KIND] [--out DIR] [--soak on]

        Runs three nodes, PostgreSQL with a synchronous standby, and Redis as processes of this machine, lets clients and watchers
        use them while everything goes wrong that a schedule from the seed says, and holds the whole history against what is
        promised (docs/guides/consistency.md). Writes a report, its timeline and the history. Exit code 0: every promise held.

          --minutes N   for how long; 5 when not given, and a fraction will do
          --seed S      of the schedule and of what clients do; a new one when not given
          --only …      only these kinds of fault
          --soak on     nothing goes wrong: all features are used, and memory, handles, connections and lag must not grow
          --out DIR     where the report goes; artifacts/prove when not given
        """;

    public double Minutes { get; init; } = 5;

    public int Seed { get; init; }

    /// <summary>The kinds that may happen; null: all that this machine can do.</summary>
    public IReadOnlyList<FaultKind>? Only { get; init; }

    public string Out { get; init; } = Path.Combine("artifacts", "prove");

    /// <summary>Whether nothing goes wrong, and it is looked for what grows.</summary>
    public bool Soak { get; init; }

    /// <summary>Whether nothing goes wrong, and it is measured what strict reads cost.</summary>
    public bool Strict { get; init; }

    /// <summary>About how long a fault lasts.</summary>
    public TimeSpan Pace { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>The arguments, or what is wrong with them.</summary>
    public static (ProveArguments? Arguments, string? Problem) Parse(string[] args, int newSeed)
    {
        var parsed = new ProveArguments { Seed = newSeed };
        for (var i = 0; i < args.Length; i += 2)
        {
            if (i + 1 == args.Length) return (null, $"{args[i]} needs a value");
            var value = args[i + 1];
            switch (args[i])
            {
                case "--minutes" when double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var minutes) && minutes is > 0 and <= 10_000:
                    parsed = parsed with { Minutes = minutes };
                    break;
                case "--seed" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var seed):
                    parsed = parsed with { Seed = seed };
                    break;
                case "--soak" when value is "on" or "off":
                    parsed = parsed with { Soak = value == "on" };
                    break;
                case "--strict" when value is "on" or "off":
                    parsed = parsed with { Strict = value == "on" };
                    break;
                case "--out":
                    parsed = parsed with { Out = value };
                    break;
                case "--only" when Kinds(value) is { } kinds:
                    parsed = parsed with { Only = kinds };
                    break;
                case "--minutes" or "--seed" or "--only" or "--soak" or "--strict":
                    return (null, $"{args[i]} cannot be {value}");
                default:
                    return (null, $"there is no option {args[i]}");
            }
        }
        return (parsed, null);
    }

    static List<FaultKind>? Kinds(string text)
    {
        var kinds = new List<FaultKind>();
        foreach (var name in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
            if (Enum.TryParse<FaultKind>(name, ignoreCase: true, out var kind)) kinds.Add(kind);
            else return null;
        return kinds.Count == 0 ? null : kinds;
    }
}
