using Stele.Core.Journal;

namespace Stele.Server.Journal;

/// <summary>What the journal's logic says to operators.</summary>
internal sealed partial class JournalLog(ILogger<JournalLog> logger)
{
    readonly ILogger logger = logger;

    [LoggerMessage(1, LogLevel.Error, "A head check ended in an unexpected error")]
    public partial void HeadCheckBroke(Exception exception);

    [LoggerMessage(2, LogLevel.Error, "The appender of org {Org} met an unexpected error; its waiting commands are answered with it")]
    public partial void AppenderBroke(OrgId org, Exception exception);

    [LoggerMessage(3, LogLevel.Warning, "An append of org {Org} ended with unknown outcome ({Detail}); the fence will tell")]
    public partial void OutcomeUnknown(OrgId org, string? detail);

    [LoggerMessage(4, LogLevel.Information, "Settled {Commands} commands of org {Org}: {Landed} had landed")]
    public partial void Settled(OrgId org, int commands, int landed);

    [LoggerMessage(5, LogLevel.Warning, "PostgreSQL lost or rewound writes of org {Org}: it is at {Found}, this node had applied {Applied}")]
    public partial void Rewound(OrgId org, string found, string applied);

    [LoggerMessage(6, LogLevel.Error, "Org {Org} stops on this node: {Reason}")]
    public partial void Stopped(OrgId org, string reason);

    [LoggerMessage(7, LogLevel.Warning, "This node's clock is {Milliseconds} ms from the database's: writes are refused until it is set right")]
    public partial void ClockSkew(double milliseconds);

    [LoggerMessage(8, LogLevel.Error, "The journal's tail met an unexpected error and goes on")]
    public partial void TailBroke(Exception exception);

    [LoggerMessage(9, LogLevel.Warning, "The database refused the data of a command of org {Org}: {Detail}")]
    public partial void BadData(OrgId org, string? detail);

    [LoggerMessage(10, LogLevel.Information, "Org {Org} is loaded at revision {Revision}")]
    public partial void Loaded(OrgId org, long revision);

    [LoggerMessage(12, LogLevel.Warning, "Projection {Projection} failed and will be tried again: {Detail}")]
    public partial void ProjectionFailed(string projection, string detail);

    [LoggerMessage(13, LogLevel.Warning, "Shutting down with writes unanswered: PostgreSQL did not answer in time")]
    public partial void WritesLeft();

    [LoggerMessage(14, LogLevel.Error, "Loading org {Org} met an unexpected error")]
    public partial void LoadBroke(OrgId org, Exception exception);

    [LoggerMessage(15, LogLevel.Debug, "Org {Org} left memory ({Reason}): about {Bytes} bytes")]
    public partial void Dropped(OrgId org, string reason, long bytes);

    [LoggerMessage(16, LogLevel.Error, "Org {Org} is not loaded: it takes more than {Bytes} bytes of memory, and this node may keep {BytesMax} (STELE_LIMIT_STATE_MIB); only single keys of it are answered")]
    public partial void TooLarge(OrgId org, long bytes, long bytesMax);

    [LoggerMessage(17, LogLevel.Error, "Projection {Projection} is at revision {Checkpoint} of org {Org}, and what comes next is archived: restore it (stele archive --restore), or the projection stays there")]
    public partial void ProjectionBelowFloor(string projection, OrgId org, long checkpoint);
}
