namespace Stele.Client;

/// <summary>The nodes that may be asked, and the one that is. All who share a client move on together, and only from a node that failed them.</summary>
internal sealed class Endpoints(IReadOnlyList<Uri> all)
{
    int at;

    internal int Count => all.Count;

    internal Uri Here => all[Volatile.Read(ref at)];

    /// <summary>The next one from now on, unless somebody moved on already.</summary>
    internal void Leave(Uri failed)
    {
        var here = Volatile.Read(ref at);
        if (all.Count > 1 && Uri.Compare(all[here], failed, UriComponents.SchemeAndServer, UriFormat.SafeUnescaped, StringComparison.OrdinalIgnoreCase) == 0)
            Interlocked.CompareExchange(ref at, (here + 1) % all.Count, here);
    }
}
