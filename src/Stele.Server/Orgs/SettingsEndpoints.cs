using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Orgs;

/// <summary>The settings of an org.</summary>
internal sealed class SettingsEndpoints(JournalNode journal)
{
    /// <summary><c>GET /v1/settings</c></summary>
    public async Task Get(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, Parameter.Read, ref problems);
        if (problems is not null)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        var caller = Caller.Of(context);
        if (!(await journal.Read(caller.Org, parameters.Reading, CancellationToken.None)).TryGet(out var snapshot, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        if (Authorisation.Check(snapshot.State.Access, caller.Principal, Permission.OrgRead, null, null) is { } forbidden)
        {
            await HttpProblems.Write(context, forbidden);
            return;
        }
        Answer.Place(context.Response, snapshot, parameters.Consistency);
        await Answer.Send(context, OrgJson.Settings(new JsonText(), snapshot.State.Settings!, snapshot.State.Version, snapshot.State.Revision));
    }

    /// <summary><c>PATCH /v1/settings</c></summary>
    public async Task Change(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.None)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var body = SettingsBody.Parse(request.Body, request.Problems);
            if (request.Refused is { } refused)
            {
                await HttpProblems.Write(context, refused);
                return;
            }
            var caller = request.Caller;
            var command = new ChangeSettings(caller.Principal, caller.RequestId, body.ChangeLog)
            {
                DefaultEnvironment = body.DefaultEnvironment, Protected = body.Protected, Limits = body.Limits, ExpectedVersion = body.ExpectedVersion,
            };
            if (!(await journal.Append(caller.Org, command, request.Idempotency, CancellationToken.None)).TryGet(out var applied, out fault))
            {
                await HttpProblems.Write(context, fault);
                return;
            }
            // from the revision that was written: a retry is answered as the first try was
            var place = applied.Record is { } record ? new JournalPlace(record.Revision, record.Chain) : applied.State.Place;
            var (settings, version) = applied.Record?.Events[0].Payload is OrgSettingsChanged changed ? (changed.Settings, changed.Version) : (applied.State.Settings!, applied.State.Version);
            Answer.Place(context.Response, place);
            await Answer.Send(context, OrgJson.Settings(new JsonText(), settings, version, place.Revision));
        }
    }
}
