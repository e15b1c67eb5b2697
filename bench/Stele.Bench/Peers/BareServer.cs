using System.Text;

namespace Stele.Bench.Peers;

/// <summary>
/// The ceiling: Kestrel with nothing behind it. It answers every request with the bytes and headers of one answer of
/// Stele's (<c>--like FILE</c>), without routing, authentication or logging.
/// </summary>
internal static class BareServer
{
    public static async Task<int> Run(BenchArguments arguments)
    {
        var answer = arguments.Like is null ? CannedAnswer.Sample : CannedAnswer.Load(arguments.Like);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.ListenLocalhost(arguments.Port);
        });
        await using var app = builder.Build();
        app.Run(context =>
        {
            foreach (var (name, value) in answer.Headers) context.Response.Headers[name] = value;
            context.Response.ContentLength = answer.Body.Length;
            return context.Response.Body.WriteAsync(answer.Body, context.RequestAborted).AsTask();
        });
        await app.RunAsync();
        return 0;
    }
}

/// <summary>An answer kept in a file: header lines, an empty line, the body.</summary>
internal sealed record CannedAnswer(IReadOnlyList<(string Name, string Value)> Headers, byte[] Body)
{
    // What Kestrel writes of itself, and would otherwise write twice.
    static readonly string[] Own = ["Date", "Server", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive"];

    /// <summary>Used when Stele is not among the peers of a run: the shape of its answer to a GET.</summary>
    public static CannedAnswer Sample { get; } = new(
        [("Content-Type", "application/json; charset=utf-8"), ("ETag", "\"1-0a1b2c3d\""), ("Stele-Revision", "1000"), ("Stele-Cursor", "1000-0a1b2c3d")],
        Encoding.UTF8.GetBytes($$"""{"key":"bench.read.0001","environment":"production","value":"{{new string('x', 100)}}","value_type":"string","version":1,"revision":1000,"updated_at":"2026-01-31T14:03:00.123456Z","updated_by":"root","change_log":null}"""));

    public static CannedAnswer Load(string path)
    {
        var text = File.ReadAllText(path);
        var end = text.IndexOf("\n\n", StringComparison.Ordinal);
        var headers = text[..end].Split('\n').Select(line => line.Split(": ", 2)).Select(pair => (pair[0], pair[1])).ToList();
        return new CannedAnswer(headers, Encoding.UTF8.GetBytes(text[(end + 2)..]));
    }

    public static async Task Save(HttpResponseMessage response, string path, CancellationToken cancellation)
    {
        var headers = response.Headers.Concat(response.Content.Headers).Where(header => !Own.Contains(header.Key))
            .Select(header => $"{header.Key}: {string.Join(", ", header.Value)}");
        var body = await response.Content.ReadAsStringAsync(cancellation);
        await File.WriteAllTextAsync(path, string.Join('\n', headers) + "\n\n" + body, cancellation);
    }
}
