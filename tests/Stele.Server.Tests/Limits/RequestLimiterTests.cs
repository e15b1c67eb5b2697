using System.Net;
using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Limits;
using Stele.Server.Operation;
using Xunit;

namespace Stele.Server.Tests.Limits;

public sealed class RequestLimiterTests
{
    static readonly IPAddress far = IPAddress.Parse("203.0.113.7");
    static readonly OrgId first = new(2), second = new(3);

    readonly HandClock clock = new();
    readonly Principal token = Principal.Token(Guid.CreateVersion7(), null, null), another = Principal.Token(Guid.CreateVersion7(), null, null);

    [Fact]
    public void A_token_at_its_rate_passes_and_one_past_it_is_refused()
    {
        var limiter = Limiter(new LimitOptions { TokenPerSecond = 5 });
        for (var left = 4; left >= 0; left--)
        {
            var admission = limiter.Enter(token, first, far);
            Assert.Null(admission.Refusal);
            Assert.Equal(("token", left), (admission.Policy!.Name, admission.Left));
        }
        var refused = limiter.Enter(token, first, far);
        Assert.Equal((FaultCode.RateLimited, 1), (refused.Refusal!.Code, refused.Refusal.RetryAfterSeconds));
        Assert.False(refused.IsWork);
        Assert.Null(limiter.Enter(another, first, far).Refusal);
        clock.Pass(TimeSpan.FromMilliseconds(200));
        Assert.Null(limiter.Enter(token, first, far).Refusal);
        Assert.NotNull(limiter.Enter(token, first, far).Refusal);
    }

    [Fact]
    public void Past_a_tenth_of_its_rate_in_refusals_a_client_is_slowed_until_it_has_sent_less()
    {
        var limiter = Limiter(new LimitOptions { TokenPerSecond = 20, OrgPerSecond = 1_000 });
        for (var i = 0; i < 20; i++) Assert.Null(limiter.Enter(token, first, far).Refusal);
        var refused = Enumerable.Range(0, 4).Select(_ => limiter.Enter(token, first, far)).ToList();
        Assert.All(refused, admission => Assert.Equal(FaultCode.RateLimited, admission.Refusal!.Code));
        Assert.Equal([false, false, true, true], refused.Select(admission => admission.IsSlowed));
        // each has its own
        for (var i = 0; i < 20; i++) Assert.Null(limiter.Enter(another, first, far).Refusal);
        Assert.False(limiter.Enter(another, first, far).IsSlowed);
        clock.Pass(TimeSpan.FromSeconds(1));
        for (var i = 0; i < 20; i++) Assert.Null(limiter.Enter(token, first, far).Refusal);
        Assert.False(limiter.Enter(token, first, far).IsSlowed);
    }

    [Fact]
    public async Task So_many_refusals_wait_and_no_more()
    {
        var limiter = new RequestLimiter(TimeProvider.System, new LimitOptions(), new LimitMetrics(new Metrics()));
        using var gone = new CancellationTokenSource();
        var since = System.Diagnostics.Stopwatch.StartNew();
        await limiter.Slow(CancellationToken.None);
        Assert.True(since.Elapsed >= TimeSpan.FromMilliseconds(TrafficLimits.RefusalMilliseconds.Value - 20), $"{since.Elapsed}");
        await gone.CancelAsync();
        await limiter.Slow(gone.Token);
        var waiting = Enumerable.Range(0, (int)TrafficLimits.RefusalsWaiting.Value).Select(_ => limiter.Slow(CancellationToken.None)).ToList();
        Assert.True(limiter.Slow(CancellationToken.None).IsCompletedSuccessfully);
        await Task.WhenAll(waiting);
        Assert.False(limiter.Slow(CancellationToken.None).IsCompleted);
    }

    [Fact]
    public void The_tokens_of_an_org_share_its_rate_and_another_org_has_its_own()
    {
        var limiter = Limiter(new LimitOptions { TokenPerSecond = 5, OrgPerSecond = 6 });
        for (var i = 0; i < 3; i++)
        {
            Assert.Null(limiter.Enter(token, first, far).Refusal);
            Assert.Null(limiter.Enter(another, first, far).Refusal);
        }
        var refused = limiter.Enter(token, first, far);
        Assert.Equal(("org", "\"token\";q=5;w=1, \"org\";q=6;w=1"), (refused.Policy!.Name, refused.PolicyText));
        Assert.Equal(FaultCode.RateLimited, refused.Refusal!.Code);
        Assert.Null(limiter.Enter(token, second, far).Refusal);
    }

    [Fact]
    public void An_allowance_that_is_remembered_is_the_one_that_is_looked_for_also_after_another_took_its_place()
    {
        var limiter = Limiter(new LimitOptions { TokenPerSecond = 2, OrgPerSecond = 1_000 });
        var holder = new Holder();
        Assert.Null(limiter.Enter(token, first, far, holder).Refusal);
        Assert.Null(limiter.Enter(token, first, far).Refusal);
        Assert.NotNull(limiter.Enter(token, first, far, holder).Refusal);
        clock.Pass(TimeSpan.FromSeconds(2));
        // full again, and so dropped, while the holder still has it; of nobody's work, as the requests above were not given back
        foreach (var share in limiter.Allowances.ToList()) for (var left = share.InWork; left > 0; left--) share.EndWork();
        limiter.Sweep();
        Assert.Empty(limiter.Allowances);
        Assert.Null(limiter.Enter(token, first, far).Refusal);
        Assert.Null(limiter.Enter(token, first, far, holder).Refusal);
        Assert.NotNull(limiter.Enter(token, first, far, holder).Refusal);
        Assert.NotNull(limiter.Enter(token, first, far).Refusal);
    }

    sealed class Holder : AllowanceHolder;

    [Fact]
    public void What_the_org_refuses_is_not_taken_from_the_token()
    {
        var limiter = Limiter(new LimitOptions { TokenPerSecond = 3, OrgPerSecond = 1 });
        Assert.Null(limiter.Enter(token, first, far).Refusal);
        for (var i = 0; i < 10; i++) Assert.Equal("org", limiter.Enter(token, first, far).Policy!.Name);
        limiter.SetOwn(new Dictionary<OrgId, OrgBounds> { [first] = new(1_000_000, 1_024, 10) });
        clock.Pass(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, limiter.Enter(token, first, far).Left);
    }

    [Fact]
    public void The_root_token_is_not_limited_on_loopback_and_is_a_token_elsewhere()
    {
        var limiter = Limiter(new LimitOptions { TokenPerSecond = 2, OrgPerSecond = 1 });
        for (var i = 0; i < 10; i++) Assert.Null(limiter.Enter(Principal.Root, first, IPAddress.IPv6Loopback).Refusal);
        Assert.Null(limiter.Enter(Principal.Root, first, far).Refusal);
        Assert.Null(limiter.Enter(Principal.Root, second, far).Refusal);
        Assert.Equal(FaultCode.RateLimited, limiter.Enter(Principal.Root, first, far).Refusal!.Code);
    }

    [Fact]
    public void One_request_more_than_may_be_in_work_is_told_to_come_again_and_passes_once_one_has_left()
    {
        var limiter = Limiter(new LimitOptions { InWork = 3, OrgInWork = 2 });
        Assert.True(limiter.Enter(token, first, far).IsWork);
        var last = limiter.Enter(another, first, far);
        var beyondShare = limiter.Enter(token, first, far);
        Assert.Equal(FaultCode.RateLimited, beyondShare.Refusal!.Code);
        limiter.Leave(beyondShare);
        Assert.True(limiter.Enter(token, second, far).IsWork);
        var busy = limiter.Enter(token, second, far);
        Assert.Equal((FaultCode.Unavailable, 1), (busy.Refusal!.Code, busy.Refusal.RetryAfterSeconds));
        limiter.Leave(busy);
        Assert.NotNull(limiter.Enter(Principal.Root, first, IPAddress.Loopback).Refusal);
        limiter.Leave(last);
        Assert.Null(limiter.Enter(token, first, far).Refusal);
    }

    [Fact]
    public void Streams_of_an_org_at_their_number_and_one_past_it()
    {
        var limiter = Limiter(new LimitOptions { OrgSubscriptions = 2 });
        Assert.Null(limiter.Subscribe(first));
        Assert.Null(limiter.Subscribe(first));
        Assert.Equal(FaultCode.QuotaExceeded, limiter.Subscribe(first)!.Code);
        Assert.Null(limiter.Subscribe(second));
        limiter.Unsubscribe(first);
        Assert.Null(limiter.Subscribe(first));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Failures_of_an_address_are_counted_by_kind_and_the_rest_of_its_network_is_not_blamed(bool password)
    {
        var limiter = Limiter(new LimitOptions { UnknownTokensPerMinute = 3, FailedSignInsPerMinute = 3 });
        var kind = password ? Credential.Password : Credential.Token;
        for (var i = 0; i < 3; i++)
        {
            Assert.Null(limiter.Blocked(far, kind));
            Assert.Null(limiter.Failed(far, kind));
        }
        Assert.Equal((FaultCode.RateLimited, 20), (limiter.Failed(far, kind)!.Code, limiter.Failed(far, kind)!.RetryAfterSeconds));
        Assert.NotNull(limiter.Blocked(far, kind));
        Assert.Null(limiter.Blocked(far, password ? Credential.Token : Credential.Password));
        Assert.Null(limiter.Blocked(IPAddress.Parse("203.0.113.8"), kind));
        clock.Pass(TimeSpan.FromSeconds(20));
        Assert.Null(limiter.Failed(far, kind));
        Assert.NotNull(limiter.Failed(far, kind));
    }

    [Fact]
    public void An_address_is_the_same_mapped_or_not_and_of_version_six_its_first_half()
    {
        var limiter = Limiter(new LimitOptions { UnknownTokensPerMinute = 1 });
        Assert.Null(limiter.Failed(far, Credential.Token));
        Assert.NotNull(limiter.Failed(far.MapToIPv6(), Credential.Token));
        Assert.Null(limiter.Failed(IPAddress.Parse("2001:db8:1:2:3::1"), Credential.Token));
        Assert.NotNull(limiter.Failed(IPAddress.Parse("2001:db8:1:2:ffff::9"), Credential.Token));
        Assert.Null(limiter.Failed(IPAddress.Parse("2001:db8:1:3::1"), Credential.Token));
    }

    [Fact]
    public void Buckets_that_are_full_are_dropped_and_those_in_use_are_kept_exactly()
    {
        var limiter = Limiter(new LimitOptions { TokenPerSecond = 2 });
        limiter.Enter(token, first, far);
        limiter.Enter(token, first, far);
        limiter.Leave(limiter.Enter(another, second, far));
        clock.Pass(TimeSpan.FromMilliseconds(499));
        limiter.Sweep();
        // the second org's share alone: its request has left, and its many tokens are back
        Assert.Equal(3, limiter.Allowances.Count());
        Assert.NotNull(limiter.Enter(token, first, far).Refusal);
        clock.Pass(TimeSpan.FromSeconds(1));
        limiter.Sweep();
        // its two requests are in work still, so the first org's share stays
        Assert.Equal(["2"], limiter.Allowances.Select(allowance => allowance.Key));
    }

    [Fact]
    public void More_principals_than_are_counted_have_their_orgs_rate()
    {
        var limiter = Limiter(new LimitOptions { TokenPerSecond = 1, OrgPerSecond = 3, Principals = 1 });
        Assert.Null(limiter.Enter(token, first, far).Refusal);
        Assert.Null(limiter.Enter(another, first, far).Refusal);
        Assert.Null(limiter.Enter(another, first, far).Refusal);
        Assert.Equal("org", limiter.Enter(another, first, far).Policy!.Name);
        Assert.Equal("token", limiter.Enter(token, first, far).Policy!.Name);
    }

    [Fact]
    public void Taking_and_leaving_allocates_nothing_refused_or_not()
    {
        var limiter = Limiter(new LimitOptions { TokenPerSecond = 1_000, OrgPerSecond = 1_000_000 });
        for (var i = 0; i < 2_000; i++) Tell(limiter.Enter(token, first, far));
        clock.Pass(TimeSpan.FromSeconds(1));
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 2_000; i++)
        {
            var admission = limiter.Enter(token, first, far);
            Tell(admission);
            limiter.Leave(admission);
        }
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    static int Tell(in Admission admission) => admission.Policy!.State(admission.Left).Length + RatePolicy.Remaining(admission.Left).Length;

    RequestLimiter Limiter(LimitOptions options) => new(clock, options, new LimitMetrics(new Metrics()));
}
