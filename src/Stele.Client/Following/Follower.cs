using Stele.Client.Keeping;

namespace Stele.Client.Following;

/// <summary>
/// Keeps what a plan names in memory, at whole revisions, and goes on for as long as it lives: whatever the server says or
/// fails to say, what was last admitted stays in use. It goes back to an older revision only when the server says reset.
/// </summary>
internal sealed class Follower : IAsyncDisposable
{
    readonly SteleClient client;
    readonly FollowPlan plan;
    readonly FollowOptions options;
    readonly TimeProvider clock;
    readonly LastKnown? kept;
    readonly Action<SteleNotice> say;
    readonly Acknowledgements acknowledgements;
    readonly CancellationTokenSource stop = new();
    readonly Random chance = new();
    volatile Held current = Held.Nothing;
    volatile TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    Held latest = Held.Nothing;
    Task running = Task.CompletedTask;
    long confirmedTicks, reconnects, rejections;
    volatile bool connected, mustLoad, fromDisk;
    volatile string? problem;
    volatile RejectedRevision? rejected;
    bool wasConnected;

    static readonly TimeSpan PauseMin = TimeSpan.FromMilliseconds(250), PauseMax = TimeSpan.FromSeconds(15);

    internal Follower(SteleClient client, FollowPlan plan, FollowOptions options, TimeProvider clock, LastKnown? kept, Action<SteleNotice> say)
    {
        (this.client, this.plan, this.options, this.clock, this.kept, this.say) = (client, plan, options, clock, kept, say);
        acknowledgements = new Acknowledgements(client, clock);
    }

    internal string Kind => plan.Kind;

    internal string? Environment => plan.Environment;

    /// <summary>What is in use.</summary>
    internal Held Current => current;

    /// <summary>Done when something else is in use.</summary>
    internal Task Changed => changed.Task;

    /// <summary>Looks at what would be in use next; gives why it may not, or null. Called on one thread at a time.</summary>
    internal Func<Held, string?>? Admit { get; set; }

    internal SteleStatus Status => new()
    {
        Connected = connected, Revision = current.Revision, FromDisk = fromDisk, Reconnects = Interlocked.Read(ref reconnects), Rejections = Interlocked.Read(ref rejections), Rejected = rejected, Problem = problem,
        Age = Interlocked.Read(ref confirmedTicks) is > 0 and var ticks ? clock.GetUtcNow() - new DateTimeOffset(ticks, TimeSpan.Zero) : null,
    };

    /// <summary>Returns when something is in use, and goes on behind; throws when nothing is, and nothing is to be.</summary>
    internal async Task Start(CancellationToken cancellation)
    {
        var known = options.AtStart == SteleStart.Fail ? null : kept?.Read();
        var failure = await FirstLoad(known is null ? options.StartTimeout : options.LastKnownAfter, cancellation);
        if (failure is not null)
        {
            if (known is null && options.AtStart != SteleStart.Anyhow) throw failure;
            mustLoad = true;
            Lost(failure);
            if (known is { } last) UseKnown(last);
        }
        running = Task.WhenAll(Task.Run(() => Run(stop.Token), CancellationToken.None), Task.Run(() => Quietly(acknowledgements.Run(stop.Token)), CancellationToken.None),
            kept is null ? Task.CompletedTask : Task.Run(() => Quietly(kept.Run(stop.Token)), CancellationToken.None));
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await running;
        if (!fromDisk && Interlocked.Read(ref confirmedTicks) is > 0 and var ticks) kept?.Write(current, new DateTimeOffset(ticks, TimeSpan.Zero));
        stop.Dispose();
    }

    // null: it is loaded
    async Task<SteleException?> FirstLoad(TimeSpan patience, CancellationToken cancellation)
    {
        using var enough = new CancellationTokenSource(patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, enough.Token);
        SteleException? last = null;
        for (var failures = 0; ; failures++)
        {
            try
            {
                await Load(either.Token);
                return null;
            }
            catch (SteleException e)
            {
                last = e;
                // known or not, a server that says no is not asked again by a start
                if (!SteleTransport.IsTransient(e)) return e;
            }
            catch (InvalidOperationException e)
            {
                return NotOurs(e);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                return last ?? client.LastFailure ?? new SteleException(SteleException.TimedOut, $"{client.Addresses} did not answer within {patience.TotalSeconds:0.###} seconds.", null);
            }
            if (!await Pause(Math.Min(failures, 2), either.Token)) return last;
        }
    }

    void UseKnown((Held Held, DateTimeOffset ConfirmedAt) last)
    {
        fromDisk = true;
        Interlocked.Exchange(ref confirmedTicks, last.ConfirmedAt.UtcTicks);
        var age = clock.GetUtcNow() - last.ConfirmedAt;
        say(new SteleNotice(SteleNoticeLevel.Warning, $"The {Word} of revision {last.Held.Revision}, confirmed {Ages.Of(age)} ago, is used from {kept!.Place}, because {problem} It moves on as soon as a server answers."));
        Offer(last.Held, null, reason: null);
    }

    async Task Run(CancellationToken cancellation)
    {
        for (var failures = 0; !cancellation.IsCancellationRequested; failures++)
        {
            try
            {
                if (mustLoad) await Load(cancellation);
                await foreach (var said in client.WatchAsync(Request(), cancellation))
                {
                    var isOver = await Take(said, cancellation);
                    failures = 0;
                    if (isOver) break;
                }
            }
            catch (SteleException e)
            {
                // a refusal as well: tokens are renewed, rights are given back, environments made
                Lost(e);
                if (e.Code == "gone") mustLoad = true;
                await Pause(failures, cancellation);
            }
            catch (OperationCanceledException)
            {
                // the end
            }
            catch (Exception e)
            {
                // whatever a server says, what is in use stays, and it is asked again
                mustLoad = true;
                Lost(NotOurs(e));
                await Pause(failures, cancellation);
            }
        }
    }

    SteleException NotOurs(Exception e) => new(SteleException.BadAnswer, $"What a server said of the {Word} cannot be used: {e.Message}", e);

    WatchRequest Request() => new()
    {
        Environment = plan.Environment, Prefixes = plan.Prefixes, Kinds = [plan.Kind], FromCursor = latest.Cursor, FromRevision = latest.Cursor is null ? latest.Revision : null,
        OnOpened = Opened, OnBroken = Lost,
    };

    // true: everything is to be read anew
    async Task<bool> Take(WatchEvent said, CancellationToken cancellation)
    {
        Confirm();
        if (said.Kind == WatchEventKind.Reset)
        {
            say(new SteleNotice(SteleNoticeLevel.Information, $"The {Word} is read anew at {said.Cursor}: {said.Reason}."));
            return mustLoad = true;
        }
        if (said.Revision < latest.Revision) return false;
        if (said.Kind == WatchEventKind.Change)
        {
            if (plan.Exactly) said = said with { Changes = [.. said.Changes.Where(one => plan.Wants(one.Key))] };
            await Offer(latest.With(said), said.Subscription, cancellation);
            return false;
        }
        latest = latest with { Revision = said.Revision, Cursor = said.Cursor };
        if (rejected is null)
        {
            current = current with { Revision = said.Revision, Cursor = said.Cursor };
            if (said.Kind == WatchEventKind.Synced) acknowledgements.Applied(said.Subscription, said.Revision);
        }
        kept?.Confirm(current, clock.GetUtcNow());
        return false;
    }

    async Task Load(CancellationToken cancellation)
    {
        var loaded = await Loading.Load(client, plan, cancellation);
        var refusal = await SecretValues.Resolve(client, plan, loaded, cancellation);
        // nothing is in use that could stay: an app does not begin without what it was given
        if (refusal is not null && ReferenceEquals(current, Held.Nothing)) throw refusal;
        mustLoad = false;
        fromDisk = false;
        Confirm();
        Offer(loaded, null, refusal?.Detail);
    }

    // what it stands on is moved by the last step: a secret that cannot be read now is asked for again with its revision
    async Task Offer(Held next, string? subscription, CancellationToken cancellation) => Offer(next, subscription, (await SecretValues.Resolve(client, plan, next, cancellation))?.Detail);

    void Offer(Held next, string? subscription, string? reason)
    {
        latest = next;
        try
        {
            reason ??= Admit?.Invoke(next);
        }
        catch (Exception e)
        {
            // whatever the app's own code does with a value, it is the value that is refused
            reason = e.Message;
        }
        next.Since = null;
        if (reason is not null)
        {
            Interlocked.Increment(ref rejections);
            rejected = new RejectedRevision(next.Revision, reason);
            acknowledgements.Rejected(subscription, next.Revision, reason);
            say(new SteleNotice(SteleNoticeLevel.Warning, $"Revision {next.Revision} is refused, and {current.Revision} stays in use: {reason} Set a value that fits, or roll it back: the app takes the next revision that it can use."));
            return;
        }
        rejected = null;
        current = next;
        acknowledgements.Applied(subscription, next.Revision);
        if (!fromDisk) kept?.Due(next, clock.GetUtcNow());
        Interlocked.Exchange(ref changed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
    }

    void Opened()
    {
        if (wasConnected) Interlocked.Increment(ref reconnects);
        if (problem is not null) say(new SteleNotice(SteleNoticeLevel.Information, $"The {Word} is followed again."));
        (wasConnected, connected, problem) = (true, true, null);
        Confirm();
    }

    void Lost(SteleException failure)
    {
        var first = problem is null;
        connected = false;
        problem = Advice.Of(failure);
        if (first) say(new SteleNotice(SteleNoticeLevel.Warning, $"The {Word} is not followed at the moment, and revision {current.Revision} stays in use: {problem}"));
    }

    void Confirm() => Interlocked.Exchange(ref confirmedTicks, clock.GetUtcNow().UtcTicks);

    string Word => plan.Kind switch { "flag" => "set of flags", "secret" => "set of secrets", _ => "configuration" };

    async Task<bool> Pause(int failures, CancellationToken cancellation)
    {
        var ceiling = PauseMin * Math.Pow(2, Math.Min(failures, 10));
        if (ceiling > PauseMax) ceiling = PauseMax;
        try
        {
            await Task.Delay(ceiling * (0.5 + chance.NextDouble() / 2), clock, cancellation);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    static async Task Quietly(Task task)
    {
        try
        {
            await task;
        }
        catch (OperationCanceledException)
        {
            // the end
        }
    }
}
