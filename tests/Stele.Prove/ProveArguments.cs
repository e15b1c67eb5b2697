using System.Globalization;
using Stele.Prove.Faults;
using Stele.Prove.Mutants;

namespace Stele.Prove;

/// <summary>What a run is to do.</summary>
internal sealed record ProveArguments
{
    public const string Usage = """
        usage: ./stele prove [--minutes N] [--seed S] [--only KIND,KIND] [--out DIR] [--soak on] [--strict-reads on] [--mutants all|NAME,NAME]

        Runs three nodes, PostgreSQL with a synchronous standby, and Redis as processes of this machine, lets clients and watchers
        use them while everything goes wrong that a schedule from the seed says, and holds the whole history against what is
        promised (docs/guides/consistency.md). Writes a report, its timeline and the history. Exit code 0: every promise held.

          --minutes N   for how long; 5 when not given, and a fraction will do
          --seed S      of the schedule and of what clients do; a new one when not given
          --only …      only these kinds of fault
          --soak on     nothing goes wrong: all features are used, and memory, handles, connections and lag must not grow
          --strict-reads on  nodes prove with each group of strong reads that the primary is one; then a primary is deposed, too, and not fenced
          --mutants …   deliberate bugs in the servers, one after the other: each has to break a promise
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

    /// <summary>Whether the nodes' strong reads are strict (STELE_STRICT_READS).</summary>
    public bool StrictReads { get; init; }

    /// <summary>How many nodes.</summary>
    public int Nodes { get; init; } = 3;

    /// <summary>What else the nodes are set to.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>The bugs that servers are to have, one run each; none: it is no such run.</summary>
    public IReadOnlyList<Mutant> Mutants { get; init; } = [];

    /// <summary>The bug that the servers have.</summary>
    public Mutant Mutant { get; init; }

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
                case "--strict-reads" when value is "on" or "off":
                    parsed = parsed with { StrictReads = value == "on" };
                    break;
                case "--mutants" when Bugs(value) is { } bugs:
                    parsed = parsed with { Mutants = bugs };
                    break;
                case "--out":
                    parsed = parsed with { Out = value };
                    break;
                case "--only" when Kinds(value) is { } kinds:
                    parsed = parsed with { Only = kinds };
                    break;
                case "--minutes" or "--seed" or "--only" or "--soak" or "--strict" or "--strict-reads" or "--mutants":
                    return (null, $"{args[i]} cannot be {value}");
                default:
                    return (null, $"there is no option {args[i]}");
            }
        }
        return (parsed, null);
    }

    static List<Mutant>? Bugs(string text)
    {
        var all = MutantPlan.All.Select(plan => plan.Mutant).ToList();
        if (text == "all") return all;
        var names = text.Split(',', StringSplitOptions.RemoveEmptyEntries);
        List<Mutant> found = [.. all.Where(mutant => names.Contains($"{mutant}"))];
        return found.Count == names.Length && names.Length > 0 ? found : null;
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
