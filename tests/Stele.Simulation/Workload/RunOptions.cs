using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Stele.Simulation.Database;

namespace Stele.Simulation.Workload;

/// <summary>What a run is for.</summary>
internal enum RunKind
{
    /// <summary>Random faults from the beginning to the end; in the end everything must agree.</summary>
    Safety,
    /// <summary>Faults, and then none, several times: each time everyone must make progress within a bound.</summary>
    Liveness,
}

/// <summary>A run: its seed, and what a minimiser has taken out of it. The same options are the same run, step by step.</summary>
/// <param name="Seed">All chance comes from it.</param>
internal sealed record RunOptions(ulong Seed)
{
    /// <summary>Of which kind; null: by the seed, one in three is for liveness.</summary>
    public RunKind? Kind { get; init; }

    /// <summary>A deliberate bug.</summary>
    public Mutant Mutant { get; init; }

    /// <summary>How many steps it takes at least: client operations, delivered messages, faults.</summary>
    public int Steps { get; init; } = 1_000;

    /// <summary>How many operations clients begin at most.</summary>
    public int OperationsMax { get; init; } = int.MaxValue;

    /// <summary>How many faults strike at most.</summary>
    public int FaultsMax { get; init; } = int.MaxValue;

    /// <summary>Kinds of faults that are left out.</summary>
    public IReadOnlyList<FaultKind> Without { get; init; } = [];

    /// <summary>Clients at most.</summary>
    public int ClientsMax { get; init; } = int.MaxValue;

    /// <summary>Watchers.</summary>
    public int Watchers { get; init; } = 3;

    /// <summary>Apps that follow with the real client. None: what others do is then step by step what it is without them.</summary>
    public int Followers { get; init; }

    /// <summary>What the nodes log.</summary>
    public ILoggerFactory Logs { get; init; } = NullLoggerFactory.Instance;

    /// <summary>What a run of liveness or of safety it is.</summary>
    public RunKind KindOfRun => Kind ?? (Seed % 3 == 0 ? RunKind.Liveness : RunKind.Safety);

    /// <summary>As the variable STELE_SIM_RUN takes it.</summary>
    public override string ToString()
    {
        var text = new System.Text.StringBuilder().Append(System.Globalization.CultureInfo.InvariantCulture, $"seed={Seed}");
        if (Kind is { } kind) text.Append(System.Globalization.CultureInfo.InvariantCulture, $" kind={kind}");
        if (Mutant != Mutant.None) text.Append(System.Globalization.CultureInfo.InvariantCulture, $" mutant={Mutant}");
        foreach (var (name, value, usual) in Numbers())
            if (value != usual) text.Append(System.Globalization.CultureInfo.InvariantCulture, $" {name}={value}");
        if (Without.Count > 0) text.Append(" without=").AppendJoin(',', Without);
        return text.ToString();
    }

    /// <summary>Reads what <see cref="ToString"/> wrote; a number alone is a seed.</summary>
    public static RunOptions Parse(string text)
    {
        var options = new RunOptions(0);
        foreach (var part in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, value) = part.Split('=') is [var left, var right] ? (left, right) : ("seed", part);
            var number = ulong.TryParse(value, System.Globalization.CultureInfo.InvariantCulture, out var parsed) ? parsed : 0;
            options = name switch
            {
                "seed" => options with { Seed = number },
                "kind" => options with { Kind = Enum.Parse<RunKind>(value, ignoreCase: true) },
                "mutant" => options with { Mutant = Enum.Parse<Mutant>(value, ignoreCase: true) },
                "steps" => options with { Steps = (int)number },
                "operations" => options with { OperationsMax = (int)number },
                "faults" => options with { FaultsMax = (int)number },
                "clients" => options with { ClientsMax = (int)number },
                "watchers" => options with { Watchers = (int)number },
                "followers" => options with { Followers = (int)number },
                "without" => options with { Without = [.. value.Split(',').Select(kind => Enum.Parse<FaultKind>(kind, ignoreCase: true))] },
                _ => throw new FormatException($"'{name}' is nothing that a run has"),
            };
        }
        return options;
    }

    IEnumerable<(string Name, int Value, int Usual)> Numbers() =>
        [("steps", Steps, 1_000), ("operations", OperationsMax, int.MaxValue), ("faults", FaultsMax, int.MaxValue), ("clients", ClientsMax, int.MaxValue), ("watchers", Watchers, 3), ("followers", Followers, 0)];
}
