using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Fuzz.Making;
using Stele.Fuzz.Running;
using Stele.Server.Audit;
using Stele.Server.Gateway;
using Stele.Server.Gateway.Grpc;
using Stele.Server.Ofrep;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Pure;

/// <summary>Queries, headers and the small texts in them: names, cursors, times, tags.</summary>
internal static class QuerySurface
{
    static readonly string[] names =
    [
        "env", "consistency", "max_staleness", "version", "revision", "at", "prefix", "keys_only", "limit", "cursor", "expected_version", "from", "to", "after_revision", "confirm", "change_log", "archived", "dry_run", "mode", "stale", "days", "actor", "target", "action",
        "outcome", "log", "order", "format", "scope", "kinds", "from_cursor", "from_revision", "wait", "after_cursor", "wait_for", "min_subscribers", "timeout", "flagConfigEtag", "flagConfigLastModified", "pass", "schema", "", "nope",
    ];

    public static ISurface Surface() => new PureSurface("query", "queries, headers, cursors, names, times and tags: read, or refused with reasons; what is read and written again is the same", Make, Accepts);

    static byte[] Make(Dice dice)
    {
        var query = new StringBuilder("?");
        for (var i = dice.Next(5); i > 0; i--) query.Append(i > 1 && dice.Chance(0.95) ? "&" : "").Append(dice.Pick(names)).Append(dice.Next(15) == 0 ? "" : "=").Append(Value(dice));
        for (var i = dice.Next(3); i > 0; i--) query.Append('\n').Append(dice.Pick<string>(["Stele-Min-Cursor", "If-Match", "If-None-Match", "Accept", "grpc-timeout", "x-bin"])).Append(": ").Append(Value(dice));
        return Mutation.Sometimes(dice, Nasty.Utf8(query.ToString()));
    }

    static string Value(Dice dice) => dice.Next(9) switch
    {
        0 => Nasty.Number(dice),
        1 => dice.Pick<string>(["true", "false", "local", "strong", "5s", "0ms", "development", "app.", "config,flag", "subscribers"]),
        2 => Uri.EscapeDataString(Sound(Nasty.Text(dice))),
        3 => dice.Pick<string>(["\"1-00000000\"", "W/\"1-00000000\"", "\"1-00000000\", \"2-ffffffff\"", "*", "\"\"", "1-00000000", "2026-01-31T14:03:00Z", "2026-01-31T14:03:00.1234567+01:00", "99999999H", "1S", "YQ==", "YQ"]),
        4 => Page(dice),
        _ => Nasty.Text(dice),
    };

    // a cursor of a page is not signed: anybody may make one
    static string Page(Dice dice)
    {
        var after = Nasty.Utf8(Nasty.Text(dice));
        var bytes = new byte[24 + after.Length];
        SHA256.HashData("config"u8).AsSpan(0, 8).CopyTo(bytes);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(8), dice.Pick<long>([0, 1, -1, long.MinValue, long.MaxValue]));
        after.CopyTo(bytes, 24);
        return Base64Url.EncodeToString(bytes);
    }

    static string Sound(string text) => string.Concat(text.EnumerateRunes());

    static bool Accepts(byte[] input)
    {
        var lines = Encoding.UTF8.GetString(input).Split('\n');
        var context = new DefaultHttpContext();
        // as Kestrel would: a query is ASCII there, and a header has no control characters
        context.Request.QueryString = new QueryString(lines[0].StartsWith('?') ? lines[0] : "?" + lines[0]);
        foreach (var header in lines.Skip(1))
            if (header.Split(": ", 2) is [var name, var value] && name.Length > 0) context.Request.Headers.Append(name, value);
        List<Problem>? problems = null;
        var all = (Parameter)~0L & ~(Parameter.Prefixes);
        var parameters = RequestParameters.Parse(context.Request, all, ref problems);
        AuditParameters.Parse(context.Request, parameters, ref problems);
        var conditions = new List<Problem>();
        Preconditions.Parse(context.Request, conditions);
        foreach (var problem in (problems ?? []).Concat(conditions))
            FuzzFinding.Unless(problem.Rule.Length > 0 && problem.Message.Length > 0, () => $"a problem that names nothing: {problem}");
        GrpcHeaders.BrokenBinary(context.Request.Headers);
        GrpcHeaders.TryTimeout(context.Request.Headers["grpc-timeout"].ToString(), out _);
        foreach (var pair in lines[0].TrimStart('?').Split('&')) Small(pair[(pair.IndexOf('=') + 1)..]);
        return problems is null;
    }

    static void Small(string text)
    {
        var decoded = Uri.UnescapeDataString(text);
        foreach (var one in (string[])[text, decoded])
        {
            Same(Cursor.TryParse(one, out var cursor), one, cursor.ToString());
            // a time may be written in several ways, and is written in one
            if (Timestamp.TryParse(one, out var time)) Same(Timestamp.TryParse(time.ToString(), out var again), time.ToString(), again.ToString());
            Same(ConfigKey.TryParse(one, null, out var key), one, key.Text);
            Same(EnvironmentName.TryParse(one, out var environment), one, environment.Text);
            FlagName.TryParse(one, null, out _);
            EntityTag.TryParse(one, out _);
            OfrepTag.TryPlace(one, out _);
            KeyPrefix.Check(one);
            RequestParameters.Duration(one);
            GrpcHeaders.TryTimeout(one, out _);
            if (PageCursor.TryParse(one, out var page, "config") is null)
                FuzzFinding.Unless(PageCursor.TryParse(page.Encode("config"), out var more, "config") is null && more == page, () => "a page's cursor is read as another");
        }
    }

    static void Same(bool read, string text, string written) => FuzzFinding.Unless(!read || text == written, () => $"{text} is read as {written}");
}
