using Stele.Core.Configs;
using Xunit;

namespace Stele.Core.Tests.Configs;

public sealed class TombstonesTests
{
    static Tombstones With(Tombstones before, Action<Tombstones.Builder> change)
    {
        var builder = before.ToBuilder();
        change(builder);
        return builder.ToTombstones();
    }

    [Fact]
    public void A_deleted_key_is_found_by_its_name_until_it_comes_back()
    {
        var two = With(Tombstones.None, b =>
        {
            b.Add("app.a", new Tombstone(2, 7, 1));
            b.Add(new string('k', 256), new Tombstone(4, 9, 3));
        });
        Assert.Equal(new Tombstone(2, 7, 1), two.Find("app.a"));
        Assert.Equal(new Tombstone(4, 9, 3), two.Find(new string('k', 256)));
        Assert.Null(two.Find("app.b"));
        var one = With(two, b => b.Remove("app.a"));
        Assert.Null(one.Find("app.a"));
        Assert.NotNull(two.Find("app.a"));
        Assert.Same(Tombstones.None, With(one, b => b.Remove(new string('k', 256))));
    }

    [Fact]
    public void Of_two_keys_with_one_hash_the_greater_numbers_stay_in_whatever_order_they_come()
    {
        var hash = Tombstones.HashOf("app.a");
        var (small, great) = (new Tombstone(2, 70, 1), new Tombstone(3, 7, 2));
        var one = With(With(Tombstones.None, b => b.Add(hash, small)), b => b.Add(hash, great));
        var other = With(Tombstones.None, b =>
        {
            b.Add(hash, great);
            b.Add(hash, small);
        });
        Assert.Equal(great, one.Find("app.a"));
        Assert.Equal(one.ByHash, other.ByHash);
        Assert.Equal(1, one.Count);
    }

    [Fact]
    public void The_hash_is_the_beginning_of_a_SHA_256() =>
        Assert.Equal(new UInt128(0xba7816bf8f01cfea, 0x414140de5dae2223), Tombstones.HashOf("abc"));
}
