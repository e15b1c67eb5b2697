using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Server.Audit;
using Stele.Server.Gateway;
using Stele.Server.Journal;
using Stele.Server.Limits;

namespace Stele.Server.Access;

/// <summary>Signing in and out, who somebody is, and his own password.</summary>
internal sealed class SessionEndpoints(JournalNode journal, OrgDirectory orgs, SignIn signIn, Sessions sessions, Passwords passwords, HttpLimits limits, AuditTrail trail, RequestRecords records)
{
    static readonly BodyMembers SignInMembers = new(required: ["email", "password"], optional: ["org"]);
    static readonly BodyMembers PasswordMembers = new(required: ["password"], optional: []);
    static readonly BodyMembers OwnPasswordMembers = new(required: ["current_password", "password"], optional: []);

    /// <summary><c>POST /v1/session</c>: the one request besides health that needs no token.</summary>
    public async Task Begin(HttpContext context)
    {
        // nobody has let him in: who tried too often is not read at all
        if (limits.Blocked(context, Credential.Password) is { } blocked)
        {
            await HttpProblems.Write(context, blocked);
            return;
        }
        if (!(await WriteRequest.Read(context, Parameter.None, TrafficLimits.SignInBytes)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var (org, email, password) = ParseSignIn(request.Body, request.Problems);
            if (request.Refused is { } refused)
            {
                await HttpProblems.Write(context, refused);
                return;
            }
            if (!(await orgs.Find(org)).TryGet(out var found, out fault))
            {
                await HttpProblems.Write(context, fault);
                return;
            }
            // no org has number 0: one that is not there takes as long as one that is
            var id = found ?? new OrgId(0);
            if (!(await signIn.Try(id, email, password)).TryGet(out var user, out fault))
            {
                (request.Caller.NotKnown, request.Caller.Concerns) = ("password", found);
                if (fault.Code == FaultCode.Unauthenticated) fault = limits.Failed(context, Credential.Password) ?? fault;
                await HttpProblems.Write(context, fault);
                return;
            }
            var (cookie, expiresAt) = await sessions.Begin(id, user, context.RequestAborted);
            Record(context, id, AuditActions.SessionBegan, Principal.UserActor(user));
            SetCookie(context, cookie, TimeSpan.FromHours(SteleLimits.SessionHours.Value));
            context.Response.Headers.CacheControl = "no-store";
            var json = new JsonText().Raw("{\"actor\":"u8).Text(Principal.UserActor(user)).Raw(",\"org\":"u8).Text(org)
                .Raw(",\"expires_at\":"u8).Time(Timestamp.From(expiresAt)).Raw(",\"csrf_token\":"u8).Text(Sessions.CsrfOf(cookie));
            await Answer.Send(context, json.Raw("}"u8));
        }
    }

    /// <summary><c>GET /v1/session</c>: who asks, however he came in.</summary>
    public Task Get(HttpContext context) => AccessView.Read(context, journal, Parameter.None,
        (state, principal) => state.Access.RightsOf(principal).Status is RightsStatus.Ruled or RightsStatus.Everything ? null : Authorisation.NotKnown,
        (state, _) =>
        {
            var principal = Caller.Of(context).Principal;
            var json = new JsonText().Raw("{\"actor\":"u8).Text(principal.ActorId).Raw(",\"kind\":\""u8).Ascii(KindOf(principal)).Raw("\",\"org\":"u8).Text(state.Name);
            if (principal.Kind == PrincipalKind.User && state.Access.User(principal.Id) is { } user) AccessView.Write(json.Raw(",\"user\":"u8), user);
            if (principal.Kind == PrincipalKind.Token && state.Access.Token(principal.Id) is { } token) AccessView.Write(json.Raw(",\"token\":"u8), token, null);
            if (context.Request.Headers.Authorization.Count == 0 && Sessions.CookieOf(context.Request) is { } cookie) json.Raw(",\"csrf_token\":"u8).Text(Sessions.CsrfOf(cookie));
            context.Response.Headers.CacheControl = "no-store";
            return json.Raw("}"u8);
        });

    /// <summary><c>DELETE /v1/session</c></summary>
    public async Task End(HttpContext context)
    {
        using var request = WriteRequest.WithoutBody(context, Parameter.None);
        if (request.Refused is { } refused)
        {
            await HttpProblems.Write(context, refused);
            return;
        }
        if (context.Request.Headers.Authorization.Count == 0 && Sessions.CookieOf(context.Request) is { } cookie)
        {
            await sessions.End(cookie, context.RequestAborted);
            Record(context, request.Caller.Org, AuditActions.SessionEnded, request.Caller.Principal.ActorId);
        }
        SetCookie(context, "", TimeSpan.Zero);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    /// <summary><c>PUT /v1/session/password</c>: one's own, by the current one. Every session of the user ends, this one too.</summary>
    public Task SetOwnPassword(HttpContext context) => SetPassword(context, OwnPasswordMembers, async (request, current) =>
        request.Caller.Principal is not { Kind: PrincipalKind.User } principal
            ? new Fault(FaultCode.Forbidden, "Only who is signed in as a user has a password of his own.")
            : (await signIn.Try(request.Caller.Org, principal.Id, current)).TryGet(out var user, out var fault) ? user : fault);

    /// <summary><c>PUT /v1/users/{id}/password</c></summary>
    public Task SetUserPassword(HttpContext context) => SetPassword(context, PasswordMembers, (request, _) =>
    {
        var id = AccessView.Id(context, request.Problems);
        return Task.FromResult<Outcome<Guid>>(request.Refused is { } refused ? refused : id);
    });

    async Task SetPassword(HttpContext context, BodyMembers members, Func<WriteRequest, string, Task<Outcome<Guid>>> find)
    {
        if (!(await WriteRequest.Read(context, Parameter.None)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var (current, password) = ParsePassword(request.Body, members, request.Problems);
            fault = request.Refused;
            if (fault is null && (await find(request, current)).TryGet(out var user, out fault))
            {
                if (await passwords.Hash(password) is { } verifier)
                {
                    // no idempotency key: its fingerprint would be a fast hash of the password, and twice does no harm
                    var command = new SetPassword(request.Caller.Principal, request.Caller.RequestId, user, verifier);
                    await AccessView.Written(context, await journal.Append(request.Caller.Org, command, null, CancellationToken.None), StatusCodes.Status204NoContent, _ => null);
                    return;
                }
                fault = Fault.Unavailable("Too many passwords are worked on at once; nothing was written.");
            }
            await HttpProblems.Write(context, fault!);
        }
    }

    void Record(HttpContext context, OrgId org, string action, string actor) =>
        trail.Record(org, new AuditEntry { Action = action, Actor = actor, RequestId = Caller.Of(context).RequestId, Address = records.AddressOf(context) });

    static void SetCookie(HttpContext context, string value, TimeSpan age) => context.Response.Cookies.Append(Sessions.CookieName, value,
        new CookieOptions { HttpOnly = true, SameSite = SameSiteMode.Strict, Secure = context.Request.IsHttps, Path = "/", MaxAge = age, IsEssential = true });

    static string KindOf(Principal principal) => principal.Kind switch
    {
        PrincipalKind.Root => "root",
        PrincipalKind.User => "user",
        PrincipalKind.ServiceAccount => "service_account",
        PrincipalKind.Token => "token",
        _ => "external",
    };

    static (string Org, string Email, string Password) ParseSignIn(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        var (org, email, password) = (OrgDirectory.DefaultName, "", "");
        var body = new JsonBody(utf8, SignInMembers, problems);
        while (body.NextMember(out var member))
        {
            var text = body.ReadString() ?? "";
            // what no user can have is wrong like any other: only its length is bounded
            if (text.Length > 512) body.Refuse("text.length", "This is longer than any that there is.");
            else if (member == "org") org = text;
            else if (member == "email") email = text;
            else password = text;
        }
        return (org, email, password);
    }

    static (string Current, string Password) ParsePassword(ReadOnlySpan<byte> utf8, BodyMembers members, List<Problem> problems)
    {
        var (current, password) = ("", "");
        var body = new JsonBody(utf8, members, problems);
        while (body.NextMember(out var member))
            if (member == "current_password") current = body.ReadString() ?? "";
            else if (body.ReadString() is { } text)
            {
                password = text;
                if (AccessText.PasswordProblem(text, null) is var (rule, message)) body.Refuse(rule, message);
            }
        return (current, password);
    }
}
