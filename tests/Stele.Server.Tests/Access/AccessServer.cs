using System.Text.Json;
using Stele.Server.Tests.Http;

namespace Stele.Server.Tests.Access;

/// <summary>Short ways to ask a server as somebody.</summary>
static class AccessServer
{
    public static (string, string) As(string token) => ("Authorization", $"Bearer {token}");

    /// <summary>Makes a token, with the root token or another; its text and id.</summary>
    public static async Task<(string Token, string Id)> NewToken(this HttpServer server, string scopes, string more = "", string? by = null, string org = "default")
    {
        var answer = (await server.Post("/v1/tokens", $$"""{"name":"a test's","scopes":{{scopes}}{{more}}}""", by is null ? [("Stele-Org", org)] : [As(by)])).Is(201);
        return (answer["token"].GetString()!, answer["id"].GetString()!);
    }

    public static string Scope(string permission, string environments = "*", string prefix = "") =>
        $$"""{"permission":"{{permission}}","environments":["{{environments}}"],"prefix":"{{prefix}}"}""";

    public static string Scopes(params string[] permissions) => $"[{string.Join(',', permissions.Select(permission => Scope(permission)))}]";

    /// <summary>Everything that an owner may, as scopes.</summary>
    public static string Everything => Scopes([.. Core.Access.Permissions.All.Where(permission => permission != Core.Access.Permission.Operate).Select(Core.Access.Permissions.Name)]);

    public static List<string> Keys(this HttpAnswer answer, string member = "key") => [.. answer["items"].EnumerateArray().Select(item => item.GetProperty(member).GetString()!)];

    /// <summary>An answer without what differs from request to request.</summary>
    public static string Bare(this HttpAnswer answer) => answer.Text.Replace(answer.Headers["Request-Id"], "ID", StringComparison.Ordinal);

    public static JsonElement Item(this HttpAnswer answer, string id) => answer["items"].EnumerateArray().First(item => item.GetProperty("id").GetString() == id);
}
