using Npgsql;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Flags;

/// <summary>Whether a flag is used.</summary>
internal enum FlagStatus
{
    /// <summary>It answers.</summary>
    Active,
    /// <summary>It is younger than the time that is looked at, and nobody has asked yet.</summary>
    New,
    /// <summary>It gave one variant to everybody for all of that time, or nobody asked.</summary>
    Stale,
    /// <summary>It may be evaluated in processes that do not tell.</summary>
    Unknown,
}

/// <summary>What is known of a flag's use.</summary>
/// <param name="Status">What it comes to.</param>
/// <param name="Reason">With Stale: one_variant or not_evaluated.</param>
/// <param name="Variants">How often each variant was given; empty: the caller's own default.</param>
/// <param name="LastAt">When it was last asked for, if it ever was.</param>
internal sealed record FlagUsage(FlagStatus Status, string? Reason, IReadOnlyDictionary<string, long> Variants, Timestamp? LastAt);

/// <summary>How the flags of an environment are used: what all nodes wrote, and what this one has not written yet.</summary>
internal sealed class FlagUseQueries(DatabaseConnections database, FlagUse use, StatementTimer statements, TimeProvider time)
{
    /// <summary>How many days are looked at where nobody says how many.</summary>
    public const int DaysDefault = 30;

    /// <summary>The use of flags.</summary>
    /// <param name="flag">One flag; null: all of the environment.</param>
    public async Task<FlagUses> Of(OrgId org, string environment, string? flag, int days, CancellationToken cancellation)
    {
        var now = Timestamp.From(time.GetUtcNow());
        var since = DateOnly.FromDateTime(now.ToDateTime()).AddDays(-days);
        var (served, reported) = (false, false);
        var counts = new Dictionary<string, Dictionary<string, long>>(StringComparer.Ordinal);
        var last = new Dictionary<string, Timestamp>(StringComparer.Ordinal);
        using (statements.Start("flag_use"))
        {
            await using var connection = await database.App.OpenConnectionAsync(cancellation);
            await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(UseSql, org.Value, environment, flag ?? "", since));
            batch.BatchCommands.Add(PostgresParameters.Command(ServedSql, org.Value, environment, since));
            await using var reader = await batch.ExecuteReaderAsync(cancellation);
            await reader.NextResultAsync(cancellation);
            while (await reader.ReadAsync(cancellation)) Add(reader.GetString(0), reader.GetString(1), reader.GetInt64(2), Timestamp.From(reader.GetDateTime(3)));
            await reader.NextResultAsync(cancellation);
            while (await reader.ReadAsync(cancellation)) (served, reported) = (served || !reader.GetBoolean(0), reported || reader.GetBoolean(0));
        }
        foreach (var (key, count) in use.Of(org).Pending(environment)) Add(key.Flag, key.Variant, count.Evaluations, count.LastAt);
        return new FlagUses(counts, last, served && !reported, new Timestamp(now.Microseconds - days * 86_400_000_000L));

        void Add(string name, string variant, long count, Timestamp at)
        {
            last[name] = last.TryGetValue(name, out var other) ? Timestamp.Later(other, at) : at;
            if (count == 0) return;
            if (!counts.TryGetValue(name, out var variants)) counts.Add(name, variants = new(StringComparer.Ordinal));
            variants[variant] = variants.GetValueOrDefault(variant) + count;
        }
    }

    // counts within the days, and the last time ever
    const string UseSql = """
        SELECT flag, variant, coalesce(sum(evaluations) FILTER (WHERE day >= $4), 0)::bigint, max(last_at)
        FROM stele.flag_use WHERE org_id = $1 AND environment = $2 AND ($3 = '' OR flag = $3) GROUP BY flag, variant
        """;

    const string ServedSql = """
        SELECT DISTINCT reported FROM stele.flag_served WHERE org_id = $1 AND environment = $2 AND day >= $3
        """;
}

/// <summary>The use of an environment's flags within some days.</summary>
internal sealed class FlagUses(Dictionary<string, Dictionary<string, long>> counts, Dictionary<string, Timestamp> last, bool isUntold, Timestamp since)
{
    static readonly Dictionary<string, long> none = [];

    /// <summary>What is known of a flag.</summary>
    public FlagUsage Of(FlagEntry flag)
    {
        var variants = counts.GetValueOrDefault(flag.Key) ?? none;
        var isOld = flag.UpdatedAt < since;
        var (status, reason) = (variants.Count, isOld) switch
        {
            (0, false) => (FlagStatus.New, null),
            (0, true) when isUntold => (FlagStatus.Unknown, null),
            (0, true) => (FlagStatus.Stale, "not_evaluated"),
            (1, true) => (FlagStatus.Stale, "one_variant"),
            _ => (FlagStatus.Active, (string?)null),
        };
        return new FlagUsage(status, reason, variants, last.TryGetValue(flag.Key, out var at) ? at : null);
    }
}
