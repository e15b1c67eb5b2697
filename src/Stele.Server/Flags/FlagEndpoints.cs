using System.Globalization;
using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Limits;
using Stele.Server.Journal;
using Stele.Server.Configs;
using Stele.Server.Gateway;

namespace Stele.Server.Flags;

/// <summary>Reads: a flag, lists, a flag's history; now and in the past.</summary>
internal sealed class FlagEndpoints(ConfigView view, FlagQueries queries, FlagPast past, FlagUseQueries uses)
{
    const Parameter GetParameters = Parameter.Env | Parameter.Read | Parameter.Version | Parameter.Revision | Parameter.At;
    const Parameter ListParameters = Parameter.Env | Parameter.Read | Parameter.Revision | Parameter.At | Parameter.Prefix | Parameter.Archived | Parameter.Stale | Parameter.Days | Parameter.Page;
    const Parameter HistoryParameters = Parameter.Env | Parameter.Read | Parameter.Page;

    /// <summary><c>GET /v1/flags/{name}</c></summary>
    public async Task Get(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, GetParameters, ref problems);
        var key = RouteKey(context, ref problems);
        if (problems is not null)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        if (!(await view.Of(context, parameters, Permission.FlagRead, key.Text, "get")).TryGet(out var shown, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var environment = shown.Environment;
        FlagEntry? found = null;
        if (environment.Flags.LastVersion(key.Text) > 0)
            found = parameters.Version is not { } version ? (await past.At(shown.State, environment, shown.Place.Revision, context.RequestAborted)).Item(key.Text)
                : environment.Flags.Item(key.Text) is { } entry && entry.Version == version ? entry
                : (await queries.History(shown.State.Org, environment.Name, key.Text, version + 1, 1, context.RequestAborted)).Find(one => one.Version == version);
        shown.PlaceHeaders(context.Response);
        if (found is not { Deleted: false })
        {
            await HttpProblems.Write(context, parameters.Version is { } missing ? NoVersion(key, environment.Name, missing, found) : Unknown(key, environment.Name));
            return;
        }
        var tag = EntityTag.Of(found.Version, shown.State.Incarnation);
        context.Response.Headers.ETag = tag.ToString();
        // who has it still is told that it is gone
        if (!found.Redacted && context.Request.Headers.IfNoneMatch is { Count: > 0 } noneMatch && tag.IsIn(noneMatch))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }
        var json = FlagJson.Open(new JsonText(), environment.Name, found);
        // how it is used is in the database alone: who takes what this node has does not wait for that
        if (parameters is { IsPast: false, Consistency: Consistency.Strong } && found.Kind == FlagItemKind.Flag)
            FlagJson.Use(json, (await uses.Of(shown.State.Org, environment.Name, found.Key, FlagUseQueries.DaysDefault, context.RequestAborted)).Of(found), whole: true);
        await Answer.Send(context, json.Raw("}"u8));
    }

    /// <summary><c>GET /v1/flags</c></summary>
    public async Task List(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, ListParameters, ref problems);
        if (parameters is { Days: not null, Stale: false }) (problems ??= []).Add(Problem.Query("days", "days.stale", "days goes with stale=true."));
        if (parameters.Stale && (parameters.Revision is not null || parameters.At is not null || parameters.Archived))
            (problems ??= []).Add(Problem.Query("stale", "parameter.exclusive", "What is stale is so now: stale goes without revision, at and archived."));
        if (problems is not null)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        var prefix = parameters.Prefix ?? "";
        if (!(await view.Of(context, parameters, Permission.FlagRead, null, "flags", prefix, parameters.Archived ? "archived" : parameters.Stale ? $"stale {parameters.Days}" : "")).TryGet(out var shown, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var flags = await past.At(shown.State, shown.Environment, shown.Place.Revision, context.RequestAborted);
        // of the past it is not told: counts are by day; nor to who takes what this node has: they are in the database alone
        var used = parameters.IsPast || parameters is { Consistency: Consistency.Local, Stale: false } ? null : await uses.Of(shown.State.Org, shown.Environment.Name, null, parameters.Days ?? FlagUseQueries.DaysDefault, context.RequestAborted);
        var json = new JsonText().Raw("{\"items\":["u8);
        var (count, last, more) = (0, "", false);
        foreach (var item in shown.After is { } after ? flags.Items.StartingWith(prefix, after) : flags.Items.StartingWith(prefix))
        {
            if (!IsListed(item, prefix, parameters.Archived) || !shown.Rights.Allows(Permission.FlagRead, shown.Environment.Name, item.Key)) continue;
            var usage = item.Kind == FlagItemKind.Flag ? used?.Of(item) : null;
            if (parameters.Stale && usage is not { Status: FlagStatus.Stale }) continue;
            more = count == parameters.Limit || json.Length > SteleLimits.PageBytes.Value;
            if (more) break;
            if (count++ > 0) json.Raw(","u8);
            FlagJson.Open(json, shown.Environment.Name, item);
            (usage is null ? json : FlagJson.Use(json, usage, parameters.Stale)).Raw("}"u8);
            last = item.Key;
        }
        json.Raw("],\"revision\":"u8).Number(shown.Place.Revision);
        if (more) json.Raw(",\"next_cursor\":"u8).Text(shown.Next(last));
        shown.PlaceHeaders(context.Response);
        await Answer.Send(context, json.Raw("}"u8));
    }

    /// <summary><c>GET /v1/flags/{name}/history</c></summary>
    public async Task History(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, HistoryParameters, ref problems);
        var key = RouteKey(context, ref problems);
        if (problems is not null)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        if (!(await view.Of(context, parameters, Permission.FlagRead, key.Text, "flag_history")).TryGet(out var shown, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var last = shown.Environment.Flags.LastVersion(key.Text);
        if (last == 0)
        {
            await HttpProblems.Write(context, Unknown(key, shown.Environment.Name));
            return;
        }
        var below = shown.After is { } after && int.TryParse(after, NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version : last + 1;
        // one more, for the definition before
        var versions = await queries.History(shown.State.Org, shown.Environment.Name, key.Text, below, parameters.Limit + 1, context.RequestAborted);
        var json = new JsonText().Raw("{\"items\":["u8);
        var count = Math.Min(versions.Count, parameters.Limit);
        for (var i = 0; i < count; i++)
        {
            if (i > 0) json.Raw(","u8);
            FlagJson.Version(json, versions[i], i + 1 < versions.Count ? versions[i + 1] : null);
        }
        json.Raw("]"u8);
        if (versions.Count > count) json.Raw(",\"next_cursor\":"u8).Text(shown.Next(versions[count - 1].Version.ToString(CultureInfo.InvariantCulture)));
        shown.PlaceHeaders(context.Response);
        await Answer.Send(context, json.Raw("}"u8));
    }

    /// <summary>The item that the path names; its problem joins the others.</summary>
    public static FlagKey RouteKey(HttpContext context, ref List<Problem>? problems)
    {
        if (!FlagKey.TryParse(SlashedNames.Of(context, "name"), out var key, out var rule, out var message)) (problems ??= []).Add(Problem.Path("name", rule, message));
        return key;
    }

    /// <summary>The refusal of an item that is not there.</summary>
    public static Fault Unknown(FlagKey key, string environment)
    {
        var message = $"{key} does not exist in {environment}.";
        return new Fault(FaultCode.NotFound, message, [Problem.Path("name", "flag.unknown", message)]);
    }

    // what is no flag is listed for who asks for it
    static bool IsListed(FlagEntry item, string prefix, bool archived) =>
        item.Archived == archived && (item.Kind == FlagItemKind.Flag || prefix.StartsWith('$'));

    static Fault NoVersion(FlagKey key, string environment, int version, FlagEntry? found)
    {
        var message = found is null ? $"{key} has no version {version} in {environment}." : $"Version {version} of {key} in {environment} is its deletion.";
        return new Fault(FaultCode.NotFound, message, [Problem.Query("version", found is null ? "version.unknown" : "version.deleted", message)]);
    }
}
