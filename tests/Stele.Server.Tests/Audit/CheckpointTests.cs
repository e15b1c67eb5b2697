using System.Diagnostics;
using Stele.Server.Audit;
using Stele.Server.Database;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Audit;

/// <summary>A statement that is kept elsewhere finds out who rewrote the whole of what it is about, chains included.</summary>
public sealed class CheckpointTests
{
    [Fact]
    public async Task A_log_that_only_grew_contains_its_checkpoint()
    {
        await using var world = await World.Begin();
        var checkpoint = await world.Checkpoint();
        await world.Grow();
        var (exit, text) = await world.Verify(checkpoint);
        Assert.Equal(0, exit);
        Assert.Contains("revision 3 of default is there, as it was signed", text, StringComparison.Ordinal);
        Assert.Contains("entry 1 of the audit log of default is there, as it was signed", text, StringComparison.Ordinal);
        Assert.Contains("\"problems\":[]", (await world.Verify(checkpoint, "--json")).Text, StringComparison.Ordinal);
        // with nothing but the public half, and one org
        var key = Path.Combine(world.Directory, "public.pem");
        File.WriteAllText(key, (await world.Run("--public-key")).Text);
        Assert.Equal(0, (await world.Bench.Verify("--checkpoint", checkpoint, "--key", key, "--org", "default")).Exit);
    }

    [Fact]
    public async Task A_journal_that_was_rewritten_whole_verifies_by_itself_and_not_against_its_checkpoint()
    {
        await using var world = await World.Begin();
        var checkpoint = await world.Checkpoint();
        // somebody with every right makes the same database anew, with another value, and all chains right
        await using var forged = await World.Begin("\"another\"");
        Assert.Equal(0, (await forged.Bench.Verify()).Exit);
        var (exit, text) = await forged.Bench.Verify("--checkpoint", checkpoint, "--key", world.Key);
        Assert.Equal(1, exit);
        Assert.Contains("revision 3 of default has another chain than was signed", text, StringComparison.Ordinal);
        Assert.Contains("\"ok\":false", (await forged.Bench.Verify("--checkpoint", checkpoint, "--key", world.Key, "--json")).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("DELETE FROM stele.event WHERE revision = 3; DELETE FROM stele.revision WHERE revision = 3; UPDATE stele.journal_head SET revision = 2, chain = (SELECT chain FROM stele.revision WHERE revision = 2)", "revision 3 of default is not there any more")]
    [InlineData("DELETE FROM stele.audit_entry; DELETE FROM stele.audit_head", "entry 1 of the audit log of default is not there any more")]
    public async Task A_log_whose_end_was_cut_off_cleanly_verifies_by_itself_and_not_against_its_checkpoint(string tampering, string problem)
    {
        await using var world = await World.Begin();
        var checkpoint = await world.Checkpoint();
        await using (var owner = await world.Bench.Database.As())
        {
            foreach (var table in await owner.Rows("SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'stele'::regnamespace AND relkind IN ('r', 'p')")) await owner.Execute($"ALTER TABLE {table} DISABLE TRIGGER USER");
            await owner.Execute(tampering);
        }
        Assert.Equal(0, (await world.Bench.Verify()).Exit);
        var (exit, text) = await world.Verify(checkpoint);
        Assert.Equal(1, exit);
        Assert.Contains(problem, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_forged_statement_a_forged_signature_and_another_key_are_refused()
    {
        await using var world = await World.Begin();
        var checkpoint = await world.Checkpoint();
        var lines = File.ReadAllLines(checkpoint);
        async Task<string> Refused(string text)
        {
            var path = Path.Combine(world.Directory, $"{Guid.NewGuid():N}");
            File.WriteAllText(path, text);
            var (exit, said) = await world.Verify(path);
            Assert.Equal(1, exit);
            return said;
        }
        Assert.Contains("was changed after it was signed", await Refused($"{lines[0].Replace("\"revision\":3", "\"revision\":2", StringComparison.Ordinal)}\n{lines[1]}\n"), StringComparison.Ordinal);
        Assert.Contains("was changed after it was signed", await Refused($"{lines[0]} \n{lines[1]}\n"), StringComparison.Ordinal);
        Assert.Contains("is not good", await Refused($"{lines[0]}\n{lines[1][..^20]}{(lines[1][^20] == 'A' ? 'B' : 'A')}{lines[1][^19..]}\n"), StringComparison.Ordinal);
        Assert.Contains("not a checkpoint", await Refused("nothing"), StringComparison.Ordinal);
        Assert.Contains("not a checkpoint", await Refused("{}\n{}"), StringComparison.Ordinal);
        Assert.Contains("not a checkpoint", await Refused($"{lines[0]}\n{{\"key_id\":\"x\",\"signature\":\"%\"}}\n"), StringComparison.Ordinal);
        await using var other = await World.Begin();
        await other.Checkpoint();
        var (exit, text) = await world.Bench.Verify("--checkpoint", checkpoint, "--key", other.Key);
        Assert.Equal(1, exit);
        Assert.Contains("was signed with key", text, StringComparison.Ordinal);
        Assert.Equal(1, (await world.Bench.Verify("--checkpoint", checkpoint, "--key", Path.Combine(world.Directory, "none"))).Exit);
        Assert.Equal(1, (await world.Verify(Path.Combine(world.Directory, "none"))).Exit);
    }

    [Fact]
    public async Task The_key_is_made_once_is_its_owners_alone_and_another_may_be_given()
    {
        await using var world = await World.Begin();
        var first = await world.Run("--public-key");
        Assert.Equal((0, first.Text), await world.Run("--public-key"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(world.Key));
        File.SetUnixFileMode(world.Key, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        Assert.Contains("chmod 600", (await Assert.ThrowsAsync<DatabaseSetupException>(() => world.Run())).Message, StringComparison.Ordinal);
        var wrong = Path.Combine(world.Directory, "wrong.pem");
        foreach (var pem in (string[])["nonsense", System.Security.Cryptography.RSA.Create(2048).ExportPkcs8PrivateKeyPem(), System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP384).ExportPkcs8PrivateKeyPem()])
        {
            File.WriteAllText(wrong, pem);
            File.SetUnixFileMode(wrong, UnixFileMode.UserRead);
            Assert.Contains("P-256", (await Assert.ThrowsAsync<DatabaseSetupException>(() => world.Run("--key", wrong))).Message, StringComparison.Ordinal);
            File.Delete(wrong);
        }
        File.WriteAllText(wrong, first.Text);
        File.SetUnixFileMode(wrong, UnixFileMode.UserRead);
        Assert.Contains("cannot sign", (await Assert.ThrowsAsync<DatabaseSetupException>(() => world.Run("--key", wrong))).Message, StringComparison.Ordinal);
        Assert.Equal(2, (await world.Run("--org", "nobody", "--nonsense")).Exit);
    }

    [Fact]
    public async Task Openssl_alone_can_check_the_signature()
    {
        await using var world = await World.Begin();
        var lines = File.ReadAllLines(await world.Checkpoint());
        string At(string name) => Path.Combine(world.Directory, name);
        File.WriteAllText(At("statement"), lines[0]);
        File.WriteAllBytes(At("signature"), Convert.FromBase64String(System.Text.Json.JsonDocument.Parse(lines[1]).RootElement.GetProperty("signature").GetString()!));
        File.WriteAllText(At("public.pem"), (await world.Run("--public-key")).Text);
        using var openssl = Process.Start(new ProcessStartInfo("openssl", ["dgst", "-sha256", "-verify", At("public.pem"), "-signature", At("signature"), At("statement")]) { RedirectStandardOutput = true })!;
        Assert.Contains("Verified OK", await openssl.StandardOutput.ReadToEndAsync(), StringComparison.Ordinal);
        await openssl.WaitForExitAsync();
    }

    /// <summary>A database with three revisions and an entry, and a data directory.</summary>
    sealed class World(AuditBench bench, TestNode node, string directory) : IAsyncDisposable
    {
        public AuditBench Bench => bench;

        public string Directory => directory;

        public string Key => CheckpointKey.PathIn(directory);

        public static async Task<World> Begin(string value = "\"as it was\"")
        {
            var bench = await AuditBench.Start();
            var node = await TestNode.Start(bench.Database, listen: false);
            await node.CreateOrg();
            await node.Set("a.b", value);
            await node.Set("a.c", "1");
            bench.Trail.Record(AuditBench.Org, AuditBench.Entry("k"));
            await bench.Write();
            return new World(bench, node, System.IO.Directory.CreateTempSubdirectory("stele-test-").FullName);
        }

        public async Task Grow()
        {
            await node.Set("a.b", "\"later\"");
            bench.Trail.Record(AuditBench.Org, AuditBench.Entry("later"));
            await bench.Write();
        }

        public async Task<(int Exit, string Text)> Run(params string[] args)
        {
            using var output = new StringWriter();
            return (await CheckpointCommand.Run(args, directory, bench.Connections, output, TimeProvider.System, CancellationToken.None), output.ToString());
        }

        /// <summary>The file of a checkpoint that was made now.</summary>
        public async Task<string> Checkpoint()
        {
            var (exit, text) = await Run();
            Assert.Equal(0, exit);
            var path = Path.Combine(directory, $"checkpoint-{Guid.NewGuid():N}");
            File.WriteAllText(path, text);
            return path;
        }

        public Task<(int Exit, string Text)> Verify(string checkpoint, params string[] args) => bench.Verify(["--checkpoint", checkpoint, "--key", Key, .. args]);

        public async ValueTask DisposeAsync()
        {
            await node.DisposeAsync();
            await bench.DisposeAsync();
            System.IO.Directory.Delete(directory, recursive: true);
        }
    }
}
