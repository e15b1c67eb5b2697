using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Core.Secrets;
using Stele.Server.Gateway;
using Stele.Server.Journal;
using Stele.Server.Options;
using Stele.Server.Secrets.Keys;

namespace Stele.Server.Secrets;

/// <summary>The operator's side of keys: which there are, a new version, data keys moved to it, and the end of an old one. Each on record before it is done.</summary>
internal sealed class KeyEndpoints(JournalNode journal, OrgKeys keys, OrgKeyStore store, KeyProviders providers, SecretRecords records, SteleOptions options)
{
    static readonly BodyMembers None = new(required: [], optional: []);
    static readonly BodyMembers RewrapMembers = new(required: [], optional: ["limit"]);
    static readonly BodyMembers RetireMembers = new(required: ["version"], optional: []);

    const int LimitDefault = 1_000;

    /// <summary><c>GET /v1/keys</c></summary>
    public async Task List(HttpContext context)
    {
        List<Problem>? problems = null;
        RequestParameters.Parse(context.Request, Parameter.None, ref problems);
        var fault = problems is not null ? Fault.Invalid(problems) : await Refused(context);
        await Show(context, fault);
    }

    /// <summary><c>POST /v1/keys/rotate</c></summary>
    public async Task Rotate(HttpContext context)
    {
        if (!(await Read(context, None)).TryGet(out _, out var fault) || (fault = await records.Require(context, "key.rotated", null, providers.Current.Name, null, null, context.RequestAborted)) is not null)
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var org = Caller.Of(context).Org;
        fault = (await providers.Current.Rotate(CancellationToken.None)).Fault ?? await keys.Rotate(org, CancellationToken.None);
        await Show(context, fault);
    }

    /// <summary><c>POST /v1/keys/rewrap</c></summary>
    public async Task Rewrap(HttpContext context)
    {
        if (!(await Read(context, RewrapMembers)).TryGet(out var limit, out var fault)
            || !(await keys.RewrapSome(Caller.Of(context).Org, limit ?? LimitDefault, context.RequestAborted)).TryGet(out var step, out fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var behind = (await store.Uses(Caller.Of(context).Org, context.RequestAborted)).Where(use => use.Key < step.Version).Sum(use => use.Value.DataKeys);
        await Answer.Send(context, new JsonText().Raw("{\"version\":"u8).Number(step.Version).Raw(",\"moved\":"u8).Number(step.Moved).Raw(",\"remaining\":"u8).Number(behind).Raw("}"u8));
    }

    /// <summary><c>POST /v1/keys/retire</c></summary>
    public async Task Retire(HttpContext context)
    {
        if (!(await Read(context, RetireMembers)).TryGet(out var version, out var fault) || !(await providers.Current.List(context.RequestAborted)).TryGet(out var versions, out fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        fault = await Kept(versions, version!.Value, context.RequestAborted)
            ?? await records.Require(context, "key.retired", null, providers.Current.Name, $"version {version}", null, context.RequestAborted)
            ?? await providers.Current.Retire(version.Value, CancellationToken.None);
        await Show(context, fault);
    }

    async ValueTask<Fault?> Kept(IReadOnlyList<ProviderKey> versions, int version, CancellationToken cancellation)
    {
        if (versions.FirstOrDefault(key => key.Version == version) is not { } found)
            return Fault.Invalid(Problem.Body("/version", "key.unknown", $"There is no version {version} of the key."));
        if (versions[^1].Version == version) return Conflict("key.newest", $"Version {version} is the newest: rotate first.");
        return await store.NeededBy(providers.Current.Name, found, options.BackupDays, cancellation) is { } org
            ? Conflict("key.needed", $"Organization {org} needs version {version}, or a backup of the last {options.BackupDays} days may: rewrap there, and wait until such backups are gone.")
            : null;
    }

    static Fault Conflict(string rule, string message) => new(FaultCode.Conflict, message, [Problem.Body("/version", rule, message)]);

    async Task Show(HttpContext context, Fault? fault)
    {
        var org = Caller.Of(context).Org;
        if (fault is not null || !(await providers.Current.List(context.RequestAborted)).TryGet(out var versions, out fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var uses = await store.Uses(org, context.RequestAborted);
        var json = new JsonText().Raw("{\"provider\":\""u8).Ascii(providers.Current.Name).Raw("\",\"versions\":["u8);
        foreach (var (index, key) in versions.Index())
        {
            (index > 0 ? json.Raw(","u8) : json).Raw("{\"version\":"u8).Number(key.Version).Raw(",\"id\":"u8).Text(key.Id);
            if (key.CreatedAt is { } at) json.Raw(",\"created_at\":"u8).Time(Core.Journal.Timestamp.From(at));
            json.Raw("}"u8);
        }
        json.Raw("],\"organization_keys\":["u8);
        foreach (var (index, key) in (await store.Keys(org, context.RequestAborted)).Index())
        {
            var use = uses.GetValueOrDefault(key.Version);
            (index > 0 ? json.Raw(","u8) : json).Raw("{\"version\":"u8).Number(key.Version).Raw(",\"provider\":\""u8).Ascii(key.Provider).Raw("\",\"key_id\":"u8).Text(key.KeyId)
                .Raw(",\"provider_version\":"u8).Number(key.ProviderVersion).Raw(",\"wraps\":"u8).Number(use.Wraps).Raw(",\"data_keys\":"u8).Number(use.DataKeys).Raw(",\"created_at\":"u8).Time(use.CreatedAt);
            if (use.UnusedSince is { } since) json.Raw(",\"unused_since\":"u8).Time(since);
            json.Raw("}"u8);
        }
        await Answer.Send(context, json.Raw("]}"u8));
    }

    /// <summary>The one number that a body may have, of somebody who may.</summary>
    async ValueTask<Outcome<int?>> Read(HttpContext context, BodyMembers members)
    {
        if (await Refused(context) is { } refused) return refused;
        if (context.Request.ContentLength is null or 0 && context.Request.Headers.TransferEncoding.Count == 0 && members != RetireMembers) return (int?)null;
        if (!(await WriteRequest.Read(context, Parameter.None)).TryGet(out var request, out var fault)) return fault;
        using (request)
        {
            var number = Number(request.Body, members, request.Problems);
            return request.Refused is { } invalid ? invalid : number;
        }
    }

    static int? Number(ReadOnlySpan<byte> utf8, BodyMembers members, List<Problem> problems)
    {
        int? number = null;
        var body = new JsonBody(utf8, members, problems);
        while (body.NextMember(out var name)) number = (int?)body.ReadInt64(1, name == "limit" ? SecretLimits.RewrapBatch.Value : int.MaxValue);
        return number;
    }

    async ValueTask<Fault?> Refused(HttpContext context)
    {
        var caller = Caller.Of(context);
        var read = await journal.Read(caller.Org, new ReadOptions(Consistency.Strong, null, null), context.RequestAborted);
        return read.TryGet(out var snapshot, out var fault) ? Authorisation.Check(snapshot.State.Access, caller.Principal, Permission.Operate, null, null) : fault;
    }
}
