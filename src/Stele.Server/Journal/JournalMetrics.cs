using Stele.Server.Operation;

namespace Stele.Server.Journal;

/// <summary>What the journal of this node holds now: asked for at each scrape.</summary>
/// <param name="Orgs">Orgs in memory.</param>
/// <param name="StateKeys">Keys in memory, of all orgs.</param>
/// <param name="StateBytes">About how many bytes of memory they take.</param>
/// <param name="StateBytesMax">How many they may take.</param>
/// <param name="QueueCommands">Commands that wait for their append.</param>
/// <param name="LagRevisions">How far the node is behind the last head that it saw, at worst.</param>
internal readonly record struct JournalGauges(long Orgs, long StateKeys, long StateBytes, long StateBytesMax, long QueueCommands, long LagRevisions);

/// <summary>The journal's instruments. Cheap enough to call for every batch and head check.</summary>
internal sealed class JournalMetrics
{
    readonly Histogram batchCommands, append, headCheck, load;
    readonly Counter lostRaces, unknownOutcomes, refused, revisions, resets, droppedIdle, droppedForMemory, loadsRefused, answeredBySql;

    const string DropsHelp = "Organizations that left memory: idle, or to make room.";

    public JournalMetrics(Metrics metrics)
    {
        batchCommands = metrics.Add("stele_journal_batch_commands", "Commands of one append.", Histogram.OfCounts(1, 2, 4, 8, 16, 32, 64, 128, 256));
        append = metrics.Add("stele_journal_append_duration_seconds", "Duration of one append, its commit included.", Histogram.OfSeconds());
        headCheck = metrics.Add("stele_head_check_duration_seconds", "Duration of the query that strong reads share.", Histogram.OfSeconds());
        revisions = metrics.AddCounter("stele_journal_revisions_total", "Revisions that this node appended.");
        refused = metrics.AddCounter("stele_journal_refused_total", "Commands that were refused when they were decided.");
        lostRaces = metrics.AddCounter("stele_lost_races_total", "Appends that found another head than believed, and were decided again.");
        unknownOutcomes = metrics.AddCounter("stele_unknown_outcomes_total", "Appends whose connection broke, so that the fence had to settle them.");
        resets = metrics.AddCounter("stele_journal_resets_total", "Times that this node dropped an org's state because the history in the database was another one.");
        load = metrics.Add("stele_org_load_duration_seconds", "Duration of loading an organization into memory.", Histogram.OfSeconds());
        loadsRefused = metrics.AddCounter("stele_org_loads_refused_total", "Organizations that were not loaded because memory is full, or too small for them.");
        droppedIdle = metrics.AddCounter("stele_org_drops_total", DropsHelp, "reason", "idle");
        droppedForMemory = metrics.AddCounter("stele_org_drops_total", DropsHelp, "reason", "memory");
        answeredBySql = metrics.AddCounter("stele_unloaded_reads_total", "Reads of a key that SQL answered because the organization was not in memory.");
        metrics.AddGauge("stele_journal_lag_revisions", "How far the node is behind the last head that it saw, at worst.", () => Gauges?.Invoke().LagRevisions ?? double.NaN);
        metrics.AddGauge("stele_state_orgs", "Organizations in memory.", () => Gauges?.Invoke().Orgs ?? double.NaN);
        metrics.AddGauge("stele_state_keys", "Keys in memory.", () => Gauges?.Invoke().StateKeys ?? double.NaN);
        metrics.AddGauge("stele_state_bytes", "About how many bytes of memory the organizations take.", () => Gauges?.Invoke().StateBytes ?? double.NaN);
        metrics.AddGauge("stele_state_bytes_max", "How many bytes of memory they may take.", () => Gauges?.Invoke().StateBytesMax ?? double.NaN);
        metrics.AddGauge("stele_queue_commands", "Commands that wait for their append.", () => Gauges?.Invoke().QueueCommands ?? double.NaN);
    }

    /// <summary>Set once by the node: what it holds now.</summary>
    public Func<JournalGauges>? Gauges { get; set; }

    /// <summary>An append committed.</summary>
    public void Batch(int commands, TimeSpan duration)
    {
        batchCommands.Observe(commands);
        append.Observe(duration);
        revisions.Add(commands);
    }

    /// <summary>A head check was answered.</summary>
    public void HeadCheck(TimeSpan duration) => headCheck.Observe(duration);

    /// <summary>Another node was first.</summary>
    public void LostRace() => lostRaces.Add();

    /// <summary>A commit's end was not seen.</summary>
    public void UnknownOutcome() => unknownOutcomes.Add();

    /// <summary>A decider refused a command.</summary>
    public void Refused() => refused.Add();

    /// <summary>The node dropped an org's state and loaded it anew.</summary>
    public void Reset() => resets.Add();

    /// <summary>An org came into memory.</summary>
    public void Loaded(TimeSpan duration) => load.Observe(duration);

    /// <summary>An org was not loaded: no room.</summary>
    public void LoadRefused() => loadsRefused.Add();

    /// <summary>An org left memory.</summary>
    public void Dropped(string reason) => (reason == "idle" ? droppedIdle : droppedForMemory).Add();

    /// <summary>SQL answered for an org that is not in memory.</summary>
    public void AnsweredBySql() => answeredBySql.Add();
}
