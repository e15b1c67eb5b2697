using System.Text.Json.Nodes;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Secrets.Store;

/// <summary>Values that lie in Vault's KV: given out as they were written or not at all, whatever Vault and whoever may write there do.</summary>
public sealed class VaultStoreTests
{
    [Fact]
    public async Task A_value_lies_in_vault_and_nothing_of_it_in_the_database()
    {
        await using var store = await StoreServer.Start();
        const string odd = "pässword \"q\" \\ \u0001 </script> \u2028 0123456789abcdef";
        await store.Put("db/pass[1].word-x", odd);
        await StoreServer.Send(store.Server, HttpMethod.Put, "/v1/secrets/bytes", """{"value_base64":"AP8B"}""", 200);
        Assert.Equal(["stele/1/development/bytes", "stele/1/development/db/pass[1].word-x"], store.Paths);
        Assert.Equal(odd, await store.Value("db/pass[1].word-x"));
        Assert.Equal("AP8B", (await store.Get("bytes")).GetProperty("value_base64").GetString());
        Assert.Equal(odd, await store.Value("db/pass[1].word-x", await store.Another()));
        // the journal and the table hold a place and a keyed hash; no data key of these values is here
        Assert.DoesNotContain(await store.Rows("SELECT encode(data, 'escape') FROM stele.event UNION ALL SELECT encode(ciphertext, 'escape') FROM stele.secret_value"), row => row.Contains("0123456789abcdef", StringComparison.Ordinal));
        Assert.Equal(["0"], await store.Rows("SELECT count(*) FROM stele.secret_key k JOIN stele.secret_value v USING (org_id, value_id)"));
        Assert.Equal(["2|0|0"], await store.Rows("SELECT count(*), count(due_at), count(hidden_at) FROM stele.secret_copy"));
    }

    [Fact]
    public async Task Versions_deletion_undeletion_and_destruction_reach_vault()
    {
        await using var store = await StoreServer.Start();
        await store.Put("life", "one");
        await store.Put("life", "two");
        Assert.Equal(2, store.Vault.Entries.Count);
        Assert.Equal("one", await store.Value("life?version=1"));
        await StoreServer.Send(store.Server, HttpMethod.Delete, "/v1/secrets/life", null, 200);
        await store.Level();
        Assert.All(store.Vault.Entries.Values, entry => Assert.NotNull(entry.DeletedAt));
        await StoreServer.Send(store.Server, HttpMethod.Post, "/v1/secrets/life/undelete", "{}", 200);
        // a reader does not wait for the copy to be brought level, and does it himself
        Assert.Equal("two", await store.Value("life"));
        await store.Level();
        Assert.All(store.Vault.Entries.Values, entry => Assert.Null(entry.DeletedAt));
        Assert.Equal("one", await store.Value("life?version=1"));
        await StoreServer.Send(store.Server, HttpMethod.Post, "/v1/secrets/life/destroy", """{"versions":[1]}""", 200);
        await store.Level();
        Assert.Single(store.Vault.Entries);
        await store.Get("life?version=1", 410);
        Assert.Equal("two", await store.Value("life"));
        await StoreServer.Send(store.Server, HttpMethod.Post, "/v1/secrets/life/destroy", "{}", 200);
        await store.Level();
        Assert.Empty(store.Vault.Entries);
        Assert.Empty(await store.Rows("SELECT vault_id FROM stele.secret_copy"));
        await store.Get("life", 410);
    }

    [Theory]
    [InlineData("another value")]
    [InlineData("another member")]
    [InlineData("a member more")]
    [InlineData("no text")]
    [InlineData("of another secret")]
    [InlineData("of another version")]
    [InlineData("destroyed")]
    [InlineData("gone")]
    public async Task What_was_swapped_in_vault_is_integrity_and_never_other_bytes(string how)
    {
        await using var store = await StoreServer.Start();
        await store.Put("other", "of another");
        await store.Put("swapped", "first");
        await store.Put("swapped", "second");
        var entries = store.Vault.Entries;
        var versions = entries.Keys.Where(path => path.Contains("/swapped/", StringComparison.Ordinal)).Order().ToList();
        var entry = entries[versions[1]];
        Assert.Equal("second", (string?)entry.Data!["value"]);
        if (how == "another value") entry.Data["value"] = "tampered";
        else if (how == "another member") entry.Data = new JsonObject { ["password"] = "second" };
        else if (how == "a member more") entry.Data["more"] = "second";
        else if (how == "no text") entry.Data = new JsonObject { ["value"] = 5 };
        else if (how == "of another secret") entry.Data = (JsonObject)entries[entries.Keys.Single(path => path.Contains("/other/", StringComparison.Ordinal))].Data!.DeepClone();
        else if (how == "of another version") entry.Data = (JsonObject)entries[versions[0]].Data!.DeepClone();
        else if (how == "destroyed") (entry.IsDestroyed, entry.Data) = (true, null);
        else entries.Remove(versions[1], out _);
        var answer = await store.Get("swapped", 500);
        Assert.Equal("integrity", answer.GetProperty("code").GetString());
        Assert.DoesNotContain("first", answer.GetRawText());
        Assert.Equal(["secret/development/swapped|refused|integrity"], await store.Rows("SELECT target, outcome, code FROM stele.audit_entry WHERE action = 'secret.integrity'"));
        Assert.Equal("first", await store.Value("swapped?version=1"));
    }

    [Theory]
    [InlineData("UPDATE stele.secret_value v SET ciphertext = w.ciphertext, vault_id = w.vault_id FROM stele.secret_value w WHERE v.path = 'mine' AND w.path = 'other' RETURNING v.path")]
    [InlineData("UPDATE stele.secret_value SET vault_id = gen_random_uuid() WHERE path = 'mine' RETURNING path")]
    [InlineData("UPDATE stele.secret_value SET vault_id = NULL WHERE path = 'mine' RETURNING path")]
    [InlineData("UPDATE stele.secret_value SET ciphertext = convert_to('{\"mount\":\"sys\",\"path\":\"../raw\",\"check\":\"\"}', 'UTF8') WHERE path = 'mine' RETURNING path")]
    [InlineData("UPDATE stele.secret_value SET ciphertext = set_byte(ciphertext, 40, get_byte(ciphertext, 40) # 1) WHERE path = 'mine' RETURNING path")]
    [InlineData("UPDATE stele.secret_value SET moved_id = id, moved_at = at WHERE path = 'mine' RETURNING path")]
    public async Task A_place_that_is_altered_in_the_database_leads_nowhere(string sql)
    {
        await using var store = await StoreServer.Start();
        await store.Put("other", "of another");
        await store.Put("mine", "of mine");
        Assert.Single(await store.Rows("SET session_replication_role = replica; " + sql));
        var answer = await store.Get("mine", 500, await store.Another());
        Assert.Equal("integrity", answer.GetProperty("code").GetString());
        Assert.DoesNotContain("of another", answer.GetRawText());
    }

    [Fact]
    public async Task A_write_whose_answer_was_lost_is_not_done_twice()
    {
        await using var store = await StoreServer.Start();
        store.Vault.LostWrites = 1;
        await store.Put("once", "value");
        Assert.Single(store.Vault.Entries);
        Assert.Equal("value", await store.Value("once"));
    }

    [Fact]
    public async Task A_copy_that_no_revision_names_is_hidden_and_removed_when_no_backup_can_need_it()
    {
        await using var store = await StoreServer.Start();
        await store.Put("taken", "first");
        await StoreServer.Send(store.Server, HttpMethod.Put, "/v1/secrets/taken", """{"value":"refused","expected_version":7}""", 409);
        Assert.Equal(2, store.Vault.Entries.Count);
        // not at once: its append might be waiting
        await store.Level();
        Assert.All(store.Vault.Entries.Values, entry => Assert.Null(entry.DeletedAt));
        await store.Rows("UPDATE stele.secret_copy SET due_at = now() WHERE due_at IS NOT NULL RETURNING vault_id");
        await store.Level();
        Assert.Equal("refused", (string?)store.Vault.Entries.Values.Single(entry => entry.DeletedAt is not null).Data!["value"]);
        await store.Level();
        Assert.Equal(2, store.Vault.Entries.Count);
        await store.Level(waiting: true);
        Assert.Equal("first", (string?)Assert.Single(store.Vault.Entries.Values).Data!["value"]);
        Assert.Equal("first", await store.Value("taken"));
    }

    [Fact]
    public async Task A_copy_that_was_taken_for_an_orphan_while_its_append_hung_is_brought_back()
    {
        await using var store = await StoreServer.Start();
        store.Vault.AfterWrite = () =>
        {
            // as a process that is stopped here for an hour finds it
            foreach (var entry in store.Vault.Entries.Values) entry.DeletedAt = DateTimeOffset.UnixEpoch;
        };
        await store.Put("late", "value");
        Assert.Equal("value", await store.Value("late"));
        Assert.Contains(store.Server.Logs.Lines, line => line.Contains("brought back", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("sealed", "is sealed")]
    [InlineData("busy", "asked too much")]
    [InlineData("no mount", "KV at secret")]
    [InlineData("gone", "is away")]
    public async Task A_vault_that_cannot_answer_is_unavailable_for_reads_and_writes_and_nothing_is_written(string how, string detail)
    {
        await using var store = await StoreServer.Start();
        await store.Put("known", "value");
        if (how == "sealed") store.Vault.IsSealed = true;
        else if (how == "busy") store.Vault.Busy = int.MaxValue;
        else if (how == "no mount") store.Vault.HasKv = false;
        else await store.Vault.DisposeAsync();
        Assert.Contains(detail, (await store.Get("known", 503)).GetProperty("detail").GetString());
        Assert.Contains(detail, (await store.Put("known", "new", 503)).GetProperty("detail").GetString());
        Assert.Equal("1", (await StoreServer.Send(store.Server, HttpMethod.Get, "/v1/secrets/known?value=false", null, 200)).GetProperty("version").GetRawText());
        if (how == "gone") return;
        (store.Vault.IsSealed, store.Vault.Busy, store.Vault.HasKv) = (false, 0, true);
        await Wait.Until(async () => (await store.Server.Client.GetAsync("/v1/secrets/known")).IsSuccessStatusCode, "Vault is asked again");
    }

    [Theory]
    [InlineData("/data/")]
    [InlineData("/undelete/")]
    public async Task A_token_that_is_revoked_half_way_is_replaced_and_the_call_done(string at)
    {
        await using var store = await StoreServer.Start();
        await store.Put("known", "value");
        foreach (var entry in store.Vault.Entries.Values) entry.DeletedAt = DateTimeOffset.UnixEpoch;
        store.Vault.Revoke = at;
        Assert.Equal("value", await store.Value("known"));
        store.Vault.Revoke = "/data/";
        await store.Put("known", "new");
        Assert.Equal("new", await store.Value("known"));
        Assert.Equal(3, store.Vault.Count("POST v1/auth/approle/login"));
    }

    [Theory]
    [InlineData("version 1", "of version 2")]
    [InlineData("versions end", "delete_version_after")]
    public async Task An_engine_that_would_lose_values_is_refused_before_one_is_written(string how, string why)
    {
        await using var store = await StoreServer.Start();
        if (how == "version 1") store.Vault.IsKvOld = true;
        else store.Vault.DeleteVersionAfter = "72h0m0s";
        await store.Put("none", "value", 503);
        Assert.Empty(store.Vault.Entries);
        Assert.Contains(store.Server.Logs.Lines, line => line.Contains(how == "version 1" ? "404" : why, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_value_that_vault_would_not_take_is_too_large_before_it_is_asked()
    {
        await using var store = await StoreServer.Start();
        await store.Put("large", new string('x', 384_000));
        Assert.Equal("secret.vault_bytes", (await store.Put("large", new string('x', 384_001), 413)).GetProperty("errors")[0].GetProperty("rule").GetString());
        Assert.Single(store.Vault.Entries);
    }

    [Fact]
    public async Task A_node_without_vault_says_so_and_a_change_set_reaches_both_stores()
    {
        await using var store = await StoreServer.Start();
        await StoreServer.Send(store.Server, HttpMethod.Post, "/v1/changes", """{"changes":[{"op":"set","key":"k","value":1},{"op":"set","kind":"secret","key":"a","value":"one"},{"op":"set","kind":"secret","key":"b","value":"two"}]}""", 200);
        Assert.Equal(2, store.Vault.Entries.Count);
        var other = await store.Another(inVault: false);
        // new ones go to the database there, and those in Vault are read all the same
        await StoreServer.Send(other, HttpMethod.Put, "/v1/secrets/c", """{"value":"three"}""", 200);
        Assert.Equal(("one", "three"), (await store.Value("a", other), await store.Value("c")));
        Assert.Equal(2, store.Vault.Entries.Count);
    }
}
