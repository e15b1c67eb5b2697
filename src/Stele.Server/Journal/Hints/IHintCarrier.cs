namespace Stele.Server.Journal.Hints;

/// <summary>
/// A way on which <see cref="Hint"/>s go from node to node. To add one: implement this, register it as a singleton
/// <see cref="IHintCarrier"/>, and name it in <c>STELE_HINTS</c>. <see cref="HintExchange"/> does the rest: it queues what is to be sent,
/// keeps the newest of each org, and calls again, after a pause, what has thrown. Both methods may throw anything for what went wrong.
/// </summary>
internal interface IHintCarrier
{
    /// <summary>As <c>STELE_HINTS</c> names it.</summary>
    string Name { get; }

    /// <summary>Sends some hints, all to all nodes, and returns when they are on their way. What it throws away is lost, without harm.</summary>
    Task Send(IReadOnlyCollection<Hint> hints, CancellationToken cancellation);

    /// <summary>
    /// Hears until cancelled, or until it breaks. The own hints of this node may come back. A hint that was sent before this
    /// call need not come, one that was sent after it should come at once.
    /// </summary>
    /// <param name="heard">Called for each, from one thread at a time; returns at once.</param>
    /// <param name="cancellation">The end of the node.</param>
    Task Listen(Action<Hint> heard, CancellationToken cancellation);
}
