using System.Text.Json.Nodes;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Secrets.Store;

/// <summary>Values move from one store to the other and back, step by step, compared, beside who reads and writes, and whatever dies.</summary>
public sealed class StoreMoveTests
{
    [Theory]
    [InlineData("local")]
    [InlineData("aws-kms")]
    public async Task All_values_move_there_and_back_in_steps_while_they_are_read(string keys)
    {
        await using var store = await StoreServer.Start(inVault: false, keys);
        for (var i = 0; i < 5; i++) await store.Put($"s{i}", $"old {i}");
        for (var i = 0; i < 5; i++) await store.Put($"s{i}", $"value {i}");
        await StoreServer.Send(store.Server, HttpMethod.Put, "/v1/secrets/bytes", """{"value_base64":"AP8B"}""", 200);
        await StoreServer.Send(store.Server, HttpMethod.Delete, "/v1/secrets/s4", null, 200);
        var there = await store.Another();
        Assert.Equal([(4, 7L), (4, 3L), (3, 0L)], await Steps(store, "vault-kv", there, 4));
        Assert.Equal(11, store.Vault.Entries.Count);
        await AllRead(store, store.Server, there, await store.Another());
        // the wrapped keys of what the journal still has as ciphertext are gone
        Assert.Equal(["0"], await store.Rows("SELECT count(*) FROM stele.secret_key k JOIN stele.secret_value v USING (org_id, value_id)"));
        await store.Level();
        Assert.Equal(2, store.Vault.Entries.Values.Count(entry => entry.DeletedAt is not null));
        Assert.Equal("""{"store":"vault-kv","database":0,"vault_kv":11,"pending":0}""", (await StoreServer.Send(there, HttpMethod.Get, "/v1/secret-store", null, 200)).GetRawText());

        Assert.Equal([(11, 0L)], await Steps(store, "database", store.Server, 100));
        await AllRead(store, store.Server, there, await store.Another(inVault: false));
        await store.Level();
        Assert.All(store.Vault.Entries.Values, entry => Assert.NotNull(entry.DeletedAt));
        await store.Level(waiting: true);
        Assert.Empty(store.Vault.Entries);
        await StoreServer.Send(store.Server, HttpMethod.Post, "/v1/secrets/s4/undelete", "{}", 200);
        Assert.Equal("value 4", await store.Value("s4"));
        // and once more, now that data keys of before are remembered
        Assert.Equal([(11, 0L)], await Steps(store, "vault-kv", there, 100));
        Assert.Equal([(11, 0L)], await Steps(store, "database", store.Server, 100));
        await AllRead(store, store.Server, there);
        Assert.Equal(6, (await store.Rows("SELECT 1 FROM stele.audit_entry WHERE action = 'secret.moved'")).Count);
    }

    [Fact]
    public async Task A_step_that_dies_between_copy_and_append_is_done_again_and_its_copies_are_cleared_away()
    {
        await using var store = await StoreServer.Start(inVault: false);
        for (var i = 0; i < 3; i++) await store.Put($"s{i}", $"value {i}");
        var there = await store.Another();
        store.Vault.AfterWrite = () =>
        {
            if (store.Vault.Entries.Count == 2) store.Vault.IsSealed = true;
        };
        await store.Move("vault-kv", there, status: 503);
        store.Vault.AfterWrite = null;
        for (var i = 0; i < 3; i++) Assert.Equal($"value {i}", await store.Value($"s{i}"));
        store.Vault.IsSealed = false;
        await Wait.Until(async () => (await there.Client.PostAsync("/v1/secret-store/move", new StringContent("""{"to":"vault-kv"}""", new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")))).IsSuccessStatusCode, "Vault is asked again");
        Assert.Equal(5, store.Vault.Entries.Count);
        for (var i = 0; i < 3; i++) Assert.Equal($"value {i}", await store.Value($"s{i}"));
        await store.Rows("UPDATE stele.secret_copy SET due_at = now() WHERE due_at IS NOT NULL RETURNING vault_id");
        await store.Level();
        await store.Level(waiting: true);
        Assert.Equal(3, store.Vault.Entries.Count);
        for (var i = 0; i < 3; i++) Assert.Equal($"value {i}", await store.Value($"s{i}", await store.Another()));
    }

    [Theory]
    [InlineData("set")]
    [InlineData("destroy")]
    public async Task Who_changes_a_secret_while_it_is_copied_is_not_overruled(string how)
    {
        await using var store = await StoreServer.Start(inVault: false);
        await store.Put("raced", "before");
        await store.Put("calm", "calm");
        var there = await store.Another();
        store.Vault.AfterWrite = () =>
        {
            store.Vault.AfterWrite = null;
            if (how == "set") store.Put("raced", "after").GetAwaiter().GetResult();
            else StoreServer.Send(store.Server, HttpMethod.Post, "/v1/secrets/raced/destroy", "{}", 200).GetAwaiter().GetResult();
        };
        Assert.Equal(1, (await store.Move("vault-kv", there)).GetProperty("moved").GetInt32());
        if (how == "set")
        {
            Assert.Equal("after", await store.Value("raced", there));
            Assert.Equal(2, (await store.Move("vault-kv", there)).GetProperty("moved").GetInt32());
            Assert.Equal(("after", "before"), (await store.Value("raced", there), await store.Value("raced?version=1", there)));
        }
        else
        {
            await store.Get("raced", 410, there);
            Assert.Equal(0, (await store.Move("vault-kv", there)).GetProperty("remaining").GetInt32());
            await store.Level();
            Assert.DoesNotContain(store.Paths, path => path.EndsWith("/raced", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task A_copy_that_is_not_what_was_copied_leaves_the_value_where_it_is()
    {
        await using var store = await StoreServer.Start(inVault: false);
        await store.Put("good", "value");
        var there = await store.Another();
        store.Vault.AfterWrite = () =>
        {
            foreach (var entry in store.Vault.Entries.Values) entry.Data = new JsonObject { ["value"] = "garbled" };
        };
        var step = await store.Move("vault-kv", there);
        Assert.Equal((0, 1), (step.GetProperty("moved").GetInt32(), step.GetProperty("remaining").GetInt32()));
        Assert.Equal("good", step.GetProperty("skipped")[0].GetProperty("path").GetString());
        Assert.Equal("value", await store.Value("good", there));
    }

    [Fact]
    public async Task What_vault_does_not_take_is_told_and_left_and_the_others_go_on()
    {
        await using var store = await StoreServer.Start(inVault: false);
        await store.Put("large", new string('x', 384_001));
        await store.Put("small", "value");
        var there = await store.Another();
        var first = await store.Move("vault-kv", there, limit: 1);
        Assert.Equal((0, "large"), (first.GetProperty("moved").GetInt32(), first.GetProperty("skipped")[0].GetProperty("path").GetString()));
        var second = await store.Move("vault-kv", there, limit: 1, after: first.GetProperty("next").GetString());
        Assert.Equal((1, 1), (second.GetProperty("moved").GetInt32(), second.GetProperty("remaining").GetInt32()));
        Assert.Equal(384_001, (await store.Value("large", there))!.Length);
    }

    [Fact]
    public async Task A_move_goes_only_where_new_values_go_and_is_the_operators()
    {
        await using var store = await StoreServer.Start();
        Assert.Equal("store.current", (await store.Move("database", store.Server, status: 409)).GetProperty("errors")[0].GetProperty("rule").GetString());
        await StoreServer.Send(store.Server, HttpMethod.Post, "/v1/secret-store/move", """{"to":"redis"}""", 400);
        await StoreServer.Send(store.Server, HttpMethod.Post, "/v1/secret-store/move", """{"to":"vault-kv","limit":1001}""", 400);
        await StoreServer.Send(store.Server, HttpMethod.Post, "/v1/secret-store/move", """{"to":"vault-kv","after":"x"}""", 400);
        await StoreServer.Send(store.Server, HttpMethod.Post, "/v1/secret-store/move", """{"limit":1}""", 400);
    }

    static async Task<List<(int, long)>> Steps(StoreServer store, string to, TestServer of, int limit)
    {
        var steps = new List<(int, long)>();
        for (string? after = null; ;)
        {
            var step = await store.Move(to, of, limit, after);
            if (step.GetProperty("moved").GetInt32() is var moved and > 0) steps.Add((moved, step.GetProperty("remaining").GetInt64()));
            Assert.Empty(step.GetProperty("skipped").EnumerateArray());
            if (!step.TryGetProperty("next", out var next)) return steps;
            after = next.GetString();
        }
    }

    static async Task AllRead(StoreServer store, params TestServer[] servers)
    {
        foreach (var server in servers)
        {
            for (var i = 0; i < 4; i++) Assert.Equal(($"value {i}", $"old {i}"), (await store.Value($"s{i}", server), await store.Value($"s{i}?version=1", server)));
            Assert.Equal("AP8B", (await store.Get("bytes", of: server)).GetProperty("value_base64").GetString());
        }
    }
}
