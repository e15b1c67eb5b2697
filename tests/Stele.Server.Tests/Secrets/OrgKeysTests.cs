using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Secrets;
using Stele.Server.Gateway;
using Stele.Server.Secrets.Keys;
using Stele.Server.Tests.Http;
using Stele.Server.Tests.Secrets.Providers;
using Xunit;

namespace Stele.Server.Tests.Secrets;

/// <summary>What a node does while its key provider is away: it goes on with keys that it used lately, for so long and not a moment more.</summary>
public sealed class OrgKeysTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task A_key_that_was_used_is_trusted_until_its_time_is_over_and_writes_are_refused_at_once()
    {
        var (clock, remote) = (new LeaseClock(), new Remote());
        using var keys = new OrgKeys(server.Service<OrgKeyStore>(), new KeyProviders(remote, [remote]), clock);
        var id = Guid.CreateVersion7();
        var made = await keys.New(OrgId.Default, [id], CancellationToken.None);
        Assert.Null(made.Fault);
        var row = made.Value.Wrapped[0];
        Assert.Null(await Open());
        Assert.Equal(1, remote.Asked);
        remote.IsAway = true;
        clock.Turn(TimeSpan.FromSeconds(SecretLimits.KeySeconds.Value) - TimeSpan.FromTicks(1));
        Assert.Null(await Open());
        Assert.Equal(1, remote.Asked);
        Assert.Equal(FaultCode.Unavailable, (await keys.New(OrgId.Default, [Guid.CreateVersion7()], CancellationToken.None)).Fault?.Code);
        clock.Turn(TimeSpan.FromTicks(1));
        Assert.Equal(FaultCode.Unavailable, await Open());
        remote.IsAway = false;
        Assert.Null(await Open());

        async Task<FaultCode?> Open()
        {
            var opened = await keys.Open(OrgId.Default, id, row.KeyVersion, row.Wrapped, CancellationToken.None);
            if (opened.Fault is { } fault) return fault.Code;
            Assert.True(opened.Value.Span.SequenceEqual(row.Wrapped));
            opened.Value.Dispose();
            return null;
        }
    }

    // wraps by doing nothing, and notes how often it was asked to unwrap
    sealed class Remote : KeyProvider
    {
        public int Asked { get; private set; }

        public bool IsAway { get; set; }

        public override string Name => "remote";

        public override bool IsRemote => true;

        public override ValueTask<Outcome<ProviderKey>> Newest(CancellationToken cancellation) => new(IsAway ? Away : new ProviderKey("key", 1, null));

        public override ValueTask<Outcome<IReadOnlyList<ProviderKey>>> List(CancellationToken cancellation) => new(new Outcome<IReadOnlyList<ProviderKey>>([new ProviderKey("key", 1, null)]));

        public override ValueTask<Outcome<byte[][]>> Wrap(OrgKey key, IReadOnlyList<PlainKey> keys, CancellationToken cancellation) =>
            new(IsAway ? Away : new Outcome<byte[][]>([.. keys.Select(one => one.Key.Span.ToArray())]));

        public override ValueTask<Outcome<SecretBuffer[]>> Unwrap(OrgKey key, IReadOnlyList<WrappedKey> keys, CancellationToken cancellation)
        {
            if (IsAway) return new(Away);
            Asked++;
            var plain = new SecretBuffer(DataKeyBytes);
            keys[0].Wrapped.CopyTo(plain.Span);
            return new(new Outcome<SecretBuffer[]>([plain]));
        }

        public override ValueTask<Outcome<ProviderKey>> Rotate(CancellationToken cancellation) => throw new NotSupportedException();

        public override ValueTask<Fault?> Retire(int version, CancellationToken cancellation) => throw new NotSupportedException();

        static Fault Away => Fault.Unavailable("It is away.");
    }
}
