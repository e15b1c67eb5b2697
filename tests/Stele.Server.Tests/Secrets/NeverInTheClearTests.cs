using System.Diagnostics;
using System.Globalization;
using System.Text;
using Stele.Proto.V1;
using Stele.Server.Secrets.Keys;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Grpc;
using Xunit;

namespace Stele.Server.Tests.Secrets;

/// <summary>Values that carry a mark go through every endpoint, and through what refuses them; then the marks are looked for wherever something is kept.</summary>
public sealed class NeverInTheClearTests
{
    const int Reads = 100;

    // not in the text of this process as it is looked for: what is searched must not be found in who searches
    static string Mark(int number) => string.Concat("mark", "ed-", "s3cret/", number.ToString(CultureInfo.InvariantCulture), "+äöü=", "end");

    [Fact]
    public async Task Marks_are_in_no_log_no_metric_no_table_no_dump_and_no_refusal()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        var kept = new StringBuilder();
        await Drive(server.Client, text => kept.AppendLine(text));
        foreach (var path in (string[])["/metrics", "/v1/events?limit=1000", "/v1/audit", "/v1/status", "/v1/secrets", "/v1/secrets/a/history", "/v1/keys"]) kept.AppendLine(await server.Client.GetStringAsync(path));
        foreach (var line in server.Logs.Lines) kept.AppendLine(line);
        await using (var superuser = await db.As())
            foreach (var table in await superuser.Rows("SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'stele' AND c.relkind IN ('r', 'p', 'v')"))
                foreach (var row in await superuser.Rows($"SELECT t::text FROM {table} t LIMIT 100000")) kept.AppendLine(row);
        kept.Append(await Dump(db));
        Assert.Equal([], Found(kept.ToString()));
        // the search finds what is there
        Assert.Contains("a/deep", kept.ToString());
    }

    /// <summary>Sends every request, and gives on what is answered where no value belongs.</summary>
    internal static async Task Drive(HttpClient client, Action<string> kept)
    {
        foreach (var (method, path, body) in Requests())
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json") };
            request.Headers.Add("Idempotency-Key", Guid.NewGuid().ToString());
            using var answer = await client.SendAsync(request);
            var text = await answer.Content.ReadAsStringAsync();
            // what is given out to who may read it is the one place
            if (method != "GET" || !answer.IsSuccessStatusCode || !(path.StartsWith("/v1/secrets/", StringComparison.Ordinal) || path == "/v1/config/refers")) kept(text);
        }
    }

    /// <summary>The marks that stand in a text, in whatever form, with what is around them.</summary>
    internal static List<string> Found(string text) =>
    [
        .. from mark in Enumerable.Range(0, 4)
           from form in Forms(Mark(mark))
           where text.Contains(form, StringComparison.OrdinalIgnoreCase)
           select $"{form}: …{Around(text, form)}…",
    ];

    [Fact]
    public async Task After_a_hundred_reads_and_a_collection_no_mark_is_in_the_memory_of_the_process()
    {
        // a young generation of 1 MiB, and each of the last requests leaves some hundred KiB: several collections
        if (OperatingSystem.IsLinux()) await Search("0x100000", Ways, collections: 10);
    }

    [Fact]
    public async Task After_calls_of_gRPC_no_mark_is_in_the_memory_of_the_process()
    {
        // no collection: a text that is moved while it is a message's leaves a copy, which is overwritten when its place is used again; and without one, what is not zeroed is there
        if (OperatingSystem.IsLinux()) await Search("0x10000000", Calls, collections: 0);
    }

    static async Task Search(string youngBytes, Func<ServerProcess, IEnumerable<(string Way, Func<string, Task> Go)>> ways, int collections)
    {
        await using var db = await Postgres.NewDatabase();
        var keys = Path.Combine(Directory.CreateTempSubdirectory("stele-keys-").FullName, "keys");
        KeyFile.MakeIfMissing(keys);
        await using var server = await ServerProcess.Start(ServerProcess.Binary, db, "searched", ("STELE_KEY_FILE", keys), ("DOTNET_GCgen0size", youngBytes));
        // nor will any be in what is left of it when it dies
        Assert.Equal("0", Limit("Max core file size", await File.ReadAllTextAsync($"/proc/{server.Id}/limits")));
        Assert.Equal("00000000", (await File.ReadAllTextAsync($"/proc/{server.Id}/coredump_filter")).Trim());
        const string own = "a value of configuration, which nobody hides";
        await Send(server.Client, HttpMethod.Put, "/v1/config/memory", $$"""{"value":"{{own}}"}""");
        var marks = new Dictionary<string, string>();
        foreach (var (way, go) in ways(server)) await go(marks[way] = Mark(100 + marks.Count));
        for (var i = 0; i < collections; i++) await Send(server.Client, HttpMethod.Get, "/openapi/v1.json", null);
        Assert.NotEqual(0, ProcessMemory.Count(server.Id, Encoding.UTF8.GetBytes(own)));
        var found = from mark in marks
                    from form in (IEnumerable<byte[]>)[Encoding.UTF8.GetBytes(mark.Value), Encoding.Unicode.GetBytes(mark.Value), Encoding.ASCII.GetBytes(Convert.ToBase64String(Encoding.UTF8.GetBytes(mark.Value)))]
                    let times = ProcessMemory.Count(server.Id, form)
                    where times > 0
                    select $"{mark.Key}: {times} times";
        Assert.Empty(found);
    }

    // every way by which a value passes through a process, each with a mark of its own
    static IEnumerable<(string Way, Func<string, Task> Go)> Ways(ServerProcess server)
    {
        yield return ("a hundred reads", async mark =>
        {
            await Send(server.Client, HttpMethod.Put, "/v1/secrets/memory", $$"""{"value":"{{mark}}"}""");
            for (var i = 0; i < Reads; i++) Assert.Contains(mark, await Send(server.Client, HttpMethod.Get, "/v1/secrets/memory", null));
        });
        yield return ("a large value, in chunks of the connection", async mark =>
        {
            await Send(server.Client, HttpMethod.Put, "/v1/secrets/large", $$"""{"value":"{{string.Join(' ', Enumerable.Repeat(mark, 5_000))}}"}""");
            for (var i = 0; i < 3; i++) Assert.Contains(mark, await Send(server.Client, HttpMethod.Get, "/v1/secrets/large", null));
        });
        yield return ("base64", async mark =>
        {
            await Send(server.Client, HttpMethod.Put, "/v1/secrets/bytes", $$"""{"value_base64":"{{Convert.ToBase64String(Encoding.UTF8.GetBytes(mark))}}"}""");
            await Send(server.Client, HttpMethod.Get, "/v1/secrets/bytes", null);
        });
        yield return ("a change set", async mark =>
        {
            await Send(server.Client, HttpMethod.Post, "/v1/changes", $$"""{"changes":[{"op":"set","kind":"secret","key":"of-a-set","value":"{{mark}}"},{"op":"set","key":"beside","value":1}]}""");
            using var refused = await server.Client.PostAsync("/v1/changes", new StringContent($$"""{"changes":[{"op":"set","kind":"secret","key":"of-a-set","value":"{{mark}}","expected_version":9}]}""", Encoding.UTF8, "application/json"));
            Assert.Equal(409, (int)refused.StatusCode);
        });
        yield return ("a refused body", async mark =>
        {
            foreach (var body in (string[])[$$"""{"value":"{{mark}}","nonsense":"{{mark}}"}""", $$"""{"value":"{{mark}}",""", $$"""{"value":["{{mark}}"]}""", $$"""{"value_base64":"{{mark}}"}"""])
            {
                using var refused = await server.Client.PutAsync("/v1/secrets/refused", new StringContent(body, Encoding.UTF8, "application/json"));
                Assert.Equal(400, (int)refused.StatusCode);
            }
        });
        yield return ("a wrap", async mark =>
        {
            await Send(server.Client, HttpMethod.Put, "/v1/secrets/wrapped", $$"""{"value":"{{mark}}"}""");
            var token = System.Text.Json.JsonDocument.Parse(await Send(server.Client, HttpMethod.Post, "/v1/secrets/wrapped/wrap", "{}")).RootElement.GetProperty("wrap_token").GetString();
            Assert.Contains(mark, await Send(server.Client, HttpMethod.Post, "/v1/unwrap", $$"""{"wrap_token":"{{token}}"}"""));
        });
        yield return ("a reference", async mark =>
        {
            await Send(server.Client, HttpMethod.Put, "/v1/secrets/referred", $$"""{"value":"{{mark}}"}""");
            await Send(server.Client, HttpMethod.Put, "/v1/config/refers", """{"value":{"$secret":"referred"}}""");
            Assert.Contains(mark, await Send(server.Client, HttpMethod.Get, "/v1/config/refers", null));
        });
        yield return ("a search", async mark => Assert.Contains("false", await Send(server.Client, HttpMethod.Post, "/v1/audit/secrets", $$"""{"value":"{{mark}}"}""")));
    }

    static IEnumerable<(string Way, Func<string, Task> Go)> Calls(ServerProcess server)
    {
        yield return ("gRPC", async mark =>
        {
            using var grpc = new WireClient(server.Grpc);
            Assert.Equal(0, (await grpc.Call("/stele.v1.SecretService/Set", new SetSecretRequest { Path = "grpc", Value = mark })).Code);
            for (var i = 0; i < Reads; i++) Assert.Equal(0, (await grpc.Call("/stele.v1.SecretService/Get", new GetSecretRequest { Path = "grpc" })).Code);
        });
        yield return ("gRPC, bytes and larger than a block", async mark =>
        {
            using var grpc = new WireClient(server.Grpc);
            var bytes = Google.Protobuf.ByteString.CopyFromUtf8(string.Join(' ', Enumerable.Repeat(mark, 1_000)));
            Assert.Equal(0, (await grpc.Call("/stele.v1.SecretService/Set", new SetSecretRequest { Path = "grpc/bytes", ValueBase64 = bytes })).Code);
            Assert.Equal(0, (await grpc.Call("/stele.v1.SecretService/Get", new GetSecretRequest { Path = "grpc/bytes" })).Code);
        });
    }

    static string Limit(string name, string limits) => limits.Split('\n').Single(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];

    static async Task<string> Send(HttpClient client, HttpMethod method, string path, string? body)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json") };
        using var answer = await client.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return text;
    }

    static IEnumerable<(string Method, string Path, string? Body)> Requests()
    {
        var (a, b, c, d) = (Mark(0), Mark(1), Mark(2), Mark(3));
        yield return ("PUT", "/v1/secrets/a/deep", $$"""{"value":"{{a}}"}""");
        yield return ("PUT", "/v1/secrets/a", $$"""{"value_base64":"{{Convert.ToBase64String(Encoding.UTF8.GetBytes(b))}}","metadata":{"x":1 } }""");
        yield return ("POST", "/v1/changes", $$"""{"changes":[{"op":"set","kind":"secret","key":"c","value":"{{c}}"},{"op":"set","key":"k","value":1}]}""");
        yield return ("GET", "/v1/secrets/a", null);
        yield return ("GET", "/v1/secrets/a/deep", null);
        yield return ("GET", "/v1/secrets/a/deep?version=1", null);
        // refused, each for another reason
        yield return ("PUT", "/v1/secrets/a", $$"""{"value":"{{d}}","expected_version":9}""");
        yield return ("PUT", "/v1/secrets/a", $$"""{"value":"{{d}}","nonsense":"{{d}}"}""");
        yield return ("PUT", "/v1/secrets/a", $$"""{"value":"{{d}}","value":"{{d}}"}""");
        yield return ("PUT", "/v1/secrets/a", $$"""{"value":"{{d}}",""");
        yield return ("PUT", "/v1/secrets/a", $$"""{"value":["{{d}}"]}""");
        yield return ("PUT", "/v1/secrets/a", $$"""{"value_base64":"{{d}}"}""");
        yield return ("PUT", "/v1/secrets/a?env=none", $$"""{"value":"{{d}}"}""");
        yield return ("PUT", "/v1/secrets/a/history", $$"""{"value":"{{d}}"}""");
        yield return ("POST", "/v1/changes", $$"""{"changes":[{"op":"set","kind":"secret","key":"c","value":"{{d}}","expected_version":7}]}""");
        yield return ("POST", "/v1/changes", $$"""{"changes":[{"op":"set","kind":"flag","key":"c","value":"{{d}}"}]}""");
        yield return ("DELETE", "/v1/secrets/a", null);
        yield return ("POST", "/v1/secrets/a/undelete", "{}");
        yield return ("POST", "/v1/keys/rotate", null);
        yield return ("POST", "/v1/keys/rewrap", "{}");
        yield return ("GET", "/v1/secrets/a", null);
        yield return ("PUT", "/v1/config/refers", """{"value":{"$secret":"a/deep"}}""");
        yield return ("GET", "/v1/config/refers", null);
        yield return ("GET", "/v1/config/refers?resolve=false", null);
        yield return ("POST", "/v1/secrets/a/wrap", "{}");
        yield return ("POST", "/v1/unwrap", $$"""{"wrap_token":"{{d}}"}""");
        yield return ("POST", "/v1/audit/secrets", $$"""{"value":"{{a}}"}""");
        yield return ("POST", "/v1/audit/secrets", $$"""{"value":"{{d}}"}""");
        yield return ("POST", "/v1/audit/secrets", $$"""{"value":["{{d}}"]}""");
        yield return ("POST", "/v1/secrets/a/destroy", "{}");
        yield return ("GET", "/v1/secrets/a", null);
    }

    static IEnumerable<string> Forms(string mark)
    {
        var bytes = Encoding.UTF8.GetBytes(mark);
        yield return mark;
        yield return mark[..12];
        yield return Convert.ToHexString(bytes);
        yield return Uri.EscapeDataString(mark);
        // base64 at each of the three places where it may begin
        for (var shift = 0; shift < 3; shift++) yield return Convert.ToBase64String([.. new byte[shift], .. bytes])[4..^4];
    }

    static string Around(string text, string found)
    {
        var at = text.IndexOf(found, StringComparison.OrdinalIgnoreCase);
        return text[Math.Max(0, at - 100)..Math.Min(text.Length, at + 100)];
    }

    static async Task<string> Dump(TestDatabase db)
    {
        var connection = new Npgsql.NpgsqlConnectionStringBuilder(db.Owner);
        if (await Postgres.Binaries(PostgresMajor.V15) is not { } binaries || !File.Exists(Path.Combine(binaries, "pg_dump"))) return "";
        var dump = new ProcessStartInfo(Path.Combine(binaries, "pg_dump"), ["--host", connection.Host!, "--port", connection.Port.ToString(CultureInfo.InvariantCulture), "--username", connection.Username!, connection.Database!]) { RedirectStandardOutput = true };
        dump.Environment["PGPASSWORD"] = connection.Password;
        using var process = Process.Start(dump)!;
        var text = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        return text;
    }
}
