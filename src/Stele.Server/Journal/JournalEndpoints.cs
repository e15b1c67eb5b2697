using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Server.Gateway;

namespace Stele.Server.Journal;

/// <summary>The raw journal of an org.</summary>
internal sealed class JournalEndpoints(JournalNode journal, JournalQueries queries)
{
    /// <summary><c>GET /v1/events</c></summary>
    public async Task Events(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, Parameter.AfterRevision | Parameter.Page | Parameter.Read, ref problems);
        var scope = $"{parameters.AfterRevision}";
        PageCursor cursor = default;
        if (parameters.Cursor is { } text && PageCursor.TryParse(text, out cursor, "events", scope) is { } mismatch) (problems ??= []).Add(mismatch);
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
        var state = snapshot.State;
        var after = parameters.Cursor is null ? parameters.AfterRevision ?? 0 : cursor.Revision;
        fault = Authorisation.Check(state.Access, caller.Principal, Permission.JournalRead, null, null);
        if (fault is null && after > state.Revision)
            fault = Fault.Invalid(Problem.Query("after_revision", "revision.future", $"Revision {after} is not there yet; the last is {state.Revision}."));
        if (fault is not null)
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var page = after == state.Revision ? new EventPage([], 0) : await queries.Events(state.Org, after, state.Revision, parameters.Limit, context.RequestAborted);
        if (after < page.Floor)
        {
            await HttpProblems.Write(context, Fault.BelowFloor(after + 1, page.Floor, Problem.Query(parameters.Cursor is null ? "after_revision" : "cursor", "", "")));
            return;
        }
        var rows = page.Rows;
        var json = new JsonText(64 + 512 * rows.Count).Raw("{\"items\":["u8);
        var rights = state.Access.RightsOf(caller.Principal);
        var any = false;
        foreach (var row in rows)
        {
            if (!StreamSubject.IsVisible(rights, row.Stream)) continue;
            if (any) json.Raw(","u8);
            any = true;
            Write(json, row);
        }
        json.Raw("]"u8);
        if (rows.Count > 0 && rows[^1].Revision < state.Revision)
            json.Raw(",\"next_cursor\":"u8).Text(new PageCursor(rows[^1].Revision, 0, "").Encode("events", scope));
        Answer.Place(context.Response, snapshot, parameters.Consistency);
        await Answer.Send(context, json.Raw("}"u8));
    }

    static void Write(JsonText json, EventRow row) =>
        json.Raw("{\"revision\":"u8).Number(row.Revision)
            .Raw(",\"ordinal\":"u8).Number(row.Ordinal)
            .Raw(",\"event_id\":"u8).Id(row.EventId)
            .Raw(",\"stream\":"u8).Text(row.Stream)
            .Raw(",\"stream_version\":"u8).Number(row.StreamVersion)
            .Raw(",\"type\":"u8).Text(row.Type)
            .Raw(",\"data\":"u8).Raw(row.Data ?? "null"u8)
            .Raw(row.Data is null ? ",\"redacted\":true"u8 : ""u8)
            .Raw(",\"actor\":"u8).Text(row.Actor)
            .Raw(",\"reason\":"u8).Text(row.Reason)
            .Raw(",\"at\":"u8).Time(row.At)
            .Raw(",\"request_id\":"u8).Id(row.RequestId)
            .Raw("}"u8);
}
