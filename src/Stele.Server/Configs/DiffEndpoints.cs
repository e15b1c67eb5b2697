using System.Globalization;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Server.Flags;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Configs;

/// <summary>What differs between two moments, two environments, or both.</summary>
internal sealed class DiffEndpoints(JournalNode journal, ConfigView view, ConfigQueries queries, ConfigValues values, FlagPast flags)
{
    /// <summary><c>GET /v1/diff</c></summary>
    public async Task Get(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, Parameter.From | Parameter.To | Parameter.Prefix | Parameter.Read | Parameter.Page, ref problems);
        var from = Side.Parse("from", parameters.From, ref problems);
        var to = Side.Parse("to", parameters.To, ref problems);
        if (problems is not null)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        if (!(await Compared(context, parameters, from, to)).TryGet(out var compared, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var prefix = parameters.Prefix ?? "";
        var json = new JsonText().Raw("{\"from\":"u8);
        WriteSide(json, compared.From);
        WriteSide(json.Raw(",\"to\":"u8), compared.To);
        json.Raw(",\"items\":["u8);
        var (count, last, more) = (0, "", false);
        var rights = compared.Snapshot.State.Access.RightsOf(Caller.Of(context).Principal);
        // configuration first, and then flags: no key of configuration begins like a place among them
        var isAmongFlags = compared.After?.StartsWith(FlagPlace, StringComparison.Ordinal) == true;
        await foreach (var (before, after) in isAmongFlags ? AsyncEnumerable.Empty<(ConfigVersion?, ConfigVersion?)>() : Pairs(compared, prefix, context.RequestAborted))
        {
            // on both sides, or a key that is hidden on one would seem to be added or removed
            var key = (before ?? after)!.Entry.Key;
            if (!rights.Allows(Permission.ConfigRead, compared.From.Environment.Name, key) || !rights.Allows(Permission.ConfigRead, compared.To.Environment.Name, key)) continue;
            if (IsEqual(before, after)) continue;
            more = count == parameters.Limit || json.Length > SteleLimits.PageBytes.Value;
            if (more) break;
            last = key;
            if (!(await Whole(compared, compared.From, before, context.RequestAborted)).TryGet(out var from_, out fault)
                || !(await Whole(compared, compared.To, after, context.RequestAborted)).TryGet(out var to_, out fault))
            {
                await HttpProblems.Write(context, fault);
                return;
            }
            if (count++ > 0) json.Raw(","u8);
            WriteItem(json, last, from_, to_);
        }
        if (!more)
            foreach (var (before, after) in await Flags(compared, rights, prefix, isAmongFlags ? compared.After![FlagPlace.Length..] : null, context.RequestAborted))
            {
                more = count == parameters.Limit || json.Length > SteleLimits.PageBytes.Value;
                if (more) break;
                last = FlagPlace + (before ?? after)!.Key;
                if (count++ > 0) json.Raw(","u8);
                WriteItem(json, before, after);
            }
        json.Raw("]"u8);
        if (more)
            json.Raw(",\"next_cursor\":"u8).Text(new PageCursor(compared.From.Place.Revision, compared.To.Place.Revision, last).Encode(compared.Scope));
        Answer.Place(context.Response, compared.Snapshot, parameters.Consistency);
        await Answer.Send(context, json.Raw("}"u8));
    }

    const string FlagPlace = "flag:";

    /// <summary>The items of flags that differ, in order; those that may be read on both sides.</summary>
    async Task<List<(FlagEntry? From, FlagEntry? To)>> Flags(Comparison compared, Rights rights, string prefix, string? after, CancellationToken cancellation)
    {
        var from = await flags.At(compared.Snapshot.State, compared.From.Environment, compared.From.Place.Revision, cancellation);
        var to = await flags.At(compared.Snapshot.State, compared.To.Environment, compared.To.Place.Revision, cancellation);
        var differ = new List<(FlagEntry?, FlagEntry?)>();
        foreach (var key in from.Items.StartingWith(prefix).Select(item => item.Key).Union(to.Items.StartingWith(prefix).Select(item => item.Key)).Order(StringComparer.Ordinal))
        {
            if (after is not null && string.CompareOrdinal(key, after) <= 0) continue;
            var (one, other) = (from.Item(key), to.Item(key));
            if (one is not null && other is not null && one.SameAs(other)) continue;
            if (rights.Allows(Permission.FlagRead, compared.From.Environment.Name, key) && rights.Allows(Permission.FlagRead, compared.To.Environment.Name, key)) differ.Add((one, other));
        }
        return differ;
    }

    static void WriteItem(JsonText json, FlagEntry? from, FlagEntry? to)
    {
        json.Raw("{\"kind\":\"flag\",\"key\":\""u8).Ascii((from ?? to)!.Key)
            .Raw("\",\"op\":\""u8).Ascii(from is null ? "added" : to is null ? "removed" : "changed").Raw("\""u8);
        if (from is not null) Side(json.Raw(",\"from\":"u8), from, to);
        if (to is not null) Side(json.Raw(",\"to\":"u8), to, from);
        if (from is { Redacted: true }) json.Raw(",\"from_redacted\":true"u8);
        if (to is { Redacted: true }) json.Raw(",\"to_redacted\":true"u8);
        json.Raw("}"u8);

        // where the definitions are equal, what differs is a switch
        static void Side(JsonText json, FlagEntry entry, FlagEntry? other)
        {
            if (other is null || !entry.Text.AsSpan().SequenceEqual(other.Text)) json.Raw(entry.Text!);
            else json.Raw("{\"killed\":"u8).Boolean(entry.Killed).Raw(",\"archived\":"u8).Boolean(entry.Archived).Raw("}"u8);
        }
    }

    /// <summary>Both sides on one state, each at its revision. Pages after the first keep the revisions of the first.</summary>
    async Task<Outcome<Comparison>> Compared(HttpContext context, RequestParameters parameters, Side from, Side to)
    {
        var caller = Caller.Of(context);
        var read = await journal.Read(caller.Org, parameters.Reading, context.RequestAborted);
        if (parameters.Cursor is null && Latest(from.At, to.At) is { } at && read.Fault is null) read = await view.Settled(caller.Org, at);
        if (!read.TryGet(out var snapshot, out var fault))
            return fault.Problems is [{ Place: ProblemPlace.Query, Name: "at" } late] ? Fault.Invalid(late with { Name = to.At is not null && to.At == Latest(from.At, to.At) ? "to" : "from" }) : fault;
        string[] scope = ["diff", $"{parameters.From}", $"{parameters.To}", parameters.Prefix ?? "", EntityTag.Of(0, snapshot.State.Incarnation).ToString()];
        PageCursor cursor = default;
        if (parameters.Cursor is { } text && PageCursor.TryParse(text, out cursor, scope) is { } problem) return Fault.Invalid(problem);
        var paged = parameters.Cursor is not null;
        if (!(await Resolve(context, snapshot.State, from, paged ? cursor.Revision : null)).TryGet(out var first, out fault)) return fault;
        if (!(await Resolve(context, snapshot.State, to, paged ? cursor.OtherRevision : null)).TryGet(out var second, out fault)) return fault;
        return new Comparison(snapshot, first, second, paged ? cursor.After : null, scope);
    }

    async Task<Outcome<Resolved>> Resolve(HttpContext context, OrgState state, Side side, long? revision)
    {
        var blamed = Problem.Query(side.Parameter, "environment.unknown", $"There is no environment '{side.Environment}'.");
        if (ConfigView.Refused(state, Caller.Of(context).Principal, Permission.ConfigRead, side.Environment.Text, null) is { } forbidden
            && ConfigView.Refused(state, Caller.Of(context).Principal, Permission.FlagRead, side.Environment.Text, null) is not null) return forbidden;
        // what was deleted since still has its past
        var isPast = side.At is not null || side.Revision is not null || revision is not null;
        if ((isPast ? state.EnvironmentEver(side.Environment.Text) : state.Environment(side.Environment.Text)) is not { } environment) return new Fault(FaultCode.NotFound, blamed.Message, [blamed]);
        var placed = side.At is { } at && revision is null
            ? await view.At(state, at, blamed, context.RequestAborted)
            : await view.Place(state, revision ?? side.Revision, blamed, context.RequestAborted);
        return placed.TryGet(out var place, out var fault) ? new Resolved(environment, place.Place) : fault;
    }

    /// <summary>The keys of both sides in one order, each with what either side has.</summary>
    async IAsyncEnumerable<(ConfigVersion? From, ConfigVersion? To)> Pairs(
        Comparison compared, string prefix, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        await using var from = Side(compared, compared.From, prefix, cancellation);
        await using var to = Side(compared, compared.To, prefix, cancellation);
        var (hasFrom, hasTo) = (await from.MoveNextAsync(), await to.MoveNextAsync());
        while (hasFrom || hasTo)
        {
            var order = !hasFrom ? 1 : !hasTo ? -1 : string.CompareOrdinal(from.Current.Entry.Key, to.Current.Entry.Key);
            yield return (order <= 0 ? from.Current : null, order >= 0 ? to.Current : null);
            if (order <= 0) hasFrom = await from.MoveNextAsync();
            if (order >= 0) hasTo = await to.MoveNextAsync();
        }

        IAsyncEnumerator<ConfigVersion> Side(Comparison compared, Resolved side, string prefix, CancellationToken cancellation) =>
            queries.At(compared.Snapshot.State, side.Environment, prefix, compared.After, side.Place.Revision, cancellation).GetAsyncEnumerator(cancellation);
    }

    async ValueTask<Outcome<ConfigVersion?>> Whole(Comparison compared, Resolved side, ConfigVersion? version, CancellationToken cancellation)
    {
        if (version?.Entry.Reference is null) return version;
        return (await values.Whole(compared.Snapshot.State.Org, side.Environment.Name, version.Entry, cancellation)).TryGet(out var entry, out var fault)
            ? version with { Entry = entry }
            : fault;
    }

    // of a redacted value nobody knows what it equals, but for the version itself
    static bool IsEqual(ConfigVersion? from, ConfigVersion? to) =>
        from is not null && to is not null && (from.Redacted || to.Redacted ? from.Entry.Revision == to.Entry.Revision && from.Entry.Version == to.Entry.Version : from.Entry.SameValue(to.Entry));

    static void WriteSide(JsonText json, Resolved side) =>
        json.Raw("{\"environment\":\""u8).Ascii(side.Environment.Name).Raw("\",\"revision\":"u8).Number(side.Place.Revision).Raw("}"u8);

    static void WriteItem(JsonText json, string key, ConfigVersion? from, ConfigVersion? to)
    {
        json.Raw("{\"kind\":\"config\",\"key\":\""u8).Ascii(key)
            .Raw("\",\"op\":\""u8).Ascii(from is null ? "added" : to is null ? "removed" : "changed").Raw("\""u8);
        if (from is not null) json.Raw(",\"from\":"u8).Raw(from.Entry.Value);
        if (from is { Redacted: true }) json.Raw(",\"from_redacted\":true"u8);
        if (to is not null) json.Raw(",\"to\":"u8).Raw(to.Entry.Value);
        if (to is { Redacted: true }) json.Raw(",\"to_redacted\":true"u8);
        json.Raw("}"u8);
    }

    static Timestamp? Latest(Timestamp? a, Timestamp? b) => a is { } x && b is { } y ? Timestamp.Later(x, y) : a ?? b;

    sealed record Resolved(EnvironmentState Environment, JournalPlace Place);

    sealed record Comparison(Snapshot Snapshot, Resolved From, Resolved To, string? After, string[] Scope);

    /// <summary>One side as it is written: <c>env</c>, <c>env@revision</c> or <c>env@time</c>.</summary>
    readonly record struct Side(string Parameter, EnvironmentName Environment, long? Revision, Timestamp? At)
    {
        public static Side Parse(string parameter, string? text, ref List<Problem>? problems)
        {
            var at = text?.IndexOf('@') ?? -1;
            var moment = at < 0 ? null : text![(at + 1)..];
            if (!EnvironmentName.TryParse(at < 0 ? text : text![..at], out var environment))
                (problems ??= []).Add(text is null
                    ? Problem.Query(parameter, "parameter.required", $"{parameter} is required: env, env@revision or env@time.")
                    : Problem.Query(parameter, EnvironmentName.Rule, EnvironmentName.Message));
            if (moment is null) return new Side(parameter, environment, null, null);
            if (long.TryParse(moment, NumberStyles.None, CultureInfo.InvariantCulture, out var revision) && revision > 0) return new Side(parameter, environment, revision, null);
            if (Timestamp.TryParse(moment, out var time)) return new Side(parameter, environment, null, time);
            (problems ??= []).Add(Problem.Query(parameter, "diff.moment", "After the @ comes a revision from 1, or a time of RFC 3339."));
            return default;
        }
    }
}
