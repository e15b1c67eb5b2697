namespace Stele.Server.Outbound;

/// <summary>The intervals and bounds of what is written outside; tests set their own.</summary>
internal sealed record OutboundOptions
{
    /// <summary>How often a runner looks, without a hint: after what is behind, and after the right to run.</summary>
    public TimeSpan Poll { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Revisions read and written at a time, for each org.</summary>
    public int PageRevisions { get; init; } = 250;

    /// <summary>Orgs that are written at a time.</summary>
    public int OrgsAtOnce { get; init; } = 4;

    /// <summary>Orgs that are looked at in one round.</summary>
    public int OrgsPage { get; init; } = 1_000;

    /// <summary>The pause after a first failure; each further one doubles it. Half of it is chance.</summary>
    public TimeSpan BackOff { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>The longest pause.</summary>
    public TimeSpan BackOffMax { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>A node that says nothing to PostgreSQL for so long loses the right to run: it is frozen, or cut off.</summary>
    public TimeSpan LeadIdle { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The pause after so many failures in a row, with a share of chance from 0 to 1.</summary>
    public TimeSpan PauseAfter(int failures, double chance)
    {
        var whole = Math.Min(BackOffMax.TotalMilliseconds, BackOff.TotalMilliseconds * Math.Pow(2, Math.Min(failures - 1, 20)));
        return TimeSpan.FromMilliseconds(whole * (0.5 + chance / 2));
    }
}
