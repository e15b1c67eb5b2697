using FsCheck;
using FsCheck.Fluent;
using Stele.Core.Limits;
using Xunit;

namespace Stele.Core.Tests.Limits;

public sealed class TokenBucketTests
{
    const long Second = BucketRate.UnitsPerSecond;

    [Fact]
    public void As_many_as_it_holds_pass_at_once_and_one_more_does_not()
    {
        var (bucket, rate) = (new TokenBucket(), new BucketRate(20_000, 1));
        for (var i = 0; i < 20_000; i++)
        {
            Assert.True(bucket.TryTake(rate, 5 * Second, out var left));
            Assert.Equal(19_999 - i, left);
        }
        Assert.False(bucket.TryTake(rate, 5 * Second, out var until));
        Assert.Equal(-rate.Interval, until);
    }

    [Fact]
    public void One_comes_back_after_its_interval_and_not_a_moment_before()
    {
        var (bucket, rate) = (new TokenBucket(), new BucketRate(10, 1));
        for (var i = 0; i < 10; i++) Assert.True(bucket.TryTake(rate, 0, out _));
        Assert.False(bucket.TryTake(rate, rate.Interval - 1, out _));
        Assert.True(bucket.TryTake(rate, rate.Interval, out _));
        Assert.False(bucket.TryTake(rate, rate.Interval, out _));
        Assert.Equal(10, bucket.Left(rate, 3 * Second));
    }

    [Fact]
    public void What_is_given_back_may_be_taken_again_and_no_more_than_that()
    {
        var (bucket, rate) = (new TokenBucket(), new BucketRate(2, 60));
        Assert.True(bucket.TryTake(rate, 0, out _));
        Assert.True(bucket.TryTake(rate, 0, out _));
        bucket.GiveBack(rate);
        Assert.True(bucket.TryTake(rate, 0, out _));
        Assert.False(bucket.TryTake(rate, 0, out _));
    }

    [Fact]
    public void A_full_one_may_be_retired_and_whoever_holds_it_is_told()
    {
        var (bucket, rate) = (new TokenBucket(), new BucketRate(1, 1));
        Assert.True(bucket.TryTake(rate, 0, out _));
        Assert.False(bucket.TryRetire(Second - 1));
        Assert.False(bucket.IsRetired);
        Assert.True(bucket.TryRetire(Second));
        Assert.False(bucket.TryTake(rate, 9 * Second, out _));
        Assert.True(bucket.IsRetired);
    }

    [Fact]
    public void What_was_taken_since_a_mark_is_told_as_far_as_it_has_not_come_back()
    {
        var (bucket, rate) = (new TokenBucket(), new BucketRate(10, 1));
        Assert.Equal(0, bucket.TakenSince(long.MinValue, rate, 0));
        for (var i = 0; i < 4; i++) bucket.TryTake(rate, 0, out _);
        Assert.Equal(4, bucket.TakenSince(long.MinValue, rate, 0));
        var mark = bucket.FullAt;
        Assert.Equal(0, bucket.TakenSince(mark, rate, 0));
        bucket.TryTake(rate, 0, out _);
        Assert.Equal(1, bucket.TakenSince(mark, rate, 0));
        Assert.Equal(3, bucket.TakenSince(long.MinValue, rate, 2 * rate.Interval));
        Assert.Equal(0, bucket.TakenSince(long.MinValue, rate, Second));
    }

    [Fact]
    public void Many_threads_take_exactly_what_is_there()
    {
        var (bucket, rate) = (new TokenBucket(), new BucketRate(50_000, 1));
        var taken = 0;
        Parallel.For(0, 8, _ =>
        {
            for (var i = 0; i < 10_000; i++)
                if (bucket.TryTake(rate, 0, out var _)) Interlocked.Increment(ref taken);
        });
        Assert.Equal(50_000, taken);
    }

    [Fact]
    public void Whatever_the_moments_no_window_has_more_than_twice_its_rate_and_none_is_refused_below_it() =>
        Prop.ForAll(Gen.Choose(1, 200_000).ListOf().ToArbitrary(), Gen.Choose(1, 500).ToArbitrary(), (steps, tokens) =>
        {
            var (bucket, rate) = (new TokenBucket(), new BucketRate(tokens, 1));
            long now = 0, taken = 0;
            foreach (var step in steps)
            {
                now += step * (Second / 100_000);
                var before = bucket.Left(rate, now);
                var took = bucket.TryTake(rate, now, out _);
                if (took != before > 0) return false;
                if (took) taken++;
                // the bucket at the start, and what flowed in since
                if (taken > tokens + now / rate.Interval) return false;
            }
            return true;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void An_odd_rate_is_kept_to_a_hundred_thousandth()
    {
        var (bucket, rate) = (new TokenBucket(), new BucketRate(999_983, 1));
        long taken = 0;
        for (long now = 0; now < Second; now += rate.Interval / 2)
            if (bucket.TryTake(rate, now, out _)) taken++;
        Assert.InRange(taken, 2 * 999_983 * 0.99999, 2 * 999_983 * 1.00001);
    }
}
