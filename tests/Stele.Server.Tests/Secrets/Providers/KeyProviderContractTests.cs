using System.Security.Cryptography;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Server.Gateway;
using Stele.Server.Secrets.Keys;
using Xunit;

namespace Stele.Server.Tests.Secrets.Providers;

/// <summary>What <see cref="KeyProvider"/> promises, of every provider that there is.</summary>
public sealed class KeyProviderContractTests
{
    public static TheoryData<string> Providers => ["local", "vault", "aws-kms"];

    [Theory, MemberData(nameof(Providers))]
    public async Task What_is_made_and_what_is_wrapped_comes_back_in_its_order(string name)
    {
        await using var provider = await Provider.Start(name);
        Assert.Equal(name, provider.Keys.Name);
        var key = await provider.OrgKey();
        Guid[] ids = [.. Enumerable.Range(0, 9).Select(_ => Guid.NewGuid())];
        var (plain, wrapped) = (await provider.Keys.New(key, ids, default)).Value;
        var again = (await provider.Keys.Wrap(key, [.. plain.Select((one, index) => new PlainKey(ids[index], one))], default)).Value;
        foreach (var batch in (byte[][][])[wrapped, again])
        {
            var opened = (await provider.Keys.Unwrap(key, [.. batch.Select((bytes, index) => new WrappedKey(ids[index], bytes))], default)).Value;
            Assert.Equal(plain.Select(one => Convert.ToHexString(one.Span)), opened.Select(one => Convert.ToHexString(one.Span)));
        }
        // never the key itself, and never twice the same
        Assert.All(wrapped.Zip(plain), pair => Assert.Equal(-1, pair.First.AsSpan().IndexOf(pair.Second.Span)));
        Assert.Equal(18, wrapped.Concat(again).Select(Convert.ToHexString).Distinct().Count());
    }

    [Theory, MemberData(nameof(Providers))]
    public async Task What_was_altered_cut_or_moved_is_integrity_and_all_of_a_call_fails(string name)
    {
        await using var provider = await Provider.Start(name);
        var key = await provider.OrgKey();
        Guid[] ids = [Guid.NewGuid(), Guid.NewGuid()];
        var (_, wrapped) = (await provider.Keys.New(key, ids, default)).Value;
        for (var at = 0; at < wrapped[0].Length; at += 7)
        {
            var altered = wrapped[0].ToArray();
            altered[at] ^= 1;
            await Broken(key, new WrappedKey(ids[0], altered));
        }
        await Broken(key, new WrappedKey(ids[0], wrapped[0][..^1]));
        await Broken(key, new WrappedKey(ids[0], []));
        await Broken(key, new WrappedKey(ids[0], wrapped[1]));
        await Broken(key with { Org = new OrgId(8) }, new WrappedKey(ids[0], wrapped[0]));

        async Task Broken(OrgKey by, WrappedKey one)
        {
            Assert.Equal(FaultCode.Integrity, (await provider.Keys.Unwrap(by, [one], default)).Fault?.Code);
            Assert.Equal(FaultCode.Integrity, (await provider.Keys.Unwrap(key, [new WrappedKey(ids[1], wrapped[1]), new WrappedKey(ids[0], wrapped[1])], default)).Fault?.Code);
        }
    }

    [Theory, MemberData(nameof(Providers))]
    public async Task A_rewrap_moves_to_a_newer_version_and_the_older_still_opens(string name)
    {
        await using var provider = await Provider.Start(name);
        var from = await provider.OrgKey();
        Guid[] ids = [.. Enumerable.Range(0, 3).Select(_ => Guid.NewGuid())];
        var (plain, wrapped) = (await provider.Keys.New(from, ids, default)).Value;
        List<WrappedKey> before = [.. wrapped.Select((bytes, index) => new WrappedKey(ids[index], bytes))];
        Assert.Null((await provider.Keys.Rotate(default)).Fault);
        provider.CompleteRotation();
        var newest = (await provider.Keys.Newest(default)).Value;
        Assert.Equal(2, newest.Version);
        Assert.Equal([1, 2], (await provider.Keys.List(default)).Value.Select(one => one.Version));
        var to = (await provider.OrgKey()) with { Version = 2 };
        var after = (await provider.Keys.Rewrap(from, to, before, default)).Value;
        foreach (var (key, keys) in new[] { (from, before), (to, [.. after.Select((bytes, index) => new WrappedKey(ids[index], bytes))]) })
            Assert.Equal(plain.Select(one => Convert.ToHexString(one.Span)), (await provider.Keys.Unwrap(key, keys, default)).Value.Select(one => Convert.ToHexString(one.Span)));
        Assert.Equal(FaultCode.Integrity, (await provider.Keys.Rewrap(from, to, [before[1] with { ValueId = ids[0] }], default)).Fault?.Code);
    }

    [Theory, MemberData(nameof(Providers))]
    public async Task Without_its_key_it_is_unavailable_and_makes_none(string name)
    {
        await using var provider = await Provider.Start(name);
        var key = await provider.OrgKey();
        var id = Guid.NewGuid();
        var (_, wrapped) = (await provider.Keys.New(key, [id], default)).Value;
        provider.TakeKeyAway();
        Assert.Equal(FaultCode.Unavailable, (await provider.Anew().Unwrap(key, [new WrappedKey(id, wrapped[0])], default)).Fault?.Code);
        Assert.Equal(FaultCode.Unavailable, (await provider.Anew().New(key, [id], default)).Fault?.Code);
        Assert.Equal(FaultCode.Unavailable, (await provider.Anew().Newest(default)).Fault?.Code);
        Assert.Equal(FaultCode.Unavailable, (await provider.Anew().Rotate(default)).Fault?.Code);
    }

    /// <summary>One of them, with what a test may do to it.</summary>
    sealed class Provider(KeyProvider keys, IAsyncDisposable? node, Action takeKeyAway, Action completeRotation, Func<KeyProvider>? anew = null) : IAsyncDisposable
    {
        public KeyProvider Keys => keys;

        /// <summary>It as a process that begins now has it.</summary>
        public KeyProvider Anew() => anew?.Invoke() ?? keys;

        public void TakeKeyAway() => takeKeyAway();

        public void CompleteRotation() => completeRotation();

        public async Task<OrgKey> OrgKey()
        {
            var newest = (await keys.Newest(default)).Value;
            return new OrgKey(new OrgId(7), 1, keys.Name, newest.Id, newest.Version, SHA256.HashData("salt"u8));
        }

        public static async Task<Provider> Start(string name)
        {
            if (name == "vault")
            {
                var vault = await VaultNode.Start();
                return new Provider(vault.Keys, vault, vault.Vault.Keys.Clear, () => { });
            }
            if (name == "aws-kms")
            {
                var aws = await AwsNode.Start();
                return new Provider(aws.Keys, aws, aws.Kms.Keys.Clear, aws.Kms.Keys[TestKms.Arn].Complete);
            }
            var file = Path.Combine(Directory.CreateTempSubdirectory("stele-keys-").FullName, "keys");
            KeyFile.MakeIfMissing(file);
            return new Provider(new LocalKeys(file), null, () => File.Delete(file), () => { }, () => new LocalKeys(file));
        }

        public ValueTask DisposeAsync() => node?.DisposeAsync() ?? default;
    }
}
