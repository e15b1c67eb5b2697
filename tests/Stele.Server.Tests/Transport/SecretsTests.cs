using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Stele.Server.Options;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Identity;
using Xunit;

namespace Stele.Server.Tests.Transport;

/// <summary>
/// Marked secrets, sent in every place where one can be, to a node that logs at trace; and then every place to which one could have
/// got is searched for them, as text, as hexadecimal and as base64.
/// </summary>
public sealed class SecretsTests : IAsyncLifetime
{
    const string RootToken = "mark-root-7c1f0a5e-token";

    readonly string directory = Directory.CreateTempSubdirectory("stele-secrets-").FullName;
    readonly List<(string What, string Text)> secrets = [("the root token", RootToken)];
    readonly List<string> answers = [];

    TestDatabase db = null!;
    TestIssuer issuer = null!;
    TestServer server = null!;
    HttpClient client = null!;

    public async ValueTask InitializeAsync()
    {
        db = await Postgres.NewDatabase();
        issuer = await TestIssuer.Start();
        using var authority = TestCertificates.Authority("secrets");
        using var certificate = TestCertificates.Issue(authority, "secrets");
        File.WriteAllText(Path.Combine(directory, "tls.pem"), certificate.ExportCertificatePem() + "\n" + certificate.GetECDsaPrivateKey()!.ExportEncryptedPkcs8PrivateKeyPem(Marked("the key's password"), new(System.Security.Cryptography.PbeEncryptionAlgorithm.Aes256Cbc, System.Security.Cryptography.HashAlgorithmName.SHA256, 1000)));
        File.WriteAllText(Path.Combine(directory, "password"), secrets[^1].Text);
        File.WriteAllText(Path.Combine(directory, "bearer"), Marked("the node's own token at the issuer"));
        server = await TestServer.Start(db, token: RootToken, tls: new TlsOptions { Certificate = Path.Combine(directory, "tls.pem"), PasswordFile = Path.Combine(directory, "password") },
            origins: ["https://admin.example.com"], issuers: issuer.Configured() with { BearerTokenFile = Path.Combine(directory, "bearer") });
        client = new HttpClient(new SocketsHttpHandler { UseCookies = false, SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = (_, _, _, _) => true } }) { BaseAddress = server.Https };
    }

    [Fact]
    public async Task Nothing_of_a_token_a_password_or_a_cookie_is_anywhere_but_where_it_was_sent()
    {
        await SendCredentials();
        await SendTokensOfIssuers();
        await SendWhatIsNoRequest();
        await SendMetadata();
        await SendTokensOfOurs();
        await SignIn();
        var value = "mark-value-" + Guid.NewGuid().ToString("N");
        await Send("PUT", "/v1/config/app.secret", $$"""{"value":"{{value}}"}""", ("Authorization", "Bearer " + RootToken));
        await Send("PUT", "/v1/config/app.secret", $$"""{"value":"{{value}}" """, ("Authorization", "Bearer " + RootToken));

        foreach (var path in (string[])["/metrics", "/v1/events", "/v1/audit", "/v1/status", "/v1/limits", "/v1/usage", "/openapi/v1.json"]) await Send("GET", path, null, ("Authorization", "Bearer " + RootToken));
        await server.Stop();
        Assert.Contains(server.Logs.Lines, line => line.StartsWith("Trace Microsoft", StringComparison.Ordinal) || line.StartsWith("Debug Microsoft", StringComparison.Ordinal));
        Search("the log", server.Logs.Lines, [.. secrets, ("a value", value)]);
        Search("an answer", answers, secrets);
        await SearchTables();
    }

    async Task SendCredentials()
    {
        foreach (var (method, path) in ((string, string)[])[("GET", "/v1/config/app.name"), ("PUT", "/v1/config/app.name"), ("GET", "/nowhere"), ("GET", "/healthz"), ("GET", "/metrics"), ("OPTIONS", "/v1/config")])
        {
            await Send(method, path, null, ("Authorization", "Bearer " + Marked("an unknown token")));
            await Send(method, path, null, ("Authorization", "bearer  " + Marked("a token spelt otherwise")));
            await Send(method, path, null, ("Authorization", "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes("me:" + Marked("a password of Basic")))));
            await Send(method, path, null, ("Authorization", Marked("a token without a scheme")));
            await Send(method, path, null, ("Proxy-Authorization", "Bearer " + Marked("a proxy's token")), ("X-Api-Key", Marked("a key of another product")));
            await Send(method, path, null, ("Cookie", $"stele_session={Marked("a cookie")}; other={Marked("another cookie")}"));
            await Send(method, $"{path}?access_token={Marked("a token in the query")}", null);
            await Send(method, $"{path}?access_token={Marked("a token in the query, with another")}", null, ("Authorization", "Bearer " + RootToken));
            await Send(method, path, null, ("Authorization", "Bearer " + Marked("a token from another origin")), ("Origin", "https://admin.example.com"));
            await Send(method, path, null, ("Authorization", "Bearer stele_default_" + Marked("a made-up token")));
        }
    }

    async Task SendTokensOfIssuers()
    {
        var now = TimeProvider.System.GetUtcNow();
        string Jwt(string what, Action<JsonObject> change) => Kept(what, issuer.Token(now, claims =>
        {
            claims["email"] = Marked("a claim of " + what);
            change(claims);
        }));
        foreach (var (what, token) in ((string, string)[])
        [
            ("good", Jwt("a good JWT", _ => { })),
            ("subject", Jwt("a JWT whose subject is an address", claims => claims["sub"] = Marked("a subject") + "@example.com")),
            ("expired", Jwt("an expired JWT", claims => claims["exp"] = 1)),
            ("audience", Jwt("a JWT for another", claims => claims["aud"] = Marked("an audience"))),
            ("forged", Kept("a forged JWT", TestKey.Elliptic("rsa-1").Sign(issuer.Claims(now).ToJsonString()))),
            ("unknown key", Kept("a JWT of an unknown key", TestKey.Elliptic(Marked("a key id")).Sign(issuer.Claims(now).ToJsonString()))),
            ("not JSON", Kept("a JWT that is not JSON", $"{TestKey.Part(Marked("a header that is not JSON"))}.{TestKey.Part(Marked("claims that are not JSON"))}.AAAA")),
            ("encrypted", $"{Marked("an encrypted JWT")}.a.b.c.d"),
            ("long", $"{Marked("a JWT that is too long")}.{new string('a', 20_000)}.b"),
        ])
        {
            using var first = await Send("PUT", "/v1/config/app.name", """{"value":1}""", ("Authorization", "Bearer " + token));
            Assert.Equal(what is "good" or "subject" ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, first.StatusCode);
            await Send("GET", "/v1/config/app.name", null, ("Authorization", "Bearer " + token));
        }
        issuer.Away = true;
        await Send("GET", "/v1/config/app.name", null, ("Authorization", "Bearer " + Kept("a JWT while its issuer is away", TestKey.Elliptic("another").Sign(issuer.Claims(now).ToJsonString()))));
    }

    // what Kestrel refuses before anybody of ours sees it
    async Task SendWhatIsNoRequest()
    {
        foreach (var text in (string[])
        [
            $"GET /v1/config HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {Marked("a token with a NUL behind it")}\0\r\n\r\n",
            $"GET /v1/config HTTP/1.1\r\nHost: x\r\nAuthorization Bearer {Marked("a token in a header without a colon")}\r\n\r\n",
            $"GET /v1/config HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {Marked("a token in a header that is folded")}\r\n folded\r\n\r\n",
            $"GET /v1/config?token={Marked("a token in a line that is none")} HTTX/1.1\r\n\r\n",
            $"Bearer {Marked("a token instead of a request")}\r\n\r\n",
            $"GET /v1/config HTTP/1.1\r\nHost: {Marked("a token instead of a host")}/@x\r\n\r\n",
            $"GET /v1/config HTTP/1.1\r\nHost: x\r\nContent-Length: {Marked("a token instead of a length")}\r\n\r\n",
            $"GET /v1/config HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {Marked("a long token")}{new string('a', 100_000)}\r\n\r\n",
            $"POST /v1/changes HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {RootToken}\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n{Marked("a token instead of a chunk")}\r\n",
        ])
        {
            using var socket = new TcpClient();
            await socket.ConnectAsync(IPAddress.Loopback, server.Client.BaseAddress!.Port);
            var stream = socket.GetStream();
            try
            {
                await stream.WriteAsync(Encoding.Latin1.GetBytes(text));
                using var reader = new StreamReader(stream);
                answers.Add(await reader.ReadToEndAsync());
            }
            catch (IOException)
            {
                // it hung up on us
            }
        }
    }

    async Task SendMetadata()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/stele.v1.ConfigService/GetConfig") { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Marked("a token of gRPC"));
        request.Headers.Add("secret-bin", Convert.ToBase64String(Encoding.UTF8.GetBytes(Marked("binary metadata"))));
        request.Content = new ByteArrayContent([0, 0, 0, 0, 0]) { Headers = { ContentType = new MediaTypeHeaderValue("application/grpc") } };
        using var answer = await client.SendAsync(request);
        await Keep(answer);
        answers.AddRange(answer.TrailingHeaders.Select(header => $"{header.Key}: {string.Join(",", header.Value)}"));
    }

    async Task SendTokensOfOurs()
    {
        var root = ("Authorization", "Bearer " + RootToken);
        // shown this once: that answer is not among those that are searched
        using var made = await Ask("POST", "/v1/tokens", """{"name":"a test's","scopes":[{"permission":"config:read","environments":["*"],"prefix":""}]}""", root);
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        using var token = JsonDocument.Parse(await made.Content.ReadAsStringAsync());
        var text = Kept("a token", token.RootElement.GetProperty("token").GetString()!);
        await Send("GET", "/v1/config", null, ("Authorization", "Bearer " + text));
        await Send("PUT", "/v1/config/app.name", """{"value":1}""", ("Authorization", "Bearer " + text));
        await Send("GET", "/v1/tokens", null, root);
        await Send("GET", "/v1/config", null, ("Authorization", "Bearer " + text[..^1] + (text[^1] == 'a' ? 'b' : 'a')));
        await Send("DELETE", $"/v1/tokens/{token.RootElement.GetProperty("id").GetString()}", null, root);
        using var revoked = await Send("GET", "/v1/config", null, ("Authorization", "Bearer " + text));
        Assert.Equal(HttpStatusCode.Unauthorized, revoked.StatusCode);
    }

    async Task SignIn()
    {
        var root = ("Authorization", "Bearer " + RootToken);
        using var user = await Ask("POST", "/v1/users", """{"email":"alice@example.com","name":"Alice","role":"viewer"}""", root);
        using var made = JsonDocument.Parse(await user.Content.ReadAsStringAsync());
        var password = Marked("a password");
        await Send("PUT", $"/v1/users/{made.RootElement.GetProperty("id").GetString()}/password", $$"""{"password":"{{password}}"}""", root);
        await Send("PUT", $"/v1/users/{made.RootElement.GetProperty("id").GetString()}/password", $$"""{"password":"{{Marked("a password in a body that is broken")}}" """, root);
        await Send("PUT", $"/v1/users/{made.RootElement.GetProperty("id").GetString()}/password", $$"""{"passwrd":"{{Marked("a password in a member that is none")}}"}""", root);
        await Send("POST", "/v1/session", $$"""{"email":"alice@example.com","password":"{{Marked("a wrong password")}}"}""");
        await Send("POST", "/v1/session", $$"""{"email":"alice@example.com","password":"{{Marked("a password with more")}}","more":1}""");
        using var signedIn = await Ask("POST", "/v1/session", $$"""{"email":"alice@example.com","password":"{{password}}"}""");
        Assert.Equal(HttpStatusCode.OK, signedIn.StatusCode);
        var cookie = signedIn.Headers.GetValues("Set-Cookie").Single().Split(';')[0];
        Kept("a session's cookie", cookie.Split('=', 2)[1]);
        await Send("GET", "/v1/config", null, ("Cookie", cookie));
        await Send("PUT", "/v1/config/app.name", """{"value":1}""", ("Cookie", cookie));
        await Send("PUT", "/v1/session/password", $$"""{"current_password":"{{Marked("a wrong current password")}}","password":"{{Marked("a new password")}}"}""", ("Cookie", cookie));
    }

    string Marked(string what) => Kept(what, "mark-" + Guid.NewGuid().ToString("N"));

    string Kept(string what, string secret)
    {
        secrets.Add((what, secret));
        return secret;
    }

    async Task<HttpResponseMessage> Send(string method, string path, string? body, params (string Name, string Value)[] headers)
    {
        var answer = await Ask(method, path, body, headers);
        await Keep(answer);
        return answer;
    }

    async Task<HttpResponseMessage> Ask(string method, string path, string? body, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        return await client.SendAsync(request);
    }

    async Task Keep(HttpResponseMessage answer)
    {
        answers.Add(await answer.Content.ReadAsStringAsync());
        answers.AddRange(answer.Headers.Select(header => $"{header.Key}: {string.Join(",", header.Value)}"));
    }

    async Task SearchTables()
    {
        await using var session = await db.As();
        var tables = await session.Rows("SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'stele'::regnamespace AND c.relkind = 'r'");
        Assert.Contains("stele.token_lookup", tables);
        foreach (var table in tables) Search($"table {table}", await session.Rows($"SELECT t::text FROM {table} t"), secrets);
    }

    static void Search(string where, IEnumerable<string> lines, IReadOnlyCollection<(string What, string Text)> marks)
    {
        var forms = marks.SelectMany(mark => Forms(mark.Text).Select(form => (mark.What, Form: form))).ToList();
        var found = lines.SelectMany(line => forms.Where(form => line.Contains(form.Form, StringComparison.OrdinalIgnoreCase)).Select(form => $"{form.What} in: {line[..Math.Min(line.Length, 300)]}")).Distinct().ToList();
        Assert.True(found.Count == 0, $"{where} has\n{string.Join('\n', found)}");
    }

    // of a JWT each part by itself: a signature without its claims is a piece of a secret too
    static IEnumerable<string> Forms(string text) => text.Split('.').Where(part => part.Length > 20).Append(text)
        .SelectMany(part => (string[])[part, Convert.ToHexString(Encoding.UTF8.GetBytes(part)), Convert.ToBase64String(Encoding.UTF8.GetBytes(part)).TrimEnd('=')]);

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await server.DisposeAsync();
        await issuer.DisposeAsync();
        await db.DisposeAsync();
        Directory.Delete(directory, recursive: true);
    }
}
