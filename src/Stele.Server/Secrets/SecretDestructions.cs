using System.Globalization;
using Npgsql;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Secrets;
using Stele.Server.Database;
using Stele.Server.Gateway;
using Stele.Server.Journal;
using Stele.Server.Operation;
using Stele.Server.Options;

namespace Stele.Server.Secrets;

/// <summary>
/// The list of values that were destroyed, in a file that lies outside the database, and so outside its backups (STELE_DESTRUCTIONS): a line for each, the org's
/// number and the value's id, and nothing that helps to read it. A restore brings the keys of destroyed values back; before a node serves, it destroys them anew, as a
/// revision like any other, and adds to its list what the database says is destroyed and the list lacks. It looks again every ten minutes.
/// </summary>
internal sealed class SecretDestructions(
    SteleOptions options, DatabaseConnections database, JournalNode journal, RequestIds ids, StatementTimer statements, TimeProvider time, ILogger<SecretDestructions> log) : BackgroundService
{
    const string Reason = "A restore had brought the value back; it was destroyed before.";
    const int LookMax = 100_000;
    static readonly TimeSpan BetweenLooks = TimeSpan.FromMinutes(10);

    readonly Lock gate = new();
    readonly HashSet<(int Org, Guid ValueId)> listed = [];

    /// <summary>Adds values that were destroyed. What cannot be written is logged, and written at the next look.</summary>
    public void Add(OrgId org, IEnumerable<Guid> values) => Write(values.Select(id => (org.Value, id)));

    /// <summary>Destroys what came back, and completes the list; how many values came back.</summary>
    public async Task<int> RunOnce(CancellationToken cancellation)
    {
        if (options.Destructions.Length == 0) return 0;
        Read();
        var back = 0;
        ILookup<int, Guid> orgs;
        lock (gate) orgs = listed.ToLookup(one => one.Org, one => one.ValueId);
        foreach (var org in orgs) back += await DestroyAgain(new OrgId(org.Key), [.. org], cancellation);
        Write(await Destroyed(cancellation));
        return back;
    }

    /// <inheritdoc/>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        // before anybody is served
        await RunOnce(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(BetweenLooks, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                try
                {
                    await RunOnce(stoppingToken);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    log.DestructionsNotLooked(StoreFaults.IsAway(e) ? e.Message : e.ToString());
                }
        }
        catch (OperationCanceledException)
        {
            // the end of the node
        }
    }

    async Task<int> DestroyAgain(OrgId org, Guid[] values, CancellationToken cancellation)
    {
        var back = await StillThere(org, values, cancellation);
        foreach (var secret in back.GroupBy(one => (one.Environment, one.Path)))
        {
            if (!SecretPath.TryParse(secret.Key.Path, null, out var path) || !EnvironmentName.TryParse(secret.Key.Environment, out var environment)) continue;
            var command = new DestroySecret(Principal.Root, ids.Next(), Reason, environment, path, [.. secret.Select(one => (one.Version, one.ValueId))]);
            var outcome = await journal.Append(org, command, null, cancellation);
            if (outcome.Fault is { } fault) log.NotDestroyedAgain(org.Value, $"{environment}/{path}", fault.Detail);
            else log.DestroyedAgain(org.Value, $"{environment}/{path}", secret.Count());
        }
        return back.Count;
    }

    async Task<List<(string Environment, string Path, int Version, Guid ValueId)>> StillThere(OrgId org, Guid[] values, CancellationToken cancellation)
    {
        using var timing = statements.Start("secret_still_there");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(StillThereSql, org.Value, values, LookMax));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var found = new List<(string, string, int, Guid)>();
        while (await reader.ReadAsync(cancellation)) found.Add((reader.GetString(0), reader.GetString(1), (int)reader.GetInt64(2), reader.GetGuid(3)));
        return found;
    }

    const string StillThereSql = """
        SELECT v.environment, v.path, v.version, v.value_id FROM stele.secret_value v JOIN stele.secret_key k ON k.org_id = v.org_id AND k.value_id = v.value_id
        WHERE v.org_id = $1 AND v.value_id = ANY ($2) ORDER BY v.id LIMIT $3
        """;

    async Task<List<(int Org, Guid ValueId)>> Destroyed(CancellationToken cancellation)
    {
        using var timing = statements.Start("secret_destroyed");
        await using var connection = await database.Tail.OpenConnectionAsync(cancellation);
        await using var command = PostgresParameters.Command(connection, DestroyedSql);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var found = new List<(int, Guid)>();
        while (await reader.ReadAsync(cancellation)) found.Add((reader.GetInt32(0), reader.GetGuid(1)));
        return found;
    }

    // the role sees destroyed ones alone, and an index has them
    const string DestroyedSql = """
        SELECT org_id, value_id FROM stele.secret_value WHERE ciphertext IS NULL
        """;

    void Read()
    {
        lock (gate)
        {
            if (!File.Exists(options.Destructions)) return;
            foreach (var line in File.ReadLines(options.Destructions))
                // the last line may be half of one, after a crash; the database still says it
                if (line.Split(' ') is [var org, var value] && int.TryParse(org, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && Guid.TryParseExact(value, "D", out var id)) listed.Add((number, id));
        }
    }

    void Write(IEnumerable<(int Org, Guid ValueId)> values)
    {
        if (options.Destructions.Length == 0) return;
        lock (gate)
        {
            var fresh = values.Where(one => !listed.Contains(one)).Distinct().ToList();
            if (fresh.Count == 0) return;
            try
            {
                if (Path.GetDirectoryName(options.Destructions) is { Length: > 0 } directory) Directory.CreateDirectory(directory);
                using var file = new FileStream(options.Destructions, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
                var needsBreak = file.Length > 0;
                if (needsBreak)
                {
                    file.Seek(-1, SeekOrigin.End);
                    needsBreak = file.ReadByte() != '\n';
                }
                file.Seek(0, SeekOrigin.End);
                var text = (needsBreak ? "\n" : "") + string.Concat(fresh.Select(one => string.Create(CultureInfo.InvariantCulture, $"{one.Org} {one.ValueId:D}\n")));
                file.Write(System.Text.Encoding.ASCII.GetBytes(text));
                file.Flush(flushToDisk: true);
                foreach (var one in fresh) listed.Add(one);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                log.DestructionsNotWritten(options.Destructions, e.Message);
            }
        }
    }
}
