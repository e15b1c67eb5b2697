using System.Reflection;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Journal;

namespace Stele.Server.Gateway;

/// <summary>What the node says of itself.</summary>
internal sealed class GatewayEndpoints(JournalNode journal, TimeProvider time)
{
    static readonly string Version = typeof(GatewayEndpoints).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    // an idle node asks every second
    static readonly TimeSpan Reachable = TimeSpan.FromSeconds(3);

    readonly Timestamp startedAt = Timestamp.From(time.GetUtcNow());

    /// <summary><c>GET /v1/limits</c></summary>
    public Task Limits(HttpContext context)
    {
        if (Refuse(context) is { } refused) return refused;
        var json = new JsonText(8 << 10).Raw("{\"items\":["u8);
        foreach (var (index, limit) in SteleLimits.All.Index())
        {
            if (index > 0) json.Raw(","u8);
            json.Raw("{\"name\":"u8).Text(limit.Name)
                .Raw(",\"value\":"u8).Number(limit.Value)
                .Raw(",\"unit\":"u8).Text(limit.Unit)
                .Raw(",\"meaning\":"u8).Text(limit.Meaning)
                .Raw(",\"configurable\":"u8).Boolean(limit.Configurable)
                .Raw("}"u8);
        }
        return Answer.Send(context, json.Raw("]}"u8));
    }

    /// <summary><c>GET /v1/status</c>: from memory, whether the primary is there or not.</summary>
    public Task Status(HttpContext context)
    {
        if (Refuse(context) is { } refused) return refused;
        var (caller, primary) = (Caller.Of(context), journal.Heads.Primary);
        var json = new JsonText()
            .Raw("{\"node\":"u8).Text(Environment.MachineName)
            .Raw(",\"version\":"u8).Text(Version)
            .Raw(",\"started_at\":"u8).Time(startedAt)
            .Raw(",\"incarnation\":"u8);
        if (primary is null) json.Raw("null"u8);
        else json.Id(primary.Cluster.Incarnation);
        json.Raw(",\"orgs\":["u8);
        TimeSpan? checkedAgo = null;
        foreach (var (index, org) in journal.Orgs.Where(org => org.State.Name is not null && (caller.Principal.IsRoot || org.Org == caller.Org)).OrderBy(org => org.Org.Value).Index())
        {
            if (index > 0) json.Raw(","u8);
            Org(json, org);
            if (checkedAgo is null || org.ConfirmedAgo < checkedAgo) checkedAgo = org.ConfirmedAgo;
        }
        json.Raw("],\"primary\":{\"reachable\":"u8).Boolean(journal.Heads.AnsweredWithin(Reachable))
            .Raw(",\"checked_ms_ago\":"u8);
        if (checkedAgo is null) json.Raw("null"u8);
        else json.Number((long)checkedAgo.Value.TotalMilliseconds);
        json.Raw(",\"clock_skew_ms\":"u8);
        if (primary is null) json.Raw("null"u8);
        else json.Number((long)primary.Skew.TotalMilliseconds);
        return Answer.Send(context, json.Raw("}}"u8));
    }

    static void Org(JsonText json, OrgJournal org)
    {
        var state = org.State;
        long keys = 0;
        foreach (var environment in state.Environments) keys += environment.Configs.Count;
        json.Raw("{\"name\":"u8).Text(state.Name)
            .Raw(",\"revision\":"u8).Number(state.Revision)
            .Raw(",\"cursor\":"u8).Text(state.Place.CursorText)
            .Raw(",\"keys\":"u8).Number(keys)
            .Raw("}"u8);
    }

    static Task? Refuse(HttpContext context)
    {
        List<Problem>? problems = null;
        RequestParameters.Parse(context.Request, Parameter.None, ref problems);
        return problems is null ? null : HttpProblems.Write(context, Fault.Invalid(problems));
    }
}
