using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Secrets;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Secrets;

/// <summary>What every way to a value shares: which version it is, whether it is still given out, and that its reading is on record before it is.</summary>
internal sealed class SecretReads(JournalNode journal, SecretQueries queries, SecretValues values, SecretRecords records, TimeProvider time)
{
    /// <summary>A secret, or a version of it.</summary>
    /// <param name="org">The org.</param>
    /// <param name="environment">The environment.</param>
    /// <param name="path">Which secret.</param>
    /// <param name="version">Which version; null: the current one.</param>
    /// <param name="evenDeleted">Who may see what is known of a secret sees also that it is deleted.</param>
    /// <param name="cancellation">Ends it.</param>
    public async ValueTask<Outcome<SecretEntry>> Find(OrgId org, EnvironmentState environment, string path, int? version, bool evenDeleted, CancellationToken cancellation)
    {
        if (environment.Secrets.Ever(path) is not { } entry || (entry.IsDeleted && !evenDeleted)) return SecretDecider.Unknown(path, environment.Name);
        if (version is not { } wanted || wanted == entry.Version) return entry;
        var then = wanted > entry.Version ? null : (await queries.History(org, environment.Name, path, wanted + 1, 1, cancellation)).Find(one => one.Entry.Version == wanted);
        if (then is not null && (then.Kind != "deleted" || evenDeleted)) return then.Entry;
        var message = then is null ? $"{path} has no version {wanted} in {environment.Name}." : $"Version {wanted} of {path} in {environment.Name} is its deletion.";
        return new Fault(FaultCode.NotFound, message, [Problem.Query("version", then is null ? "version.unknown" : "version.deleted", message)]);
    }

    /// <summary>Why a version's value is not given out any more, whoever asks; null: it is.</summary>
    public Fault? Refused(string environment, SecretEntry entry) =>
        entry.ExpiresAt <= Timestamp.From(time.GetUtcNow()) ? new Fault(FaultCode.Gone, $"{entry.Path} in {environment} expired at {entry.ExpiresAt}.", [Problem.Path("path", "secret.expired", $"It expired at {entry.ExpiresAt}.")])
        : entry.IsDestroyed ? new Fault(FaultCode.Gone, $"Version {entry.Version} of {entry.Path} in {environment} was destroyed.", [Problem.Path("path", "secret.destroyed", $"Version {entry.Version} was destroyed.")])
        : null;

    /// <summary>The value of a version, for the caller to dispose of; nothing is on record yet.</summary>
    /// <param name="state">The state that names it.</param>
    /// <param name="environment">The environment.</param>
    /// <param name="entry">The version, as <see cref="Find"/> gave it.</param>
    /// <param name="cancellation">Ends it.</param>
    public async ValueTask<Outcome<SecretBuffer>> Value(OrgState state, string environment, SecretEntry entry, CancellationToken cancellation)
    {
        if (Refused(environment, entry) is { } refused) return refused;
        // the version that the state has is of the value that the state names, however it was asked for; of others the tables say which it was, and the journal's event that they say so rightly
        var isCurrent = ReferenceEquals(state.Environment(environment)?.Secrets.Ever(entry.Path), entry);
        var opened = await values.Open(state.Org, environment, entry.Path, entry.Version, isCurrent ? entry.ValueId : null, cancellation);
        return opened.Fault is { Code: FaultCode.Integrity } && await Lost(state, cancellation) is { } lost ? lost : opened;
    }

    // a fail-over that lost writes takes rows away from under a state that still names them: nobody altered anything, and it is no alarm
    async ValueTask<Fault?> Lost(OrgState state, CancellationToken cancellation)
    {
        if (!(await journal.Read(state.Org, new ReadOptions(Consistency.Strong, null, null), cancellation)).TryGet(out var now, out var unread)) return unread;
        return now.State.Incarnation == state.Incarnation ? null : Fault.Unavailable("The database lost writes while this was read. Ask again.");
    }

    /// <summary>The value of a version, whose reading, or refusal, is on record; for the caller to dispose of.</summary>
    /// <param name="context">The request.</param>
    /// <param name="state">The state that names it.</param>
    /// <param name="environment">The environment.</param>
    /// <param name="entry">The version, as <see cref="Find"/> gave it.</param>
    /// <param name="through">What it is read through, or null.</param>
    public async ValueTask<Outcome<SecretBuffer>> Open(HttpContext context, OrgState state, string environment, SecretEntry entry, string? through)
    {
        var opened = await Value(state, environment, entry, context.RequestAborted);
        if (await records.Read(context, environment, entry.Path, entry.Version, opened.Fault, context.RequestAborted, through) is not { } refused) return opened;
        if (opened.Fault is null) opened.Value.Dispose();
        return refused;
    }
}
