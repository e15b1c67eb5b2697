using System.Threading.Channels;

namespace Stele.Client.Following;

/// <summary>Tells the server what was applied, and what could not be and why; only the last of each is worth a request.</summary>
internal sealed class Acknowledgements(SteleClient client, TimeProvider clock)
{
    // of a change that a hundred processes of a machine hear, first all hear, and then all answer; of changes that follow one another
    // meanwhile, one answer tells of all
    const int FirstMilliseconds = 20, LastMilliseconds = 100;
    readonly Channel<bool> due = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    readonly Lock gate = new();
    (string Subscription, long Revision)? applied;
    (string Subscription, long Revision, string Reason)? rejected;

    // a reason has at most so many characters (limit watch.text)
    const int ReasonCharacters = 200;

    internal void Applied(string? subscription, long revision)
    {
        if (subscription is null) return;
        lock (gate) applied = (subscription, revision);
        due.Writer.TryWrite(true);
    }

    internal void Rejected(string? subscription, long revision, string reason)
    {
        if (subscription is null) return;
        lock (gate) rejected = (subscription, revision, reason.Length > ReasonCharacters ? reason[..ReasonCharacters] : reason);
        due.Writer.TryWrite(true);
    }

    internal async Task Run(CancellationToken cancellation)
    {
        await foreach (var _ in due.Reader.ReadAllAsync(cancellation))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(FirstMilliseconds, LastMilliseconds)), clock, cancellation);
            (string Subscription, long Revision)? done;
            (string Subscription, long Revision, string Reason)? refused;
            lock (gate)
            {
                (done, refused) = (applied, rejected);
                (applied, rejected) = (null, null);
            }
            if (refused is { } no) await Tell(no.Subscription, no.Revision, no.Reason, cancellation);
            if (done is { } yes) await Tell(yes.Subscription, yes.Revision, null, cancellation);
        }
    }

    async Task Tell(string subscription, long revision, string? reason, CancellationToken cancellation)
    {
        try
        {
            await client.AcknowledgeAsync(subscription, revision, reason, cancellation);
        }
        catch (SteleException)
        {
            // the stream has ended meanwhile, or no server is there: the next one is told
        }
    }
}
