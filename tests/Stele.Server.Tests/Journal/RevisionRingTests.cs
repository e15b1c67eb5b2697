using Stele.Core.Journal;
using Stele.Server.Journal;
using Xunit;

namespace Stele.Server.Tests.Journal;

public sealed class RevisionRingTests
{
    static RevisionRecord Revision(long number, int bytes = 0) => new(OrgId.Default, number, default, "root", null, Guid.Empty, [],
        [new EventRecord(0, Guid.Empty, null, "config.set", "config/production/a", number, new byte[bytes], [])]);

    [Fact]
    public void It_holds_as_many_revisions_as_it_may()
    {
        var ring = new RevisionRing(4, long.MaxValue, 10);
        Assert.Null(ring.Find(10));
        for (var i = 11; i <= 15; i++) ring.Add(Revision(i));
        Assert.Null(ring.Find(11));
        Assert.Equal([12, 13, 14, 15], new long[] { 12, 13, 14, 15 }.Select(i => ring.Find(i)!.Revision));
        Assert.Null(ring.Find(16));
        ring.Reset(3);
        Assert.Null(ring.Find(15));
        Assert.Equal(0, ring.Bytes);
    }

    [Fact]
    public void It_holds_as_many_bytes_as_it_may_and_always_the_last_revision()
    {
        var probe = new RevisionRing(8, long.MaxValue, 0);
        probe.Add(Revision(1, 1_000));
        var each = probe.Bytes;
        var (exact, tight) = (new RevisionRing(8, 3 * each, 0), new RevisionRing(8, 3 * each - 1, 0));
        for (var i = 1; i <= 3; i++)
        {
            exact.Add(Revision(i, 1_000));
            tight.Add(Revision(i, 1_000));
        }
        Assert.Equal((1L, 3 * each), (exact.Find(1)!.Revision, exact.Bytes));
        Assert.Null(tight.Find(1));
        Assert.Equal(2 * each, tight.Bytes);
        tight.Add(Revision(4, 1_000_000));
        Assert.Null(tight.Find(3));
        Assert.Equal(4, tight.Find(4)!.Revision);
        tight.Add(Revision(5));
        Assert.Equal((null, 5L), (tight.Find(4), tight.Find(5)!.Revision));
    }
}
