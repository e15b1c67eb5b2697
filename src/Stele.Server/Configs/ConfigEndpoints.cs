using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Core.Secrets;
using Stele.Server.Gateway;
using Stele.Server.Journal;
using Stele.Server.Watch;

namespace Stele.Server.Configs;

/// <summary>Reads: a key, lists, a key's history; now and in the past.</summary>
internal sealed class ConfigEndpoints(JournalNode journal, ConfigView view, ConfigQueries queries, ConfigValues values, ConfigReferences references, KeyWait waits)
{
    const Parameter GetParameters = Parameter.Env | Parameter.Read | Parameter.Version | Parameter.Revision | Parameter.At
        | Parameter.Wait | Parameter.AfterCursor | Parameter.Resolve;
    const Parameter ListParameters = Parameter.Env | Parameter.Read | Parameter.Revision | Parameter.At | Parameter.Prefix | Parameter.KeysOnly | Parameter.Page;
    const Parameter HistoryParameters = Parameter.Env | Parameter.Read | Parameter.Page;

    /// <summary><c>GET /v1/config/{key}</c></summary>
    public Task Get(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, GetParameters, ref problems);
        var key = RouteKey(context, ref problems);
        if (parameters.Watch is { } watch && WrongWait(watch, parameters) is { } wrong) (problems ??= []).Add(wrong);
        if (problems is not null) return HttpProblems.Write(context, Fault.Invalid(problems));
        if (parameters.Watch is not null) return Wait(context, key, parameters);
        if (parameters.IsPast) return GetPast(context, key, parameters);
        // not the request's token, whose source would be one more allocation: a head check has a bound of its own
        var caller = Caller.Of(context);
        var read = journal.ReadKey(caller.Org, caller.Principal, parameters.Reading, parameters.Env?.Text, key.Text, CancellationToken.None);
        return read.IsCompletedSuccessfully
            ? Current(context, key, parameters.Env, parameters.Consistency, parameters.Resolving, read.Result)
            : Await(context, key, parameters.Env, parameters.Consistency, parameters.Resolving, read);

        async Task Await(HttpContext context, ConfigKey key, EnvironmentName? env, Consistency consistency, Resolving resolving, ValueTask<Outcome<Snapshot>> read) =>
            await Current(context, key, env, consistency, resolving, await read);
    }

    // the long poll: the current value when it changes, 304 when it does not
    async Task Wait(HttpContext context, ConfigKey key, RequestParameters parameters)
    {
        if (!(await waits.Wait(context, key, parameters)).TryGet(out var waited, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        if (waited.Changed)
        {
            var reading = parameters.Reading with { MinCursor = waited.At };
            await Current(context, key, parameters.Env, parameters.Consistency, parameters.Resolving, await journal.ReadKey(Caller.Of(context).Org, Caller.Of(context).Principal, reading, parameters.Env?.Text, key.Text, CancellationToken.None));
            return;
        }
        if ((waited.At ?? parameters.Watch!.AfterCursor) is { } cursor) Answer.Place(context.Response, cursor);
        context.Response.StatusCode = StatusCodes.Status304NotModified;
    }

    static Problem? WrongWait(WatchParameters watch, RequestParameters parameters) =>
        watch.Wait is null ? Problem.Query("after_cursor", "after_cursor.wait", "after_cursor goes with wait.")
        : parameters.IsPast ? Problem.Query("wait", "parameter.exclusive", "The past does not change: wait goes without version, revision and at.")
        : null;

    /// <summary><c>GET /v1/config</c></summary>
    public async Task List(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, ListParameters, ref problems);
        if (problems is not null)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        if (!(await view.Of(context, parameters, null, "list", parameters.Prefix ?? "", parameters.KeysOnly ? "keys" : "values")).TryGet(out var shown, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var page = new List<ConfigVersion>();
        long bytes = 0;
        var more = false;
        await foreach (var version in Entries(shown, parameters, context.RequestAborted))
        {
            more = page.Count == parameters.Limit || bytes > SteleLimits.PageBytes.Value;
            if (more) break;
            page.Add(version);
            if (!parameters.KeysOnly) bytes += version.Entry.ValueBytes;
        }
        if (!parameters.KeysOnly && (await values.Whole(shown.State.Org, shown.Environment.Name, page, context.RequestAborted)).Fault is { } unread)
        {
            await HttpProblems.Write(context, unread);
            return;
        }
        var json = new JsonText((int)bytes + 256 * page.Count + 256).Raw("{\"items\":["u8);
        foreach (var (index, version) in page.Index())
        {
            if (index > 0) json.Raw(","u8);
            if (parameters.KeysOnly) ConfigJson.Key(json, version.Entry);
            else ConfigJson.Entry(json, shown.Environment.Name, version.Entry, version.Redacted);
        }
        json.Raw("],\"revision\":"u8).Number(shown.Place.Revision);
        if (more) json.Raw(",\"next_cursor\":"u8).Text(shown.Next(page[^1].Entry.Key));
        shown.PlaceHeaders(context.Response);
        await Answer.Send(context, json.Raw("}"u8));
    }

    /// <summary><c>GET /v1/config/{key}/history</c></summary>
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
        if (!(await view.Of(context, parameters, key.Text, "history")).TryGet(out var shown, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var lastVersion = shown.Environment.LastVersion(key.Text);
        if (lastVersion == 0)
        {
            await HttpProblems.Write(context, ConfigView.UnknownKey(key, shown.Environment.Name));
            return;
        }
        var below = shown.After is { } after && int.TryParse(after, out var version) ? version : lastVersion + 1;
        // one more, for its value before
        var versions = await queries.History(shown.State.Org, shown.Environment.Name, key.Text, below, parameters.Limit + 1, context.RequestAborted);
        shown.PlaceHeaders(context.Response);
        await Answer.Send(context, HistoryJson(versions, parameters.Limit, shown));
    }

    static JsonText HistoryJson(List<ConfigVersion> versions, int limit, ConfigView.Shown shown)
    {
        var json = new JsonText().Raw("{\"items\":["u8);
        // the last row has its predecessor only if it is the first version
        var whole = versions is [.., { Entry.Version: 1 }] ? versions.Count : versions.Count - 1;
        var count = Math.Min(whole, limit);
        for (var i = 0; i < count; i++)
        {
            if (i > 0) json.Raw(","u8);
            ConfigJson.Version(json, versions[i], i + 1 < versions.Count ? versions[i + 1].Entry.Value : null);
        }
        json.Raw("]"u8);
        if (count > 0 && versions[count - 1].Entry.Version is var last and > 1)
            json.Raw(",\"next_cursor\":"u8).Text(shown.Next(last.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        return json.Raw("}"u8);
    }

    /// <summary>The key of the path; its problem joins the others.</summary>
    public static ConfigKey RouteKey(HttpContext context, ref List<Problem>? problems)
    {
        // the server decodes the path but for %2F, which no key may hold in either form
        if (!ConfigKey.TryParse((string?)context.Request.RouteValues["key"], out var key, out var rule, out var message))
            (problems ??= []).Add(Problem.Path("key", rule, message));
        return key;
    }

    Task Current(HttpContext context, ConfigKey key, EnvironmentName? env, Consistency consistency, Resolving resolving, Outcome<Snapshot> outcome)
    {
        if (!outcome.TryGet(out var snapshot, out var fault)) return HttpProblems.Write(context, fault);
        var state = snapshot.State;
        var name = env?.Text ?? state.DefaultEnvironment;
        if (Authorisation.Check(state.Access, Caller.Of(context).Principal, Permission.ConfigRead, name, key.Text) is { } forbidden) return HttpProblems.Write(context, forbidden);
        if (name is null || state.Environment(name) is not { } environment) return HttpProblems.Write(context, ConfigDecider.UnknownEnvironment(name));
        var response = context.Response;
        Answer.Place(response, snapshot, consistency);
        if (environment.Config(key.Text) is not { } entry) return HttpProblems.Write(context, ConfigView.UnknownKey(key, name));
        if (resolving == Resolving.Not || entry.Value is null || SecretReference.Of(entry.Value) is not { } reference) return Send(context, state, name, entry, environment.Schema(key.Text), redacted: false);
        return resolving == Resolving.Whole || environment.Secrets.Ever(reference.Path) is not null
            ? references.Send(context, state, environment, entry, reference, environment.Schema(key.Text))
            : ReadWhole();

        // an organization that is not in memory was looked at for this key alone
        async Task ReadWhole() => await Current(context, key, env, consistency, Resolving.Whole,
            await journal.Read(Caller.Of(context).Org, new ReadOptions(consistency, null, state.Place.Cursor), context.RequestAborted));
    }

    Task Send(HttpContext context, OrgState state, string environment, ConfigEntry entry, ConfigSchema? schema, bool redacted)
    {
        // who kept the value under its tag must not be told that it is unchanged
        if (redacted) return Answer.Send(context, ConfigJson.Entry(ConfigJson.For(entry), environment, entry, redacted));
        var tag = EntityTag.Of(entry.Version, state.Incarnation);
        context.Response.Headers.ETag = tag.ToString();
        var ifNoneMatch = context.Request.Headers.IfNoneMatch;
        if (ifNoneMatch.Count > 0 && tag.IsIn(ifNoneMatch))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }
        return entry.Reference is null
            ? Answer.Send(context, ConfigJson.Entry(ConfigJson.For(entry), environment, entry, redacted, schema))
            : SendLarge(context, state, environment, entry, schema);
    }

    async Task SendLarge(HttpContext context, OrgState state, string environment, ConfigEntry entry, ConfigSchema? schema)
    {
        if ((await values.Whole(state.Org, environment, entry, context.RequestAborted)).TryGet(out var whole, out var fault))
        {
            await Answer.Send(context, ConfigJson.Entry(ConfigJson.For(whole), environment, whole, schema: schema));
            return;
        }
        context.Response.Headers.Remove("ETag");
        await HttpProblems.Write(context, fault);
    }

    async Task GetPast(HttpContext context, ConfigKey key, RequestParameters parameters)
    {
        if (!(await view.Of(context, parameters, key.Text, "get")).TryGet(out var shown, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var environment = shown.Environment;
        ConfigVersion? found = null;
        if (environment.LastVersion(key.Text) > 0)
            found = parameters.Version is not { } version ? await queries.At(shown.State, environment, key.Text, shown.Place.Revision, context.RequestAborted)
                : environment.Config(key.Text) is { } entry && version == entry.Version ? new ConfigVersion(entry, false)
                : await queries.Version(shown.State.Org, environment.Name, key.Text, version, context.RequestAborted);
        shown.PlaceHeaders(context.Response);
        if (found is not { Entry.Deleted: false })
            await HttpProblems.Write(context, parameters.Version is { } missing ? NoVersion(key, environment.Name, missing, found) : ConfigView.UnknownKey(key, environment.Name));
        else
        {
            // what memory answered is the current version, and so is its schema
            var isCurrent = environment.Config(key.Text)?.Version == found.Entry.Version;
            await Send(context, shown.State, environment.Name, found.Entry, isCurrent ? environment.Schema(key.Text) : found.Schema, found.Redacted);
        }
    }

    static Fault NoVersion(ConfigKey key, string environment, int version, ConfigVersion? found)
    {
        var message = found is null ? $"{key} has no version {version} in {environment}." : $"Version {version} of {key} in {environment} is its deletion.";
        return new Fault(FaultCode.NotFound, message, [Problem.Query("version", found is null ? "version.unknown" : "version.deleted", message)]);
    }

    IAsyncEnumerable<ConfigVersion> Entries(ConfigView.Shown shown, RequestParameters parameters, CancellationToken cancellation) =>
        shown.Readable(queries.At(shown.State, shown.Environment, parameters.Prefix ?? "", shown.After, shown.Place.Revision, cancellation));
}
