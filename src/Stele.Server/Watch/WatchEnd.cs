namespace Stele.Server.Watch;

/// <summary>Why the server ends a stream.</summary>
internal enum WatchEnd
{
    /// <summary>The token is revoked or has expired, the user suspended: whoever watches may not any more.</summary>
    Revoked,
    /// <summary>More waited for the connection than may, or it took nothing for too long.</summary>
    TooSlow,
    /// <summary>The node stops.</summary>
    Restart,
    /// <summary>The org is not served by this node any more.</summary>
    Unavailable,
    /// <summary>The org was archived.</summary>
    Archived,
}

/// <summary>How ends are said.</summary>
internal static class WatchEnds
{
    /// <summary>The code in an <c>end</c>.</summary>
    public static string Code(this WatchEnd end) => end switch
    {
        WatchEnd.Revoked => "revoked",
        WatchEnd.TooSlow => "too_slow",
        WatchEnd.Restart => "restart",
        WatchEnd.Unavailable => "unavailable",
        WatchEnd.Archived => "gone",
        _ => throw new ArgumentOutOfRangeException(nameof(end), end, "not an end"),
    };

    /// <summary>The close code of a WebSocket: 4000 and above are ours, 1012 and 1013 are registered with IANA.</summary>
    public static int Close(this WatchEnd end) => end switch
    {
        WatchEnd.Revoked => 4401,
        WatchEnd.TooSlow => 4408,
        WatchEnd.Restart => 1012,
        WatchEnd.Unavailable => 1013,
        WatchEnd.Archived => 4410,
        _ => throw new ArgumentOutOfRangeException(nameof(end), end, "not an end"),
    };
}
