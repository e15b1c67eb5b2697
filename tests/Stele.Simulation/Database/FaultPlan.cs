using Stele.Simulation.Scheduling;

namespace Stele.Simulation.Database;

/// <summary>Everything that can go wrong. A long run in which one of them never fired proves less than it says, and fails.</summary>
internal enum FaultKind
{
    /// <summary>The connection was broken before anything was sent.</summary>
    NotSent,
    /// <summary>The request was lost on the way; the client cannot know.</summary>
    RequestLost,
    /// <summary>The work was done and the answer lost.</summary>
    AnswerLost,
    /// <summary>The client gives up, and the request arrives later.</summary>
    Straggler,
    /// <summary>The connection is gone and nobody has noticed: what is sent into it is done or not, and no answer comes for long.</summary>
    HalfOpen,
    /// <summary>PostgreSQL could not put a transaction in an order with others, and rolled it back.</summary>
    SerializationFailure,
    /// <summary>A transaction was the victim of a deadlock.</summary>
    Deadlock,
    /// <summary>The wait for the synchronous standby was cancelled: committed, and perhaps not on the standby.</summary>
    SyncWaitCancelled,
    /// <summary>A call takes very long.</summary>
    Slow,
    /// <summary>The client stalls in the middle of what it sends, while its transaction holds the head.</summary>
    Stall,
    /// <summary>PostgreSQL crashes and recovers.</summary>
    DatabaseDown,
    /// <summary>A node cannot reach PostgreSQL.</summary>
    Partition,
    /// <summary>A node is frozen and goes on later.</summary>
    Freeze,
    /// <summary>A node is killed and started anew.</summary>
    NodeKilled,
    /// <summary>The standby receives late.</summary>
    ReplicaLag,
    /// <summary>The session that holds the right to run a projection ends, and its node goes on.</summary>
    LeaseLost,
    /// <summary>A standby takes over that has everything.</summary>
    Promotion,
    /// <summary>A standby takes over that lacks the last commits.</summary>
    Rewind,
    /// <summary>A database is restored into another cluster.</summary>
    Restore,
    /// <summary>A node's clock is stepped.</summary>
    ClockStep,
    /// <summary>A hint is lost.</summary>
    HintLost,
    /// <summary>A hint comes twice.</summary>
    HintDoubled,
    /// <summary>A hint comes late.</summary>
    HintLate,
    /// <summary>A command holds data that the database refuses.</summary>
    BadData,
}

/// <summary>
/// Which faults a run has and how often, drawn from its seed. Most runs have few kinds: when everything fails at once
/// nothing gets far enough to be interesting ("swarm testing").
/// </summary>
internal sealed class FaultPlan
{
    readonly double[] rates = new double[Enum.GetValues<FaultKind>().Length];

    FaultPlan(Dice dice) => Dice = dice;

    public Dice Dice { get; }

    /// <summary>What is counted in this run.</summary>
    public RunTally Tally { get; } = new();

    /// <summary>No more than so many strike: what a minimiser turns.</summary>
    public int StrikesMax { get; set; } = int.MaxValue;

    /// <summary>False once faults have stopped, for the liveness part.</summary>
    public bool On { get; set; } = true;

    /// <summary>How often each kind fired.</summary>
    public int[] Fired => Tally.Fired;

    /// <summary>Nothing goes wrong.</summary>
    public static FaultPlan None(Dice dice) => new(dice) { On = false };

    /// <summary>Draws a plan.</summary>
    public static FaultPlan Draw(Dice dice)
    {
        var plan = new FaultPlan(dice);
        var share = dice.Chance(0.1) ? 0 : dice.Chance(0.2) ? 0.9 : 0.35;
        foreach (var kind in Enum.GetValues<FaultKind>())
            if (dice.Chance(share)) plan.rates[(int)kind] = dice.Chance(0.3) ? 0.15 : 0.03;
        return plan;
    }

    /// <summary>A plan of these kinds only, at this rate.</summary>
    public static FaultPlan Only(Dice dice, double rate, params FaultKind[] kinds)
    {
        var plan = new FaultPlan(dice);
        foreach (var kind in kinds) plan.rates[(int)kind] = rate;
        return plan;
    }

    /// <summary>Whether this plan has a kind at all.</summary>
    public bool Has(FaultKind kind) => rates[(int)kind] > 0;

    /// <summary>Leaves a kind out.</summary>
    public void Without(FaultKind kind) => rates[(int)kind] = 0;

    /// <summary>Whether it strikes now.</summary>
    public bool Strikes(FaultKind kind)
    {
        // thrown in any case, so that what comes after does not move with the bound
        if (!On || !Dice.Chance(rates[(int)kind]) || Tally.Faults >= StrikesMax) return false;
        Fired[(int)kind]++;
        return true;
    }

    /// <summary>Whether something that befalls a whole process may strike now.</summary>
    public bool MayStrike(FaultKind kind)
    {
        if (!On || !Has(kind) || Tally.Faults >= StrikesMax) return false;
        Fired[(int)kind]++;
        return true;
    }

    /// <summary>One that came about by itself.</summary>
    public void Came(FaultKind kind) => Fired[(int)kind]++;

    public override string ToString() => string.Join(' ', Enum.GetValues<FaultKind>().Where(Has).Select(kind => $"{kind}:{rates[(int)kind]}"));
}
