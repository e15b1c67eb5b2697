using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Stele.Client.Testing;

[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class InMemoryJson : JsonSerializerContext;

/// <summary>The requests of an app, answered from memory as the server answers them over HTTP.</summary>
internal sealed class InMemoryHandler(SteleInMemory stele) : HttpMessageHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (stele.Unreachable) throw new HttpRequestException("Connection refused (the Stele in memory is unreachable)");
        var path = Uri.UnescapeDataString(request.RequestUri!.AbsolutePath);
        var query = request.RequestUri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('=', 2)).ToLookup(pair => pair[0], pair => Uri.UnescapeDataString(pair[1]));
        var environment = query["env"].FirstOrDefault() ?? "development";
        var body = request.Content is null ? null : JsonNode.Parse(await request.Content.ReadAsStringAsync(cancellationToken));
        return (request.Method.Method, path) switch
        {
            ("GET", "/v1/watch") => Watch(environment, query, cancellationToken),
            ("GET", "/v1/config") => Listed(environment, "config", query["prefix"].FirstOrDefault() ?? ""),
            ("GET", "/v1/flags") => Listed(environment, "flag", query["prefix"].FirstOrDefault() ?? ""),
            ("GET", "/v1/secrets") => Secrets(environment, query["prefix"].FirstOrDefault() ?? ""),
            ("GET", _) when path.StartsWith("/v1/secrets/", StringComparison.Ordinal) => Secret(environment, path["/v1/secrets/".Length..]),
            ("GET", _) when path.StartsWith("/v1/config/", StringComparison.Ordinal) => One(environment, path["/v1/config/".Length..]),
            ("PUT", _) when path.StartsWith("/v1/config/", StringComparison.Ordinal) => Put(environment, path["/v1/config/".Length..], body!),
            ("DELETE", _) when path.StartsWith("/v1/config/", StringComparison.Ordinal) => Deleted(stele.Delete(environment, path["/v1/config/".Length..])),
            ("POST", "/v1/flags/usage") => Json(new JsonObject { ["accepted"] = 0, ["unknown"] = new JsonArray() }),
            ("POST", _) when path.EndsWith("/ack", StringComparison.Ordinal) => Heard(body!),
            _ => Problem(404, "not_found", $"The Stele in memory does not know {request.Method} {path}."),
        };
    }

    HttpResponseMessage Heard(JsonNode body)
    {
        stele.Hear(body["revision"]!.GetValue<long>(), body["rejected"]?["reason"]?.GetValue<string>());
        return new HttpResponseMessage(HttpStatusCode.NoContent);
    }

    HttpResponseMessage Put(string environment, string key, JsonNode body)
    {
        stele.SetJson(environment, key, body["value"]?.ToJsonString() ?? "null");
        return One(environment, key);
    }

    static HttpResponseMessage Deleted(long revision) => Json(new JsonObject { ["version"] = 0, ["revision"] = revision });

    HttpResponseMessage One(string environment, string key)
    {
        var found = stele.List(environment, "config", key).Items.FirstOrDefault(item => item.Key == key);
        return found is null ? Problem(404, "not_found", $"There is no key '{key}'.") : Json(Shown(environment, found, "key", "value"));
    }

    HttpResponseMessage Secret(string environment, string path)
    {
        var found = stele.List(environment, "secret", path).Items.FirstOrDefault(item => item.Key == path);
        return found is null ? Problem(404, "not_found", $"There is no secret '{path}'.") : Json(Shown(found, withValue: true));
    }

    HttpResponseMessage Secrets(string environment, string prefix)
    {
        var (revision, items) = stele.List(environment, "secret", prefix);
        return Json(new JsonObject { ["items"] = new JsonArray([.. items.Select(item => Shown(item, withValue: false))]), ["revision"] = revision });
    }

    static JsonObject Shown(InMemoryItem item, bool withValue)
    {
        var secret = new JsonObject { ["path"] = item.Key, ["version"] = item.Version, ["revision"] = item.Revision, ["status"] = "active" };
        if (withValue) secret["value"] = item.Value.GetString();
        return secret;
    }

    HttpResponseMessage Listed(string environment, string kind, string prefix)
    {
        var (revision, items) = stele.List(environment, kind, prefix);
        var (name, value) = kind == "flag" ? ("name", "definition") : ("key", "value");
        // shared rules and switches are listed by themselves
        if (kind == "flag" && prefix.Length == 0) items.RemoveAll(item => item.Key[0] == '$');
        return Json(new JsonObject { ["items"] = new JsonArray([.. items.Select(item => Shown(environment, item, name, value))]), ["revision"] = revision });
    }

    static JsonObject Shown(string environment, InMemoryItem item, string name, string value) => new()
    {
        [name] = item.Key, ["environment"] = environment, [value] = JsonNode.Parse(item.Value.GetRawText()), ["value_type"] = TypeOf(item.Value), ["version"] = item.Version, ["revision"] = item.Revision,
    };

    HttpResponseMessage Watch(string environment, ILookup<string, string> query, CancellationToken cancellation)
    {
        var cursor = query["from_cursor"].FirstOrDefault();
        var from = cursor is null ? query["from_revision"].FirstOrDefault() : cursor[..cursor.IndexOf('-', StringComparison.Ordinal)];
        var after = from is null ? stele.Revision : long.Parse(from, CultureInfo.InvariantCulture);
        // a cursor is of a history; a revision alone, of the one that is
        var history = cursor is null ? stele.History : int.Parse(cursor.AsSpan(cursor.IndexOf('-', StringComparison.Ordinal) + 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        var (kinds, prefixes) = (query["kinds"].FirstOrDefault()?.Split(',') ?? [], query["prefix"].ToList());
        var pipe = new Pipe();
        _ = Stream(pipe.Writer, history, after, change => change.Environment == environment && (kinds.Length == 0 || kinds.Contains(change.Kind)) && (prefixes.Count == 0 || prefixes.Exists(prefix => change.Key.StartsWith(prefix, StringComparison.Ordinal))), cancellation);
        var response = new HttpResponseMessage(HttpStatusCode.OK) { Content = new StreamContent(pipe.Reader.AsStream()) };
        response.Content.Headers.ContentType = new("text/event-stream");
        response.Headers.Add("Stele-Subscription", Guid.NewGuid().ToString());
        return response;
    }

    async Task Stream(PipeWriter to, int history, long after, Func<InMemoryChange, bool> asked, CancellationToken cancellation)
    {
        Exception? end = null;
        try
        {
            var synced = false;
            while (!stele.Unreachable)
            {
                var changed = stele.Changed;
                if (history != stele.History)
                {
                    (history, after, synced) = (stele.History, stele.Revision, false);
                    await Say(to, "reset", after, new JsonObject { ["reason"] = "history" });
                }
                foreach (var revision in stele.After(after))
                {
                    after = revision.Revision;
                    var seen = revision.Changes.Where(asked).ToList();
                    if (seen.Count > 0) await Say(to, "change", after, new JsonObject { ["changes"] = new JsonArray([.. seen.Select(Changed)]) });
                    else if (synced) await Say(to, null, after, null);
                }
                if (!synced) await Say(to, "synced", after, []);
                synced = true;
                await changed.WaitAsync(cancellation);
            }
            end = new IOException("The Stele in memory has become unreachable.");
        }
        catch (Exception e) when (e is OperationCanceledException or InvalidOperationException)
        {
            // the app has closed it
        }
        await to.CompleteAsync(end);
    }

    async Task Say(PipeWriter to, string? name, long revision, JsonObject? data)
    {
        var cursor = FormattableString.Invariant($"{revision}-{stele.History:x8}");
        if (data is not null) (data["revision"], data["cursor"]) = (revision, cursor);
        var flush = await to.WriteAsync(Encoding.UTF8.GetBytes($"id: {cursor}\n{(name is null ? "" : $"event: {name}\n")}{(data is null ? "" : $"data: {data.ToJsonString()}\n")}\n"));
        if (flush.IsCompleted) throw new OperationCanceledException();
    }

    static JsonObject Changed(InMemoryChange change) => new()
    {
        ["op"] = change.Value is null ? "delete" : change.Kind == "secret" || change.Rotated is not null ? "secret_rotated" : "set", ["kind"] = change.Kind, ["key"] = change.Key, ["environment"] = change.Environment,
        ["value"] = change.Value is { } value && change.Kind != "secret" ? JsonNode.Parse(value.GetRawText()) : null, ["version"] = change.Version, ["old_version"] = change.Version - 1,
    };

    static string TypeOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => "string",
        JsonValueKind.Number => "number",
        JsonValueKind.True or JsonValueKind.False => "boolean",
        _ => "json",
    };

    static HttpResponseMessage Json(JsonObject body) => new(HttpStatusCode.OK) { Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json") };

    static HttpResponseMessage Problem(int status, string code, string detail) => new((HttpStatusCode)status)
    {
        Content = new StringContent(new JsonObject { ["status"] = status, ["code"] = code, ["detail"] = detail }.ToJsonString(), Encoding.UTF8, "application/problem+json"),
    };
}
