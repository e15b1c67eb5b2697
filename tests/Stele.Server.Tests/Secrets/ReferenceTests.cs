using System.Globalization;
using System.Text.Json;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Secrets;

/// <summary>Keys that refer to secrets: read through by who may read both, and told of when the secret changes.</summary>
public sealed class ReferenceTests(HttpServer server) : IClassFixture<HttpServer>
{
    readonly string own = $"t{Guid.NewGuid():N}"[..12];

    [Fact]
    public async Task A_key_is_read_as_the_secret_that_it_refers_to_and_its_tag_follows_the_secret()
    {
        await Secret("one");
        var put = (await Refer("db", $$"""{"$secret":"{{own}}/pw"}""")).Is(200);
        Assert.Equal(($"{own}/pw", "json"), (put["value"].GetProperty("$secret").GetString(), put["value_type"].GetString()));
        var first = (await Get("db")).Is(200);
        Assert.Equal(("one", 1, 1), (first["value"].GetString(), first["version"].GetInt32(), first["secret"].GetProperty("version").GetInt32()));
        Assert.Equal("no-store", first.Headers["Cache-Control"]);
        (await server.Get($"/v1/config/{own}.db", ("If-None-Match", first.Headers["ETag"]))).Is(304);

        await Secret("two");
        var second = (await server.Get($"/v1/config/{own}.db", ("If-None-Match", first.Headers["ETag"]))).Is(200);
        Assert.Equal(("two", 1, 2), (second["value"].GetString(), second["version"].GetInt32(), second["secret"].GetProperty("version").GetInt32()));
        Assert.NotEqual(first.Headers["ETag"], second.Headers["ETag"]);
        // as it stands, with a tag of its own; and either tag says which version of the key was seen
        var plain = (await server.Get($"/v1/config/{own}.db?resolve=false", ("If-None-Match", second.Headers["ETag"]))).Is(200);
        Assert.Equal($$"""{"$secret":"{{own}}/pw"}""", plain["value"].GetRawText());
        Assert.False(plain.Json.TryGetProperty("secret", out _));
        (await server.Put($"{own}.db", """{"value":1,"value_type":"number"}""", headers: ("If-Match", second.Headers["ETag"]))).Is(200);
        (await server.Put($"{own}.db", """{"value":2}""", headers: ("If-Match", second.Headers["ETag"]))).IsProblem(412, "precondition_failed");
        Assert.Equal(1, (await Get("db")).Is(200)["value"].GetInt32());
    }

    [Fact]
    public async Task A_version_that_is_named_stays_and_bytes_are_told_as_such()
    {
        await Secret("one");
        (await Refer("pinned", $$"""{"version":1,"$secret":"{{own}}/pw"}""")).Is(200);
        (await server.Send("PUT", $"/v1/secrets/{own}/pw", """{"value_base64":"AAEC"}""")).Is(200);
        (await Refer("bytes", $$"""{"$secret":"{{own}}/pw"}""")).Is(200);
        var (pinned, bytes) = ((await Get("pinned")).Is(200), (await Get("bytes")).Is(200));
        Assert.Equal(("one", 1), (pinned["value"].GetString(), pinned["secret"].GetProperty("version").GetInt32()));
        Assert.Equal(("AAEC", "base64"), (bytes["value"].GetString(), bytes["secret"].GetProperty("encoding").GetString()));
    }

    [Fact]
    public async Task Who_may_not_read_both_is_refused_and_gets_no_other_value()
    {
        await Secret("hidden");
        (await server.Put($"{own}.db", """{"value":"the value before"}""")).Is(200);
        (await server.Put($"{own}.db", $$$"""{"value":{"$secret":"{{{own}}}/pw"},"value_type":"json"}""")).Is(200);
        var config = await Token(("config:read", own));
        var secret = await Token(("secret:read", own));
        var both = await Token(("config:read", own), ("secret:read", own));
        var refused = (await server.Get($"/v1/config/{own}.db", config)).IsProblem(403, "forbidden");
        Assert.DoesNotContain("the value before", refused.Text);
        (await server.Get($"/v1/config/{own}.db", secret)).IsProblem(403, "forbidden");
        Assert.Equal("hidden", (await server.Get($"/v1/config/{own}.db", both)).Is(200)["value"].GetString());
        // the tag that somebody else was given does not help him
        var tag = (await server.Get($"/v1/config/{own}.db", both)).Headers["ETag"];
        (await server.Get($"/v1/config/{own}.db", config, ("If-None-Match", tag))).IsProblem(403, "forbidden");
        Assert.Equal($$"""{"$secret":"{{own}}/pw"}""", (await server.Get($"/v1/config/{own}.db?resolve=false", config)).Is(200)["value"].GetRawText());
        // each on record as the secret's before it was answered: no waiting here
        Assert.Equal([$"refused|forbidden|through config/development/{own}.db", $"allowed||version 1, through config/development/{own}.db", $"allowed||version 1, through config/development/{own}.db", $"refused|forbidden|through config/development/{own}.db"],
            await server.Rows($"SELECT outcome, coalesce(code, ''), detail FROM stele.audit_entry WHERE target = 'secret/development/{own}/pw' AND action = 'secret.read' ORDER BY sequence"));
    }

    [Fact]
    public async Task What_cannot_be_resolved_is_a_fault_that_names_the_key()
    {
        (await Refer("db", $$"""{"$secret":"{{own}}/pw"}""")).Is(200);
        (await Get("db")).IsProblem(404, "not_found", "secret.unknown@path:key");
        await Secret("one");
        await Secret("two");
        Assert.Equal("two", (await Get("db")).Is(200)["value"].GetString());
        (await Refer("later", $$"""{"$secret":"{{own}}/pw","version":9}""")).Is(200);
        (await Get("later")).IsProblem(404, "not_found", "version.unknown@path:key");
        var tag = (await Get("db")).Headers["ETag"];
        (await server.Post($"/v1/secrets/{own}/pw/destroy", "{}")).Is(200);
        // also for who has its tag
        (await server.Get($"/v1/config/{own}.db", ("If-None-Match", tag))).IsProblem(410, "gone", "secret.destroyed@path:key");
        (await server.Send("DELETE", $"/v1/secrets/{own}/pw", null)).Is(200);
        (await Get("db")).IsProblem(404, "not_found", "secret.unknown@path:key");
    }

    [Fact]
    public async Task A_read_through_a_reference_that_cannot_be_recorded_is_not_answered()
    {
        await Secret("never-told");
        (await Refer("db", $$"""{"$secret":"{{own}}/pw"}""")).Is(200);
        await server.Execute($"CREATE FUNCTION public.full_{own}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.target LIKE '%{own}/pw' THEN RAISE check_violation USING MESSAGE = 'full', CONSTRAINT = 'full'; END IF; RETURN NEW; END $$; CREATE TRIGGER full_{own} BEFORE INSERT ON stele.audit_entry FOR EACH ROW EXECUTE FUNCTION public.full_{own}(); ALTER TABLE stele.audit_entry ENABLE ALWAYS TRIGGER full_{own}");
        try
        {
            Assert.DoesNotContain("never-told", (await Get("db")).IsProblem(503, "unavailable").Text);
        }
        finally
        {
            await server.Execute($"DROP TRIGGER full_{own} ON stele.audit_entry");
        }
        Assert.Equal("never-told", (await Get("db")).Is(200)["value"].GetString());
    }

    [Fact]
    public async Task Who_watches_a_key_is_told_when_its_secret_changes_now_and_when_he_resumes()
    {
        await Secret("one");
        var cursor = (await Refer("db", $$"""{"$secret":"{{own}}/pw"}""")).Is(200).Headers["Stele-Cursor"];
        (await Refer("pinned", $$"""{"$secret":"{{own}}/pw","version":1}""")).Is(200);
        (await server.Put($"{own}x.db", $$$"""{"value":{"$secret":"{{{own}}}/pw"}}""")).Is(200);
        var reader = await Token(("config:read", own + "."));
        using var now = await EventStream.Open(server.Client.BaseAddress!, $"?prefix={own}.&kinds=config", reader.Item2["Bearer ".Length..]);
        await now.Named("synced");
        var rotated = await Secret("two");
        var deleted = (await server.Send("DELETE", $"/v1/secrets/{own}/pw", null)).Is(200)["revision"].GetInt64();
        var back = (await server.Send("POST", $"/v1/secrets/{own}/pw/undelete", null)).Is(200)["revision"].GetInt64();
        string[] expected =
        [
            $"{rotated} {Told("""{"path":"PW","version":2}""")}", $"{deleted} {Told("""{"path":"PW"}""")}", $"{back} {Told("""{"path":"PW","version":4}""")}",
        ];
        foreach (var one in expected) Assert.Equal(one, Shown(await now.Named("change")));
        // a key and its secret in one change set: the key says it itself
        var changes = JsonSerializer.Serialize(new { changes = new object[] { new { op = "set", kind = "secret", key = own + "/pw", value = "three" }, new { op = "set", key = own + ".db", value = new Dictionary<string, string> { ["$secret"] = own + "/pw" } } } });
        var both = (await server.Post("/v1/changes", changes)).Is(200)["revision"].GetInt64();
        var last = $$$$"""{{{{both}}}} {"op":"set","kind":"config","key":"{{{{own}}}}.db","environment":"development","value":{"$secret":"{{{{own}}}}/pw"},"value_type":"json","version":2,"old_version":1,"secret":{"path":"{{{{own}}}}/pw","version":5}}""";
        Assert.Equal(last, Shown(await now.Named("change")));

        // who resumes is told the same, though nothing of his prefix has changed
        await using var other = await server.Another();
        using var resumed = await EventStream.Open(other.Client.BaseAddress!, $"?prefix={own}.db&kinds=config&from_cursor={cursor}", HttpServer.Token);
        foreach (var one in expected) Assert.Equal(one, Shown(await resumed.Named("change")));
        Assert.Equal(last, Shown(await resumed.Named("change")));

        string Told(string secret) => $$$$"""{"op":"secret_rotated","kind":"config","key":"{{{{own}}}}.db","environment":"development","value":{"$secret":"{{{{own}}}}/pw"},"value_type":"json","version":1,"old_version":1,"secret":{{{{secret.Replace("PW", own + "/pw", StringComparison.Ordinal)}}}}}""";

        static string Shown(StreamEvent change) => string.Create(CultureInfo.InvariantCulture, $"{change.Data.GetProperty("revision").GetInt64()} {Assert.Single(change.Data.GetProperty("changes").EnumerateArray()).GetRawText()}");
    }

    [Fact]
    public async Task A_long_poll_ends_with_the_new_value_when_the_secret_changes()
    {
        await Secret("one");
        var cursor = (await Refer("db", $$"""{"$secret":"{{own}}/pw"}""")).Is(200).Headers["Stele-Cursor"];
        var waiting = server.Get($"/v1/config/{own}.db?wait=20s&after_cursor={cursor}");
        await Secret("two");
        Assert.Equal("two", (await waiting).Is(200)["value"].GetString());
    }

    [Fact]
    public async Task As_many_keys_refer_to_a_secret_as_may_and_not_one_more()
    {
        for (var i = 0; i < 1_000; i += 500)
            (await server.Post("/v1/changes", JsonSerializer.Serialize(new { changes = Enumerable.Range(i, 500).Select(Change) }))).Is(200);
        (await server.Post("/v1/changes", JsonSerializer.Serialize(new { changes = new[] { Change(1_000) } }))).IsProblem(403, "quota_exceeded", "secret.referrers@");
        // one that refers to it already may be written again, and one that goes makes room
        (await server.Post("/v1/changes", JsonSerializer.Serialize(new { changes = new[] { Change(7) } }))).Is(200);
        (await server.Send("DELETE", $"/v1/config/{own}.k3", null)).Is(200);
        (await server.Post("/v1/changes", JsonSerializer.Serialize(new { changes = new[] { Change(1_000) } }))).Is(200);

        object Change(int i) => new { op = "set", key = $"{own}.k{i}", value = new Dictionary<string, string> { ["$secret"] = $"{own}/many" } };
    }

    async Task<long> Secret(string value) => (await server.Send("PUT", $"/v1/secrets/{own}/pw", $$"""{"value":"{{value}}"}""")).Is(200)["revision"].GetInt64();

    Task<HttpAnswer> Refer(string key, string value) => server.Put($"{own}.{key}", $$"""{"value":{{value}}}""");

    Task<HttpAnswer> Get(string key) => server.Get($"/v1/config/{own}.{key}");

    async Task<(string, string)> Token(params (string Permission, string Prefix)[] scopes)
    {
        var made = (await server.Post("/v1/tokens", JsonSerializer.Serialize(new { name = own, scopes = scopes.Select(scope => new { permission = scope.Permission, environments = new[] { "*" }, prefix = scope.Prefix }) }))).Is(201);
        return ("Authorization", $"Bearer {made["token"].GetString()}");
    }
}
