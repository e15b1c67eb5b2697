namespace Stele.Simulation.Database;

/// <summary>What is counted in a run. A step is one client operation, one delivered message, or one fault.</summary>
internal sealed class RunTally
{
    /// <summary>How often each kind of fault fired.</summary>
    public int[] Fired { get; } = new int[Enum.GetValues<FaultKind>().Length];

    /// <summary>What clients asked for.</summary>
    public int Operations { get; set; }

    /// <summary>Requests, answers, hints and frames that arrived.</summary>
    public int Messages { get; set; }

    /// <summary>Appends that found another head.</summary>
    public int LostRaces { get; set; }

    /// <summary>Appends of which only the fence could tell.</summary>
    public int UnknownOutcomes { get; set; }

    /// <summary>New incarnations, because writes were lost.</summary>
    public int Incarnations { get; set; }

    /// <summary>Watchers who had to read anew.</summary>
    public int Resets { get; set; }

    /// <summary>Values of secrets that were given out.</summary>
    public int SecretsGiven { get; set; }

    /// <summary>Those of them that were asked for by a version which is not the last.</summary>
    public int OldSecretsGiven { get; set; }

    /// <summary>Faults of all kinds.</summary>
    public int Faults => Fired.Sum();

    /// <summary>Steps so far.</summary>
    public int Steps => Operations + Messages + Faults;
}
