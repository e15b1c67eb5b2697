using Npgsql;
using Stele.Core.Configs;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Server.Journal;

namespace Stele.Server.Stats;

/// <summary>Daily counts of changes per environment and actor: what <c>GET /v1/stats/changes</c> shows.</summary>
internal static class StatsProjection
{
    /// <summary>Its name, for its checkpoint and for <c>stele projections rebuild</c>.</summary>
    public const string Name = "change_counts";

    /// <summary>What the runner runs.</summary>
    public static AsyncProjection Projection { get; } = new(Name, Write, Empty);

    /// <summary>The counts of some revisions: pure, so that the simulation can keep them too. Days are UTC.</summary>
    public static IReadOnlyDictionary<ChangeCountKey, long> Count(IReadOnlyList<RevisionRecord> revisions)
    {
        var counts = new SortedDictionary<ChangeCountKey, long>();
        foreach (var revision in revisions)
            foreach (var e in revision.Events)
            {
                var environment = e.Payload switch
                {
                    ConfigSet set => set.Environment,
                    ConfigDeleted deleted => deleted.Environment,
                    FlagDefined or FlagArchived or FlagDeleted => e.Stream.Split('/', 3)[1],
                    // a redacted change was a change
                    null when e.Stream.Split('/', 3) is ["config", var name, _] => name,
                    _ => null,
                };
                if (environment is null) continue;
                var key = new ChangeCountKey(DateOnly.FromDateTime(revision.At.ToDateTime()), environment, revision.Actor);
                counts[key] = counts.GetValueOrDefault(key) + 1;
            }
        return counts;
    }

    static void Write(NpgsqlBatch batch, OrgId org, IReadOnlyList<RevisionRecord> revisions)
    {
        var counts = Count(revisions);
        if (counts.Count == 0) return;
        batch.BatchCommands.Add(PostgresParameters.Command(AddSql, org.Value,
            counts.Keys.Select(key => key.Day).ToArray(), counts.Keys.Select(key => key.Environment).ToArray(),
            counts.Keys.Select(key => key.Actor).ToArray(), counts.Values.ToArray()));
    }

    const string AddSql = """
        INSERT INTO stele.change_count AS c (org_id, day, environment, actor, changes)
        SELECT $1, n.day, n.environment, n.actor, n.changes
        FROM unnest($2::date[], $3::text[], $4::text[], $5::bigint[]) AS n (day, environment, actor, changes)
        ON CONFLICT (org_id, day, environment, actor) DO UPDATE SET changes = c.changes + excluded.changes
        """;

    static void Empty(NpgsqlBatch batch, OrgId org) => batch.BatchCommands.Add(PostgresParameters.Command(EmptySql, org.Value));

    const string EmptySql = """
        DELETE FROM stele.change_count WHERE org_id = $1
        """;
}

/// <summary>What is counted together.</summary>
internal readonly record struct ChangeCountKey(DateOnly Day, string Environment, string Actor) : IComparable<ChangeCountKey>
{
    public int CompareTo(ChangeCountKey other) =>
        Day.CompareTo(other.Day) is var day and not 0 ? day
        : string.CompareOrdinal(Environment, other.Environment) is var environment and not 0 ? environment
        : string.CompareOrdinal(Actor, other.Actor);
}
