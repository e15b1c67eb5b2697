using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Access;

/// <summary>What the endpoints of access share: a page of a list, one item, the answer to a write; and how things are written.</summary>
internal static class AccessView
{
    /// <summary>A strong or local read, allowed or refused, of which the whole answer is made from one state.</summary>
    public static async Task Read(HttpContext context, JournalNode journal, Parameter allowed, Func<OrgState, Principal, Fault?> check, Func<OrgState, RequestParameters, Outcome<JsonText>> show)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, allowed | Parameter.Read, ref problems);
        if (problems is not null)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        var caller = Caller.Of(context);
        if ((await journal.Read(caller.Org, parameters.Reading, CancellationToken.None)).TryGet(out var snapshot, out var fault)
            && (fault = check(snapshot.State, caller.Principal)) is null && show(snapshot.State, parameters).TryGet(out var json, out fault))
        {
            Answer.Place(context.Response, snapshot, parameters.Consistency);
            await Answer.Send(context, json);
            return;
        }
        await HttpProblems.Write(context, fault!);
    }

    /// <summary>A page of items in the order of their keys.</summary>
    public static Outcome<JsonText> Page<T>(OrgState state, RequestParameters parameters, string name, IEnumerable<T> items, Func<T, string> key, Action<JsonText, T> write)
    {
        PageCursor cursor = default;
        if (parameters.Cursor is { } text && PageCursor.TryParse(text, out cursor, name) is { } problem) return Fault.Invalid(problem);
        var after = parameters.Cursor is null ? null : cursor.After;
        var json = new JsonText().Raw("{\"items\":["u8);
        var (count, last, more) = (0, "", false);
        foreach (var item in items)
        {
            if (after is not null && string.CompareOrdinal(key(item), after) <= 0) continue;
            more = count == parameters.Limit;
            if (more) break;
            if (count++ > 0) json.Raw(","u8);
            write(json, item);
            last = key(item);
        }
        json.Raw("],\"revision\":"u8).Number(state.Revision);
        if (more) json.Raw(",\"next_cursor\":"u8).Text(new PageCursor(state.Revision, 0, last).Encode(name));
        return json.Raw("}"u8);
    }

    /// <summary>The answer to a write: made from the revision that it wrote, or, when nothing had to change, from the state.</summary>
    public static Task Written(HttpContext context, Outcome<Applied> outcome, int status, Func<Applied, JsonText?> show)
    {
        if (!outcome.TryGet(out var applied, out var fault)) return HttpProblems.Write(context, fault);
        Answer.Place(context.Response, applied.Record is { } record ? new JournalPlace(record.Revision, record.Chain) : applied.State.Place);
        if (show(applied) is { } json) return Answer.Send(context, json, status);
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    }

    /// <summary>The id in the path; its problem joins the others.</summary>
    public static Guid Id(HttpContext context, List<Problem> problems)
    {
        if (!Guid.TryParseExact((string?)context.Request.RouteValues["id"], "D", out var id)) problems.Add(Problem.Path("id", "id.form", "An id is a UUID."));
        return id;
    }

    public static void Write(JsonText json, Token token, DateTime? usedAt)
    {
        json.Raw("{\"id\":"u8).Id(token.Id).Raw(",\"name\":"u8).Text(token.Name).Raw(",\"owner\":{\"kind\":\""u8).Ascii(TokenOwners.Name(token.Owner)).Raw("\""u8);
        if (token.Owner != TokenOwner.Org) json.Raw(",\"id\":"u8).Id(token.OwnerId);
        Write(json.Raw("},\"scopes\":"u8), token.Scopes);
        if (token.Environment is { } environment) json.Raw(",\"environment\":"u8).Text(environment);
        if (token.ExpiresAt is { } end) json.Raw(",\"expires_at\":"u8).Time(end);
        json.Raw(",\"created_at\":"u8).Time(token.CreatedAt).Raw(",\"created_by\":"u8).Text(token.CreatedBy);
        if (usedAt is { } used) json.Raw(",\"last_used_at\":"u8).Time(Timestamp.From(used));
        json.Raw("}"u8);
    }

    public static void Write(JsonText json, User user)
    {
        json.Raw("{\"id\":"u8).Id(user.Id).Raw(",\"email\":"u8).Text(user.Email).Raw(",\"name\":"u8).Text(user.Name);
        if (user.Identity is { } identity) json.Raw(",\"identity\":{\"issuer\":"u8).Text(identity.Issuer).Raw(",\"id\":"u8).Text(identity.Id).Raw("}"u8);
        Member(json, user.Roles, user.Status, user.Version, user.CreatedAt, user.UpdatedAt);
    }

    public static void Write(JsonText json, ServiceAccount account) =>
        Member(json.Raw("{\"id\":"u8).Id(account.Id).Raw(",\"name\":"u8).Text(account.Name), account.Roles, account.Status, account.Version, account.CreatedAt, account.UpdatedAt);

    public static void Write(JsonText json, Role role)
    {
        Write(json.Raw("{\"name\":"u8).Text(role.Name).Raw(",\"description\":"u8).Text(role.Description).Raw(",\"built_in\":"u8).Boolean(role.IsBuiltIn).Raw(",\"grants\":"u8), role.Grants);
        Write(json.Raw(",\"denies\":"u8), role.Denies);
        json.Raw(",\"version\":"u8).Number(role.Version).Raw("}"u8);
    }

    public static void Write(JsonText json, IReadOnlyList<Grant> grants)
    {
        json.Raw("["u8);
        foreach (var (index, grant) in grants.Index())
        {
            if (index > 0) json.Raw(","u8);
            Write(json, grant);
        }
        json.Raw("]"u8);
    }

    public static void Write(JsonText json, Grant grant) =>
        Place(json.Raw("{\"permission\":\""u8).Ascii(Permissions.Name(grant.Permission)).Raw("\""u8), grant.Environments, grant.Prefix);

    static void Member(JsonText json, IReadOnlyList<RoleBinding> roles, MemberStatus status, int version, Timestamp createdAt, Timestamp updatedAt)
    {
        json.Raw(",\"role\":"u8).Text(roles[0].Role).Raw(",\"roles\":["u8);
        foreach (var (index, binding) in roles.Index())
            Place(json.Raw(index > 0 ? ","u8 : ""u8).Raw("{\"role\":"u8).Text(binding.Role), binding.Environments, binding.Prefix);
        json.Raw("],\"status\":\""u8).Ascii(MemberStatuses.Name(status)).Raw("\",\"version\":"u8).Number(version)
            .Raw(",\"created_at\":"u8).Time(createdAt).Raw(",\"updated_at\":"u8).Time(updatedAt).Raw("}"u8);
    }

    static void Place(JsonText json, IReadOnlyList<string>? environments, string prefix)
    {
        json.Raw(",\"environments\":["u8);
        if (environments is null) json.Text(AccessJson.AllEnvironments);
        else
            foreach (var (index, environment) in environments.Index()) json.Raw(index > 0 ? ","u8 : ""u8).Text(environment);
        json.Raw("],\"prefix\":"u8).Text(prefix).Raw("}"u8);
    }
}
