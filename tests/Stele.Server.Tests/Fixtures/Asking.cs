using System.Net.Http.Headers;
using System.Text.Json;
using Xunit;

namespace Stele.Server.Tests.Fixtures;

/// <summary>Requests whose status the test knows.</summary>
static class Asking
{
    /// <summary>The answer as text, after its status was asserted.</summary>
    public static async Task<string> Ask(this HttpClient client, string method, string path, string? json = null, int status = 200)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (json is not null) request.Content = new StringContent(json, new MediaTypeHeaderValue("application/json"));
        using var answer = await client.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True((int)answer.StatusCode == status, $"{method} {path}: expected {status}, got {(int)answer.StatusCode}: {text}");
        return text;
    }

    /// <summary>Sets a secret to a text.</summary>
    public static Task<string> PutSecret(this HttpClient client, string path, string value, int status = 200) =>
        client.Ask("PUT", $"/v1/secrets/{path}", $$"""{"value":{{JsonSerializer.Serialize(value)}}}""", status);
}
