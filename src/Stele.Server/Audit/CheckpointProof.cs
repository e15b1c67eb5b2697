using System.Globalization;
using Npgsql;
using Stele.Core.Journal;
using Stele.Server.Database;
using Stele.Server.Journal;

namespace Stele.Server.Audit;

/// <summary>
/// Whether the logs still contain what a checkpoint states. Together with a walk that found every chain to be the one that its
/// rows give, this proves that nothing up to the checkpoint was changed, taken out or put in since it was signed.
/// </summary>
/// <param name="MadeAt">When the checkpoint was made; empty when it is none.</param>
/// <param name="Notes">What is good, or could not be looked at.</param>
/// <param name="Problems">What is not.</param>
internal sealed record CheckpointProof(string MadeAt, IReadOnlyList<string> Notes, IReadOnlyList<string> Problems)
{
    /// <summary>For people.</summary>
    public override string ToString() => string.Join('\n', [.. Notes.Select(note => $"checkpoint of {MadeAt}: {note}"), .. Problems.Select(problem => $"checkpoint: {problem}")]);

    /// <summary>Holds a file against the orgs.</summary>
    /// <param name="path">The checkpoint.</param>
    /// <param name="keyPath">The key that it must be signed with.</param>
    /// <param name="orgs">Those that are looked at.</param>
    /// <param name="isAll">Whether these are all that there are, so that one which is missing is gone.</param>
    /// <param name="pools">The database.</param>
    /// <param name="cancellation">Ends it.</param>
    public static async Task<CheckpointProof> Run(string path, string keyPath, IReadOnlyList<(OrgId Org, string Name)> orgs, bool isAll, DatabaseConnections pools, CancellationToken cancellation)
    {
        if (!File.Exists(keyPath)) return new CheckpointProof("", [], [$"there is no key at {keyPath}: give the public one with --key FILE"]);
        using var key = CheckpointKey.Load(keyPath);
        var (checkpoint, problem) = Checkpoint.Read(path, key);
        if (checkpoint is null) return new CheckpointProof("", [], [problem!]);
        var (notes, problems) = (new List<string>(), new List<string>());
        await Incarnation(checkpoint.Statement, pools.Tail, notes, cancellation);
        foreach (var (org, name) in orgs)
        {
            if (checkpoint.Find(org) is not { } stated) notes.Add($"{name} is not in it");
            else
            {
                await Revision(org, name, stated, pools.App, notes, problems, cancellation);
                await Entry(org, name, stated, pools.App, notes, problems, cancellation);
            }
        }
        if (isAll)
        {
            if (checkpoint.Find(AuditEntry.Installation) is { } installation) await Entry(AuditEntry.Installation, "the installation", installation, pools.App, notes, problems, cancellation);
            problems.AddRange(checkpoint.Statement.Orgs.Where(stated => stated.OrgId != 0 && !orgs.Any(org => org.Org.Value == stated.OrgId)).Select(stated => $"{stated.Name} is gone"));
        }
        return new CheckpointProof(checkpoint.Statement.MadeAt, notes, problems);
    }

    // a restore that lost nothing up to the checkpoint is no harm; one that did is found by the chains
    static async Task Incarnation(CheckpointStatement stated, NpgsqlDataSource tail, List<string> notes, CancellationToken cancellation)
    {
        await using var command = tail.CreateCommand(IncarnationSql);
        if ((Guid)(await command.ExecuteScalarAsync(cancellation))! is var now && now != stated.Incarnation)
            notes.Add($"the database has begun another incarnation since, {now}: it was restored, or lost writes in a fail-over");
    }

    const string IncarnationSql = """
        SELECT incarnation FROM stele.cluster
        """;

    static async Task Revision(OrgId org, string name, CheckpointOrg stated, NpgsqlDataSource app, List<string> notes, List<string> problems, CancellationToken cancellation)
    {
        if (stated.Revision == 0) return;
        await using var connection = await app.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(ChainSql, org.Value, stated.Revision));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var chain = await reader.ReadAsync(cancellation) ? Convert.ToHexStringLower((byte[])reader[0]) : null;
        Tell(string.Create(CultureInfo.InvariantCulture, $"revision {stated.Revision} of {name}"), chain, stated.Chain, notes, problems);
    }

    const string ChainSql = """
        SELECT chain FROM stele.revision WHERE org_id = $1 AND revision = $2
        """;

    static async Task Entry(OrgId org, string name, CheckpointOrg stated, NpgsqlDataSource app, List<string> notes, List<string> problems, CancellationToken cancellation)
    {
        if (stated.AuditSequence == 0) return;
        var what = string.Create(CultureInfo.InvariantCulture, $"entry {stated.AuditSequence} of the audit log of {name}");
        var chain = await AuditVerification.ChainAt(org, stated.AuditSequence, app, cancellation);
        // in the middle of a month that retention dropped: its chain is gone with it
        if (chain is null && (await AuditVerification.Walk(org, app, cancellation)).Dropped >= stated.AuditSequence) notes.Add($"{what} was dropped by retention");
        else Tell(what, chain is null ? null : Convert.ToHexStringLower(chain), stated.AuditChain, notes, problems);
    }

    static void Tell(string what, string? found, string stated, List<string> notes, List<string> problems)
    {
        if (found is null) problems.Add($"{what} is not there any more: what was signed has been cut off");
        else if (found != stated) problems.Add($"{what} has another chain than was signed: what came up to it has been rewritten");
        else notes.Add($"{what} is there, as it was signed");
    }
}
