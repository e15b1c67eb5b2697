using System.Globalization;
using System.Text.RegularExpressions;
using Stele.Server.Access;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Grpc;
using Stele.Server.Tests.Http;
using Stele.Server.Tests.Watch;
using Xunit;
using static Stele.Server.Tests.Access.AccessServer;

namespace Stele.Server.Tests.Access;

/// <summary>
/// One org, full of things, and another's token with every permission there is: it goes through all routes, asking for what
/// the first one has and for what nobody has, and must hear the same. A route without a case fails the test, and so does a
/// tenant table without a row.
/// </summary>
public sealed partial class TenantSweepTests(HttpServer server) : IClassFixture<HttpServer>
{
    const string There = "canary", Nowhere = "qwertz";

    // what is asked: NAME stands for a name, ID-… for an id of that kind. A route may have several;
    // with a ~ what comes back grows by itself, and is only searched
    static readonly Dictionary<string, string[]> Cases = new(StringComparer.Ordinal)
    {
        ["GET /v1/config"] = ["/v1/config?prefix=NAME", "/v1/config?env=NAME", "/v1/config?keys_only=true"],
        ["GET /v1/config/{key}"] = ["/v1/config/NAME.key", "/v1/config/NAME.key?version=1", "/v1/config/NAME.key?env=NAME"],
        ["GET /v1/config/{key}/history"] = ["/v1/config/NAME.key/history"],
        ["PUT /v1/config/{key}"] = ["""/v1/config/NAME.key {"value":1,"expected_version":1}""", """/v1/config/NAME.key {"value":1}"""],
        ["DELETE /v1/config/{key}"] = ["/v1/config/NAME.other?expected_version=1"],
        ["POST /v1/config/{key}/rollback"] = ["""/v1/config/NAME.other/rollback {"version":1}"""],
        ["POST /v1/changes"] = ["""/v1/changes {"changes":[{"op":"check","key":"NAME.other","expected_version":1}]}""", """/v1/changes {"changes":[{"op":"set","key":"a.b","value":1,"environment":"NAME"}]}"""],
        ["POST /v1/rollback"] = ["""/v1/rollback {"revision":1,"prefix":"NAME."}"""],
        ["GET /v1/diff"] = ["/v1/diff?from=production&to=NAME", "/v1/diff?from=production&to=production&prefix=NAME"],
        ["POST /v1/schema/validate"] = ["""/v1/schema/validate {"schema":{"type":"string"},"value":"NAME"}"""],
        ["POST /v1/config/schema-check"] = ["""/v1/config/schema-check?prefix=NAME {"schema":{"type":"boolean"}}"""],
        ["GET /v1/orgs"] = ["/v1/orgs"],
        ["POST /v1/orgs"] = ["""/v1/orgs {"name":"NAME-org"}"""],
        ["GET /v1/orgs/{name}"] = ["/v1/orgs/NAME-org"],
        ["PATCH /v1/orgs/{name}"] = ["""/v1/orgs/NAME-org {"name":"renamed"}""", """/v1/orgs/intruder {"name":"NAME-org"}"""],
        ["POST /v1/orgs/{name}/archive"] = ["/v1/orgs/NAME-org/archive", """/v1/orgs/NAME-org/archive {}"""],
        ["POST /v1/orgs/{name}/unarchive"] = ["/v1/orgs/NAME-org/unarchive"],
        ["GET /v1/settings"] = ["/v1/settings"],
        ["PATCH /v1/settings"] = ["""/v1/settings {"default_environment":"NAME"}"""],
        ["GET /v1/environments"] = ["/v1/environments"],
        ["POST /v1/environments"] = ["""/v1/environments {"name":"NAME"}"""],
        ["POST /v1/environments/reorder"] = ["""/v1/environments/reorder {"names":["NAME"]}"""],
        ["GET /v1/environments/{name}"] = ["/v1/environments/NAME-other"],
        ["PATCH /v1/environments/{name}"] = ["""/v1/environments/NAME-other {"description":"x"}"""],
        ["DELETE /v1/environments/{name}"] = ["/v1/environments/NAME-other", "/v1/environments/NAME-other?confirm=NAME-other"],
        ["GET /v1/events"] = ["/v1/events?limit=1000"],
        ["GET /v1/stats/changes"] = ["/v1/stats/changes?env=NAME", "/v1/stats/changes"],
        ["GET /v1/audit"] = ["~/v1/audit", "/v1/audit?environment=NAME", "/v1/audit?actor=NAME"],
        ["GET /v1/usage"] = ["~/v1/usage"],
        ["GET /v1/watch"] = ["/v1/watch?env=NAME"],
        // what is asked for inside of it is the token's org's, by the same engine
        ["GET /v1/ws"] = ["/v1/ws"],
        ["GET /v1/subscriptions"] = ["/v1/subscriptions"],
        ["POST /v1/subscriptions/{id}/ack"] = ["""/v1/subscriptions/ID-USER/ack {"revision":1}"""],
        ["POST /ofrep/v1/evaluate/flags"] = ["/ofrep/v1/evaluate/flags?env=NAME {}", "/ofrep/v1/evaluate/flags {}"],
        ["POST /ofrep/v1/evaluate/flags/{key}"] = ["/ofrep/v1/evaluate/flags/NAME.flag {}", "/ofrep/v1/evaluate/flags/NAME.flag?env=NAME {}"],
        ["GET /ofrep/v1/events"] = ["/ofrep/v1/events?env=NAME"],
        ["POST /v1/flags/explain"] = ["/v1/flags/explain {\"flag\":\"NAME.flag\"}"],
        ["POST /v1/flags/compare"] = ["/v1/flags/compare {\"from\":\"production\",\"to\":\"NAME\"}"],
        ["GET /v1/limits"] = ["/v1/limits"],
        ["GET /v1/operations/read-only"] = ["/v1/operations/read-only"],
        ["POST /v1/operations/read-only"] = ["""/v1/operations/read-only {"read_only":true,"reason":"NAME"}"""],
        ["GET /v1/flags"] = ["/v1/flags?env=NAME", "/v1/flags?prefix=NAME"],
        ["GET /v1/flags/{name}"] = ["/v1/flags/NAME.flag", "/v1/flags/x?env=NAME"],
        ["PUT /v1/flags/{name}"] = ["""/v1/flags/NAME.flag {"enabled":true,"expected_version":1}""", """/v1/flags/x?env=NAME {"enabled":true}"""],
        ["DELETE /v1/flags/{name}"] = ["/v1/flags/NAME.flag", "/v1/flags/x?env=NAME"],
        ["GET /v1/flags/{name}/history"] = ["/v1/flags/NAME.flag/history"],
        ["POST /v1/flags/{name}/rollback"] = ["""/v1/flags/NAME.flag/rollback {"version":1}"""],
        ["POST /v1/flags/import"] = ["""/v1/flags/import?env=NAME {"flags":{}}""", """/v1/flags/import?dry_run=true {"flags":{"NAME.flag":{"enabled":true}}}"""],
        ["GET /v1/flags/export"] = ["/v1/flags/export?env=NAME", "~/v1/flags/export"],
        ["POST /v1/flags/copy"] = ["""/v1/flags/copy {"from":"NAME","to":"production"}"""],
        ["POST /v1/flags/usage"] = ["""/v1/flags/usage {"items":[{"flag":"NAME.flag","count":1}]}""", """/v1/flags/usage?env=NAME {"items":[]}"""],
        ["GET /v1/secrets"] = ["/v1/secrets?env=NAME", "/v1/secrets?prefix=NAME"],
        ["GET /v1/secrets/{path}"] = ["/v1/secrets/NAME/s", "/v1/secrets/NAME/s?version=1", "/v1/secrets/NAME/s?value=false", "/v1/secrets/x?env=NAME"],
        ["PUT /v1/secrets/{path}"] = ["""/v1/secrets/NAME/s {"value":"x","expected_version":1}""", """/v1/secrets/x?env=NAME {"value":"x"}"""],
        ["DELETE /v1/secrets/{path}"] = ["/v1/secrets/NAME/s", "/v1/secrets/x?env=NAME"],
        ["GET /v1/secrets/{path}/history"] = ["/v1/secrets/NAME/s/history"],
        ["POST /v1/secrets/{path}/generate"] = ["""/v1/secrets/x/generate?env=NAME {"length":8}"""],
        ["POST /v1/secrets/{path}/undelete"] = ["/v1/secrets/NAME/s/undelete {}"],
        ["POST /v1/secrets/{path}/destroy"] = ["/v1/secrets/NAME/s/destroy {}"],
        ["POST /v1/secrets/{path}/wrap"] = ["/v1/secrets/NAME/s/wrap {}", "/v1/secrets/x/wrap?env=NAME {}"],
        ["POST /v1/unwrap"] = ["""/v1/unwrap {"wrap_token":"NAME"}"""],
        ["POST /v1/audit/secrets"] = ["""/v1/audit/secrets {"value":"NAME"}"""],
        ["GET /v1/keys"] = ["/v1/keys"],
        ["POST /v1/keys/rotate"] = ["/v1/keys/rotate"],
        ["POST /v1/keys/rewrap"] = ["/v1/keys/rewrap"],
        ["GET /v1/secret-store"] = ["/v1/secret-store"],
        ["POST /v1/secret-store/move"] = ["""/v1/secret-store/move {"to":"database"}"""],
        ["POST /v1/keys/retire"] = ["""/v1/keys/retire {"version":1}"""],
        ["GET /v1/status"] = ["/v1/status"],
        ["GET /healthz"] = ["/healthz"],
        ["GET /readyz"] = ["/readyz"],
        ["GET /metrics"] = ["/metrics"],
        ["GET /openapi/v1.json"] = [],
        ["GET /v1/tokens"] = ["/v1/tokens"],
        ["POST /v1/tokens"] = ["""/v1/tokens {"name":"x","scopes":[{"permission":"config:read","environments":["NAME"]}]}""", """/v1/tokens {"name":"x","scopes":[{"permission":"config:read"}],"service_account":"ID-ACCOUNT"}"""],
        ["DELETE /v1/tokens/{id}"] = ["/v1/tokens/ID-TOKEN"],
        ["GET /v1/users"] = ["/v1/users"],
        ["POST /v1/users"] = ["""/v1/users {"email":"NAME@example.com","name":"x","role":"NAME"}""", """/v1/users {"email":"NAME@example.com","name":"x","role":"viewer"}"""],
        ["GET /v1/users/{id}"] = ["/v1/users/ID-USER"],
        ["PUT /v1/users/{id}"] = ["""/v1/users/ID-USER {"name":"x"}"""],
        ["DELETE /v1/users/{id}"] = ["/v1/users/ID-USER"],
        ["PUT /v1/users/{id}/password"] = ["""/v1/users/ID-USER/password {"password":"long enough for it"}"""],
        ["GET /v1/service-accounts"] = ["/v1/service-accounts"],
        ["POST /v1/service-accounts"] = ["""/v1/service-accounts {"name":"NAME","role":"viewer"}"""],
        ["GET /v1/service-accounts/{id}"] = ["/v1/service-accounts/ID-ACCOUNT"],
        ["PUT /v1/service-accounts/{id}"] = ["""/v1/service-accounts/ID-ACCOUNT {"name":"y"}"""],
        ["DELETE /v1/service-accounts/{id}"] = ["/v1/service-accounts/ID-ACCOUNT"],
        ["GET /v1/roles"] = ["/v1/roles"],
        ["GET /v1/roles/{name}"] = ["/v1/roles/NAME"],
        ["PUT /v1/roles/{name}"] = ["""/v1/roles/NAME {"grants":[],"expected_version":1}""", """/v1/roles/NAME {"grants":[]}"""],
        ["DELETE /v1/roles/{name}"] = ["/v1/roles/NAME-other"],
        ["POST /v1/access/explain"] = ["""/v1/access/explain {"permission":"config:read","user":"ID-USER"}""", """/v1/access/explain {"permission":"config:read","token":"ID-TOKEN"}"""],
        ["GET /v1/webhooks"] = ["/v1/webhooks"],
        ["POST /v1/webhooks"] = ["""/v1/webhooks {"url":"https://NAME.example.com/x","environment":"NAME","enabled":false}"""],
        ["GET /v1/webhooks/{id}"] = ["/v1/webhooks/ID-WEBHOOK"],
        ["PUT /v1/webhooks/{id}"] = ["""/v1/webhooks/ID-WEBHOOK {"enabled":false}"""],
        ["DELETE /v1/webhooks/{id}"] = ["/v1/webhooks/ID-WEBHOOK"],
        ["POST /v1/webhooks/{id}/rotate"] = ["""/v1/webhooks/ID-WEBHOOK/rotate {}"""],
        ["POST /v1/webhooks/{id}/test"] = ["/v1/webhooks/ID-WEBHOOK/test"],
        ["GET /v1/webhooks/{id}/deliveries"] = ["/v1/webhooks/ID-WEBHOOK/deliveries"],
        ["POST /v1/webhooks/{id}/deliveries/{revision}/redeliver"] = ["/v1/webhooks/ID-WEBHOOK/deliveries/2/redeliver"],
        ["GET /v1/webhooks/{id}/dead-letters"] = ["/v1/webhooks/ID-WEBHOOK/dead-letters"],
        ["POST /v1/webhooks/{id}/dead-letters/discard"] = ["/v1/webhooks/ID-WEBHOOK/dead-letters/discard"],
        ["POST /v1/webhooks/{id}/replay"] = ["""/v1/webhooks/ID-WEBHOOK/replay {"after_revision":1}"""],
        ["POST /v1/webhooks/{id}/resume"] = ["/v1/webhooks/ID-WEBHOOK/resume"],
        ["GET /v1/session"] = ["/v1/session"],
        ["POST /v1/session"] = ["""/v1/session {"org":"NAME-org","email":"NAME@example.com","password":"NAME"}"""],
        ["DELETE /v1/session"] = ["/v1/session"],
        ["PUT /v1/session/password"] = ["""/v1/session/password {"current_password":"NAME","password":"long enough for it"}"""],
    };

    [Fact]
    public void Every_route_has_a_case() =>
        Assert.Equal(server.Routes().Select(route => $"{route.Method} {route.Pattern}").Order(StringComparer.Ordinal), Cases.Keys.Order(StringComparer.Ordinal));

    [Fact]
    public async Task Another_orgs_token_finds_nothing_on_any_route_not_even_that_something_is_there()
    {
        await server.NewOrg(91, "canary-org");
        await server.NewOrg(92, "intruder");
        var ids = await Fill("canary-org");
        var intruder = As((await server.NewToken(Everything, org: "intruder")).Token);
        var before = (await server.Get("/v1/environments", ("Stele-Org", "canary-org"))).Headers["Stele-Revision"];
        // what reads comes first: later the intruder hears of what it wrote itself
        foreach (var (route, requests) in Cases.OrderByDescending(route => route.Key.StartsWith("GET", StringComparison.Ordinal)))
            foreach (var asked in requests)
            {
                var request = asked.TrimStart('~');
                var method = route[..route.IndexOf(' ', StringComparison.Ordinal)];
                var (there, nowhere) = (await Ask(method, request, There, ids, intruder), await Ask(method, request, Nowhere, null, intruder));
                Assert.True(there.Status == nowhere.Status && (asked != request || there.Said == nowhere.Said), $"{method} {request}\n{there}\n{nowhere}");
                Assert.False(there.Said.Contains(There, StringComparison.Ordinal), $"{method} {request}\n{there}");
                // the header names the org itself: the same, whether there is one or not
                var (named, unnamed) = (await Ask(method, request, There, ids, intruder, "canary-org"), await Ask(method, request, There, ids, intruder, "qwertz-org"));
                Assert.True(named == unnamed, $"{method} {request}\n{named}\n{unnamed}");
                if (route is not ("GET /healthz" or "GET /readyz" or "POST /v1/session")) Assert.Equal(403, named.Status);
            }
        Assert.Equal(before, (await server.Get("/v1/environments", ("Stele-Org", "canary-org"))).Headers["Stele-Revision"]);
    }

    [Fact]
    public async Task Nor_does_it_in_what_it_says_over_a_WebSocket_or_asks_for_by_a_stream_of_gRPC()
    {
        await server.NewOrg(94, "canary-streams");
        await server.NewOrg(95, "listener");
        await Fill("canary-streams");
        var token = (await server.NewToken(Everything, org: "listener")).Token;
        var cursor = (await server.Get("/v1/environments", ("Stele-Org", "canary-streams"))).Headers["Stele-Cursor"];
        foreach (var message in (string[])["""{"type":"subscribe","id":"a","environment":"NAME"}""", """{"type":"subscribe","id":"NAME","prefixes":["NAME."],"from_cursor":"CURSOR"}""",
                     """{"type":"ack","revision":2,"id":"NAME"}""", """{"type":"unsubscribe","id":"NAME"}""", """{"type":"reject","revision":2,"reason":"NAME"}""", """{"type":"auth","token":"x","org":"NAME-streams"}"""])
            Assert.Equal(await Say(message, There, token), await Say(message, Nowhere, token));
        // who comes in by a message names the org in it
        Assert.Equal(await Refused("canary-streams", token), await Refused("qwertz-streams", token));
        using var grpc = new WireClient(server.Grpc);
        foreach (var (environment, org) in new (string, string?)[] { (There, null), (There, "canary-streams") })
        {
            var (there, nowhere) = (await Stream(grpc, token, environment, org), await Stream(grpc, token, Nowhere, org is null ? null : "qwertz-streams"));
            Assert.NotEqual(0, there.Code);
            Assert.Equal((there.Code, there.Message.Replace(There, "NAME", StringComparison.Ordinal)), (nowhere.Code, nowhere.Message.Replace(Nowhere, "NAME", StringComparison.Ordinal)));
        }
        // what happens there is not heard here: what is heard first is one's own
        using var socket = await SocketClient.Open(server.Client.BaseAddress!, token);
        await socket.Send("""{"type":"subscribe","id":"all","environment":"production"}""");
        await socket.Is("synced", "all");
        var heard = Stream(grpc, token, "production", null);
        (await server.Put("canary.key", """{"value":"canary"}""", "?env=production", ("Stele-Org", "canary-streams"))).Is(200);
        (await server.Put("own.key", """{"value":1}""", "?env=production", As(token))).Is(200);
        Assert.EndsWith("own.key=1", EventStream.Text(await socket.Is("change", "all")), StringComparison.Ordinal);
        Assert.DoesNotContain(There, System.Text.Encoding.UTF8.GetString((await heard).Body), StringComparison.Ordinal);

        Task<string> Say(string message, string name, string by) => Once(by, message.Replace("NAME", name, StringComparison.Ordinal).Replace("CURSOR", cursor, StringComparison.Ordinal), name);
    }

    // the first answer to a message, or how the connection was closed for it
    async Task<string> Once(string token, string message, string name)
    {
        using var socket = await SocketClient.Open(server.Client.BaseAddress!, token);
        await socket.Send(message);
        var heard = await socket.Next();
        return Varying().Replace(heard.ToString(), "#").Replace(name, "NAME", StringComparison.Ordinal);
    }

    async Task<string> Refused(string org, string token)
    {
        using var socket = await SocketClient.Open(server.Client.BaseAddress!, null);
        await socket.Send($$"""{"type":"auth","token":"{{token}}","org":"{{org}}"}""");
        var (code, why) = await socket.Closed();
        return $"{code} {why.Replace(org, "ORG", StringComparison.Ordinal)}";
    }

    static Task<WireAnswer> Stream(WireClient grpc, string token, string environment, string? org) =>
        grpc.Call("/stele.v1.WatchService/Watch", new Proto.V1.WatchRequest { Env = environment }, ("authorization", $"Bearer {token}"), ("stele-org", org), ("grpc-timeout", "2S"));

    [Fact]
    public async Task No_table_shows_or_gives_up_a_row_of_another_org()
    {
        await server.NewOrg(93, "canary-tables");
        await Fill("canary-tables");
        foreach (var sql in ByHand) await server.Execute(sql);
        await using var superuser = await server.As();
        var tables = await superuser.Rows(
            "SELECT relname FROM pg_class WHERE relnamespace = 'stele'::regnamespace AND relkind IN ('r', 'p') AND relrowsecurity AND NOT relispartition ORDER BY relname");
        Assert.True(tables.Count > 15, "the tables are found");
        foreach (var table in tables)
        {
            var rows = await superuser.Ask<long>($"SELECT count(*) FROM stele.{table} WHERE org_id = 93");
            Assert.True(rows > 0, $"{table} has no row of the org: make one, by a request or by hand");
            foreach (var org in (int?[])[92, null])
            {
                await using var app = await server.AsApp(org);
                if (await Allowed(superuser, table, "SELECT")) Assert.Equal(0L, await app.Ask<long>($"SELECT count(org_id) FROM stele.{table} WHERE org_id = 93"));
                if (await Allowed(superuser, table, "DELETE")) Assert.Equal(0, await app.Execute($"DELETE FROM stele.{table} WHERE org_id = 93"));
                if (await Allowed(superuser, table, "INSERT")) Assert.Equal("42501", await app.Refusal($"INSERT INTO stele.{table} (org_id) VALUES (93)") is "23502" or "42501" ? "42501" : "written");
            }
            // there may be more: projections follow
            Assert.True(await superuser.Ask<long>($"SELECT count(*) FROM stele.{table} WHERE org_id = 93") >= rows, table);
        }
    }

    // what no request makes, or only later than a test waits
    static readonly string[] ByHand =
    [
        "INSERT INTO stele.reader_grant (role_name, org_id) VALUES ('stele_reader', 93)",
        "INSERT INTO stele.secret_copy (org_id, vault_id, value_id, mount, path) VALUES (93, gen_random_uuid(), gen_random_uuid(), 'x', 'x')",
        "INSERT INTO stele.secret_reminder (org_id, environment, path, status, version, given_at) VALUES (93, 'x', 'x', 'expired', 1, now())",
        "INSERT INTO stele.archived (org_id, month, first_revision, last_revision, chain_before, chain_after, events, file, content_hash, archived_at) VALUES (93, '2020-01-01', 1, 1, sha256('x'), sha256('x'), 1, 'x', sha256('x'), now())",
        "INSERT INTO stele.deleted_environment (org_id, name, version, created_at, deleted_at, revision) VALUES (93, 'x', 1, now(), now(), 1)",
        "INSERT INTO stele.change_count (org_id, day, environment, actor, changes) VALUES (93, '2020-01-01', 'x', 'x', 1)",
        "INSERT INTO stele.audit_head (org_id, sequence, chain, last_at) VALUES (93, 1, sha256('x'), now()) ON CONFLICT DO NOTHING",
        "INSERT INTO stele.audit_entry (org_id, sequence, at, action, actor, outcome, times, request_id, chain) VALUES (93, 1, now(), 'x', 'x', 'refused', 1, gen_random_uuid(), sha256('x')) ON CONFLICT DO NOTHING",
        "INSERT INTO stele.audit_dropped (org_id, month, first_sequence, last_sequence, chain_before, chain_after, dropped_at) VALUES (93, '2020-01-01', 1, 1, sha256('x'), sha256('x'), now())",
        "INSERT INTO stele.node_flush (org_id, log, node, number, at) VALUES (93, 'usage', gen_random_uuid(), 1, now())",
        "INSERT INTO stele.peer_ask (org_id, ask_id, node_id, kind, body, asked_at, until_at) VALUES (93, gen_random_uuid(), gen_random_uuid(), 'x', 'x', now(), now() + interval '1 hour')",
        "INSERT INTO stele.peer_answer (org_id, ask_id, node_id, body, is_final, answered_at) VALUES (93, gen_random_uuid(), gen_random_uuid(), 'x', true, now())",
        "INSERT INTO stele.usage (org_id, day, updated_at) VALUES (93, '2020-01-01', now())",
        "INSERT INTO stele.projection_checkpoint (org_id, projection, incarnation, revision, updated_at) VALUES (93, 'x', gen_random_uuid(), 1, now()) ON CONFLICT DO NOTHING",
        "INSERT INTO stele.flag_use (org_id, environment, flag, day, variant, evaluations, last_at) VALUES (93, 'x', 'x', '2020-01-01', '', 1, now())",
        "INSERT INTO stele.flag_served (org_id, environment, day, reported) VALUES (93, 'x', '2020-01-01', true)",
        "INSERT INTO stele.redaction (org_id, revision, ordinal, at, actor, reason, redacted_at) VALUES (93, 1, 0, now(), 'a', 'b', now())",
        "INSERT INTO stele.session (org_id, hash, user_id, created_at, used_at, expires_at) VALUES (93, sha256('x'), gen_random_uuid(), now(), now(), now() + interval '1 day')",
        "INSERT INTO stele.webhook_place (org_id, webhook_id, revision, chain, incarnation) VALUES (93, gen_random_uuid(), 1, sha256('x'), gen_random_uuid()) ON CONFLICT DO NOTHING",
        "INSERT INTO stele.webhook_letter (org_id, webhook_id, revision, state, attempts, last_at) VALUES (93, gen_random_uuid(), 1, 'dead', 1, now())",
        "INSERT INTO stele.token_use (org_id, token_id, last_used_at) VALUES (93, gen_random_uuid(), now())",
    ];

    static Task<bool> Allowed(TestSession superuser, string table, string privilege) =>
        superuser.Ask<bool>($"SELECT has_table_privilege('stele_app', 'stele.{table}', '{privilege}')");

    async Task<Dictionary<string, string>> Fill(string org)
    {
        (string, string) there = ("Stele-Org", org);
        foreach (var name in (string[])["canary", "canary-other"]) (await server.Post("/v1/environments", $$"""{"name":"{{name}}"}""", there)).Is(201);
        foreach (var key in (string[])["canary.key", "canary.other"])
            (await server.Put(key, """{"value":"canary","change_log":"canary"}""", "", there, ("Idempotency-Key", $"{org}-{key}"))).Is(200);
        (await server.Send("PUT", "/v1/secrets/canary/s", """{"value":"canary","change_log":"canary"}""", there)).Is(200);
        (await server.Post("/v1/secrets/canary/s/wrap", "{}", there)).Is(200);
        (await server.Post("/v1/audit/secrets", """{"value":"canary"}""", there)).Is(200);
        (await server.Send("PUT", "/v1/flags/canary.flag", """{"enabled":true,"change_log":"canary"}""", there)).Is(200);
        var user = (await server.Post("/v1/users", """{"email":"canary@example.com","name":"canary","role":"viewer"}""", there)).Is(201)["id"].GetString()!;
        (await server.Send("PUT", $"/v1/users/{user}/password", """{"password":"canary canary canary"}""", there)).Is(204);
        foreach (var role in (string[])["canary", "canary-other"]) (await server.Send("PUT", $"/v1/roles/{role}", """{"grants":[]}""", there)).Is(200);
        var account = (await server.Post("/v1/service-accounts", """{"name":"canary","role":"viewer"}""", there)).Is(201)["id"].GetString()!;
        var token = (await server.Post("/v1/tokens", """{"name":"canary","scopes":[{"permission":"config:read"}]}""", there)).Is(201)["id"].GetString()!;
        // disabled: nothing is to be sent to anybody
        var webhook = (await server.Post("/v1/webhooks", """{"url":"https://canary.example.com/x","enabled":false}""", there)).Is(201)["id"].GetString()!;
        return new Dictionary<string, string> { ["ID-WEBHOOK"] = webhook, ["ID-USER"] = user, ["ID-ACCOUNT"] = account, ["ID-TOKEN"] = token };
    }

    async Task<(int Status, string Said)> Ask(string method, string request, string name, Dictionary<string, string>? ids, (string, string) token, string? org = null)
    {
        foreach (var kind in (string[])["ID-USER", "ID-ACCOUNT", "ID-TOKEN", "ID-WEBHOOK"])
            request = request.Replace(kind, ids?[kind] ?? Guid.NewGuid().ToString(), StringComparison.Ordinal);
        request = request.Replace("NAME", name, StringComparison.Ordinal);
        var space = request.IndexOf(' ', StringComparison.Ordinal);
        var answer = await server.Send(method, space < 0 ? request : request[..space], space < 0 ? null : request[(space + 1)..], org is null ? [token] : [token, ("Stele-Org", org)]);
        // what it asked for it may hear again; numbers, ids and times differ from request to request
        return ((int)answer.Status, Varying().Replace(answer.Text, "#").Replace(name, "NAME", StringComparison.Ordinal).Replace(TokenText.Prefix, "", StringComparison.Ordinal));
    }

    [GeneratedRegex("""[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|"(token|wrap_token|secret)":"[^"]*"|"(\w+_)?cursor":"[^"]*"|"events?":\[.*|\d{4}-\d\d-\d\dT[\d:.]+Z|\d+""")]
    private static partial Regex Varying();
}
