using System.Text;
using System.Text.Json;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Secrets.Store;
using Xunit;

namespace Stele.Server.Tests.Cli;

/// <summary>Where values lie, and moving them, by the command line.</summary>
public sealed class CliSecretStoreTests
{
    [Fact]
    public async Task All_values_move_to_vault_and_back_and_the_bar_shows_how_far_it_is_of_all()
    {
        await using var store = await StoreServer.Start(inVault: false);
        for (var i = 0; i < 5; i++) await store.Put($"s{i}", $"value {i}");
        var there = await store.Another();
        var shown = await Run(there, "secret", "store");
        Assert.True(shown.Code == 0, shown.Error);
        Assert.Equal("New values go to vault-kv\nSTORE     VALUES\ndatabase  5\nvault-kv  0\n", shown.Out);
        // one step of a move that did not come to its end
        await store.Move("vault-kv", there, limit: 2);
        var run = await Run(there, terminal: true, "secret", "move", "--to", "vault-kv", "--batch", "1");
        Assert.Equal((0, "3 values moved to vault-kv, 0 remain\n"), (run.Code, run.Out));
        Assert.Contains("]  40 %  2 of 5", run.Error.Split('\r')[1], StringComparison.Ordinal);
        Assert.EndsWith("] 100 %  5 of 5\n", run.Error, StringComparison.Ordinal);
        Assert.Equal(5, JsonElement.Parse((await Run(there, "secret", "store", "--json")).Out).GetProperty("vault_kv").GetInt32());
        var back = await Run(store.Server, "secret", "move", "--to", "database");
        Assert.Equal((0, "5 values moved to database, 0 remain\n", "move: 0 of 5\nmove: 5 of 5\n"), (back.Code, back.Out, back.Error));
        for (var i = 0; i < 5; i++) Assert.Equal($"value {i}", await store.Value($"s{i}"));
    }

    [Fact]
    public async Task A_move_that_is_interrupted_goes_on_by_the_same_command_and_what_was_changed_meanwhile_is_moved_too()
    {
        await using var store = await StoreServer.Start(inVault: false);
        for (var i = 0; i < 4; i++) await store.Put($"s{i}", $"value {i}");
        var there = await store.Another();
        store.Vault.AfterWrite = () =>
        {
            if (store.Vault.Entries.Count == 2) store.Vault.IsSealed = true;
        };
        var broken = await Run(there, "secret", "move", "--to", "vault-kv", "--batch", "1");
        Assert.Equal((5, ""), (broken.Code, broken.Out));
        Assert.Equal(1, JsonElement.Parse((await Run(there, "secret", "store", "--json")).Out).GetProperty("vault_kv").GetInt32());
        (store.Vault.AfterWrite, store.Vault.IsSealed) = (null, false);
        await Wait.Until(async () => (await there.Client.PutAsync("/v1/secrets/ping", new StringContent("""{"value":"x"}""", Encoding.UTF8, "application/json"))).IsSuccessStatusCode, "Vault is asked again");
        store.Vault.AfterWrite = () =>
        {
            store.Vault.AfterWrite = null;
            store.Put("s1", "changed").GetAwaiter().GetResult();
            store.Put("s2", "changed").GetAwaiter().GetResult();
        };
        var whole = await Run(there, "secret", "move", "--to", "vault-kv");
        Assert.True(whole.Code == 0, whole.Out + whole.Error);
        Assert.EndsWith(", 0 remain\n", whole.Out, StringComparison.Ordinal);
        Assert.Equal(("value 0", "changed", "changed", "value 3"), (await store.Value("s0", there), await store.Value("s1", there), await store.Value("s2", there), await store.Value("s3", there)));
        Assert.Equal("value 1", await store.Value("s1?version=1", there));
    }

    [Fact]
    public async Task What_cannot_be_moved_is_named_with_its_reason_and_a_move_elsewhere_than_new_values_go_is_refused()
    {
        await using var store = await StoreServer.Start(inVault: false);
        await store.Put("large", new string('x', 384_001));
        await store.Put("small", "value");
        var there = await store.Another();
        var run = await Run(there, "secret", "move", "--to", "vault-kv", "--batch", "1");
        Assert.Equal(5, run.Code);
        Assert.StartsWith("1 values moved to vault-kv, 1 remain\nSKIPPED  ENVIRONMENT  VERSION  WHY\nlarge    development  1        ", run.Out, StringComparison.Ordinal);
        Assert.Equal("large", JsonElement.Parse((await Run(there, "secret", "move", "--to", "vault-kv", "--json")).Out).GetProperty("skipped")[0].GetProperty("path").GetString());
        var elsewhere = await Run(there, "secret", "move", "--to", "database");
        Assert.Equal((4, ""), (elsewhere.Code, elsewhere.Out));
        Assert.Contains("STELE_SECRETS_STORE", elsewhere.Error, StringComparison.Ordinal);
        Assert.Equal(2, (await Run(there, "secret", "move")).Code);
        Assert.Equal(2, (await Run(there, "secret", "move", "--to", "redis")).Code);
    }

    static Task<CliAnswer> Run(TestServer server, params string[] arguments) => Run(server, terminal: false, arguments);

    static Task<CliAnswer> Run(TestServer server, bool terminal, params string[] arguments) =>
        CliServer.Run(server.Client.BaseAddress!, TestServer.Token, world => world with { ErrorIsTerminal = terminal }, arguments);
}
