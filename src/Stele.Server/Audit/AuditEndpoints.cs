using System.Text;
using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Audit;

/// <summary>Journal and audit log as one.</summary>
internal sealed class AuditEndpoints(JournalNode journal, AuditQueries queries, AuditTrail trail, RequestRecords records)
{
    const int ExportRows = AuditQueries.Window;

    /// <summary><c>GET /v1/audit</c>: a page, or with format=jsonl or csv all of it.</summary>
    public async Task List(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, AuditParameters.Allowed, ref problems);
        var asked = AuditParameters.Parse(context.Request, parameters, ref problems);
        AuditPlace? place = null;
        if (parameters.Cursor is { } text && asked.Format == AuditFormat.Json)
        {
            place = AuditPlace.Decode(text, asked.Query, asked.IsOldestFirst, out var mismatch);
            if (mismatch is not null) (problems ??= []).Add(mismatch);
        }
        var caller = Caller.Of(context);
        var fault = problems is null ? null : Fault.Invalid(problems);
        Snapshot snapshot = default;
        if (fault is null && (await journal.Read(caller.Org, parameters.Reading, CancellationToken.None)).TryGet(out snapshot, out fault)) fault = Refused(snapshot, caller, asked);
        if (fault is not null)
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var org = asked.IsInstallation ? AuditEntry.Installation : caller.Org;
        // so that who did something on this node finds it here
        await trail.Flush(org, context.RequestAborted);
        var bounds = await queries.Bounds(org, asked.IsInstallation ? 0 : snapshot.State.Revision, asked.From, asked.To, context.RequestAborted);
        if (Gone(asked, bounds.Floor) is { } gone)
        {
            await HttpProblems.Write(context, gone);
            return;
        }
        if (asked.Format == AuditFormat.Json) trail.Repeat(org, Entry(context, caller, asked, AuditActions.AuditRead), isSample: false);
        if (asked.Format == AuditFormat.Json) await Page(context, new AuditReading(queries, org, asked, bounds, place, Math.Min(AuditQueries.Window, parameters.Limit)), asked, bounds, snapshot, parameters, isFirst: place is null);
        else await Export(context, new AuditReading(queries, org, asked, bounds, null, ExportRows), asked, bounds, snapshot, parameters, org);
    }

    // an environment that is not there may have been: its past is asked for like any other
    static Fault? Refused(Snapshot snapshot, Caller caller, AuditParameters asked) =>
        Authorisation.Check(snapshot.State.Access, caller.Principal, Permission.AuditRead, null, null)
        ?? (asked.IsInstallation && !caller.Principal.IsRoot ? new Fault(FaultCode.Forbidden, "The log of the installation is for root tokens.") : null);

    /// <summary>Who asks for a time of which something has left must not take what is left for all.</summary>
    static Fault? Gone(AuditParameters asked, AuditFloor floor)
    {
        if (asked.From is not { } from) return null;
        var (isArchived, isDropped) = (asked.HasJournal && floor.Revision > 0 && from <= floor.RevisionAt, asked.HasEntries && floor.Sequence > 0 && from < floor.SequenceAt);
        if (!isArchived && !isDropped) return null;
        var message = (isArchived ? $"Events up to {floor.RevisionAt} (revision {floor.Revision}) are archived. " : "") + (isDropped ? $"Entries before {floor.SequenceAt} were dropped by retention. " : "")
            + "Ask for what is later, or leave from out and take what is there.";
        return new Fault(FaultCode.Gone, message, [Problem.Query("from", "from.gone", message)]) { Floor = isArchived ? floor.Revision : null };
    }

    static async Task Page(HttpContext context, AuditReading reading, AuditParameters asked, AuditBounds bounds, Snapshot snapshot, RequestParameters parameters, bool isFirst)
    {
        var (rows, isEnd) = await reading.Next(parameters.Limit, (int)SteleLimits.AuditScanWindows.Value, context.RequestAborted);
        var json = new JsonText(64 + 384 * rows.Count).Raw("{\"items\":["u8);
        foreach (var (index, row) in rows.Index())
        {
            if (index > 0) json.Raw(","u8);
            AuditRows.Write(json, row);
        }
        json.Raw("]"u8);
        if (!isEnd) json.Raw(",\"next_cursor\":"u8).Text(reading.Place.Encode(asked.Query, asked.IsOldestFirst));
        // what comes after this answer, oldest first: how a follower goes on
        if (asked.IsOldestFirst ? isEnd : isFirst) json.Raw(",\"resume_cursor\":"u8).Text((asked.IsOldestFirst ? reading.Place : reading.End).Encode(asked.Query, isOldestFirst: true));
        if (bounds.Floor is { Revision: > 0 } or { Sequence: > 0 })
            json.Raw(",\"floor\":{\"revision\":"u8).Number(bounds.Floor.Revision).Raw(",\"sequence\":"u8).Number(bounds.Floor.Sequence).Raw("}"u8);
        if (!asked.IsInstallation) Answer.Place(context.Response, snapshot, parameters.Consistency);
        await Answer.Send(context, json.Raw("}"u8));
    }

    async Task Export(HttpContext context, AuditReading reading, AuditParameters asked, AuditBounds bounds, Snapshot snapshot, RequestParameters parameters, OrgId org)
    {
        // it is on record before the first line leaves
        if (await trail.Require(org, Entry(context, Caller.Of(context), asked, AuditActions.AuditExported), context.RequestAborted) is { } unwritten)
        {
            await HttpProblems.Write(context, unwritten);
            return;
        }
        var response = context.Response;
        response.ContentType = asked.Format == AuditFormat.Csv ? "text/csv; charset=utf-8" : "application/jsonl";
        if (!asked.IsInstallation) Answer.Place(response, snapshot, parameters.Consistency);
        if (bounds.Floor.Revision > 0) response.Headers[FloorHeader] = bounds.Floor.Revision.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var csv = new StringBuilder(AuditRows.CsvHeader);
        using var json = new JsonText(256 << 10);
        for (var isEnd = false; !isEnd;)
        {
            (var rows, isEnd) = await reading.Next(ExportRows, int.MaxValue, context.RequestAborted);
            foreach (var row in rows)
            {
                if (asked.Format == AuditFormat.Csv) AuditRows.Write(csv, row);
                else AuditRows.Write(json, row);
                if (asked.Format == AuditFormat.JsonLines) json.Raw("\n"u8);
            }
            // waits for a reader who is slower than the database
            await response.BodyWriter.WriteAsync(asked.Format == AuditFormat.Csv ? Encoding.UTF8.GetBytes(csv.ToString()) : json.Memory, context.RequestAborted);
            csv.Clear();
            json.Clear();
        }
    }

    AuditEntry Entry(HttpContext context, Caller caller, AuditParameters asked, string action) => new()
    {
        Action = action, Actor = caller.Principal.ActorId, RequestId = caller.RequestId, Target = "audit", Environment = asked.Environment is { Length: > 0 } named ? named : null,
        Address = records.AddressOf(context), Detail = action == AuditActions.AuditExported ? context.Request.QueryString.Value : null,
    };

    const string FloorHeader = "Stele-Floor";
}
