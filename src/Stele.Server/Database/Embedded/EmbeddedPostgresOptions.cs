namespace Stele.Server.Database.Embedded;

/// <summary>Where the embedded PostgreSQL lives and how it runs.</summary>
internal sealed record EmbeddedPostgresOptions
{
    /// <summary>Stele's own directory (<c>STELE_DATA</c>, default <c>.stele</c>). The cluster lies in it, or it holds a note that says where.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>A directory with <c>initdb</c>, <c>pg_ctl</c> and <c>postgres</c>; null: look in the usual places.</summary>
    public string? BinariesDirectory { get; init; }

    /// <summary>The system user that PostgreSQL runs as when we are root; made when absent. PostgreSQL refuses to run as root.</summary>
    public string SystemUser { get; init; } = "stele";

    /// <summary>Where root keeps clusters whose <see cref="DataDirectory"/> the system user cannot enter.</summary>
    public string SystemDirectory { get; init; } = "/var/lib/stele";

    /// <summary>Settings that replace or add to ours in <c>postgresql.conf</c>.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>A port on 127.0.0.1 to listen on beside the Unix socket; null: the socket only.</summary>
    public int? TcpPort { get; init; }

    /// <summary>How long a start may take, crash recovery included.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How long a fast shutdown may take before we leave PostgreSQL to end by itself.</summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Free bytes without which no cluster is made: an empty one takes about 60 MB with its first WAL segments.</summary>
    public long FreeBytesMin { get; init; } = 256L << 20;
}
