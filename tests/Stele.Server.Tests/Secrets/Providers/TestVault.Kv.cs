using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Stele.Server.Tests.Secrets.Providers;

/// <summary>The half that is KV of version 2: data, metadata, delete, undelete, destroy, config.</summary>
sealed partial class TestVault
{
    const string KvMount = "secret";

    /// <summary>What lies there, by path.</summary>
    public ConcurrentDictionary<string, KvEntry> Entries { get; } = new();

    /// <summary>Whether the engine is there.</summary>
    public bool HasKv { get; set; } = true;

    /// <summary>Whether it is of version 1.</summary>
    public bool IsKvOld { get; set; }

    public string DeleteVersionAfter { get; set; } = "0s";

    /// <summary>How many writes to come are done, and their answers lost.</summary>
    public int LostWrites { get; set; }

    /// <summary>Called when a value is written, before it is answered.</summary>
    public Action? AfterWrite { get; set; }

    public sealed class KvEntry
    {
        public JsonObject? Data { get; set; }

        public DateTimeOffset? DeletedAt { get; set; }

        public bool IsDestroyed { get; set; }
    }

    (int, JsonObject?) Kv(string method, string[] rest, JsonObject? body)
    {
        if (!HasKv) return Errors(404, $"no handler for route \"{KvMount}/{string.Join('/', rest)}\". route entry not found.");
        if (IsKvOld) return method == "GET" ? NotFound : Breach(400, "a write to an engine of version 1");
        if (rest is ["config"]) return method == "GET" ? Data(new JsonObject { ["cas_required"] = true, ["delete_version_after"] = DeleteVersionAfter, ["max_versions"] = 0 }) : Breach(405, $"{method} config");
        // what a path holds that is no character of URLs comes encoded, and what does not must not
        var path = string.Join('/', rest.Skip(1));
        var entry = Entries.GetValueOrDefault(path);
        return (method, rest[0]) switch
        {
            ("POST", "data") => Write(path, entry, body!),
            ("GET", "data") => entry is null ? NotFound : (entry.DeletedAt is null && !entry.IsDestroyed ? 200 : 404, Envelope(new JsonObject { ["data"] = entry.DeletedAt is null ? entry.Data?.DeepClone() : null, ["metadata"] = About(entry) }, null)),
            ("DELETE", "metadata") => Ended(path),
            ("POST", "delete" or "undelete" or "destroy") => Change(rest[0], entry, body!),
            _ => Breach(405, $"{method} {rest[0]}"),
        };
    }

    (int, JsonObject?) Write(string path, KvEntry? entry, JsonObject body)
    {
        if (!Has(body, ["options", "data"]) || body["options"] is not JsonObject options || !Has(options, ["cas"]) || body["data"] is not JsonObject data) return Breach(400, $"data with {Names(body)}");
        if ((int)options["cas"]! != (entry is null ? 0 : 1)) return Errors(400, "check-and-set parameter did not match the current version");
        entry = Entries[path] = new KvEntry { Data = (JsonObject)data.DeepClone() };
        AfterWrite?.Invoke();
        if (LostWrites > 0)
        {
            LostWrites--;
            return Errors(502, "the answer of a write was lost");
        }
        return Data(About(entry));
    }

    static (int, JsonObject?) NotFound => (404, new JsonObject { ["errors"] = new JsonArray() });

    (int, JsonObject?) Ended(string path)
    {
        Entries.TryRemove(path, out _);
        return (204, null);
    }

    (int, JsonObject?) Change(string verb, KvEntry? entry, JsonObject body)
    {
        if (!Has(body, ["versions"]) || body["versions"] is not JsonArray { Count: 1 } versions || (int)versions[0]! != 1) return Breach(400, $"{verb} with {body.ToJsonString()}");
        if (entry is null) return (204, null);
        if (verb == "destroy") (entry.IsDestroyed, entry.Data) = (true, null);
        else if (!entry.IsDestroyed) entry.DeletedAt = verb == "delete" ? entry.DeletedAt ?? Time.GetUtcNow() : null;
        return (204, null);
    }

    static JsonObject About(KvEntry entry) => new()
    {
        ["created_time"] = "2026-03-01T12:00:00.123456789Z", ["custom_metadata"] = null, ["deletion_time"] = entry.DeletedAt?.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture) ?? "", ["destroyed"] = entry.IsDestroyed, ["version"] = 1,
    };
}
