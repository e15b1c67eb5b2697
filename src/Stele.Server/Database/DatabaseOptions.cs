namespace Stele.Server.Database;

/// <summary>Where the database is, and how many connections to it.</summary>
internal sealed record DatabaseOptions
{
    /// <summary><c>STELE_POSTGRES</c>: the owner's connection; several hosts allowed. Null: the next two are given, and migrations are run elsewhere.</summary>
    public string? Owner { get; init; }

    /// <summary><c>STELE_POSTGRES_APP</c>; null: stele_app, with a derived password.</summary>
    public string? App { get; init; }

    /// <summary><c>STELE_POSTGRES_TAIL</c>; null: stele_tail, with a derived password.</summary>
    public string? Tail { get; init; }

    /// <summary>The node's name, which its sessions tell together with its version.</summary>
    public string Node { get; init; } = "";

    /// <summary>Connections for appends, loads and reads of the past.</summary>
    public int AppConnectionsMax { get; init; } = 20;

    /// <summary>Connections for head checks, sweeps and listening.</summary>
    public int TailConnectionsMax { get; init; } = 5;

    /// <summary>Connections for fencing and settling: apart, because they are needed when the others are all stuck.</summary>
    public int SettleConnectionsMax { get; init; } = 3;
}
