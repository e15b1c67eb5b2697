using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Stele.Core.Faults;
using Stele.Server.Options;
using Stele.Server.Secrets.Store;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Secrets.Providers;
using Xunit;

namespace Stele.Server.Tests.Secrets.Store;

/// <summary>A server whose secrets, or their keys alone, lie in a stand-in for Vault, and others on the same database.</summary>
sealed class StoreServer : IAsyncDisposable
{
    readonly List<TestServer> others = [];
    readonly string file;
    readonly TestDatabase database;
    TestKms? kms;
    AwsOptions? aws;

    StoreServer(TestDatabase database, TestVault vault, string file) => (this.database, Vault, this.file) = (database, vault, file);

    public TestVault Vault { get; }

    public TestServer Server { get; private set; } = null!;

    /// <param name="inVault">Whether new values go there; null: the keys are there, and the values here.</param>
    /// <param name="keys">Who has the keys, if they are not there.</param>
    public static async Task<StoreServer> Start(bool? inVault = true, string keys = "local")
    {
        var vault = await TestVault.Start();
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, vault.SecretId);
        var store = new StoreServer(await Postgres.NewDatabase(), vault, file);
        // keys that are asked for over a network are remembered
        if (keys == "aws-kms") store.aws = AwsNode.Options(store.kms = await TestKms.Start(), await AwsNode.WriteCredentials(store.kms));
        store.Server = await TestServer.Start(store.database, vault: VaultNode.Options(vault, file), aws: store.aws, inVault: inVault);
        return store;
    }

    /// <summary>One more node, that has nothing in mind.</summary>
    public async Task<TestServer> Another(bool? inVault = true)
    {
        others.Add(await TestServer.Start(database, vault: VaultNode.Options(Vault, file), aws: aws, inVault: inVault));
        return others[^1];
    }

    /// <summary>One that knows of no Vault; the caller's.</summary>
    public Task<TestServer> WithoutVault() => TestServer.Start(database);

    /// <summary>The paths below which copies lie, without their ids.</summary>
    public IEnumerable<string> Paths => Vault.Entries.Keys.Select(path => path[..path.LastIndexOf('/')]).Order();

    public async Task<List<string>> Rows(string sql)
    {
        await using var owner = await database.As();
        return [.. await owner.Rows(sql)];
    }

    /// <summary>Levels what is due now; of what waits, too.</summary>
    public async Task Level(bool waiting = false)
    {
        if (waiting) await Rows("UPDATE stele.secret_copy SET due_at = now(), hidden_at = hidden_at - interval '31 days' WHERE due_at IS NOT NULL RETURNING vault_id");
        var leveller = Server.Services.GetRequiredService<StoreLeveller>();
        // another node may be at it, and have read what is due before this was
        Outcome<int?> levelled;
        do
        {
            levelled = await leveller.RunOnce(default);
            Assert.Null(levelled.Fault);
        }
        while (levelled.Value is null);
    }

    public Task<JsonElement> Put(string path, string value, int status = 200) => Send(Server, HttpMethod.Put, $"/v1/secrets/{path}", $$"""{"value":{{JsonSerializer.Serialize(value)}}}""", status);

    public Task<JsonElement> Get(string path, int status = 200, TestServer? of = null) => Send(of ?? Server, HttpMethod.Get, $"/v1/secrets/{path}", null, status);

    public async Task<string?> Value(string path, TestServer? of = null) => (await Get(path, of: of)).GetProperty("value").GetString();

    public Task<JsonElement> Move(string to, TestServer of, int limit = 100, string? after = null, int status = 200) =>
        Send(of, HttpMethod.Post, "/v1/secret-store/move", JsonSerializer.Serialize(after is null ? new Dictionary<string, object> { ["to"] = to, ["limit"] = limit } : new Dictionary<string, object> { ["to"] = to, ["limit"] = limit, ["after"] = after }), status);

    public static async Task<JsonElement> Send(TestServer server, HttpMethod method, string path, string? body, int status) =>
        JsonDocument.Parse(await server.Client.Ask(method.Method, path, body, status)).RootElement;

    public async ValueTask DisposeAsync()
    {
        Assert.Empty(Vault.Breaches);
        foreach (var other in others) await other.DisposeAsync();
        await Server.DisposeAsync();
        await Vault.DisposeAsync();
        if (kms is not null) await kms.DisposeAsync();
        await database.DisposeAsync();
        File.Delete(file);
    }
}
