using System.Security.Cryptography;
using Stele.Server.Gateway;
using Stele.Server.Secrets.Keys;

namespace Stele.Server.Tests.Secrets.Providers;

/// <summary>Data keys of a test's.</summary>
static class DataKeys
{
    /// <summary>Some, wrapped.</summary>
    public static async Task<(List<PlainKey> Plain, List<WrappedKey> Wrapped)> WrapSome(this KeyProvider provider, int count, OrgKey key)
    {
        var plain = Enumerable.Range(0, count).Select(_ => new PlainKey(Guid.NewGuid(), new SecretBuffer(KeyProvider.DataKeyBytes))).ToList();
        foreach (var one in plain) RandomNumberGenerator.Fill(one.Key.Span);
        var wrapped = (await provider.Wrap(key, plain, default)).Value;
        return (plain, [.. plain.Zip(wrapped, (one, bytes) => new WrappedKey(one.ValueId, bytes))]);
    }
}
