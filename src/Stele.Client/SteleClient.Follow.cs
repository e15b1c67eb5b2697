using System.Runtime.CompilerServices;
using Stele.Client.Following;
using Stele.Client.Keeping;

namespace Stele.Client;

/// <summary>Following: values and flags in this process, and what keeps them true.</summary>
public sealed partial class SteleClient : IAsyncDisposable
{
    static readonly TimeSpan Farewell = TimeSpan.FromSeconds(2);
    readonly CancellationTokenSource ending = new();
    readonly List<Follower> followers = [];
    FollowMetrics? metrics;
    int ended;
    Task reporting = Task.CompletedTask;
    FlagReports? reports;

    /// <summary>The values that are followed: <see cref="FollowAsync"/>.</summary>
    public SteleValues Values { get; } = new();

    /// <summary>The secrets that are followed, by path: <see cref="FollowOptions.SecretPrefixes"/>. Each reading of one is on record at the server, and not each look-up here.</summary>
    public SteleValues Secrets { get; } = new();

    /// <summary>The flags that are followed: <see cref="FollowOptions.Flags"/>.</summary>
    public SteleFlags Flags { get; }

    /// <summary>
    /// Keeps values and flags of an environment in this process from now on, until the client is disposed of. Returns when
    /// they can be read; throws <see cref="SteleException"/> when no server answers and nothing else can be used
    /// (<see cref="FollowOptions.AtStart"/>). Once for each client.
    /// </summary>
    public Task FollowAsync(FollowOptions follow, CancellationToken cancellationToken) => Begin(follow, null, cancellationToken);

    /// <summary>All values and secrets that are followed, whenever either have changed, beginning with those that there are.</summary>
    internal async IAsyncEnumerable<IReadOnlyList<SteleValue>> WatchAllAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            // before the look: what comes after it is not missed
            var changed = Task.WhenAny(followers.Select(follower => follower.Changed));
            yield return [.. Values.All.Values, .. Secrets.All.Values];
            await changed.WaitAsync(cancellationToken);
        }
    }

    internal Task Begin(FollowOptions follow, Func<string, Held, string?>? admit, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(follow);
        if (followers.Count > 0) throw new InvalidOperationException("This client follows already: make another one for another environment.");
        if (follow.Values) Values.Follower = Make(follow, new FollowPlan("config", follow.Environment, follow.Prefixes));
        if (Values.Follower is { } values && admit is not null) values.Admit = held => admit("config", held);
        if (follow.SecretPrefixes.Count > 0)
        {
            Secrets.Follower = Make(follow, new FollowPlan("secret", follow.Environment, [.. follow.SecretPrefixes.Where(prefix => prefix.Length > 0)]) { Exactly = follow.SecretsExactly });
            if (admit is not null) Secrets.Follower.Admit = held => admit("secret", held);
        }
        if (follow.Flags)
        {
            Flags.Follower = Make(follow, new FollowPlan("flag", follow.Environment, []));
            Flags.Follower.Admit = held =>
            {
                Flags.Use(held);
                return null;
            };
            reports = new FlagReports(this, follow.Environment);
            reporting = Task.Run(() => reports.Run(follow.FlagUsageEvery, options.Clock, ending.Token), CancellationToken.None);
        }
        metrics = new FollowMetrics(followers);
        return Task.WhenAll(followers.Select(follower => follower.Start(cancellationToken)));
    }

    /// <summary>Ends what is followed, tells what was counted, and closes the connections.</summary>
    public async ValueTask DisposeAsync()
    {
        // an app's services and its configuration both end it
        if (Interlocked.Exchange(ref ended, 1) != 0) return;
        await ending.CancelAsync();
        await reporting;
        foreach (var follower in followers) await follower.DisposeAsync();
        if (reports is not null)
        {
            using var moment = new CancellationTokenSource(Farewell, options.Clock);
            try
            {
                await reports.RunOnce(moment.Token);
            }
            catch (OperationCanceledException)
            {
                // nobody takes them any more
            }
        }
        metrics?.Dispose();
        http.Dispose();
        ending.Dispose();
    }

    /// <summary>Where it asks, for people.</summary>
    internal string Addresses => string.Join(" and ", options.Endpoints.Prepend(options.Url));

    internal SteleException? LastFailure => transport.LastFailure;

    Follower Make(FollowOptions follow, FollowPlan plan)
    {
        var say = follow.Notice ?? (notice =>
        {
            if (notice.Level == SteleNoticeLevel.Warning) Console.Error.WriteLine($"stele: {notice.Text}");
        });
        var follower = new Follower(this, plan, follow, options.Clock, KeptPlace.For(options, plan, follow, say), say);
        followers.Add(follower);
        return follower;
    }
}
