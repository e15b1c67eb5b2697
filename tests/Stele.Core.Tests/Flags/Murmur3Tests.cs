using System.Text;
using Stele.Core.Flags;
using Xunit;

namespace Stele.Core.Tests.Flags;

public sealed class Murmur3Tests
{
    [Theory]
    [InlineData("", 0u)]
    [InlineData("ejOoVL", 0u)]
    [InlineData("bY9fO-", 1u)]
    [InlineData("SI7p-", 2147483647u)]
    [InlineData("6LvT0", 2147483648u)]
    [InlineData("ceQdGm", 4294967295u)]
    [InlineData("hello", 0x248bfa47u)]
    [InlineData("hello, world", 0x149bbb7fu)]
    [InlineData("The quick brown fox jumps over the lazy dog", 0x2e4ff723u)]
    // clients that hash UTF-16 units instead of UTF-8 bytes disagree on these
    [InlineData("é", 269551495u)]
    [InlineData("Zoë", 2255564058u)]
    [InlineData("日本語", 2779017879u)]
    [InlineData("😀", 3199479546u)]
    [InlineData("пользователь-1", 2335559226u)]
    [InlineData("naïve-café@example.com", 680542078u)]
    public void The_hash_is_that_of_the_published_vectors(string key, uint expected) => Assert.Equal(expected, Murmur3.Hash(Encoding.UTF8.GetBytes(key)));

    [Theory]
    [InlineData(0u, 100, 0)]
    [InlineData(2147483647u, 100, 49)]
    [InlineData(2147483648u, 100, 50)]
    [InlineData(4294967295u, 100, 99)]
    [InlineData(4294967295u, int.MaxValue, int.MaxValue - 1)]
    [InlineData(4294967295u, 1, 0)]
    public void A_bucket_is_a_share_of_the_total_weight(uint hash, int total, int expected) => Assert.Equal(expected, Murmur3.Bucket(hash, total));
}
