namespace Stele.Client;

/// <summary>How it is with what this process holds.</summary>
public sealed record SteleStatus
{
    /// <summary>Whether a stream of changes is open.</summary>
    public bool Connected { get; init; }

    /// <summary>The revision that is in use; 0: none yet.</summary>
    public long Revision { get; init; }

    /// <summary>How long ago a server confirmed that; null: never.</summary>
    public TimeSpan? Age { get; init; }

    /// <summary>Whether it is what was kept on disk, and no server was reached since the start.</summary>
    public bool FromDisk { get; init; }

    /// <summary>How often the stream was opened again.</summary>
    public long Reconnects { get; init; }

    /// <summary>How many revisions were refused, because a value did not bind or was not valid.</summary>
    public long Rejections { get; init; }

    /// <summary>The last revision that was refused, and why, while it is not followed by one that was taken; else null.</summary>
    public RejectedRevision? Rejected { get; init; }

    /// <summary>What is wrong with the connection; null: nothing.</summary>
    public string? Problem { get; init; }
}

/// <summary>How serious something is that the client has to say.</summary>
public enum SteleNoticeLevel
{
    /// <summary>Good to know.</summary>
    Information,
    /// <summary>Something does not work as it should, and the app goes on.</summary>
    Warning,
}

/// <summary>Something that the client has to say: what, where, and what to do.</summary>
/// <param name="Level">How serious it is.</param>
/// <param name="Text">A sentence or two.</param>
public sealed record SteleNotice(SteleNoticeLevel Level, string Text);
