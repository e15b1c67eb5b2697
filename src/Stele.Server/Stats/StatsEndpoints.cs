using System.Globalization;
using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Server.Database;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Stats;

/// <summary>How much changed, by day.</summary>
internal sealed class StatsEndpoints(JournalNode journal, DatabaseConnections database, TimeProvider time)
{
    const string DayFormat = "yyyy-MM-dd";
    const int DaysDefault = 30;

    /// <summary><c>GET /v1/stats/changes?from=&amp;to=&amp;env=</c>: days are UTC, both included; absent, the last 30.</summary>
    public async Task Changes(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, Parameter.From | Parameter.To | Parameter.Env | Parameter.Page, ref problems);
        var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        var to = Day("to", parameters.To, today, ref problems);
        var from = Day("from", parameters.From, Earlier(to, DaysDefault - 1), ref problems);
        string[] query = ["changes", Text(from), Text(to), parameters.Env?.Text ?? ""];
        var after = After(parameters.Cursor, query, ref problems);
        if (from > to) (problems ??= []).Add(Problem.Query("from", "from.after_to", "from is a day after to."));
        if (problems is not null)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        var caller = Caller.Of(context);
        var read = await journal.Read(caller.Org, new ReadOptions(Consistency.Local, null, null), CancellationToken.None);
        if (read.Fault is { } fault || (fault = Authorisation.Check(read.Value.State.Access, caller.Principal, Permission.JournalRead, null, null)) is not null)
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var (checkpoint, counts) = await StatsQueries.Changes(database.App, caller.Org, from, to, parameters.Env?.Text, after, parameters.Limit + 1, context.RequestAborted);
        await Answer.Send(context, Json(counts, checkpoint, parameters.Limit, query));
    }

    static JsonText Json(IReadOnlyList<ChangeCount> counts, long checkpoint, int limit, string[] query)
    {
        var json = new JsonText().Raw("{\"items\":["u8);
        foreach (var (index, count) in counts.Take(limit).Index())
        {
            if (index > 0) json.Raw(","u8);
            json.Raw("{\"day\":\""u8).Ascii(Text(count.Day)).Raw("\",\"environment\":"u8).Text(count.Environment)
                .Raw(",\"actor\":"u8).Text(count.Actor).Raw(",\"changes\":"u8).Number(count.Changes).Raw("}"u8);
        }
        // the projection is asynchronous: this says up to where it has counted
        json.Raw("],\"revision\":"u8).Number(checkpoint);
        if (counts.Count > limit)
        {
            var last = counts[limit - 1];
            json.Raw(",\"next_cursor\":"u8).Text(new PageCursor(0, 0, $"{Text(last.Day)}\n{last.Environment}\n{last.Actor}").Encode(query));
        }
        return json.Raw("}"u8);
    }

    static ChangeCount? After(string? cursor, string[] query, ref List<Problem>? problems)
    {
        if (cursor is null) return null;
        if (PageCursor.TryParse(cursor, out var page, query) is { } problem) (problems ??= []).Add(problem);
        else if (page.After.Split('\n', 3) is [var day, var environment, var actor] && TryDay(day, out var date)) return new ChangeCount(date, environment, actor, 0);
        return null;
    }

    static DateOnly Day(string name, string? text, DateOnly absent, ref List<Problem>? problems)
    {
        if (text is null) return absent;
        if (TryDay(text, out var day)) return day;
        (problems ??= []).Add(Problem.Query(name, "day", $"{name} is a day such as 2026-01-31."));
        return absent;
    }

    static DateOnly Earlier(DateOnly day, int days) => day.DayNumber < days ? DateOnly.MinValue : day.AddDays(-days);

    static bool TryDay(string text, out DateOnly day) => DateOnly.TryParseExact(text, DayFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out day);

    static string Text(DateOnly day) => day.ToString(DayFormat, CultureInfo.InvariantCulture);
}
