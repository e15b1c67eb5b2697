namespace Stele.Server.Peers;

/// <summary>The intervals and bounds of what nodes ask each other; tests set their own.</summary>
internal sealed record PeerOptions
{
    /// <summary>How often a node says that it is there, and looks for what is asked when no hint came.</summary>
    public TimeSpan Beat { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A node that has not said so for so long is gone, and those who watch on it with it.</summary>
    public TimeSpan Gone { get; init; } = TimeSpan.FromSeconds(6);

    /// <summary>How often who waits looks for answers when no hint came.</summary>
    public TimeSpan Look { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Questions that a node works on at a time; further ones wait.</summary>
    public int AtOnce { get; init; } = 256;
}
