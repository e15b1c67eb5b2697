using Stele.Core.Faults;
using Stele.Server.Audit;
using Stele.Server.Gateway;

namespace Stele.Server.Secrets;

/// <summary>
/// What is on record of values: every read and every refusal of one, before the answer leaves, and each failure of a check as an
/// alarm. Entries are committed in groups with those of other requests.
/// </summary>
internal sealed class SecretRecords(AuditTrail trail, RequestRecords requests, SecretMetrics metrics, ILogger<SecretRecords> log)
{
    /// <summary>Puts a read on record, and answers the fault that it ends with: its own, or that it could not be recorded. Null: the value may leave.</summary>
    public async ValueTask<Fault?> Read(HttpContext context, string environment, string path, int? version, Fault? refused, CancellationToken cancellation, string? through = null)
    {
        var caller = Caller.Of(context);
        var entry = new AuditEntry
        {
            Action = refused?.Code == FaultCode.Integrity ? SecretActions.Integrity : AuditActions.SecretRead, Actor = caller.Principal.ActorId, RequestId = caller.RequestId,
            Target = $"secret/{environment}/{path}", Environment = environment, Code = refused is null ? null : HttpProblems.Of(refused.Code).Code, Address = requests.AddressOf(context),
            Detail = (version, through) switch
            {
                (null, null) => null,
                (null, _) => $"through {through}",
                (_, null) => $"version {version}",
                _ => $"version {version}, through {through}",
            },
        };
        if (refused is null) metrics.Read();
        else metrics.Refused();
        if (refused?.Code == FaultCode.Integrity)
        {
            metrics.Broken();
            log.SecretBroken(caller.Org.Value, entry.Target, refused.Detail);
        }
        return await trail.Require(caller.Org, entry, cancellation) ?? refused;
    }

    /// <summary>Sounds the alarm of a wrap that was to be opened a second time; its entry is the caller's.</summary>
    public void UnwrappedTwice(HttpContext context, SecretWrap wrap)
    {
        metrics.UnwrappedTwice();
        log.UnwrappedTwice(Caller.Of(context).Org.Value, wrap.Target, $"{wrap.OpenedAt}", wrap.OpenedBy ?? "");
    }

    /// <summary>Puts something else about a value on record.</summary>
    public ValueTask<Fault?> Require(HttpContext context, string action, string? environment, string target, string? detail, Fault? refused, CancellationToken cancellation)
    {
        var caller = Caller.Of(context);
        return trail.Require(caller.Org, new AuditEntry
        {
            Action = action, Actor = caller.Principal.ActorId, RequestId = caller.RequestId, Target = target, Environment = environment,
            Code = refused is null ? null : HttpProblems.Of(refused.Code).Code, Address = requests.AddressOf(context), Detail = detail,
        }, cancellation);
    }
}

/// <summary>What can stand in an entry's action, of secrets.</summary>
internal static class SecretActions
{
    /// <summary>An alarm: what is stored of a secret is not what was written.</summary>
    public const string Integrity = "secret.integrity";
    /// <summary>A value was put into a wrap that can be opened once.</summary>
    public const string Wrapped = "secret.wrapped";
    /// <summary>A wrap was opened, or an attempt at it refused.</summary>
    public const string Unwrapped = "secret.unwrapped";
    /// <summary>An alarm: somebody tried to open a wrap that had been opened before. One of the two was not meant to.</summary>
    public const string UnwrappedTwice = "secret.unwrapped_twice";
    /// <summary>Somebody who has a value asked whether it was ever here.</summary>
    public const string Searched = "secret.searched";

    /// <summary>A reminder: <c>secret.rotation_due</c>, <c>secret.expiring</c>, <c>secret.expired</c>.</summary>
    public static string Due(string status) => $"secret.{status}";
}
