using System.Globalization;
using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Secrets;
using Stele.Server.Configs;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Secrets;

/// <summary>Reads: a value, what is known of secrets, their versions.</summary>
internal sealed class SecretEndpoints(JournalNode journal, SecretQueries queries, SecretReads secrets, SecretRecords records, TimeProvider time)
{
    /// <summary><c>GET /v1/secrets/{path}</c></summary>
    public async Task Get(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, Parameter.Env | Parameter.Read | Parameter.Version | Parameter.Value, ref problems);
        var path = RoutePath(context, ref problems);
        if (problems is not null)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        var caller = Caller.Of(context);
        if (!(await journal.Read(caller.Org, parameters.Reading, context.RequestAborted)).TryGet(out var snapshot, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var name = parameters.Env?.Text ?? snapshot.State.DefaultEnvironment;
        var forbidden = parameters.NoValue ? MaySee(snapshot.State, caller.Principal, name, path.Text) : Authorisation.Check(snapshot.State.Access, caller.Principal, Permission.SecretRead, name, path.Text);
        if (forbidden is not null)
        {
            await HttpProblems.Write(context, parameters.NoValue ? forbidden : (await records.Read(context, name ?? "", path.Text, parameters.Version, forbidden, context.RequestAborted))!);
            return;
        }
        if (!(await Find(snapshot.State, parameters, path, context.RequestAborted)).TryGet(out var found, out fault))
        {
            Answer.Place(context.Response, snapshot, parameters.Consistency);
            await HttpProblems.Write(context, parameters.NoValue || name is null ? fault : (await records.Read(context, name, path.Text, parameters.Version, fault, context.RequestAborted))!);
            return;
        }
        Answer.Place(context.Response, snapshot, parameters.Consistency);
        await Show(context, snapshot.State, found.Environment, found.Entry, parameters);
    }

    async Task Show(HttpContext context, OrgState state, EnvironmentState environment, SecretEntry entry, RequestParameters parameters)
    {
        var tag = EntityTag.Of(entry.Version, state.Incarnation);
        var now = Timestamp.From(time.GetUtcNow());
        // what has ended or was destroyed is not confirmed to who still has it
        if (context.Request.Headers.IfNoneMatch is { Count: > 0 } noneMatch && tag.IsIn(noneMatch) && (parameters.NoValue || secrets.Refused(environment.Name, entry) is null))
        {
            context.Response.Headers.ETag = tag.ToString();
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }
        if (parameters.NoValue)
        {
            context.Response.Headers.ETag = tag.ToString();
            await Answer.Send(context, SecretJson.Open(new JsonText(), environment.Name, entry, now).Raw("}"u8));
            return;
        }
        if (!(await secrets.Open(context, state, environment.Name, entry, null)).TryGet(out var value, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        context.Response.Headers.ETag = tag.ToString();
        using (value) await SecretAnswer.Send(context, SecretJson.Open(new JsonText(), environment.Name, entry, now), value, entry.IsText);
    }

    /// <summary>The secret, or the version of it, that a request names.</summary>
    async ValueTask<Outcome<(EnvironmentState Environment, SecretEntry Entry)>> Find(OrgState state, RequestParameters parameters, SecretPath path, CancellationToken cancellation)
    {
        if (!ConfigView.Environment(state, parameters.Env?.Text).TryGet(out var environment, out var fault)) return fault;
        return (await secrets.Find(state.Org, environment, path.Text, parameters.Version, evenDeleted: parameters.NoValue, cancellation)).TryGet(out var entry, out fault) ? (environment, entry) : fault;
    }

    /// <summary><c>GET /v1/secrets</c></summary>
    public async Task List(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, Parameter.Env | Parameter.Read | Parameter.Prefix | Parameter.Page | Parameter.Status, ref problems);
        if (parameters.Status is { } status && !SecretJson.Statuses.Contains(status))
            (problems ??= []).Add(Problem.Query("status", "status.value", $"status is one of {string.Join(", ", SecretJson.Statuses)}."));
        if (problems is not null)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        var caller = Caller.Of(context);
        if (!(await journal.Read(caller.Org, parameters.Reading, context.RequestAborted)).TryGet(out var snapshot, out var fault)
            || (fault = MaySee(snapshot.State, caller.Principal, parameters.Env?.Text ?? snapshot.State.DefaultEnvironment, null)) is not null
            || !ConfigView.Environment(snapshot.State, parameters.Env?.Text).TryGet(out var environment, out fault)
            || !Page(snapshot.State, caller.Principal, environment, parameters).TryGet(out var json, out fault))
        {
            await HttpProblems.Write(context, fault!);
            return;
        }
        Answer.Place(context.Response, snapshot, parameters.Consistency);
        await Answer.Send(context, json);
    }

    Outcome<JsonText> Page(OrgState state, Principal principal, EnvironmentState environment, RequestParameters parameters)
    {
        var prefix = parameters.Prefix ?? "";
        string[] scope = ["secrets", environment.Name, prefix, parameters.Status ?? ""];
        PageCursor cursor = default;
        if (parameters.Cursor is { } text && PageCursor.TryParse(text, out cursor, scope) is { } problem) return Fault.Invalid(problem);
        var (rights, now) = (state.Access.RightsOf(principal), Timestamp.From(time.GetUtcNow()));
        var json = new JsonText().Raw("{\"items\":["u8);
        var (count, last, more) = (0, "", false);
        foreach (var entry in parameters.Cursor is null ? environment.Secrets.Items.StartingWith(prefix) : environment.Secrets.Items.StartingWith(prefix, cursor.After))
        {
            if (parameters.Status is { } status ? SecretJson.StatusOf(entry, now) != status : entry.IsDeleted) continue;
            if (!rights.Allows(Permission.SecretRead, environment.Name, entry.Path) && !rights.Allows(Permission.SecretWrite, environment.Name, entry.Path)) continue;
            more = count == parameters.Limit;
            if (more) break;
            if (count++ > 0) json.Raw(","u8);
            SecretJson.Open(json, environment.Name, entry, now).Raw("}"u8);
            last = entry.Path;
        }
        json.Raw("],\"revision\":"u8).Number(state.Revision);
        if (more) json.Raw(",\"next_cursor\":"u8).Text(new PageCursor(state.Revision, 0, last).Encode(scope));
        return json.Raw("}"u8);
    }

    /// <summary><c>GET /v1/secrets/{path}/history</c></summary>
    public async Task History(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, Parameter.Env | Parameter.Read | Parameter.Page, ref problems);
        var path = RoutePath(context, ref problems);
        if (problems is not null)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        var caller = Caller.Of(context);
        var read = await journal.Read(caller.Org, parameters.Reading, context.RequestAborted);
        if (!read.TryGet(out var snapshot, out var fault) || (fault = MaySee(snapshot.State, caller.Principal, parameters.Env?.Text ?? snapshot.State.DefaultEnvironment, path.Text)) is not null
            || !ConfigView.Environment(snapshot.State, parameters.Env?.Text).TryGet(out var environment, out fault))
        {
            await HttpProblems.Write(context, fault!);
            return;
        }
        PageCursor cursor = default;
        string[] scope = ["secret_history", environment.Name, path.Text];
        fault = environment.Secrets.Ever(path.Text) is not { } entry ? SecretDecider.Unknown(path.Text, environment.Name)
            : parameters.Cursor is { } text && PageCursor.TryParse(text, out cursor, scope) is { } problem ? Fault.Invalid(problem) : null;
        if (fault is not null)
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var below = parameters.Cursor is not null && int.TryParse(cursor.After, NumberStyles.None, CultureInfo.InvariantCulture, out var after) ? after : int.MaxValue;
        var versions = await queries.History(snapshot.State.Org, environment.Name, path.Text, below, parameters.Limit + 1, context.RequestAborted);
        var (count, now) = (Math.Min(versions.Count, parameters.Limit), Timestamp.From(time.GetUtcNow()));
        var json = new JsonText().Raw("{\"items\":["u8);
        for (var i = 0; i < count; i++) SecretJson.Version(i > 0 ? json.Raw(","u8) : json, environment.Name, versions[i], now);
        json.Raw("]"u8);
        if (versions.Count > count)
            json.Raw(",\"next_cursor\":"u8).Text(new PageCursor(snapshot.State.Revision, 0, versions[count - 1].Entry.Version.ToString(CultureInfo.InvariantCulture)).Encode(scope));
        Answer.Place(context.Response, snapshot, parameters.Consistency);
        await Answer.Send(context, json.Raw("}"u8));
    }

    /// <summary>The secret that the path names; its problem joins the others.</summary>
    public static SecretPath RoutePath(HttpContext context, ref List<Problem>? problems)
    {
        if (!SecretPath.TryParse(SlashedNames.Of(context, "path"), out var path, out var rule, out var message)) (problems ??= []).Add(Problem.Path("path", rule, message));
        return path;
    }

    /// <summary>The refusal of what is known of a secret to who may neither read nor write it; null: he may see it. Without a path: of all in an environment.</summary>
    public static Fault? MaySee(OrgState state, Principal principal, string? environment, string? path)
    {
        var read = Check(Permission.SecretRead);
        return read is null ? null : Check(Permission.SecretWrite) is null ? null : read;

        Fault? Check(Permission permission) => path is null ? Authorisation.CheckSome(state.Access, principal, permission, environment) : Authorisation.Check(state.Access, principal, permission, environment, path);
    }
}
