using System.Globalization;
using System.Text;
using Stele.Bench.Load;

namespace Stele.Bench;

/// <summary>How a scenario loads its peers.</summary>
internal enum LoadShape
{
    /// <summary>wrk: each connection sends its next request when the last is answered.</summary>
    Closed,
    /// <summary>At half the rate that <see cref="Scenario.HalfOf"/> reached in this run, whatever the server does.</summary>
    HalfOpen,
    /// <summary>pgbench on the PostgreSQL that serves Stele.</summary>
    LoneInsert,
}

/// <param name="Requests">By peer: the requests it gets, given the context. A peer that is absent does not take part.</param>
internal sealed record Scenario(string Name, string Title, int Connections, IReadOnlyDictionary<string, Func<Seed, IEnumerable<PlainRequest>>> Requests)
{
    public LoadShape Shape { get; init; } = LoadShape.Closed;

    /// <summary>For <see cref="LoadShape.HalfOpen"/>: whose throughput is halved.</summary>
    public string? HalfOf { get; init; }

    /// <summary>Which answer of Stele's the bare peer repeats: <c>get</c> or <c>list</c>.</summary>
    public string Like { get; init; } = "get";
}

/// <summary>What seeding left behind: a moment and a revision that reads of the past ask for.</summary>
internal sealed record Seed(long SteleRevision, string SteleTime, long EtcdRevision);

/// <summary>
/// The scenarios, over 1,000 keys with values of 100 bytes. Reads use keys that nobody writes any more; writes, and
/// reads of the past, use keys that get many versions during the run.
/// </summary>
internal static class Scenarios
{
    public const int Keys = 1_000;
    public const string Environment = "production";
    const int Variants = 4_000;

    static readonly Random random = new(20_260_131);

    public static IReadOnlyList<Scenario> All { get; } =
    [
        new("strong-get", "strong GET (etcd: linearizable range), 32 connections", 32, new Dictionary<string, Func<Seed, IEnumerable<PlainRequest>>>
        {
            ["stele"] = _ => Each(ReadKey, key => Get(key)),
            ["etcd"] = _ => Each(ReadKey, key => Range($$"""{"key":"{{Base64(key)}}"}""")),
            ["bare"] = _ => Each(ReadKey, key => Get(key)),
        }),
        new("local-get", "local GET (etcd: serializable range), 32 connections", 32, new Dictionary<string, Func<Seed, IEnumerable<PlainRequest>>>
        {
            ["stele"] = _ => Each(ReadKey, key => Get(key, "&consistency=local")),
            ["etcd"] = _ => Each(ReadKey, key => Range($$"""{"key":"{{Base64(key)}}","serializable":true}""")),
            ["bare"] = _ => Each(ReadKey, key => Get(key, "&consistency=local")),
        }),
        Put("put-32", "durable PUT of 100 bytes, 32 connections", 32),
        Put("put-128", "durable PUT of 100 bytes, 128 connections", 128),
        Put("put-1", "durable PUT of 100 bytes, a single client", 1),
        new("insert-1", "a lone pgbench insert with commit, on Stele's PostgreSQL", 1, new Dictionary<string, Func<Seed, IEnumerable<PlainRequest>>> { ["stele"] = _ => [] })
        {
            Shape = LoadShape.LoneInsert,
        },
        new("batch-100", "100 keys in one change (etcd: one transaction), 8 connections", 8, new Dictionary<string, Func<Seed, IEnumerable<PlainRequest>>>
        {
            ["stele"] = _ => Enumerable.Range(0, 200).Select(_ => SteleBatch()),
            ["etcd"] = _ => Enumerable.Range(0, 200).Select(_ => EtcdBatch()),
        }),
        new("list-1000", "list of 1,000 keys with their values, 8 connections", 8, new Dictionary<string, Func<Seed, IEnumerable<PlainRequest>>>
        {
            ["stele"] = _ => [SteleList],
            ["etcd"] = _ => [Range($$"""{"key":"{{Base64("bench.read.")}}","range_end":"{{Base64("bench.read/")}}","limit":"1000"}""")],
            ["bare"] = _ => [SteleList],
        }) { Like = "list" },
        new("past-get", "read of the past (?revision= and ?at= in turn; etcd: range at a revision), 16 connections", 16, new Dictionary<string, Func<Seed, IEnumerable<PlainRequest>>>
        {
            ["stele"] = Past,
            ["etcd"] = seed => Each(WriteKey, key => Range($$"""{"key":"{{Base64(key)}}","revision":"{{seed.EtcdRevision}}"}""")),
        }),
        new("strong-get-half", "strong GET at half of full load, open loop", 64, new Dictionary<string, Func<Seed, IEnumerable<PlainRequest>>>
        {
            ["stele"] = _ => Each(ReadKey, key => Get(key)),
            ["etcd"] = _ => Each(ReadKey, key => Range($$"""{"key":"{{Base64(key)}}"}""")),
            ["bare"] = _ => Each(ReadKey, key => Get(key)),
        }) { Shape = LoadShape.HalfOpen, HalfOf = "strong-get" },
        new("past-get-half", "read of the past at half of full load, open loop", 64, new Dictionary<string, Func<Seed, IEnumerable<PlainRequest>>>
        {
            ["stele"] = Past,
        }) { Shape = LoadShape.HalfOpen, HalfOf = "past-get" },
        Put("put-half", "durable PUT at half of full load, open loop", 128) with { Shape = LoadShape.HalfOpen, HalfOf = "put-128" },
    ];

    public static PlainRequest SteleList { get; } = new("GET", $"/v1/config?env={Environment}&prefix=bench.read.&limit=1000");

    public static string ReadKey(int i) => string.Create(CultureInfo.InvariantCulture, $"bench.read.{i:0000}");

    public static string WriteKey(int i) => string.Create(CultureInfo.InvariantCulture, $"bench.write.{i:0000}");

    public static PlainRequest Get(string key, string more = "") => new("GET", $"/v1/config/{key}?env={Environment}{more}");

    public static PlainRequest StelePut(string key) => new("PUT", $"/v1/config/{key}?env={Environment}", $$"""{"value":"{{Value()}}"}""");

    public static PlainRequest Range(string body) => new("POST", "/v3/kv/range", body);

    public static PlainRequest EtcdPut(string key) => new("POST", "/v3/kv/put", $$"""{"key":"{{Base64(key)}}","value":"{{Base64(Value())}}"}""");

    public static PlainRequest SteleChanges(IEnumerable<string> keys)
    {
        var changes = keys.Select(key => $$"""{"op":"set","key":"{{key}}","value":"{{Value()}}"}""");
        return new("POST", $"/v1/changes?env={Environment}", $$"""{"changes":[{{string.Join(',', changes)}}]}""");
    }

    public static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    static Scenario Put(string name, string title, int connections) => new(name, title, connections, new Dictionary<string, Func<Seed, IEnumerable<PlainRequest>>>
    {
        ["stele"] = _ => Each(WriteKey, StelePut, Variants),
        ["etcd"] = _ => Each(WriteKey, EtcdPut, Variants),
    });

    static IEnumerable<PlainRequest> Past(Seed seed) => Enumerable.Range(0, Keys)
        .Select(i => Get(WriteKey(random.Next(Keys)), i % 2 == 0 ? $"&revision={seed.SteleRevision}" : $"&at={Uri.EscapeDataString(seed.SteleTime)}"));

    static PlainRequest SteleBatch() => SteleChanges(Hundred());

    static PlainRequest EtcdBatch()
    {
        var puts = Hundred().Select(key => $$$"""{"requestPut":{"key":"{{{Base64(key)}}}","value":"{{{Base64(Value())}}}"}}""");
        return new("POST", "/v3/kv/txn", $$"""{"success":[{{string.Join(',', puts)}}]}""");
    }

    static IEnumerable<string> Hundred()
    {
        var first = random.Next(Keys);
        return Enumerable.Range(0, 100).Select(i => WriteKey((first + i * 7) % Keys));
    }

    // Keys in random order, so that neighbours in time are not neighbours in any index.
    static IEnumerable<PlainRequest> Each(Func<int, string> key, Func<string, PlainRequest> request, int count = Keys) =>
        Enumerable.Range(0, count).Select(_ => request(key(random.Next(Keys))));

    public static string Value() => string.Create(100, Random.Shared, (span, r) =>
    {
        for (var i = 0; i < span.Length; i++) span[i] = (char)('a' + r.Next(26));
    });
}
