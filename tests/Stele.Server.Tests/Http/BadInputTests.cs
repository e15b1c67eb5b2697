using System.Text;
using Xunit;

namespace Stele.Server.Tests.Http;

/// <summary>Everything that is wrong with a request is named, with its rule, and nothing is written.</summary>
public sealed class BadInputTests(HttpServer server) : IClassFixture<HttpServer>
{
    static readonly string LongKey = new('k', 257);

    public static TheoryData<string, string, string?, int, string, string> OfOneKey => new()
    {
        { "PUT", "/v1/config/app.x?env=nowhere", """{"value":1}""", 404, "not_found", "environment.unknown@query:env" },
        { "PUT", "/v1/config/app.x?env=no%20where", """{"value":1}""", 400, "invalid", "environment.name@query:env" },
        { "PUT", "/v1/config/-x", """{"value":1}""", 400, "invalid", "key.characters@path:key" },
        { "PUT", "/v1/config/a%2Fb", """{"value":1}""", 400, "invalid", "key.characters@path:key" },
        { "PUT", "/v1/config/a%252Fb", """{"value":1}""", 400, "invalid", "key.characters@path:key" },
        { "PUT", $"/v1/config/{LongKey}", """{"value":1}""", 400, "invalid", "key.length@path:key" },
        { "PUT", $"/v1/config/{new string('s', 51)}.x", """{"value":1}""", 400, "invalid", "key.service_length@path:key" },
        { "GET", $"/v1/config/{LongKey}", null, 400, "invalid", "key.length@path:key" },
        { "DELETE", "/v1/config/a%2Fb", null, 400, "invalid", "key.characters@path:key" },
        { "PUT", "/v1/config/app.x", """{"value":NaN}""", 400, "invalid", "json.syntax@/value" },
        { "PUT", "/v1/config/app.x", """{"value":1""", 400, "invalid", "json.syntax@/value" },
        { "PUT", "/v1/config/app.x", "", 400, "invalid", "json.syntax@" },
        { "PUT", "/v1/config/app.x", """{"value":{"a":1,"a":2}}""", 400, "invalid", "json.duplicate_member@/value/a" },
        { "PUT", "/v1/config/app.x", """{"value":1,"value":2}""", 400, "invalid", "json.duplicate_member@/value" },
        { "PUT", "/v1/config/app.x", """{"value":"\u0000"}""", 400, "invalid", "json.nul@/value" },
        { "PUT", "/v1/config/app.x", """{"value":"\ud800"}""", 400, "invalid", "json.surrogate@/value" },
        { "PUT", "/v1/config/app.x", $$"""{"value":{{new string('1', 10_000)}}}""", 400, "invalid", "number.digits@/value" },
        { "PUT", "/v1/config/app.x", """{"value":1e1000000}""", 400, "invalid", "number.exponent@/value" },
        { "PUT", "/v1/config/app.x", """{"value":1,"colour":2}""", 400, "invalid", "member.unknown@/colour" },
        { "PUT", "/v1/config/app.x", """{"change_log":"x"}""", 400, "invalid", "member.required@/value" },
        { "PUT", "/v1/config/app.x", """{"value":1,"value_type":"int"}""", 400, "invalid", "value_type@/value_type" },
        { "PUT", "/v1/config/app.x", """{"value":1,"value_type":"string"}""", 400, "invalid", "value_type.mismatch@/value" },
        { "PUT", "/v1/config/app.there", """{"value":"text"}""", 400, "invalid", "value_type.change@/value" },
        { "PUT", "/v1/config/app.x", """{"value":1,"expected_version":-1}""", 400, "invalid", "member.range@/expected_version" },
        { "PUT", "/v1/config/app.x", """{"value":1,"expected_version":"1"}""", 400, "invalid", "member.type@/expected_version" },
        { "PUT", "/v1/config/app.there", """{"value":1,"expected_version":7}""", 409, "conflict", "expected_version@/expected_version" },
        { "PUT", "/v1/config/app.there", """{"value":1,"expected_version":0}""", 409, "conflict", "expected_version@/expected_version" },
        { "DELETE", "/v1/config/app.there?expected_version=7", null, 409, "conflict", "expected_version@query:expected_version" },
        { "DELETE", "/v1/config/app.there?expected_version=x", null, 400, "invalid", "version.number@query:expected_version" },
        { "DELETE", "/v1/config/app.never", null, 404, "not_found", "key.unknown@path:key" },
        { "PUT", "/v1/config/app.x", """{"value":1,"schema":{"type":"strin"}}""", 400, "invalid", "schema.keyword@/schema/type" },
        { "PUT", "/v1/config/app.x", """{"value":1,"schema":{"$ref":"#"}}""", 400, "invalid", "schema.endless@/schema" },
        { "PUT", "/v1/config/app.x", """{"value":1,"schema":{"$ref":"https://example.com/a"}}""", 400, "invalid", "schema.reference@/schema/$ref" },
        { "PUT", "/v1/config/app.x", """{"value":1,"schema":{"pattern":"(a)\\1"}}""", 400, "invalid", "schema.pattern@/schema/pattern" },
        { "PUT", "/v1/config/app.x", """{"value":1,"schema":{"multipleOf":1e-400}}""", 400, "invalid", "schema.multiple_of@/schema/multipleOf" },
        { "PUT", "/v1/config/app.x", """{"value":1,"schema":{"const":"\u0000"}}""", 400, "invalid", "json.nul@/schema/const" },
        { "PUT", "/v1/config/app.x", """{"value":1,"schema":{"type":"string"}}""", 422, "schema_violation", "schema.violation@/value" },
        { "POST", "/v1/changes", """{"changes":[{"op":"set","key":"a","value":{"b":1},"schema":{"properties":{"b":{"type":"string"}}}}]}""", 422, "schema_violation", "schema.violation@/changes/0/value/b" },
        { "POST", "/v1/changes", """{"changes":[{"op":"delete","key":"a","schema":null}]}""", 400, "invalid", "change.op@/changes/0/schema" },
        { "POST", "/v1/schema/validate", """{"schema":[],"value":1}""", 400, "invalid", "schema.keyword@/schema" },
        { "POST", "/v1/schema/validate", """{"schema":true}""", 400, "invalid", "member.required@/value" },
        { "POST", "/v1/config/schema-check", """{"schema":{"$ref":"#/$defs/x"}}""", 400, "invalid", "schema.reference@/schema/$ref" },
        { "POST", "/v1/config/schema-check?revision=1", """{"schema":true}""", 400, "invalid", "parameter.unknown@query:revision" },
        { "PUT", "/v1/config/app.x?envv=production", """{"value":1}""", 400, "invalid", "parameter.unknown@query:envv" },
        { "PUT", "/v1/config/app.x?env=staging&env=staging", """{"value":1}""", 400, "invalid", "parameter.repeated@query:env" },
        { "GET", "/v1/config/app.there?consistency=weak", null, 400, "invalid", "consistency.value@query:consistency" },
        { "GET", "/v1/config/app.there?consistency=local&max_staleness=soon", null, 400, "invalid", "duration@query:max_staleness" },
        { "GET", "/v1/config/app.there?max_staleness=5s", null, 400, "invalid", "max_staleness.local@query:max_staleness" },
        { "GET", "/v1/config/app.there?version=0", null, 400, "invalid", "version.number@query:version" },
        { "GET", "/v1/config/app.there?version=9", null, 404, "not_found", "version.unknown@query:version" },
        { "GET", "/v1/config/app.there?revision=999999", null, 400, "invalid", "revision.future@query:revision" },
        { "GET", "/v1/config/app.there?version=1&revision=1", null, 400, "invalid", "parameter.exclusive@query:revision" },
        { "GET", "/v1/config/app.there?at=yesterday", null, 400, "invalid", "at.time@query:at" },
        { "GET", "/v1/config/app.there?at=2001-01-01T00:00:00Z", null, 400, "invalid", "at.before_journal@query:at" },
        { "GET", "/v1/config/app.there?at=2999-01-01T00:00:00Z", null, 400, "invalid", "at.future@query:at" },
        { "GET", "/v1/config?revision=999999", null, 400, "invalid", "revision.future@query:revision" },
        { "GET", "/v1/config?limit=0", null, 400, "invalid", "limit.range@query:limit" },
        { "GET", "/v1/config?limit=1001", null, 400, "invalid", "limit.range@query:limit" },
        { "GET", "/v1/config?prefix=a%20b", null, 400, "invalid", "prefix.characters@query:prefix" },
        { "GET", "/v1/config?keys_only=maybe", null, 400, "invalid", "boolean@query:keys_only" },
        { "GET", "/v1/config?cursor=nonsense!", null, 400, "invalid", "cursor.malformed@query:cursor" },
        { "GET", "/v1/config/app.never/history", null, 404, "not_found", "key.unknown@path:key" },
        { "POST", "/v1/config/app.there/rollback", """{"version":9}""", 400, "invalid", "version.unknown@/version" },
        { "POST", "/v1/config/app.there/rollback", """{"version":0}""", 400, "invalid", "member.range@/version" },
        { "POST", "/v1/config/app.never/rollback", """{"version":1}""", 404, "not_found", "key.unknown@path:key" },
    };

    public static TheoryData<string, string, string?, int, string, string> OfReferences => new()
    {
        { "PUT", "/v1/config/app.x", """{"value":{"$secret":"a/../b"}}""", 400, "invalid", "secret.dots@/value" },
        { "PUT", "/v1/config/app.x", """{"value":{"$secret":7}}""", 400, "invalid", "secret.reference@/value" },
        { "PUT", "/v1/config/app.x", """{"value":{"$secret":"a","version":0}}""", 400, "invalid", "secret.reference@/value" },
        { "PUT", "/v1/config/app.x", """{"value":{"version":1.5,"$secret":"a"}}""", 400, "invalid", "secret.reference@/value" },
        { "PUT", "/v1/config/app.x", """{"value":{"$secret":"a","else":1}}""", 400, "invalid", "secret.reference@/value" },
        { "PUT", "/v1/config/app.x", """{"value":{"$secret":"a"},"value_type":"string"}""", 400, "invalid", "value_type.mismatch@/value" },
    };

    public static TheoryData<string, string, string?, int, string, string> OfMany => new()
    {
        { "POST", "/v1/rollback", """{"revision":999999}""", 400, "invalid", "revision.future@/revision" },
        { "POST", "/v1/rollback", """{"revision":0}""", 400, "invalid", "member.range@/revision" },
        { "POST", "/v1/rollback", """{"revision":1,"kinds":["secret"]}""", 400, "invalid", "rollback.kind@/kinds/0" },
        { "POST", "/v1/rollback", """{"revision":1,"prefix":"a b"}""", 400, "invalid", "prefix.characters@/prefix" },
        { "POST", "/v1/changes", """{"changes":[]}""", 400, "invalid", "changes.empty@/changes" },
        { "POST", "/v1/changes", """{"changes":[{"op":"set","key":"a","value":1},{"op":"delete","key":"a"}]}""", 400, "invalid", "changes.duplicate_key@/changes/1/key" },
        { "POST", "/v1/changes", """{"changes":[{"op":"set","key":"a","value":1},{"op":"set","key":"a","environment":"development","value":1}]}""", 400, "invalid", "changes.duplicate_key@/changes/0/key" },
        { "POST", "/v1/changes", """{"changes":[{"op":"set","key":"a"}]}""", 400, "invalid", "member.required@/changes/0/value" },
        { "POST", "/v1/changes", """{"changes":[{"op":"put","key":"a","value":1}]}""", 400, "invalid", "change.op@/changes/0/op" },
        { "POST", "/v1/changes", """{"changes":[{"op":"delete","key":"a","value":1}]}""", 400, "invalid", "change.op@/changes/0/value" },
        { "POST", "/v1/changes", """{"changes":[{"op":"set","key":"","value":1}]}""", 400, "invalid", "key.length@/changes/0/key" },
        { "POST", "/v1/changes", """{"changes":[{"op":"set","kind":"secret","key":"a","value":1}]}""", 400, "invalid", "member.type@/changes/0/value" },
        { "POST", "/v1/changes", """{"changes":[{"op":"set","key":"a","environment":"nowhere","value":1}]}""", 404, "not_found", "environment.unknown@/changes/0/environment" },
        { "POST", "/v1/changes", """{"changes":[{"op":"check","key":"app.there","expected_version":9},{"op":"set","key":"a","value":1}]}""", 409, "conflict", "expected_version@/changes/0/expected_version" },
        { "POST", "/v1/changes", """{"changes":[{"op":"set","key":"app.there","value":1}],"expected_revision":1}""", 409, "conflict", "expected_revision@/changes/0/key" },
        { "POST", "/v1/changes", """{"changes":[{"op":"set","key":"a","value":1}],"expected_revision":999999}""", 400, "invalid", "revision.future@/expected_revision" },
        { "POST", "/v1/changes", """{"changes":[{"op":"set","key":"a","value":1}],"scope":"all"}""", 400, "invalid", "scope@/scope" },
        { "POST", "/v1/environments", """{"name":"a b"}""", 400, "invalid", "environment.name@/name" },
        { "POST", "/v1/environments", """{"name":"staging"}""", 409, "conflict", "environment.exists@/name" },
        { "GET", "/v1/diff?from=development", null, 400, "invalid", "parameter.required@query:to" },
        { "GET", "/v1/diff?from=development&to=nowhere", null, 404, "not_found", "environment.unknown@query:to" },
        { "GET", "/v1/diff?from=development@x&to=staging", null, 400, "invalid", "diff.moment@query:from" },
        { "GET", "/v1/diff?from=development@999999&to=staging", null, 400, "invalid", "revision.future@query:from" },
        { "GET", "/v1/diff?from=development@2001-01-01T00:00:00Z&to=staging", null, 400, "invalid", "at.before_journal@query:from" },
        { "GET", "/v1/diff?from=development&to=staging@2999-01-01T00:00:00Z", null, 400, "invalid", "at.future@query:to" },
        { "GET", "/v1/events?after_revision=999999", null, 400, "invalid", "revision.future@query:after_revision" },
        { "GET", "/v1/limits?x=1", null, 400, "invalid", "parameter.unknown@query:x" },
    };

    [Theory]
    [MemberData(nameof(OfOneKey))]
    [MemberData(nameof(OfReferences))]
    [MemberData(nameof(OfMany))]
    public async Task Bad_input_names_the_field_and_the_rule_and_writes_nothing(string method, string path, string? body, int status, string code, string error)
    {
        await EnsureThere();
        var before = await server.Revision();
        (await server.Send(method, path, body)).IsProblem(status, code, error);
        Assert.Equal(before, await server.Revision());
    }

    [Fact]
    public async Task Invalid_utf8_is_refused()
    {
        byte[] body = [.. "{\"value\":\""u8, 0xC3, 0x28, .. "\"}"u8];
        (await server.SendBytes("PUT", "/v1/config/app.x", body)).IsProblem(400, "invalid", "json.utf8@/value");
    }

    [Fact]
    public async Task All_problems_of_a_request_come_at_once()
    {
        var answer = await server.Send("PUT", "/v1/config/a%20b?env=&colour=red", """{"value":"\u0000","x":1,"expected_version":-1}""", ("Idempotency-Key", "a b"));
        answer.IsProblem(400, "invalid", "key.characters@path:key", "environment.name@query:env", "parameter.unknown@query:colour",
            "json.nul@/value", "member.unknown@/x", "member.range@/expected_version", "idempotency_key.characters@header:Idempotency-Key");
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/json; charset=latin1")]
    [InlineData("")]
    public async Task A_body_of_another_type_is_refused(string type) =>
        (await server.Put("app.x", """{"value":1}""", "", ("Content-Type", type))).IsProblem(415, "unsupported_media_type", "content_type@header:Content-Type");

    [Fact]
    public async Task A_cursor_of_another_query_is_refused()
    {
        for (var i = 0; i < 3; i++) await server.Put($"cursor.k{i}", """{"value":1}""");
        var cursor = (await server.Get("/v1/config?prefix=cursor.&limit=1")).Is(200)["next_cursor"].GetString();
        (await server.Get($"/v1/config?prefix=cursor.&limit=2&cursor={cursor}")).Is(200);
        (await server.Get($"/v1/config?prefix=curso&cursor={cursor}")).IsProblem(400, "invalid", "cursor.mismatch@query:cursor");
        (await server.Get($"/v1/config?prefix=cursor.&keys_only=true&cursor={cursor}")).IsProblem(400, "invalid", "cursor.mismatch@query:cursor");
        (await server.Get($"/v1/config?prefix=cursor.&env=staging&cursor={cursor}")).IsProblem(400, "invalid", "cursor.mismatch@query:cursor");
        (await server.Get($"/v1/config/cursor.k0/history?cursor={cursor}")).IsProblem(400, "invalid", "cursor.mismatch@query:cursor");
        (await server.Get($"/v1/events?cursor={cursor}")).IsProblem(400, "invalid", "cursor.mismatch@query:cursor");
    }

    [Fact]
    public async Task An_idempotency_key_of_another_request_is_refused()
    {
        (await server.Put("app.once", """{"value":1}""", "", ("Idempotency-Key", "once"))).Is(200);
        var before = await server.Revision();
        (await server.Put("app.once", """{"value":2}""", "", ("Idempotency-Key", "once"))).IsProblem(409, "idempotency_conflict");
        (await server.Put("app.other", """{"value":1}""", "", ("Idempotency-Key", "once"))).IsProblem(409, "idempotency_conflict");
        (await server.Put("app.once", """{"value":1}""", "?env=staging", ("Idempotency-Key", "once"))).IsProblem(409, "idempotency_conflict");
        Assert.Equal(before, await server.Revision());
    }

    [Fact]
    public async Task Headers_are_checked()
    {
        await EnsureThere();
        (await server.Get("/v1/config/app.there", ("Stele-Min-Cursor", "x"))).IsProblem(400, "invalid", "cursor.malformed@header:Stele-Min-Cursor");
        (await server.Put("app.there", """{"value":1}""", "", ("If-Match", "x"))).IsProblem(400, "invalid", "if_match@header:If-Match");
        (await server.Put("app.there", """{"value":1}""", "", ("If-None-Match", "\"1-00000000\""))).IsProblem(400, "invalid", "if_none_match@header:If-None-Match");
        (await server.Put("app.there", """{"value":1,"expected_version":1}""", "", ("If-Match", "*"))).IsProblem(400, "invalid", "precondition.both@/expected_version");
        (await server.Put("app.there", """{"value":1}""", "", ("If-Match", "\"1-00000000\""))).IsProblem(412, "precondition_failed", "if_match@header:If-Match");
        (await server.Put("app.there", """{"value":1}""", "", ("If-None-Match", "*"))).IsProblem(412, "precondition_failed", "if_match@header:If-None-Match");
        (await server.Put("app.never", """{"value":1}""", "", ("If-Match", "*"))).IsProblem(412, "precondition_failed", "if_match@header:If-Match");
        (await server.Get("/v1/config", ("Stele-Org", "nobody"))).IsProblem(404, "not_found", "org.unknown@header:Stele-Org");
    }

    Task EnsureThere() => server.Put("app.there", """{"value":1,"expected_version":0}""");
}
