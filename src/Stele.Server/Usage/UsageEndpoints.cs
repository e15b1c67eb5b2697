using System.Globalization;
using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Server.Database;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Usage;

/// <summary>What an org used, by day.</summary>
internal sealed class UsageEndpoints(JournalNode journal, DatabaseConnections database, TimeProvider time)
{
    const string DayFormat = "yyyy-MM-dd";
    const int DaysDefault = 30;

    /// <summary><c>GET /v1/usage?from=&amp;to=</c>: days are UTC, both included; absent, the last 30. Newest first; a day without use is not there.</summary>
    public async Task Days(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, Parameter.From | Parameter.To | Parameter.Page, ref problems);
        var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        var to = Day("to", parameters.To, today, ref problems);
        var from = Day("from", parameters.From, Earlier(to, DaysDefault - 1), ref problems);
        if (from > to) (problems ??= []).Add(Problem.Query("from", "from.after_to", "from is a day after to."));
        string[] query = ["usage", Text(from), Text(to)];
        var last = to;
        if (parameters.Cursor is { } cursor)
        {
            if (PageCursor.TryParse(cursor, out var page, query) is { } problem) (problems ??= []).Add(problem);
            else if (TryDay(page.After, out var after)) last = Earlier(after, 1);
        }
        if (problems is not null)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        var caller = Caller.Of(context);
        var read = await journal.Read(caller.Org, new ReadOptions(Consistency.Strong, null, null), CancellationToken.None);
        if (read.Fault is { } fault || (fault = Authorisation.Check(read.Value.State.Access, caller.Principal, Permission.UsageRead, null, null)) is not null)
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var days = await UsageQueries.Days(database.App, caller.Org, from, last, parameters.Limit + 1, context.RequestAborted);
        await Answer.Send(context, Json(days, parameters.Limit, query));
    }

    static JsonText Json(IReadOnlyList<UsageDay> days, int limit, string[] query)
    {
        var json = new JsonText().Raw("{\"items\":["u8);
        foreach (var (index, day) in days.Take(limit).Index())
        {
            if (index > 0) json.Raw(","u8);
            json.Raw("{\"day\":\""u8).Ascii(Text(day.Day)).Raw("\",\"reads\":"u8).Number(day.Count.Reads).Raw(",\"writes\":"u8).Number(day.Count.Writes)
                .Raw(",\"watch_seconds\":"u8).Number(day.Count.WatchSeconds)
                .Raw(",\"watch_hours\":"u8).Ascii(Math.Round(day.Count.WatchSeconds / 3600m, 3, MidpointRounding.AwayFromZero).ToString("0.###", CultureInfo.InvariantCulture))
                .Raw(",\"evaluations\":"u8).Number(day.Count.Evaluations).Raw(",\"updated_at\":"u8).Time(day.UpdatedAt).Raw("}"u8);
        }
        json.Raw("]"u8);
        if (days.Count > limit) json.Raw(",\"next_cursor\":"u8).Text(new PageCursor(0, 0, Text(days[limit - 1].Day)).Encode(query));
        return json.Raw("}"u8);
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
