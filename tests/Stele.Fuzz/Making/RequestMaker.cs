using System.Globalization;
using System.Text;
using Stele.Fuzz.Wire;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Making;

/// <summary>Requests of HTTP/1.1 as bytes.</summary>
internal sealed class RequestMaker(Dice dice)
{
    // streams, which have no end; what would end the run for all who come after; and what answers at length, over and over
    static readonly string[] left = ["/v1/watch", "/v1/ws", "/ofrep/v1/events", "/v1/operations/read-only", "/openapi/v1.json", "/metrics", "/v1/orgs/{name}/archive"];

    static readonly ApiOperation[] operations = [.. OpenApi.Operations.Where(operation => !left.Contains(operation.Path))];

    // what is answered by a stream, or after a while
    static readonly ApiOperation[] waits = [.. OpenApi.Operations.Where(operation => operation is { Method: "GET", Path: "/v1/watch" or "/ofrep/v1/events" or "/v1/config/{key}" })];

    /// <summary>Where a stream's last cursor goes, which nobody knows while requests are made.</summary>
    public const string Place = "0-0000000a";

    readonly JsonMaker json = new(dice);

    /// <summary>A request whose framing is sound, whatever it says.</summary>
    public byte[] Sound()
    {
        var operation = dice.Pick(operations);
        // a password is hashed for a tenth of a second, which is what it is there for
        if (operation.Path is "/v1/session" or "/v1/session/password" or "/v1/users/{id}/password" && dice.Chance(0.9)) operation = dice.Pick(operations);
        var api = new ApiMaker(json);
        var body = operation.Body is { } schema ? json.Bytes(api.Body(schema)) : json.Odd(0.05) ? json.Bytes(json.Any(2)) : null;
        if (operation.TakesYaml && dice.Chance(0.5)) return Framed(operation.Method, Target(operation, api), Headers(operation, api), "application/yaml", Nasty.Utf8(new FileMaker(dice).Yaml()));
        var method = json.Odd(0.03) ? dice.Pick<string>(["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "get", "FOO"]) : operation.Method;
        return Framed(method, Target(operation, api), Headers(operation, api), json.Odd(0.05) ? Sent(Nasty.Text(dice)) : "application/json", body);
    }

    /// <summary>A request for a stream of events, or one that waits.</summary>
    public byte[] Waiting()
    {
        var (operation, api) = (dice.Pick(waits), new ApiMaker(json));
        var from = dice.Next(3) switch { 0 => $"Last-Event-ID: {Place}\r\n", 1 => $"Last-Event-ID: {Sent(json.AnyText())}\r\n", _ => "" };
        return Framed("GET", Target(operation, api, often: 0.5), Headers(operation, api) + from, "application/json", null);
    }

    /// <summary>A request that is none, or two.</summary>
    public byte[] Broken()
    {
        var bytes = Sound();
        switch (dice.Next(6))
        {
            case 0: return Mutation.Of(dice, bytes);
            case 1:
                // what stands before the body, with two ideas of how long that is
                var end = bytes.AsSpan().IndexOf("\r\n\r\n"u8);
                var more = dice.Pick<string>(["Content-Length: 5", "Content-Length: -1", "Content-Length: 99999999999999999999", "Content-Length: 5, 6", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked, identity", "Transfer-Encoding: gzip", "Content-Encoding: gzip", "Host: y", "Expect: x", "Expect: 100-continue", "Upgrade: h2c", "Connection: close, upgrade", "X:y", " folded", "\tfolded", "a b: c", ": x", "X: \0", "X: \u0001", "Content-Length", "Trailer: X"]);
                return [.. bytes.AsSpan(0, end + 2), .. Encoding.Latin1.GetBytes(more + "\r\n"), .. bytes.AsSpan(end + 2)];
            case 2: return Encoding.Latin1.GetBytes(string.Join(dice.Pick<string>([" ", "  ", "\t", ""]), dice.Pick<string>(["GET", "HEAD", "CONNECT", "TRACE", "PRI", "\0", "GÉT", new string('G', 9_000)]), dice.Pick<string>(["/", "*", "//x", "/../v1/config", "http://x/healthz", "example.com:80", "/%", "/%00", "/\u00e9", "/a b", "/" + new string('a', 70_000), "/?" + new string('q', 40_000)]), dice.Pick<string>(["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9.9", "http/1.1", "HTTP/1.1 x", ""])) + dice.Pick<string>(["\r\nHost: x\r\n\r\n", "\n\n", "\r\n\r\n", "\r\n", "\r\nHost: x\r\nHost: y\r\n\r\n", "\r\nHost: a/b\r\n\r\n", "\r\n Host: x\r\n\r\n"]));
            case 3: return Chunked(bytes);
            case 4: return [.. bytes.AsSpan(0, dice.Next(bytes.Length + 1))];
            default: return Mutation.Of(dice, [.. bytes, .. bytes]);
        }
    }

    /// <summary>A plain request of the root token.</summary>
    public static byte[] Request(string method, string target, byte[]? body) => Framed(method, target, $"Authorization: Bearer {FuzzServer.Token}\r\n", "application/json", body);

    static byte[] Framed(string method, string target, string headers, string contentType, byte[]? body)
    {
        var head = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{method} {target} HTTP/1.1\r\nHost: fuzz\r\n{headers}");
        if (body is not null) head.Append(CultureInfo.InvariantCulture, $"Content-Type: {contentType}\r\n");
        if (body is not null || method is "POST" or "PUT" or "PATCH") head.Append(CultureInfo.InvariantCulture, $"Content-Length: {body?.Length ?? 0}\r\n");
        return [.. Encoding.Latin1.GetBytes(head.Append("\r\n").ToString()), .. body ?? []];
    }

    // a body in chunks, whose sizes are right or not
    byte[] Chunked(byte[] request)
    {
        var end = request.AsSpan().IndexOf("\r\n\r\n"u8);
        var head = Encoding.Latin1.GetString(request, 0, end).Replace("Content-Length", "X-Length", StringComparison.Ordinal);
        var text = new StringBuilder(head).Append("\r\nTransfer-Encoding: chunked\r\n\r\n");
        var body = Encoding.Latin1.GetString(request, end + 4, request.Length - end - 4);
        for (var at = 0; at < body.Length;)
        {
            var size = Math.Min(dice.Between(1, 64), body.Length - at);
            text.Append(dice.Next(40) == 0 ? dice.Pick<string>(["fffffffff", "-1", "g", "", "0x5", "5 ", "00000000000000000005", new string('0', 5_000)]) : size.ToString("x", CultureInfo.InvariantCulture)).Append(dice.Next(40) == 0 ? ";ext=" + new string('e', dice.Pick<int>([1, 10_000])) : "").Append("\r\n").Append(body, at, size).Append(dice.Next(40) == 0 ? "" : "\r\n");
            at += size;
        }
        return Encoding.Latin1.GetBytes(text.Append(dice.Pick<string>(["0\r\n\r\n", "0\r\nX: y\r\n\r\n", "0\r\nContent-Length: 3\r\n\r\n", "0\r\n", "", "00\r\n\r\n"])).ToString());
    }

    string Target(ApiOperation operation, ApiMaker api, double often = 0.25)
    {
        var path = operation.Path;
        foreach (var parameter in operation.Parameters.Where(parameter => parameter.In == "path"))
        {
            var text = api.Parameter(parameter);
            // the org that all of it happens in stays what it is
            if (path.StartsWith("/v1/orgs/", StringComparison.Ordinal) && text == "default") text = "acme";
            path = path.Replace($"{{{parameter.Name}}}", json.Odd(0.05) ? Raw(text) : Uri.EscapeDataString(Sound(text)), StringComparison.Ordinal);
        }
        var query = new StringBuilder();
        foreach (var parameter in operation.Parameters.Where(parameter => parameter.In == "query" && (parameter.Required || dice.Chance(often))))
            query.Append(query.Length == 0 ? '?' : '&').Append(parameter.Name).Append('=').Append(json.Odd(0.1) ? Raw(api.Parameter(parameter)) : Uri.EscapeDataString(Sound(api.Parameter(parameter))));
        if (json.Odd(0.05)) query.Append(query.Length == 0 ? '?' : '&').Append(Raw(Nasty.Text(dice))).Append('=').Append(Raw(Nasty.Text(dice)));
        return path + query;
    }

    string Headers(ApiOperation operation, ApiMaker api)
    {
        var headers = new StringBuilder().Append("Authorization: ").Append(json.Odd(0.03) ? Sent(dice.Pick<string>(["Bearer", "Bearer ", "Bearer x", "Bearer stele_default_x", "Bearer a.b.c", "Basic eDp5", Nasty.Text(dice)])) : $"Bearer {FuzzServer.Token}").Append("\r\n");
        foreach (var parameter in operation.Parameters.Where(parameter => parameter.In == "header" && dice.Chance(0.1)))
            headers.Append(parameter.Name).Append(": ").Append(Sent(parameter.Name == "Stele-Org" && dice.Chance(0.7) ? "default" : parameter.Name == "Stele-Min-Cursor" && dice.Chance(0.97) ? "0-00000000" : api.Parameter(parameter))).Append("\r\n");
        if (json.Odd(0.1)) headers.Append(dice.Pick<string>(["Accept", "Accept-Encoding", "Cookie", "Origin", "X-Forwarded-For", "Range", "If-Match", "If-None-Match", "Idempotency-Key", "Content-Encoding", "User-Agent", "Traceparent", "Request-Id", "Accept-Charset"])).Append(": ").Append(Sent(Nasty.Text(dice))).Append("\r\n");
        return headers.ToString();
    }

    // in a line: no end of it, and nothing that ends the connection more often than not
    static string Sent(string text) => string.Concat(text.Where(c => c is >= ' ' and < '\u007f').Take(2_000));

    static string Raw(string text) => string.Concat(text.Where(c => c is > ' ' and < '\u007f').Take(3_000));

    static string Sound(string text) => string.Concat(text.Take(3_000)).EnumerateRunes().Aggregate(new StringBuilder(), (all, rune) => all.Append(rune)).ToString();
}
