using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Secrets;
using Stele.Server.Gateway;

namespace Stele.Server.Secrets;

/// <summary>What every way to a value shares: which version it is, whether it is still given out, and that its reading is on record before it is.</summary>
internal sealed class SecretReads(SecretQueries queries, SecretValues values, SecretRecords records, TimeProvider time)
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
    public async ValueTask<Outcome<SecretBuffer>> Value(OrgId org, string environment, SecretEntry entry, bool isPast, CancellationToken cancellation) =>
        Refused(environment, entry) is { } refused ? refused : await values.Open(org, environment, entry.Path, entry.Version, isPast ? null : entry.ValueId, cancellation);

    /// <summary>The value of a version, whose reading, or refusal, is on record; for the caller to dispose of.</summary>
    /// <param name="context">The request.</param>
    /// <param name="org">The org.</param>
    /// <param name="environment">The environment.</param>
    /// <param name="entry">The version.</param>
    /// <param name="isPast">Whether it was looked for by its number.</param>
    /// <param name="through">What it is read through, or null.</param>
    public async ValueTask<Outcome<SecretBuffer>> Open(HttpContext context, OrgId org, string environment, SecretEntry entry, bool isPast, string? through)
    {
        var opened = await Value(org, environment, entry, isPast, context.RequestAborted);
        if (await records.Read(context, environment, entry.Path, entry.Version, opened.Fault, context.RequestAborted, through) is not { } refused) return opened;
        if (opened.Fault is null) opened.Value.Dispose();
        return refused;
    }
}
