using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Access;
using Stele.Server.Journal;
using Stele.Server.Limits;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Http;

/// <summary>The whole server on a database of its own, which a class of tests shares, and short ways to ask it.</summary>
public sealed class HttpServer : IAsyncLifetime
{
    public const string Token = TestServer.Token;

    TestDatabase database = null!;
    TestServer server = null!;
    bool isFirst = true;
    string? ownKeys;

    public HttpClient Client => server.Client;

    /// <summary>Where gRPC listens.</summary>
    public Uri Grpc => server.Grpc;

    public ValueTask InitializeAsync() => InitializeAsync(keyFile: null);

    /// <summary>With a key file of its own.</summary>
    internal async ValueTask InitializeAsync(string? keyFile)
    {
        database = await Postgres.NewDatabase();
        server = await TestServer.Start(database, keyFile: ownKeys = keyFile);
    }

    /// <summary>Another server on the same database, which has loaded what the first one wrote.</summary>
    internal async Task<HttpServer> Another(JournalOptions? journal = null, string? keyFile = null) =>
        new() { database = database, isFirst = false, server = await TestServer.Start(database, journal: journal, keyFile: keyFile ?? ownKeys) };

    /// <summary>The server's journal.</summary>
    internal JournalNode Journal => server.Services.GetRequiredService<JournalNode>();

    /// <summary>What the server holds of the default org.</summary>
    internal async Task<OrgState> State() =>
        (await Journal.Read(OrgId.Default, new ReadOptions(Consistency.Strong, null, null), CancellationToken.None)).Value.State;

    /// <summary>Makes an org with an environment.</summary>
    internal async Task<OrgId> NewOrg(int number, string name)
    {
        var made = await Journal.Append(new OrgId(number), new CreateOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse(name, null), [EnvironmentName.Parse("production", null)]), null, CancellationToken.None);
        Assert.Null(made.Fault);
        return new OrgId(number);
    }

    /// <summary>Has the server look at the read-only mode now, and not within half a second.</summary>
    internal Task Look() => server.Services.GetRequiredService<ReadOnlyMode>().RunOnce(CancellationToken.None);
    /// <summary>A part of the server.</summary>
    internal T Service<T>() where T : notnull => server.Services.GetRequiredService<T>();

    /// <summary>When tokens were last used.</summary>
    internal TokenUses Uses => server.Services.GetRequiredService<TokenUses>();

    /// <summary>A statement as the superuser.</summary>
    internal async Task Execute(string sql)
    {
        await using var session = await database.As();
        await session.Execute(sql);
    }

    /// <summary>The owner's connection.</summary>
    internal string Owner => database.Owner;

    /// <summary>A session as the superuser.</summary>
    internal Task<TestSession> As() => database.As();

    /// <summary>A session as the server, in an org.</summary>
    internal Task<TestSession> AsApp(int? org) => database.AsApp(org);

    /// <summary>Every route, as method and pattern.</summary>
    public IEnumerable<(string Method, string Pattern)> Routes() => server.Routes();

    public Task<HttpAnswer> Get(string path, params (string Name, string Value)[] headers) => Send("GET", path, null, headers);

    public Task<HttpAnswer> Put(string key, string body, string query = "", params (string Name, string Value)[] headers) =>
        Send("PUT", $"/v1/config/{key}{query}", body, headers);

    public Task<HttpAnswer> Post(string path, string body, params (string Name, string Value)[] headers) => Send("POST", path, body, headers);

    public Task<HttpAnswer> Send(string method, string path, string? body, params (string Name, string Value)[] headers) =>
        SendBytes(method, path, body is null ? null : Encoding.UTF8.GetBytes(body), headers);

    public async Task<HttpAnswer> SendBytes(string method, string path, byte[]? body, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }
        foreach (var (name, value) in headers)
            if (name == "Content-Type") request.Content!.Headers.ContentType = value.Length == 0 ? null : MediaTypeHeaderValue.Parse(value);
            else if (name == "Authorization") request.Headers.Authorization = AuthenticationHeaderValue.Parse(value);
            else request.Headers.TryAddWithoutValidation(name, value);
        using var response = await Client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return new HttpAnswer(response.StatusCode, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement, text,
            response.Headers.Concat(response.Content.Headers).ToDictionary(header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase));
    }

    /// <summary>What a query finds in an org, the default one if none is named.</summary>
    public async Task<List<string>> Rows(string sql, OrgId? org = null)
    {
        await using var session = await database.AsApp((org ?? OrgId.Default).Value);
        return await session.Rows(sql);
    }

    /// <summary>The org's revision.</summary>
    public async Task<long> Revision() => long.Parse((await Get("/v1/environments")).Is(200).Headers["Stele-Revision"], CultureInfo.InvariantCulture);

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        if (isFirst) await database.DisposeAsync();
    }
}

/// <summary>An answer, read whole.</summary>
public sealed record HttpAnswer(HttpStatusCode Status, JsonElement Json, string Text, IReadOnlyDictionary<string, string> Headers)
{
    public JsonElement this[string member] => Json.GetProperty(member);

    /// <summary>The answer, if it has that status.</summary>
    public HttpAnswer Is(int status)
    {
        Assert.True((int)Status == status, $"expected {status}, got {(int)Status}: {Text}");
        return this;
    }

    /// <summary>Asserts a problem with a code, and one of its errors as <c>rule@pointer</c>, <c>rule@query:name</c> …; the rule alone is enough.</summary>
    public HttpAnswer IsProblem(int status, string code, params string[] errors)
    {
        Is(status);
        Assert.Equal("application/problem+json", Headers["Content-Type"]);
        Assert.Equal(code, this["code"].GetString());
        Assert.Equal(status, this["status"].GetInt32());
        Assert.Equal($"urn:stele:fault:{code}", this["type"].GetString());
        Assert.Equal(Headers["Request-Id"], this["request_id"].GetString());
        Assert.NotEqual("", this["title"].GetString());
        Assert.NotEqual("", this["detail"].GetString());
        var found = Errors();
        foreach (var error in errors) Assert.True(found.Contains(error), $"expected {error}, got {Text}");
        return this;
    }

    /// <summary>The errors as <c>rule@place</c>.</summary>
    public List<string> Errors() => !Json.TryGetProperty("errors", out var errors) ? [] : [.. errors.EnumerateArray().Select(error =>
        error.GetProperty("rule").GetString() + "@" + (error.TryGetProperty("pointer", out var pointer)
            ? pointer.GetString()
            : error.GetProperty("in").GetString() + ":" + error.GetProperty("name").GetString()))];
}
