namespace Stele.Server.Peers;

/// <summary>A question that was asked, for as long as somebody waits for its answers.</summary>
internal sealed class PeerWait(PeerAsk ask, Func<PeerAsk, IReadOnlyCollection<Guid>, CancellationToken, Task<IReadOnlyList<PeerAnswer>>> look, Action<PeerWait> end, PeerOptions options, TimeProvider time) : IDisposable
{
    readonly long askedAt = time.GetTimestamp();
    TaskCompletionSource woken = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The nodes that were there when it was asked.</summary>
    public IReadOnlyList<Guid> Nodes { get; set; } = [];

    /// <summary>Somebody may have answered.</summary>
    public void Wake() => Volatile.Read(ref woken).TrySetResult();

    /// <summary>
    /// The answers of all nodes that were there and still are, when each has said its last, or when the time is over: then some are not final, or
    /// without a body. Throws <see cref="Journal.StoreUnavailableException"/>.
    /// </summary>
    public async Task<IReadOnlyList<PeerAnswer>> All(CancellationToken cancellation)
    {
        while (true)
        {
            var signal = Volatile.Read(ref woken);
            if (signal.Task.IsCompleted)
            {
                signal = new(TaskCreationOptions.RunContinuationsAsynchronously);
                Volatile.Write(ref woken, signal);
            }
            var answers = await look(ask, Nodes, cancellation);
            var left = ask.Left - time.GetElapsedTime(askedAt);
            if (left <= TimeSpan.Zero || answers.All(answer => answer.IsFinal)) return answers;
            try
            {
                await signal.Task.WaitAsync(left < options.Look ? left : options.Look, time, cancellation);
            }
            catch (TimeoutException)
            {
                // no hint came: it looks all the same
            }
        }
    }

    public void Dispose() => end(this);
}
