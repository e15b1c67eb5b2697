using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Core.Schemas;
using Stele.Server.Gateway;

namespace Stele.Server.Configs;

/// <summary>Schemas before they are set: against one value, and against all that there are. Nothing is written.</summary>
internal sealed class SchemaEndpoints(ConfigView view, ConfigQueries queries, ConfigValues values, TimeProvider time)
{
    /// <summary><c>POST /v1/schema/validate</c></summary>
    public static async Task Validate(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.None)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var body = ValidateBody.Parse(request.Body, request.Problems);
            if (request.Refused is { } refused)
            {
                await HttpProblems.Write(context, refused);
                return;
            }
            var errors = new List<SchemaError>();
            var verdict = body.Schema!.Validate(body.Value!, errors);
            if (verdict is SchemaVerdict.TooMuchWork or SchemaVerdict.TooDeep)
            {
                await HttpProblems.Write(context, new Fault(FaultCode.SchemaViolation, errors[0].Message, [Problem.Body("/value", "schema.violation", errors[0].Message)]));
                return;
            }
            var json = new JsonText().Raw("{\"valid\":"u8).Boolean(verdict == SchemaVerdict.Valid).Raw(",\"errors\":"u8);
            await Answer.Send(context, WriteErrors(json, errors).Raw("}"u8));
        }
    }

    /// <summary>
    /// <c>POST /v1/config/schema-check</c>: the keys whose values a schema would refuse. A page ends at its limit, and when
    /// a second of work or a page's bytes are done; the cursor goes on, at the same revision.
    /// </summary>
    public async Task Check(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.Env | Parameter.Prefix | Parameter.Read | Parameter.Page)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var schema = CheckBody.Parse(request.Body, request.Problems);
            if ((fault = request.Refused) is null && (await view.Of(context, request.Parameters, null, "schema-check", request.Parameters.Prefix ?? "", Fingerprint(schema!))).TryGet(out var shown, out fault)
                && (await Page(shown, request.Parameters, schema!, context.RequestAborted)).TryGet(out var page, out fault))
            {
                shown.PlaceHeaders(context.Response);
                await Answer.Send(context, page);
                return;
            }
            await HttpProblems.Write(context, fault!);
        }
    }

    async Task<Outcome<JsonText>> Page(ConfigView.Shown shown, RequestParameters parameters, ConfigSchema schema, CancellationToken cancellation)
    {
        var json = new JsonText().Raw("{\"items\":["u8);
        var (start, bytes, refused, count) = (time.GetTimestamp(), 0L, 0, 0L);
        string? last = null;
        var more = false;
        await foreach (var version in shown.Readable(queries.At(shown.State, shown.Environment, parameters.Prefix ?? "", shown.After, shown.Place.Revision, cancellation)))
        {
            more = refused == parameters.Limit || bytes > SteleLimits.PageBytes.Value || json.Length > SteleLimits.PageBytes.Value
                || (count > 0 && time.GetElapsedTime(start).TotalMilliseconds > SteleLimits.SchemaCheckMilliseconds.Value);
            if (more) break;
            if (version.Redacted)
            {
                last = version.Entry.Key;
                continue;
            }
            if (!(await values.Whole(shown.State.Org, shown.Environment.Name, version.Entry, cancellation)).TryGet(out var entry, out var fault)) return fault;
            (last, count, bytes) = (entry.Key, count + 1, bytes + entry.ValueBytes);
            if (schema.Check(entry.Value!).Errors is not { Count: > 0 } errors) continue;
            if (refused++ > 0) json.Raw(","u8);
            json.Raw("{\"key\":\""u8).Ascii(entry.Key).Raw("\",\"version\":"u8).Number(entry.Version).Raw(",\"errors\":"u8);
            WriteErrors(json, errors).Raw("}"u8);
        }
        json.Raw("],\"checked\":"u8).Number(count).Raw(",\"revision\":"u8).Number(shown.Place.Revision);
        if (more) json.Raw(",\"next_cursor\":"u8).Text(shown.Next(last!));
        return json.Raw("}"u8);
    }

    static JsonText WriteErrors(JsonText json, IReadOnlyList<SchemaError> errors)
    {
        json.Raw("["u8);
        foreach (var (index, error) in errors.Index())
            json.Raw(index > 0 ? ","u8 : ""u8).Raw("{\"instance_location\":"u8).Text(error.InstanceLocation)
                .Raw(",\"keyword_location\":"u8).Text(error.KeywordLocation)
                .Raw(",\"message\":"u8).Text(error.Message).Raw("}"u8);
        return json.Raw("]"u8);
    }

    // binds a cursor to the schema with which the list began
    static string Fingerprint(ConfigSchema schema) => $"{Hash128.Of(schema.Text):x}";

    /// <summary>The body of a dry run. Nothing of it is stored, so its strings may hold U+0000.</summary>
    readonly record struct ValidateBody(JsonSchema? Schema, byte[]? Value)
    {
        static readonly BodyMembers Members = new(required: ["schema", "value"], optional: []);

        public static ValidateBody Parse(ReadOnlySpan<byte> utf8, List<Problem> problems)
        {
            var result = new ValidateBody();
            var body = JsonBody.OfTransient(utf8, Members, problems);
            while (body.NextMember(out var name))
                if (name == "value") result = result with { Value = body.ReadJson() };
                else if (body.Pointer is var pointer && body.ReadJson() is { } text) result = result with { Schema = JsonSchema.Compile(text, pointer, problems) };
            return result;
        }
    }

    static class CheckBody
    {
        static readonly BodyMembers Members = new(required: ["schema"], optional: []);

        public static ConfigSchema? Parse(ReadOnlySpan<byte> utf8, List<Problem> problems)
        {
            ConfigSchema? schema = null;
            var body = new JsonBody(utf8, Members, problems);
            while (body.NextMember(out _))
                if (body.Pointer is var pointer && body.ReadJson() is { } text) schema = ConfigSchema.Parse(text, pointer, problems);
            return schema;
        }
    }
}
